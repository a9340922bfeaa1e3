#!/bin/bash
# Follows docs/deploying.md on a clean Debian with systemd, and looks whether all is as it promises.
#
#   tests/outside/deployed.sh OLDER.deb PACKAGE.deb
#
# deploy.sh runs it in a container. It changes the machine that it runs on for good.
# shellcheck disable=SC2016 # what is to be expanded later, each time it is tried
set -euo pipefail
older=${1:?usage: tests/outside/deployed.sh OLDER.deb PACKAGE.deb} package=${2:?a package}
outside=$(realpath "$(dirname "$0")")
# shellcheck source=tests/outside/checks.sh
. "$outside/checks.sh"
work=$(mktemp -d)
cd "$work"

finish() {
    status=$?
    trap - EXIT
    if [ "$status" -ne 0 ]; then
        printf '%s\n' "FAILED: $name" "--- what it said" "$(tail -n 30 out)" "--- the log of npoc" \
            "$(journalctl -u npoc -n 15 --no-pager -o cat)" >&3
    fi
    exit "$status"
}
exec 3>&2
trap finish EXIT

install_package() { apt-get install -qy -o Dpkg::Options::=--force-confold "$1"; }
property() { systemctl show npoc --property="$1" --value; }
process() { property MainPID; }
finds_bad() { # HOW MANY: this number of things to be repaired, and an exit status that says whether any
    local status=0
    npoc doctor || status=$?
    is "$(npoc doctor --json | grep -c '"verdict":"bad"')" "$1" && is "$status" "$(($1 > 0))"
}
settings=/etc/npoc/npoc.env

# ---- Installed and not set up

is_not_running() { is "$(systemctl is-enabled npoc)" disabled && is "$(property ActiveState)" inactive; }
settings_are_closed() { is "$(stat -c '%a %U:%G' $settings)" '640 root:npoc'; }
refuses_to_start() {
    systemctl start npoc || true
    within 10 eval 'is "$(property ActiveState)" failed'
    is "$(property ExecMainStatus) $(property NRestarts)" "78 0" && journalctl -u npoc -o cat | grep -q 'SMTP_URL must be set'
}
check "the package is installed" install_package "$older"
check "it waits to be set up" is_not_running
check "its settings are read by the site and nobody else" settings_are_closed
check "without a relay the site does not start, says why, and does not try again" refuses_to_start
check "the manual is there" test -s /usr/share/man/man1/npoc.1.gz

# ---- With nothing but itself: everything that the embedded database needs is allowed to the unit

runs_embedded() {
    cp -p $settings kept
    sed -i '/^DATABASE_URL/d; s/^NPOC_PUBLIC_URL.*/NPOC_PUBLIC_URL=https:\/\/npoc.example/' $settings
    systemctl reset-failed npoc && systemctl start npoc && url=http://127.0.0.1:8080 && within 30 curl -fsS $url/health/ready
}
compiles_nothing() { is "$(cd / && runuser -u npoc -- psql -qtA -h /var/lib/npoc/socket npoc -c 'SHOW jit')" off; }
owes_nothing() { npoc mail list | grep -q '^0 unsent mails$'; }
forgets_embedded() { systemctl stop npoc && rm -r /var/lib/npoc/* && cp -p kept $settings; }
check "it runs on a database of its own" runs_embedded
check "which makes no code, as the unit forbids" compiles_nothing
apply tanaka
check "both mails are written" within 15 ls "/var/lib/npoc/mail/$reference.staff.eml" "/var/lib/npoc/mail/$reference.applicant.eml"
check "and forgotten" forgets_embedded

# ---- Database, settings, relay

certificate() { # FILE NAME…: signed by itself, and trusted by this machine. With RSA, every suite of TLS 1.2 could be used
    local names
    names=$(printf ',DNS:%s' "${@:2}")
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=$2" \
        -addext "subjectAltName=${names#,}" -addext 'basicConstraints=critical,CA:FALSE' -keyout "$1.key" -out "$1.crt" &&
        cp "$1.crt" "/usr/local/share/ca-certificates/$1.crt" && update-ca-certificates
}
makes_database() {
    (cd / && runuser -u postgres -- createuser npoc &&
        runuser -u postgres -- createdb --owner=npoc --encoding=UTF8 --template=template0 npoc)
}
has_relay() {
    mkdir relayed
    "$python" "$outside/relay.py" relayed relay.crt relay.key >ports 2>relay.log </dev/null 3>&- &
    within 15 grep -q ' ' ports
}
is_set_up() {
    read -r starttls _ <ports
    sed -i "s/npoc\.org/npoc.example/; s/^NPOC_MAIL_FROM.*/NPOC_MAIL_FROM='NPOC website <no-reply@npoc.org>'/
        s/^NPOC_STAFF_EMAIL.*/NPOC_STAFF_EMAIL=info@npoc.org/
        s|^#SMTP_URL.*|SMTP_URL='smtp://user:password@localhost:$starttls?tls=required'|" $settings
    systemctl enable --now npoc && within 15 curl -fsS http://127.0.0.1:8080/health/ready
}
is_confined() {
    local process
    process=/proc/$(process)
    is "$(stat -c %U "$process")" npoc &&
        is "$(sed -n 's/^CapBnd:\t//p; s/^NoNewPrivs:\t//p; s/^Seccomp:\t//p' "$process/status" | xargs)" '0000000000000000 1 2' &&
        ! nsenter --target "$(process)" --mount touch /etc/npoc/here && nsenter --target "$(process)" --mount touch /var/lib/npoc/here
}
check "the database is made" makes_database
check "a relay has a certificate" certificate relay localhost
check "it listens" has_relay
check "the site starts when it is set up" is_set_up
check "as its user, with no capability, and nothing to write to but its data" is_confined
check "the doctor finds one thing bad, which is the public address" finds_bad 1

notices_changed_settings() {
    sleep_until_another_second
    touch $settings
    npoc doctor | grep -q 'changed after the site was started'
    systemctl restart npoc && ! npoc doctor | grep -q 'changed after'
}
# The system's clock is asked in seconds.
sleep_until_another_second() { within 10 eval '[ "$(date +%s)" -gt $(($(systemctl show npoc -p ActiveEnterTimestamp --timestamp=unix --value | tr -d @) + 2)) ]'; }
check "settings that the site has not read yet are noticed" notices_changed_settings

# ---- nginx

has_nginx() {
    echo '127.0.0.1 npoc.example www.npoc.example' >>/etc/hosts
    mkdir -p /etc/letsencrypt/live/npoc.example
    cp proxy.crt /etc/letsencrypt/live/npoc.example/fullchain.pem
    cp proxy.key /etc/letsencrypt/live/npoc.example/privkey.pem
    cp /usr/share/doc/npoc/examples/nginx.conf /etc/nginx/sites-available/npoc
    sed -i 's/npoc\.org/npoc.example/g' /etc/nginx/sites-available/npoc
    ln -s ../sites-available/npoc /etc/nginx/sites-enabled/ && rm /etc/nginx/sites-enabled/default
    systemctl stop caddy && nginx -t && systemctl restart nginx && within 10 curl -fsS https://npoc.example/health/ready
}
# What each proxy has to do, in $proxy's place before the site.
takes() { openssl s_client -connect npoc.example:443 -servername npoc.example -CAfile /etc/ssl/certs/ca-certificates.crt "$@" </dev/null; }
has_modern_tls() { # No RSA key exchange, no CBC, nothing before TLS 1.2, though this client would take anything
    takes -tls1_3 && takes -tls1_2 && takes -tls1_2 -cipher ECDHE+AESGCM && ! takes -tls1_1 -cipher 'ALL:@SECLEVEL=0' &&
        ! takes -tls1_2 -cipher 'kRSA:@SECLEVEL=0' && ! takes -tls1_2 -cipher 'AES:!AESGCM:!AESCCM:@SECLEVEL=0'
}
validator() { curl -sS --max-time 20 -o /dev/null -D - "$@" https://npoc.example/ | tr -d '\r' | sed -n 's/^etag: //ip'; }
has_one_validator() { # HEAD, GET and GET again, for each coding that a client may want
    local accepts etag
    for accepts in 'X-None: 1' 'Accept-Encoding: '{identity,gzip,br,zstd,deflate,'gzip, deflate, br'}; do
        etag=$(validator -H "$accepts")
        [ -n "$etag" ] && is "$(validator -I -H "$accepts")" "$etag" &&
            is "$(curl -sS -o /dev/null -w '%{http_code}' -H "$accepts" -H "If-None-Match: $etag" https://npoc.example/)" 304 || return
    done
}
is_our_page() { # STATUS WORDS ARGUMENT…: what curl gets is a page in the site's looks, with all that the site says of itself
    local header style
    is "$(curl -sS --max-time 60 -o page -D page.headers -w '%{http_code}' "${@:3}" 2>curl.said)" "$1" && grep -q "$2" page &&
        grep -q '<svg' page && grep -q 'info@npoc' page && ! grep -qi '<center>\|nginx\|caddy' page || return
    for header in strict-transport-security content-security-policy x-content-type-options x-frame-options referrer-policy \
        permissions-policy cross-origin-{embedder,opener,resource}-policy; do
        is "$(grep -ci "^$header: ." page.headers)" 1 || return
    done
    is "$(grep -i '^cache-control' page.headers | tr -d '\r' | cut -d ' ' -f 2)" no-store || return
    style=$(python3 -c "import base64, hashlib, re; print(base64.b64encode(hashlib.sha256(re.search('<style>(.*)</style>', open('page').read(), re.S)[1].encode()).digest()).decode())")
    grep -qF "'sha256-$style'" page.headers
}
says_that_it_is_too_long() { # MEGABYTES: by the newer and the older HTTP
    head -c "${1}000000" /dev/zero | tr '\0' a >body
    is_our_page 413 'Your answers are too long to be read' --data-binary @body https://npoc.example/membership &&
        is_our_page 413 'Your answers are too long to be read' --http1.1 --data-binary @body https://npoc.example/membership
}
refuses_in_our_words() { # what nginx itself refuses
    local many
    many=$(printf '%017000d' 0)
    # nginx does not wait for the end of what it refuses, so the answer may be lost while the client still sends.
    within 30 is_our_page 414 'could not be understood' --http1.1 "https://npoc.example/?$many" &&
        within 30 is_our_page 400 'could not be understood' --http1.1 -H "Cookie: a=$many" https://npoc.example/ &&
        curl -fsS -o /dev/null -H "Cookie: a=${many:0:15000}" -H "X-Other: ${many:0:15000}" https://npoc.example/ &&
        is_our_page 400 'could not be understood' --http1.1 -H 'Host: a b' https://npoc.example/ &&
        leads_to http://npoc.example:443/join https://npoc.example/join && within 30 leads_to "http://npoc.example/?$many" https://npoc.example/ &&
        truncate -s 1M body && chmod 0 /var/lib/nginx/body && is_our_page 500 'went wrong on our side' --data-binary @body https://npoc.example/membership &&
        chmod 700 /var/lib/nginx/body && is_our_page 404 'Page not found' https://npoc.example/npoc-page/away.html
}
is_away() {
    systemctl stop npoc && is_our_page 503 'away for a moment' --data a=b https://npoc.example/membership &&
        grep -qi '^retry-after: 10' page.headers && is_our_page 503 'away for a moment' https://npoc.example/ &&
        systemctl start npoc && within 15 curl -fsS https://npoc.example/health/ready
}
has_hsts() { for host in npoc.example www.npoc.example; do is "$(curl -sS -o /dev/null -D - "https://$host/join" | grep -ci '^strict-transport-security: max-age=63072000')" 1 || return; done; }
behind() { # PROXY: what holds behind each
    check "TLS is as Mozilla's intermediate guideline has it" has_modern_tls
    check "HEAD and GET have one validator, in every coding" has_one_validator
    check "browsers are told to come by TLS only, and once" has_hsts
    check "a form of 9 MB is refused by the site in its own words" says_that_it_is_too_long 9
    check "one of 20 MB is refused in the same words" says_that_it_is_too_long 20
    check "when the site is away, a page of ours says so" is_away
}
leads_to() { is "$(curl -sS -o /dev/null -w '%{redirect_url}' "$1")" "$2"; }
applies_by_tls() {
    check "staff's mail came by TLS and login" within 15 applicant relayed relayed "$reference" staff
    check "and says everything" applicant staff "$(cat out)" "$reference" check.html
    check "the applicant's mail came" within 15 applicant relayed relayed "$reference" applicant
    check "no mail waits" within 15 owes_nothing
}
# Also when the site is away, of which nginx would tell with all that it knows.
tells_no_secret() {
    systemctl stop npoc && is "$(curl -sS -o away -w '%{http_code}' "$url$(cat receipt)")" 503 && grep -q 'away for a moment' away &&
        systemctl start npoc && within 15 curl -fsS $url/health/ready &&
        grep -q "POST /membership" /var/log/nginx/npoc.log && ! grep -rqF -e "$(cat receipt)" -e 'client: ' /var/log/nginx
}
check "a certificate is there" certificate proxy npoc.example www.npoc.example
check "nginx passes requests on" has_nginx
check "the doctor finds nothing bad" finds_bad 0
check "http leads to https" leads_to http://www.npoc.example/join?a=b https://npoc.example/join?a=b
check "another name leads to the name" leads_to https://www.npoc.example/join https://npoc.example/join
url=https://npoc.example
apply 田中
applies_by_tls
behind nginx
check "nginx logs no receipt and no visitor, and has a page for when the site is away" tells_no_secret
# What it cannot do at all, it logs with the visitor.
check "what nginx refuses, it refuses in our words" refuses_in_our_words
on_terminal() { "$python" "$outside/terminal.py" "$@"; }
check "on root's terminal, no program of the site's user types or reads" on_terminal is_safe_from_intruders
check "lists have its width and its colours" on_terminal fits "$reference"
check "questions are asked there" on_terminal asks "$reference"
check "files, pipes, exit status and Ctrl-C are as everywhere" on_terminal keeps_status_and_streams
check "staff see the application" eval 'npoc applications list | grep -q "^$reference.*例え財団$"'

# ---- Upgrade

asks_on() { # STATUSES: asked all the time, until it is told to stop
    while [ ! -e enough ]; do curl -sS -o /dev/null --max-time 15 -w '%{http_code}\n' "$url/membership" || echo none; done >"$1" 2>/dev/null
}
upgrades() {
    before=$(process)
    rm -f enough && asks_on statuses &
    install_package "$package" && within 15 curl -fsS $url/health/ready && touch enough && wait %+
    is "$(dpkg-query -W -f '${Version}' npoc)" "$(dpkg-deb -f "$package" Version)" && [ "$(process)" != "$before" ]
}
only() { [ -s statuses ] && ! sort -u statuses | grep -vqxE "$1"; }
keeps_all() { npoc applications show "$reference" | grep -q '^    例え財団$' && grep -q "^SMTP_URL='smtp://user" $settings; }
check "a newer package is installed over it, and the site restarts" upgrades
check "visitors got pages meanwhile, or were told to come again" only '200|503'
check "applications and settings are there" keeps_all
check "the doctor finds nothing bad" finds_bad 0

# ---- Caddy

has_caddy() {
    local authority=/var/lib/caddy/.local/share/caddy/pki/authorities/local/root.crt
    cp /usr/share/doc/npoc/examples/Caddyfile /etc/caddy/Caddyfile
    sed -i 's/npoc\.org/npoc.example/g; s/^\(www\.\)\?npoc\.example {$/&\n\ttls internal/' /etc/caddy/Caddyfile
    systemctl stop nginx && systemctl restart caddy && within 15 test -e "$authority" &&
        cp "$authority" /usr/local/share/ca-certificates/caddy.crt && update-ca-certificates &&
        within 15 curl -fsS https://npoc.example/health/ready
}
restarts() {
    rm -f enough && asks_on statuses &
    systemctl restart npoc && within 15 curl -fsS $url/health/ready && touch enough && wait %+
}
check "Caddy passes requests on" has_caddy
check "the doctor finds nothing bad" finds_bad 0
check "http leads to https" leads_to http://npoc.example/join https://npoc.example/join
apply tanaka
applies_by_tls
check "the site is started again" restarts
check "and visitors got their pages all the while" only 200
behind Caddy

# ---- HAProxy before two instances

has_haproxy() {
    install -d -m 700 /etc/haproxy/certs && cat proxy.crt proxy.key >/etc/haproxy/certs/npoc.example.pem || return
    sed 's/npoc\.org/npoc.example/g; s/10\.0\.0\.11/127.0.0.1/; s/10\.0\.0\.12:8080/127.0.0.1:8081/' \
        /usr/share/doc/npoc/examples/haproxy.cfg >/etc/haproxy/haproxy.cfg
    haproxy -c -f /etc/haproxy/haproxy.cfg 2>haproxy.said && ! grep -i 'warning\|alert' haproxy.said || return
    systemd-run --unit=npoc-two -p User=npoc -p Group=npoc -E NPOC_SETTINGS=$settings -E NPOC_LISTEN=127.0.0.1:8081 /usr/lib/npoc/npoc serve &&
        within 30 curl -fsS http://127.0.0.1:8081/health/ready && systemctl stop caddy && systemctl restart haproxy &&
        within 15 curl -fsS https://npoc.example/health/ready
}
posts() { # By one program over one connection, so that they come within a minute
    curl -sS -o /dev/null -w '%{http_code}\n' -H 'X-Forwarded-For: 192.0.2.7' --data step=check 'https://npoc.example/membership?[1-61]' |
        sort | uniq -c >posted && grep -q ' 429$' posted
}
limits_posts() {
    within 60 posts && ! grep -qv ' \(422\|429\)$' posted &&
        is_our_page 429 'Too many at once' --data step=check https://npoc.example/membership &&
        grep -qi '^retry-after: 60' page.headers &&
        curl -fsS -o /dev/null https://npoc.example/membership
}
has_no_instance() {
    systemctl stop npoc npoc-two && is_our_page 503 'away for a moment' https://npoc.example/ &&
        systemctl start npoc && within 15 curl -fsS https://npoc.example/health/ready
}
check "HAProxy passes requests on to two instances" has_haproxy
apply tanaka
applies_by_tls
check "TLS is as Mozilla's intermediate guideline has it" has_modern_tls
check "HEAD and GET have one validator, in every coding" has_one_validator
check "browsers are told to come by TLS only, and once" has_hsts
check "http leads to https" leads_to http://npoc.example/join https://npoc.example/join
check "one instance is started again" restarts
check "and visitors got their pages all the while" only 200
check "of many posts of one network, some are refused for all instances" limits_posts
check "when no instance is there, a page of ours says so" has_no_instance

# ---- Backup, and going on with it

is_without_backup() { npoc doctor | grep -q 'Backup: there is none'; }
backs_up() { systemctl start npoc-backup && is "$(find /var/backups/npoc -name 'npoc-*.dump' -user npoc -perm 600 | wc -l)" 1; }
restores() {
    systemctl stop npoc && (cd / && runuser -u postgres -- dropdb npoc && runuser -u postgres -- createdb --owner=npoc --encoding=UTF8 --template=template0 npoc) &&
        (cd /var/backups/npoc && runuser -u npoc -- pg_restore --no-owner --exit-on-error -d npoc <"$(find . -name 'npoc-*.dump' | sort | tail -n 1)") &&
        systemctl start npoc && within 15 curl -fsS $url/health/ready && keeps_all
}
check "the doctor misses a backup" is_without_backup
check "a backup is written" backs_up
has_standby() {
    bin=$(find /usr/lib/postgresql -name pg_ctl)
    (cd / && runuser -u postgres -- pg_basebackup --checkpoint=fast --write-recovery-conf --pgdata /var/lib/postgresql/standby &&
        cp /etc/postgresql/*/main/pg_hba.conf /etc/postgresql/*/main/pg_ident.conf /var/lib/postgresql/standby &&
        echo "port = 5499" >/var/lib/postgresql/standby/postgresql.conf && chown -R postgres: /var/lib/postgresql/standby &&
        runuser -u postgres -- "$bin" -D /var/lib/postgresql/standby -w -t 60 -l /var/lib/postgresql/standby/log -o '-c unix_socket_directories=/run/postgresql' start </dev/null 3>&-)
}
leaves_it_to_the_primary() {
    (cd / && runuser -u npoc -- env PGHOST=/run/postgresql PGPORT=5499 PGDATABASE=npoc /usr/lib/npoc/backup /var/backups/npoc) >skipped &&
        grep -q 'this database server is a standby' skipped && is "$(find /var/backups/npoc -name 'npoc-*.dump' | wc -l)" 1 &&
        runuser -u postgres -- "$bin" -D /var/lib/postgresql/standby -m immediate stop
}
check "a second server follows the first" has_standby
check "a machine with a standby leaves the backup to the primary's" leaves_it_to_the_primary
check "the backup is restored, with all that was there" restores

# ---- Removed

stored() { (cd / && runuser -u postgres -- psql -qtAd npoc -c 'SELECT count(*) FROM applications'); }
says_that_it_is_down() { apt-get remove -qy npoc && install_package "$package" | grep -q 'installed and not running' && systemctl start npoc; }
removes() { apt-get remove -qy npoc && is "$(property ActiveState)" inactive && [ ! -e /usr/bin/npoc ] && grep -q '^SMTP_URL' $settings; }
purges() { apt-get purge -qy npoc && [ ! -e /etc/npoc ]; }
keeps_data() { is "$(stored)" 3 && is "$(stat -c %U /var/lib/npoc)" npoc && ls /var/backups/npoc/npoc-*.dump; }
check "removed and installed again, it says that it is not running" says_that_it_is_down
check "it is removed, and its settings stay" removes
check "its data stay" keeps_data
check "it is purged" purges
check "its data stay still" keeps_data

echo "deployed: $checks checks passed"
