# shellcheck shell=bash
# What cluster.sh checks: the steps of deploy/cluster/README.md on machines a, b and c, and the visitors. cluster.sh sources this
# after container.sh and checks.sh.
# shellcheck disable=SC2016 # `eval` and the containers' shells expand these strings

# container.sh and checks.sh set these.
outside=${outside:?} work=${work:?} kept=${kept:?} python=${python:?} bridge=${bridge:-} name=${name:-}
older=${older:?} package=${package:?}
readme=$outside/../../deploy/cluster/README.md
host=npoc.example url=https://npoc.example
# The place of visitors, the mail relay and the packages: a network namespace beside the three machines.
elsewhere=10.77.0.9
helpers=() world=''

on_both() { on_two a b "$@"; }
on_two() { # NAME NAME COMMAND…: on both at the same time
    local first status=0
    on "$1" "${@:3}" &
    first=$!
    on "$2" "${@:3}" || status=$?
    wait "$first" && return "$status"
}
on_all() { on a "$@" && on b "$@" && on c "$@"; }
follows() { tried "$readme" "$@"; }
# The lines that are about b only, and the site's name.
ours() { printf '%s' "s/YOUR\.NAME/$host/g" && if [ "$at" != b ]; then printf '%s' '; /# on b only$/d'; fi; }

# ---- Machines and their surroundings

makes_world() {
    unshare --net sleep infinity 3>&- &
    world=$!
    helpers+=("$world")
    within 5 eval '[ "$(readlink /proc/$world/ns/net)" != "$(readlink /proc/self/ns/net)" ]'
    ip link add "w-$$" master "$bridge" up type veth peer name eth0 netns "$world"
    in_world ip link set lo up
    in_world ip address add "$elsewhere/24" dev eth0
    in_world ip link set eth0 up
    local from
    from=$(mirror)
    case $from in http://*) ;; *) not_tried "packages come from $from, and the proxy passes only http on" ;; esac
    "$python" "$outside/packages.py" "$world" 3142 "$from" "$kept/packages" "$elsewhere" 3>&- &
    helpers+=("$!")
    nsenter --target "$world" --net "$python" -B "$outside/failover/relay.py" 2525 emails "$elsewhere" 3>&- &
    helpers+=("$!")
}
in_world() { nsenter --target "$world" --net "$@"; }
# A visitor's curl.
curl() { in_world curl --cacert certificate --connect-to "$host:443:10.77.0.1:443" "$@"; }

prepare() { # ROOT NAME ADDRESS: a clean machine at its provider, with the package and the examples copied to it
    local root=$1
    echo "$2" >"$root/etc/hostname"
    printf '127.0.0.1 localhost\n%s %s www.%s\n' "$3" "$host" "$host" >"$root/etc/hosts"
    printf '[Match]\nName=host0\n[Network]\nAddress=%s/24\n' "$3" >"$root/etc/systemd/network/10-private.network"
    chroot "$root" systemctl enable systemd-networkd 2>log
    echo "Acquire::http::Proxy \"http://$elsewhere:3142\";" >"$root/etc/apt/apt.conf.d/proxy"
    # No power fails while a package is unpacked.
    echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/fast"
    mkdir "$root/packages"
    cp "$older" "$root/packages/npoc_older.deb"
    cp -r "$outside/../../deploy/cluster" "$root/root/examples"
    # What the reader has typed before each block.
    printf 'examples=/root/examples\ncd /packages\n' >"$root/etc/profile.d/reader.sh"
    has_certificate "$root"
}
boot_machine() { boot "$work/$1" --hostname="$1" --network-bridge="$bridge"; }

# certbot cannot ask Let's Encrypt, so this one writes what it would get. The machine trusts it.
has_certificate() { # ROOT
    if [ ! -e certificate ]; then
        openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=$host" -addext "subjectAltName=DNS:$host,DNS:www.$host" \
            -addext basicConstraints=critical,CA:FALSE -keyout key -out certificate 2>log
    fi
    mkdir -p "$1/usr/local/share/ca-certificates" "$1/root/letsencrypt"
    cp certificate "$1/usr/local/share/ca-certificates/site.crt"
    cp certificate "$1/root/letsencrypt/fullchain.pem"
    cp key "$1/root/letsencrypt/privkey.pem"
    chroot "$1" update-ca-certificates >log 2>&1
    cat >"$1/usr/local/bin/certbot" <<'END'
#!/bin/sh
set -eu
mkdir -p /etc/letsencrypt/live
cp -r /root/letsencrypt /etc/letsencrypt/live/npoc.example
END
    chmod 755 "$1/usr/local/bin/certbot"
}

tell_failure() {
    printf '%s\n' "FAILED: $name" '--- what it said' "$(tail -n 40 out)"
    # shellcheck disable=SC2154 # container.sh has them
    for machine in "${!containers[@]}"; do
        echo "--- the log of $machine"
        on "$machine" inside journalctl -n 25 --no-pager -o cat -u npoc -u patroni -u haproxy
    done
    cat ./*.told 2>/dev/null || true
}

# ---- First start

reach_one_another() { for to in a b c; do on_all inside ping -c 1 -W 5 "$(address_of $to)" || return; done; }
installs_etcd() { follows etcd "s/^name=.*/name=$at address=$(address_of "$at")/"; }
address_of() { echo "10.77.0.$(printf %s "$1" | tr abc 123)"; }
starts_etcd() { on_all follows 'etcd start' 1p\;d && within 60 has_three_etcds; }
has_three_etcds() { is "$(on b follows 'etcd start' 1d | tee shown | grep -c 'http://10')" 3 && grep -q 'true' shown; }
installs_packages() { follows 'no server of its own' && follows packages; }
makes_leader() { follows 'patroni on a' && within 60 eval 'on a lists | grep -q "Leader.*running"'; }
makes_standby() {
    cp -p "$work/a/etc/patroni/config.yml" "$work/b/etc/patroni/config.yml"
    follows 'patroni on b' && within 60 is_whole
}
# The members: cluster, name, address, role, state, timeline, lag.
lists() { inside bash -lc 'patronictl list --format tsv'; }
leader() { lists | awk -F '\t' '$4 == "Leader" { print $2 }'; }
other_than() { if [ "$1" = a ]; then echo b; else echo a; fi; }
is_whole() {
    on "${living:-b}" lists >members && grep -q 'Leader.*running' members && grep -q 'Sync Standby.*streaming' members
}

makes_database() { follows database >said && password=$(grep -xE '[0-9a-f]{32}' said); }
settings() { echo "$work/$1/etc/npoc/npoc.env"; }
changes_settings() { # as npoc.env in the examples says, and what this test needs
    local line
    {
        sed "s/PASSWORD/$password/" "${readme%/*}/npoc.env" | grep '^[A-Z]'
        # All visitors share one address. There is no DNS.
        printf '%s\n' NPOC_PUBLIC_URL=$url SMTP_URL=smtp://$elsewhere:2525 NPOC_DNS=off NPOC_RDAP=off NPOC_RATE_LIMIT=0
    } >changes
    while IFS= read -r line; do sed -i "/^${line%%=*}=/d" "$(settings a)"; done <changes
    cat changes >>"$(settings a)"
}
starts_site() {
    if [ "$at" = a ]; then changes_settings; else
        cat "$(settings a)" >"$(settings b)"
        sed -i '/^NPOC_LISTEN/s/10.77.0.1/10.77.0.2/' "$(settings b)"
    fi
    # The proxy is not there yet, as the document says.
    follows sites >said || is "$(grep -c '^FAIL' said) $(grep -c '^FAIL Public address' said)" '1 1' || { cat said && return 1; }
}

installs_haproxy() { follows haproxy "$(ours)"; }
starts_haproxy() {
    # All visitors share one address.
    inside sed -i 's/ gt 60 }/ gt 1000000 }/' /etc/haproxy/haproxy.cfg
    # No other proxy was here.
    follows certificate "$(ours); /^systemctl disable/d"
}
has_nginx() {
    inside systemctl disable --now haproxy && inside apt-get -qy install nginx &&
        inside cp /usr/share/doc/npoc/examples/nginx.conf /etc/nginx/sites-available/npoc &&
        inside sed -i "s/npoc\.org/$host/g" /etc/nginx/sites-available/npoc &&
        inside ln -s ../sites-available/npoc /etc/nginx/sites-enabled/ && inside rm /etc/nginx/sites-enabled/default &&
        follows nginx "$(ours)"
}
has_haproxy_again() { inside systemctl disable --now nginx && inside systemctl enable --now haproxy; }

finds_no_problem() { inside npoc doctor; }
warnings() { inside npoc doctor | sed -n 's/^warn //p' | paste -sd ' '; }
on_each() { echo "a: $(on a "$@"); b: $(on b "$@")"; }

# ---- Visitors

while_visitors_apply() { # NAME COMMAND…: visitors apply before, during and after the command. The figures are in NAME.told
    visit=$1
    local visitors
    nsenter --target "$world" --net "$python" -B "$outside/failover/visitors.py" apply "$visit" $host certificate 10.77.0.1 \
        10.77.0.2 3>&- &
    visitors=$!
    helpers+=("$visitors")
    within 30 applied 16 && "${@:2}" && stores_again && kill "$visitors" && wait "$visitors"
}
applied() { [ -e "$visit.count" ] && [ "$(cat "$visit.count")" -ge "$1" ]; }
stores_again() { within "${1:-60}" applied $(($(cat "$visit.count") + 16)); }
told() { sed -n "s/^$2 //p" "$1.told"; } # NAME FIGURE
tell() { # NAME
    echo "    nothing stored for $(told "$1" gap) s; answers $(told "$1" answers); $(told "$1" errors) errors $(told "$1" causes)"
}
at_most() { # NAME FIGURE LIMIT
    awk -v found="$(told "$1" "$2")" -v limit="$3" 'BEGIN { print found; exit !(found != "" && found + 0 <= limit) }'
}
no_visitor_noticed() { # NAME: every post got an answer, and none lost what was typed
    tell "$1"
    check "no visitor met an error" at_most "$1" errors 0
    check "each refused form came back with all that was typed" at_most "$1" textless 0
    check "each visitor has a receipt" at_most "$1" unfinished 0
}
has_sent_all() { on "${living:-b}" inside npoc mail list | grep -q '^0 unsent emails$'; }
keeps_promises() {
    local at
    at=$(on b leader)
    as_postgres psql -qtAX -F $'\t' npoc -c 'SELECT reference, receipt_secret, representative_email FROM applications' >stored &&
        "$python" -B "$outside/failover/visitors.py" count stored emails ./*.receipts
}
sent_none_again() { keeps_promises | grep -q ' 0 emails again'; }

# ---- Upgrades and faults

brings() { rm "$work/$1"/packages/* && cp "$package" "$work/$1/packages/npoc_new.deb"; }
upgrades() {
    brings a && brings b && on a follows 'new version' 1p\;d && on b follows 'new version' 2p\;d && is_new b &&
        on a follows 'new version' 2p\;d && is_new a
}
is_new() { is "$(on "$1" inside dpkg-query -W -f '${Version}' npoc)" "$(dpkg-deb -f "$package" Version)"; }
reinstalls() { reinstalls_on b && reinstalls_on a; }
reinstalls_on() { on "$1" inside apt-get -qy --reinstall install /packages/npoc_new.deb && on "$1" finds_no_problem; }
kills_site() { # NAME
    local before
    before=$(on "$1" process)
    on "$1" inside systemctl kill -s KILL npoc && within 30 eval "[ \"\$(on $1 process)\" != $before ]" &&
        within 30 on "$1" is_ready
}
process() { inside systemctl show npoc --property=MainPID --value; }
is_ready() { inside curl -fsS --max-time 5 "http://$(address_of "$at"):8080/health/ready"; }
loses_power() { # NAME OTHER
    living=$2
    # A machine without power closes no connection.
    on "$1" inside ip link set host0 down && power_off "$1" && stores_again 90 && within 90 eval "is \"\$(on $2 leader)\" $2"
}
returns() { boot_machine "$1" && within 120 is_whole && within 30 on "$1" is_ready; }
loses_c() { power_off c && stores_again 30; }

backs_up_once() {
    local primary other before
    primary=$(on b leader) && other=$(other_than "$primary")
    dumps() { find "$work/$1/var/backups/npoc" -name 'npoc-*.dump' | wc -l; }
    before=$(($(dumps a) + $(dumps b)))
    on_both inside systemctl start npoc-backup && is "$(($(dumps a) + $(dumps b)))" $((before + 1)) &&
        on "$primary" inside journalctl -u npoc-backup -o cat -n 5 | grep -q '/var/backups/npoc/npoc-.*dump' &&
        on "$other" inside journalctl -u npoc-backup -o cat -n 5 | grep -q 'this database server is a standby'
}
serves_without_database() {
    # shellcheck disable=SC2034 # checks.sh reads it
    mailbox=hanako
    fills_in && checks_answers && is "$(curl -sS -o page -w '%{http_code}' $url/)" 200 && is "$(post sent refused)" 503 &&
        grep -q '例え財団' refused && grep -q 'We lend books to every island' refused
}
changes_minor_version() {
    local standby next
    standby=$(other_than "$(on b leader)") && next=$standby
    # The standby is b in the document.
    on "$standby" follows 'minor version' "1,3!d; s/npoc b /npoc $standby /" && within 60 is_whole &&
        on "$standby" follows 'minor version' "5!d; s/candidate b /candidate $next /" && within 60 is_whole &&
        is "$(on b leader)" "$next"
}
goes_back() { # There is no cluster "main", since the site never ran on one machine
    local at other
    at=$(on b leader) && other=$(other_than "$at")
    on "$other" follows 'the other machine' && follows 'one machine' 's/^pg_lsclusters.*/pg_createcluster 17 main/' &&
        on c inside systemctl disable --now etcd &&
        sed -i '/^DATABASE_URL=/d' "$(settings "$at")" && grep '^DATABASE_URL=' "$outside/../../deploy/npoc.env" >>"$(settings "$at")" &&
        follows 'the site of one machine' "s/peer[)] b /peer) $other /; /^npoc doctor/d" && within 30 is_open "$at" &&
        within 30 finds_no_problem &&
        is "$(as_postgres psql -qtAX npoc -c 'SELECT count(*) FROM applications')" "$(wc -l <stored)"
}
is_open() { in_world curl -fsS --max-time 5 --cacert certificate --connect-to "$host:443:$(address_of "$1"):443" $url/health/ready; }
as_postgres() { inside runuser -u postgres -- "$@"; }
