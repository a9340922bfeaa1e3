#!/bin/bash
# Follows docs/deploying.md on a clean Debian with systemd, and checks the results.
#
#   tests/outside/deployed.sh OLDER.deb PACKAGE.deb
#
# deploy.sh runs it in a container. It changes its machine for good.
# shellcheck disable=SC2016 # `eval` expands these strings on each try
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
finds_bad() { # COUNT: whether the doctor finds this number of problems, with a fitting exit status
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
check "only root and the site can read its settings" settings_are_closed
# Facts about domain names would add emails to those that are counted.
echo NPOC_DNS=off >>$settings
check "without a relay the site does not start, says why, and does not retry" refuses_to_start
check "the manual is there" test -s /usr/share/man/man1/npoc.1.gz

# ---- With the embedded database: the unit allows everything that it needs

runs_embedded() {
    cp -p $settings kept
    sed -i '/^DATABASE_URL/d; s/^NPOC_PUBLIC_URL.*/NPOC_PUBLIC_URL=https:\/\/npoc.example/' $settings
    systemctl reset-failed npoc && systemctl start npoc && url=http://127.0.0.1:8080 && within 30 curl -fsS $url/health/ready
}
compiles_nothing() { is "$(cd / && runuser -u npoc -- psql -qtA -h /var/lib/npoc/socket npoc -c 'SHOW jit')" off; }
has_sent_all() { npoc mail list | grep -q '^0 unsent emails$'; }
forgets_embedded() { systemctl stop npoc && rm -r /var/lib/npoc/* && cp -p kept $settings; }
check "it runs with the embedded database" runs_embedded
check "the embedded database does not compile, since the unit forbids it" compiles_nothing
apply tanaka
check "both emails are written" within 15 ls "/var/lib/npoc/mail/$reference.staff.eml" "/var/lib/npoc/mail/$reference.applicant.eml"
check "the embedded data are removed" forgets_embedded

# ---- Database, settings, relay

certificate() { # FILE NAME…: a self-signed certificate that this machine trusts. RSA allows every suite of TLS 1.2
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
check "the relay listens" has_relay
check "the site starts when it is set up" is_set_up
check "it runs as its user, without capabilities, and writes only its data" is_confined
check "the doctor finds one problem: the public address" finds_bad 1

notices_changed_settings() {
    sleep_until_another_second
    touch $settings
    npoc doctor | grep -q 'changed after the site was started'
    systemctl restart npoc && ! npoc doctor | grep -q 'changed after'
}
# systemd reports times in seconds.
sleep_until_another_second() { within 10 eval '[ "$(date +%s)" -gt $(($(systemctl show npoc -p ActiveEnterTimestamp --timestamp=unix --value | tr -d @) + 2)) ]'; }
check "the doctor reports settings that the site has not read yet" notices_changed_settings

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
# Checks for each proxy.
takes() { openssl s_client -connect npoc.example:443 -servername npoc.example -CAfile /etc/ssl/certs/ca-certificates.crt "$@" </dev/null; }
has_modern_tls() { # No RSA key exchange, no CBC, nothing before TLS 1.2, although this client accepts everything
    takes -tls1_3 && takes -tls1_2 && takes -tls1_2 -cipher ECDHE+AESGCM && ! takes -tls1_1 -cipher 'ALL:@SECLEVEL=0' &&
        ! takes -tls1_2 -cipher 'kRSA:@SECLEVEL=0' && ! takes -tls1_2 -cipher 'AES:!AESGCM:!AESCCM:@SECLEVEL=0'
}
validator() { curl -sS --max-time 20 -o /dev/null -D - "$@" https://npoc.example/ | tr -d '\r' | sed -n 's/^etag: //ip'; }
has_one_validator() { # HEAD, GET and a conditional GET, for each encoding that a client may accept
    local accepts etag
    for accepts in 'X-None: 1' 'Accept-Encoding: '{identity,gzip,br,zstd,deflate,'gzip, deflate, br'}; do
        etag=$(validator -H "$accepts")
        [ -n "$etag" ] && is "$(validator -I -H "$accepts")" "$etag" &&
            is "$(curl -sS -o /dev/null -w '%{http_code}' -H "$accepts" -H "If-None-Match: $etag" https://npoc.example/)" 304 || return
    done
}
is_our_page() { # STATUS WORDS ARGUMENT…: whether curl gets a page in the site's design, with the site's security headers
    local header style
    is "$(curl -sS --max-time 60 -o page -D page.headers -w '%{http_code}' "${@:3}" 2>curl.said)" "$1" || { cat curl.said && return 1; }
    grep -q "$2" page && grep -q '<svg' page && grep -q 'info@npoc' page && ! grep -qi '<center>\|nginx\|caddy' page || return
    for header in strict-transport-security content-security-policy x-content-type-options x-frame-options referrer-policy \
        permissions-policy cross-origin-{embedder,opener,resource}-policy; do
        is "$(grep -ci "^$header: ." page.headers)" 1 || return
    done
    is "$(grep -i '^cache-control' page.headers | tr -d '\r' | cut -d ' ' -f 2)" no-store || return
    style=$(python3 -c "import base64, hashlib, re; print(base64.b64encode(hashlib.sha256(re.search('<style>(.*)</style>', open('page').read(), re.S)[1].encode()).digest()).decode())")
    grep -qF "'sha256-$style'" page.headers
}
says_that_it_is_too_long() { # MEGABYTES: by HTTP/2 and HTTP/1.1
    head -c "${1}000000" /dev/zero | tr '\0' a >body
    is_our_page 413 'Your answers are too long to be read' --data-binary @body https://npoc.example/membership &&
        is_our_page 413 'Your answers are too long to be read' --http1.1 --data-binary @body https://npoc.example/membership
}
refuses_in_our_words() { # requests that nginx itself refuses
    local many
    many=$(printf '%017000d' 0)
    # nginx does not read a refused request to its end, so the answer may be lost while the client sends.
    within 30 is_our_page 414 'could not be understood' --http1.1 "https://npoc.example/?$many" &&
        within 30 is_our_page 400 'could not be understood' --http1.1 -H "Cookie: a=$many" https://npoc.example/ &&
        curl -fsS -o /dev/null -H "Cookie: a=${many:0:15000}" -H "X-Other: ${many:0:15000}" https://npoc.example/ &&
        is_our_page 400 'could not be understood' --http1.1 -H 'Host: a b' https://npoc.example/ &&
        leads_to http://npoc.example:443/join https://npoc.example/join && within 30 leads_to "http://npoc.example/?$many" https://npoc.example/ &&
        truncate -s 1M body && chmod 0 /var/lib/nginx/body && is_our_page 500 'went wrong on our side' --data-binary @body https://npoc.example/membership &&
        chmod 700 /var/lib/nginx/body && is_our_page 404 'Page not found' https://npoc.example/npoc-page/away.html
}
is_unavailable() {
    systemctl stop npoc && is_our_page 503 'away for a moment' --data a=b https://npoc.example/membership &&
        grep -qi '^retry-after: 10' page.headers && is_our_page 503 'away for a moment' https://npoc.example/ &&
        systemctl start npoc && within 15 curl -fsS https://npoc.example/health/ready
}
has_hsts() { for host in npoc.example www.npoc.example; do is "$(curl -sS -o /dev/null -D - "https://$host/join" | grep -ci '^strict-transport-security: max-age=63072000')" 1 || return; done; }
behind() { # PROXY: runs the checks for each proxy
    check "TLS follows Mozilla's intermediate guideline" has_modern_tls
    check "HEAD and GET have the same validator, in every encoding" has_one_validator
    check "HSTS is sent, and only once" has_hsts
    check "the site refuses a form of 9 MB with its own page" says_that_it_is_too_long 9
    # Debian 12's Caddy cuts off the answer to such a form now and then (curl: 18), whatever the site sends.
    check "a form of 20 MB is refused with the same page" within 30 says_that_it_is_too_long 20
    check "while the site is down, our page says so" is_unavailable
}
leads_to() { is "$(curl -sS -o /dev/null -w '%{redirect_url}' "$1")" "$2"; }
applies_by_tls() {
    check "the email to staff came by TLS and login" within 15 applicant relayed relayed "$reference" staff
    check "the email to staff has every answer" applicant staff "$(cat out)" "$reference" check.html
    check "the applicant's email came" within 15 applicant relayed relayed "$reference" applicant
    check "no email waits" within 15 has_sent_all
}
# Also while the site is down: nginx's error log must not name the receipt.
tells_no_secret() {
    systemctl stop npoc && is "$(curl -sS -o away -w '%{http_code}' "$url$(cat receipt)")" 503 && grep -q 'away for a moment' away &&
        systemctl start npoc && within 15 curl -fsS $url/health/ready &&
        grep -q "POST /membership" /var/log/nginx/npoc.log && ! grep -rqF -e "$(cat receipt)" -e 'client: ' /var/log/nginx
}
check "the proxy has a certificate" certificate proxy npoc.example www.npoc.example
check "nginx passes requests on" has_nginx
check "the doctor finds no problem" finds_bad 0
check "HTTP redirects to HTTPS" leads_to http://www.npoc.example/join?a=b https://npoc.example/join?a=b
check "www redirects to the name" leads_to https://www.npoc.example/join https://npoc.example/join
url=https://npoc.example
apply 田中
applies_by_tls
behind nginx
check "nginx logs no receipt and no visitor, also while the site is down" tells_no_secret
# Last of the nginx checks: nginx logs its own failures with the visitor.
check "nginx refuses requests with our pages" refuses_in_our_words
on_terminal() { "$python" "$outside/terminal.py" "$@"; }
check "no program of the site's user types or reads on root's terminal" on_terminal is_safe_from_intruders
check "lists have the terminal's width and colors" on_terminal fits "$reference"
check "the terminal asks questions" on_terminal asks "$reference"
check "files, pipes, exit status and Ctrl-C work as usual" on_terminal keeps_status_and_streams
check "staff see the application" eval 'npoc applications list | grep -q "^$reference.*例え財団$"'

# ---- Upgrade

asks_on() { # FILE: requests pages until the file `enough` exists, and writes the statuses
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
check "a newer package installs, and the site restarts" upgrades
check "visitors got pages, or were asked to reload" only '200|503'
check "applications and settings are kept" keeps_all
check "the doctor finds no problem" finds_bad 0

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
check "the doctor finds no problem" finds_bad 0
check "HTTP redirects to HTTPS" leads_to http://npoc.example/join https://npoc.example/join
apply tanaka
applies_by_tls
check "the site restarts" restarts
check "visitors got every page" only 200
behind Caddy

# ---- HAProxy with two instances

has_haproxy() {
    install -d -m 700 /etc/haproxy/certs && cat proxy.crt proxy.key >/etc/haproxy/certs/npoc.example.pem || return
    sed 's/npoc\.org/npoc.example/g; s/10\.0\.0\.11/127.0.0.1/; s/10\.0\.0\.12:8080/127.0.0.1:8081/' \
        /usr/share/doc/npoc/examples/haproxy.cfg >/etc/haproxy/haproxy.cfg
    haproxy -c -f /etc/haproxy/haproxy.cfg 2>haproxy.said && ! grep -i 'warning\|alert' haproxy.said || return
    systemd-run --unit=npoc-two -p User=npoc -p Group=npoc -E NPOC_SETTINGS=$settings -E NPOC_LISTEN=127.0.0.1:8081 /usr/lib/npoc/npoc serve &&
        within 30 curl -fsS http://127.0.0.1:8081/health/ready && systemctl stop caddy && systemctl restart haproxy &&
        within 15 curl -fsS https://npoc.example/health/ready
}
posts() { # By one program over one connection, so that all come within a minute
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
check "TLS follows Mozilla's intermediate guideline" has_modern_tls
check "HEAD and GET have the same validator, in every encoding" has_one_validator
check "HSTS is sent, and only once" has_hsts
check "HTTP redirects to HTTPS" leads_to http://npoc.example/join https://npoc.example/join
check "one instance restarts" restarts
check "visitors got every page" only 200
check "the rate limit counts for all instances" limits_posts
check "without an instance, our page says so" has_no_instance

# ---- Backup and restore

is_without_backup() { npoc doctor | grep -q 'Backup: there is none'; }
backs_up() { systemctl start npoc-backup && is "$(find /var/backups/npoc -name 'npoc-*.dump' -user npoc -perm 600 | wc -l)" 1; }
restores() {
    systemctl stop npoc && (cd / && runuser -u postgres -- dropdb npoc && runuser -u postgres -- createdb --owner=npoc --encoding=UTF8 --template=template0 npoc) &&
        (cd /var/backups/npoc && runuser -u npoc -- pg_restore --no-owner --exit-on-error -d npoc <"$(find . -name 'npoc-*.dump' | sort | tail -n 1)") &&
        systemctl start npoc && within 15 curl -fsS $url/health/ready && keeps_all
}
check "the doctor warns that there is no backup" is_without_backup
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
check "a standby makes no backup" leaves_it_to_the_primary
check "the backup is restored completely" restores

# ---- Removed

stored() { (cd / && runuser -u postgres -- psql -qtAd npoc -c 'SELECT count(*) FROM applications'); }
says_that_it_is_down() { apt-get remove -qy npoc && install_package "$package" | grep -q 'installed and not running' && systemctl start npoc; }
removes() { apt-get remove -qy npoc && is "$(property ActiveState)" inactive && [ ! -e /usr/bin/npoc ] && grep -q '^SMTP_URL' $settings; }
purges() { apt-get purge -qy npoc && [ ! -e /etc/npoc ]; }
keeps_data() { is "$(stored)" 3 && is "$(stat -c %U /var/lib/npoc)" npoc && ls /var/backups/npoc/npoc-*.dump; }
check "installed again, it says that it is not running" says_that_it_is_down
check "removing keeps its settings" removes
check "removing keeps its data" keeps_data
check "it is purged" purges
check "purging keeps its data" keeps_data

echo "deployed: $checks checks passed"
