#!/bin/bash
# Drives a built site from outside, as an applicant, an operator and a mail relay.
#
#   tests/outside/journey.sh BINARY
#
# First without settings: embedded database, emails into a folder. Then with a relay that requires TLS and a login. tests/site
# has all tests that do not need the whole program.
set -euo pipefail
export PGCLIENTENCODING=UTF8
binary=$(realpath "${1:?usage: tests/outside/journey.sh BINARY}")
outside=$(realpath "$(dirname "$0")")
# shellcheck source=tests/outside/checks.sh
. "$outside/checks.sh"

# A database server that root starts runs as another account and must reach its directory. The site closes its own files.
work=$(mktemp -d)
chmod 711 "$work"
# The caller's directory may contain a .env, which the site would read.
cd "$work"
data=$work/data
site='' relay=''

finish() {
    status=$?
    trap - EXIT HUP INT TERM
    for process in $site $relay; do kill "$process" 2>/dev/null || true; done
    within 15 is_over "$site" || kill -KILL "$site" || true
    within 15 has_no_server || true
    if [ "$status" -ne 0 ]; then
        echo "FAILED: $name" >&3
        for log in out site.log relay.log; do
            if [ -s $log ]; then printf '%s\n' "--- the end of $log" "$(tail -n 15 $log)" >&3; fi
        done
    fi
    rm -rf "$work"
    exit "$status"
}
# A check that exits has redirected its output, so the report goes to the script's own.
exec 3>&2
trap finish EXIT
trap 'exit 1' HUP INT TERM

is_over() { [ -z "$1" ] || ! kill -0 "$1" 2>/dev/null; }
has_no_server() { [ ! -e data/postgres/postmaster.pid ]; }

# ---- The site, without the caller's settings

clean=(env -i PATH="$PATH" HOME="$work" ${PG_BINDIR:+"PG_BINDIR=$PG_BINDIR"} NPOC_DATA_DIR="$data" NPOC_DNS=off)

# The command that confines the site, if any.
confined=()

npoc() { "${clean[@]}" "$binary" "$@"; }

start() { # SETTING…
    # Port 0 lets the system choose a free port. The log shows it.
    "${clean[@]}" NPOC_LISTEN=127.0.0.1:0 NPOC_PUBLIC_URL=https://npoc.example "$@" "${confined[@]}" "$binary" </dev/null 2>site.log 3>&- &
    site=$!
    within 30 is_up
}

is_up() {
    if is_over "$site"; then exit 1; fi
    url=$(sed -n 's/.*(listening on \(127[0-9.:]*\)).*/http:\/\/\1/p' site.log)
    [ -n "$url" ] && curl -fsS --max-time 5 "$url/health/ready"
}

stop() {
    local stopping=$site
    kill -TERM "$stopping"
    within 10 is_over "$stopping" || return
    site=''
    wait "$stopping" || return
    has_no_server
}

# ---- The operator

sql() { # the server's own record of its socket directory
    psql -h "$(sed -n 5p data/postgres/postmaster.pid)" -U npoc -d npoc -X -A -t -v ON_ERROR_STOP=1 -c "$1"
}
is_stored() {
    is "$(sql "SELECT organization_name, domain_name, domain_name_ascii, country, representative_email, not_eligible, website IS NULL
        FROM applications WHERE reference = '$reference'")" \
        "例え財団|例え.テスト|xn--r8jz45g.xn--zckzah|JP|$mailbox@例え.テスト|{icann-contract,government}|t"
}
is_shown() {
    npoc applications show "$reference" >shown &&
        grep -q "^    例え財団$" shown && grep -q "^    $mailbox@例え.テスト$" shown
}
lists_unsent() { # COUNT [PATTERN]: whether this number of emails waits, and the relay fails for this reason
    npoc mail list >unsent && cat unsent && grep -q "^$1 unsent emails$" unsent &&
        { [ -z "${2:-}" ] || grep -A 1 '^The relay has failed' unsent | grep -q "^    .*$2"; }
}

# ---- Without settings

check "the site starts without settings" start
apply tanaka
check "sending the same key again succeeds" sends again
check "both lead to the same receipt" is "$(cat again)" "$(cat receipt)"
check "one application is stored" is "$(sql 'SELECT count(*) FROM applications')" 1
check "its row has the answers" is_stored
check "the operator can read it while the site runs" is_shown
check "both emails are written" within 15 ls "data/mail/$reference.staff.eml" "data/mail/$reference.applicant.eml"
check "the email to staff has every answer" applicant staff "data/mail/$reference.staff.eml" "$reference" check.html
check "the applicant's email has no answer" applicant applicant "data/mail/$reference.applicant.eml" "$reference" "$(cat receipt)"
check "no email waits" within 15 lists_unsent 0
check "the site and its database stop in order" stop

# ---- With a relay

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj '/CN=journey' \
    -addext 'subjectAltName=DNS:localhost' -addext 'basicConstraints=critical,CA:FALSE' \
    -keyout relay.key -out relay.crt 2>out
mkdir relayed
"$python" "$outside/relay.py" relayed relay.crt relay.key >ports 2>relay.log </dev/null 3>&- &
relay=$!
check "the relay listens" within 15 grep -q ' ' ports
read -r starttls implicit <ports
trusting=SSL_CERT_FILE=$work/relay.crt

check "the site starts with a relay of unknown certificate" start "SMTP_URL=smtp://user:password@localhost:$starttls?tls=required"
apply 田中
check "its row has the answers" is_stored
check "both emails wait, since the certificate is unknown" within 15 lists_unsent 2 certificate
check "the site stops" stop

check "the site starts with a wrong password" start "$trusting" "SMTP_URL=smtp://user:wrong@localhost:$starttls?tls=required"
check "the emails can be made due" npoc mail retry
check "both emails wait, since the login fails" within 15 lists_unsent 2 535
check "nothing has reached the relay" is "$(ls relayed)" ""
check "the site stops" stop

check "the site starts with the right password" start "$trusting" "SMTP_URL=smtp://user:password@localhost:$starttls?tls=required"
# They may be on their way already.
make_due() { npoc mail retry "$reference" || lists_unsent 0; }
check "the emails of one reference can be made due" make_due
check "no email waits" within 15 lists_unsent 0
check "the email to staff came by TLS and login" applicant relayed relayed "$reference" staff
check "the email to staff has every answer" applicant staff "$(cat out)" "$reference" check.html
check "the applicant's email came by TLS and login" applicant relayed relayed "$reference" applicant
check "the applicant's email has no answer" applicant applicant "$(cat out)" "$reference" "$(cat receipt)"
check "each email came once" is "$(find relayed -name '*.json' | wc -l)" 2
check "the site stops" stop

check "the site starts with TLS from the first byte" start "$trusting" "SMTP_URL=smtps://user:password@localhost:$implicit"
apply tanaka
check "the email to staff comes" within 15 applicant relayed relayed "$reference" staff
check "the email to staff has every answer" applicant staff "$(cat out)" "$reference" check.html
check "the applicant's email comes" within 15 applicant relayed relayed "$reference" applicant
check "three applications are stored, each once" is "$(sql 'SELECT count(*) FROM applications')" 3
check "the site stops" stop

# ---- Without privileges, with only its data writable

is_confined() {
    is "$(sed -n 's/^CapEff:\t//p' "/proc/$site/status")" 0000000000000000 &&
        is "$(stat -c %U "/proc/$site")" nobody &&
        nsenter --mount="/proc/$site/ns/mnt" touch "$work/own/here" &&
        ! nsenter --mount="/proc/$site/ns/mnt" touch "$work/elsewhere"
}

if [ "$(id -u)" -eq 0 ]; then
    mkdir -m 700 own
    chown nobody own
    cp "$binary" npoc
    binary=$work/npoc
    # shellcheck disable=SC2016 # the inner shell’s
    # In a new mount namespace. Every program replaces the previous one, so that a signal reaches the site.
    confined=(unshare --mount sh -c 'mount --bind "$1" "$1" && mount -o remount,bind,ro / && shift &&
        exec setpriv --reuid=nobody --regid=nogroup --clear-groups --no-new-privs --bounding-set=-all -- "$@"' - "$work/own")
    check "the site starts as an ordinary user with a read-only system" start "NPOC_DATA_DIR=$work/own"
    check "it is confined" is_confined
    apply tanaka
    check "both emails are written" within 15 ls "own/mail/$reference.staff.eml" "own/mail/$reference.applicant.eml"
    check "the site stops" stop
else
    echo "not tried: a read-only file system needs root"
fi

echo "journey: $checks checks passed"
