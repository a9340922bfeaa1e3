#!/bin/bash
# Tests a site with three mail servers, inside the namespaces of mta.sh.
#
#   mta-inside.sh FOLDER
#
# FOLDER contains `npoc`, the tree `over` for the overlays, and the tree `trixie`. Some checks need a program with
# `npoc mail bounced`.
set -euo pipefail
work=$1
outside=$(realpath "$(dirname "$0")")
# shellcheck source=tests/outside/checks.sh
. "$outside/checks.sh"
cd "$work"
server='' site=''
finish() {
    status=$?
    if [ "$status" -eq 0 ]; then return; fi
    echo "FAILED: $server: $name" >&3
    for log in out site.log "$server/log" "$server/mainlog"; do
        if [ -s "$log" ]; then printf '%s\n' "--- the end of $log" "$(tail -n 15 "$log")" >&3; fi
    done
}
exec 3>&2
trap finish EXIT

ip link set lo up
mount -t overlay -o "lowerdir=$work/over/usr:/usr" npoc /usr
mount -t overlay -o "lowerdir=$work/over/etc:/etc" npoc /etc
for folder in /etc/exim4 /run; do mount -t tmpfs -o mode=755 npoc "$folder"; done
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj '/CN=mta' \
    -addext 'subjectAltName=DNS:localhost' -addext 'basicConstraints=critical,CA:FALSE' -keyout key -out certificate 2>log

# ---- The servers. Each serves npoc.org and the applicants' domain, with every mailbox but nosuch, and no other domain.

applicants=xn--r8jz45g.xn--zckzah

begin_postfix() { # It accepts all mail for bounces.example, passes it to a second server, and hands bounces to the site.
    mkdir -p postfix/{etc/sasl,queue,lib} && chown postfix postfix/lib || return
    echo '!/^nosuch@/ all/' >postfix/mailboxes
    printf '%s\n' '/@bounces\.example$/ smtp:[127.0.0.1]:2599' '/^bounce\+.*@npoc\.org$/ npoc-bounce:' >postfix/transport
    printf '%s\n' 'pwcheck_method: auxprop' 'auxprop_plugin: sasldb' 'mech_list: PLAIN LOGIN' \
        "sasldb_path: $work/postfix/sasldb" >postfix/etc/sasl/smtpd.conf
    echo password | saslpasswd2 -p -c -f postfix/sasldb -u mta.example user && chown postfix postfix/sasldb || return
    cat >postfix/etc/main.cf <<END
compatibility_level = 3.6
queue_directory = $work/postfix/queue
data_directory = $work/postfix/lib
maillog_file = $work/postfix/log
maillog_file_prefixes = $work
myhostname = mta.example
mydestination =
alias_maps =
alias_database =
inet_interfaces = loopback-only
virtual_mailbox_domains = npoc.org, $applicants
virtual_mailbox_maps = regexp:$work/postfix/mailboxes
virtual_mailbox_base = $work/mail/postfix
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
relay_domains = bounces.example
transport_maps = regexp:$work/postfix/transport
smtpd_tls_security_level = encrypt
smtpd_tls_chain_files = $work/key, $work/certificate
smtpd_tls_auth_only = yes
smtpd_sasl_auth_enable = yes
cyrus_sasl_config_path = $work/postfix/etc/sasl
smtpd_sasl_local_domain = mta.example
smtpd_client_restrictions = permit_sasl_authenticated, reject
smtpd_relay_restrictions = reject_unauth_destination
END
    cat >postfix/etc/master.cf <<END
$port inet n - n - - smtpd
2599 inet n - n - - smtpd -o myhostname=mx.bounces.example -o relay_recipient_maps=regexp:$work/postfix/mailboxes
    -o smtpd_tls_security_level=none -o smtpd_sasl_auth_enable=no -o smtpd_client_restrictions=
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
smtp unix - - n - - smtp
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
npoc-bounce unix - n n - - pipe flags=Fq user=nobody argv=$work/npoc --settings $work/settings mail bounced
END
    postfix -c "$work/postfix/etc" start
}

begin_exim() {
    mkdir exim && cp key exim && chown -R Debian-exim exim || return
    cat >/etc/exim4/exim4.conf <<END
primary_hostname = mta.example
spool_directory = $work/exim
log_file_path = $work/exim/%slog
log_selector = +smtp_connection
daemon_smtp_ports = $port
local_interfaces = 127.0.0.1
domainlist local_domains = npoc.org : $applicants
acl_smtp_rcpt = recipient
tls_advertise_hosts = *
tls_certificate = $work/certificate
tls_privatekey = $work/exim/key
auth_advertise_hosts = \${if eq{\$tls_in_cipher}{}{}{*}}
smtputf8_advertise_hosts = *
smtp_accept_queue_per_connection = 0
keep_environment =
begin acl
recipient:
    require message = authentication required
        authenticated = *
    require message = relay not permitted
        domains = +local_domains
    require verify = recipient
    accept
begin routers
mailbox:
    driver = accept
    local_parts = ! nosuch
    transport = maildir
begin transports
maildir:
    driver = appendfile
    maildir_format
    directory = $work/mail/exim
    user = nobody
    group = nogroup
begin authenticators
plain:
    driver = plaintext
    public_name = PLAIN
    server_condition = \${if and{{eq{\$auth2}{user}}{eq{\$auth3}{password}}}}
    server_set_id = \$auth2
END
    exim4 -bdf 3>&- &
}

begin_opensmtpd() {
    local root=$work/trixie
    mkdir opensmtpd && mount --bind /dev "$root/dev" && mount --bind "$work" "$root$work" || return
    mkdir -m 711 "$root/var/spool/smtpd" && install -D -m 644 certificate "$root/etc/ssl/certs/ca-certificates.crt" || return
    printf '%s nobody\n' info@npoc.org {tanaka,suzuki{1..12}}@$applicants >opensmtpd/mailboxes
    echo "user $(openssl passwd -6 password)" >opensmtpd/passwords
    cat >opensmtpd/configuration <<END
pki mta.example cert "$work/certificate"
pki mta.example key "$work/key"
table mailboxes file:$work/opensmtpd/mailboxes
table passwords file:$work/opensmtpd/passwords
listen on 127.0.0.1 port $port hostname mta.example tls-require pki mta.example auth <passwords>
action keep maildir "$work/mail/opensmtpd" virtual <mailboxes>
match auth from any for domain { npoc.org, $applicants } action keep
END
    chroot "$root" /usr/sbin/smtpd -d -f "$work/opensmtpd/configuration" 2>opensmtpd/log 3>&- &
}

listens() { (exec 9<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; }
connections() {
    find "$server" -maxdepth 1 -name '*log' -type f -exec cat {} + |
        grep -c ': connect from\|connection count =\|smtp connected'
}

# ---- The site, run by an ordinary user

nobody=(setpriv --reuid=nobody --regid=nogroup --clear-groups --no-new-privs
    env -i PATH="$PATH" HOME="$work" SSL_CERT_FILE="$work/certificate" ${PG_BINDIR:+"PG_BINDIR=$PG_BINDIR"})
npoc() { "${nobody[@]}" ./npoc --settings settings "$@"; }
: >settings
bounces=()
if [[ $(npoc mail --help) == *bounced* ]]; then bounces=('NPOC_BOUNCE_ADDRESS=bounce+*@npoc.org'); fi

# newer TITLE COMMAND…: a check that needs `npoc mail bounced`. Without it, prints the skipped check.
newer() { if [ -n "${bounces[*]}" ]; then check "$@"; else echo "--  not with this program: $1"; fi; }

start() { # PASSWORD
    printf '%s\n' NPOC_LISTEN=127.0.0.1:0 NPOC_PUBLIC_URL=https://npoc.example NPOC_RATE_LIMIT=0 "NPOC_DATA_DIR=$work/$server.data" \
        "SMTP_URL=smtp://user:$1@localhost:$port?tls=required" "${bounces[@]}" >settings
    rm -f site.log
    "${nobody[@]}" ./npoc --settings settings </dev/null 2>site.log 3>&- &
    site=$!
    within 30 is_up
}
is_over() { ! kill -0 "$1" 2>/dev/null; }
is_up() {
    if is_over "$site"; then exit 1; fi
    url=$(sed -n 's/.*(listening on \(127[0-9.:]*\)).*/http:\/\/\1/p' site.log)
    [ -n "$url" ] && curl -fsS --max-time 5 "$url/health/ready"
}
stop() { kill -TERM "$site" && within 15 is_over "$site" && wait "$site"; }

applies() { # MAILBOX [DOMAIN]: a whole application, with an address in another domain if given
    mailbox=$1
    fills_in && checks_answers || return
    if [ -n "${2:-}" ]; then sed -i "s/\(representative_email=[^&]*%40\)[^&]*/\1$2/" sent; fi
    sends receipt && reads_receipt && echo "$reference" >>references
}
many_apply() { for number in {1..12}; do applies "suzuki$number" || return; done; }

# ---- The state of an email

lists_unsent() { # COUNT [PATTERN]: whether this number of emails waits, and the list has this pattern
    npoc mail list >unsent && cat unsent && grep -q "^$1 unsent emails$" unsent && grep -q "${2:-}" unsent
}
has_state() { # STATE: whether the list shows this for the applicant's email
    npoc mail list >unsent && cat unsent && grep -A 1 "^<$reference\.applicant@.*$1" unsent >state
}
is_refused() { has_state '' && sed -n 2p state | grep '5[0-9][0-9][ )]' | sed "s/^ */    $server: /" >said && [ -s said ]; }
arrived() { is "$(find "mail/$server" -path '*/new/*' | wc -l)" "$1"; }
came() { # KIND: whether it came once, by TLS and login; prints its file
    local file
    file=$(grep -rl "^Message-ID: <$reference\.$1@" "mail/$server") && is "$(wc -l <<<"$file")" 1 &&
        sed '/^$/q' "$file" | grep -qi 'with \(utf8\)\?e\?smtpsa' && echo "$file"
}
all_came() {
    local all
    mapfile -t all <references
    for reference in "${all[@]}"; do came staff && came applicant || return; done
}
came_back() { npoc mail list --state bounced >back && cat back && grep -q "^<$reference\.applicant@" back; }
staff_know() { # Whether there is a second email about the application
    is "$(grep -rl "^X-NPOC-Reference: $reference" "mail/$server" | xargs grep -l '^To: info@npoc.org' | wc -l)" 2
}

# ---- The checks for each server

try_server() { # NAME
    server=$1 port=$((port + 1))
    rm -f references
    install -d -o nobody -g nogroup "mail/$server"
    install -d -o nobody -g nogroup -m 700 "$server.data"
    echo "--- $server"
    check "the server starts" "begin_$server"
    check "the server listens" within 15 listens

    check "the site starts with a wrong password" start wrong
    apply tanaka
    echo "$reference" >references
    cp check.html "$reference.html"
    cp receipt "$reference.receipt"
    check "both emails wait, since the login fails" within 30 lists_unsent 2 535
    grep -m 1 535 unsent | sed "s/^ */    $server: /"
    check "twelve more organizations apply" many_apply
    check "their emails wait" lists_unsent 26
    check "nothing has arrived" arrived 0
    check "the site stops" stop

    before=$(connections)
    check "the site starts with the right password" start password
    check "the emails can be made due" npoc mail retry
    check "no email waits" within 60 lists_unsent 0
    echo "    $server: 26 emails came over $(($(connections) - before)) connections"
    check "26 emails arrive" within 15 arrived 26
    check "each email came once, by TLS and login" all_came
    reference=$(head -n 1 references) mailbox=tanaka
    check "the email to staff came" came staff
    check "the email to staff has every answer" applicant staff "$(cat out)" "$reference" "$reference.html"
    check "the applicant's email came" came applicant
    check "the applicant's email has no answer" applicant applicant "$(cat out)" "$reference" "$(cat "$reference.receipt")"

    check "an applicant has an address outside ASCII" applies 田中
    if [ "$server" = opensmtpd ]; then
        check "the email is given up, since the server has no SMTPUTF8" within 15 has_state 'given up'
        check "staff get an email about it" within 15 staff_know
    else
        check "both emails come" within 15 all_came
    fi

    check "an applicant has a mailbox that the server does not know" applies nosuch
    check "the server refuses the email" within 15 is_refused
    cat said
    if [ "$server" = opensmtpd ]; then # its code 5.2.4 is about a mailing list, so the cause is not clear
        newer "the email waits" within 15 has_state 'next try'
    else
        check "the email is given up" within 15 has_state 'given up'
        check "staff get an email about it" within 15 staff_know
    fi

    check "an applicant has a domain that the server does not serve" applies someone elsewhere.example
    check "the server refuses the email" within 15 is_refused
    cat said
    if [ "$server" = opensmtpd ]; then # it uses the same words for an unknown mailbox
        check "the email is given up" has_state 'given up'
    else
        newer "the email waits" has_state 'next try'
    fi
}

mail_comes_back() { # the second server does not know the mailbox
    newer "an applicant's email comes back later" applies nosuch bounces.example
    newer "the mail server hands the bounce to the site" within 30 came_back
    newer "staff get an email about it" within 15 staff_know
}

mkdir mail
port=2500
try_server postfix
mail_comes_back
check "the site stops" stop
try_server exim
check "the site stops" stop
try_server opensmtpd
check "the site stops" stop

echo "mta: $checks checks passed"
