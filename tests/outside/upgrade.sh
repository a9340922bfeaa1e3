#!/bin/bash
# Sets the site up on Debian 12 in a container, upgrades that to Debian 13, and follows docs/deploying.md word for word: "A new
# Debian", and "The embedded database in a new version of PostgreSQL".
#
#   tests/outside/upgrade.sh PACKAGE.deb
#
# Needs root, debootstrap and systemd-nspawn. Where no container can be booted, it says so and ends with 77.
set -euo pipefail
package=$(realpath "${1:?usage: tests/outside/upgrade.sh PACKAGE.deb}")
if [ "$(id -u)" -ne 0 ]; then echo "NOT TRIED: only root can boot a container" && exit 77; fi
outside=$(realpath "$(dirname "$0")")
# shellcheck source=tests/outside/container.sh
. "$outside/container.sh"
# shellcheck source=tests/outside/checks.sh
. "$outside/checks.sh"
cd "$work"
finish() {
    status=$?
    trap - EXIT HUP INT TERM
    if [ "$status" -ne 0 ] && [ "$status" -ne 77 ]; then
        printf '%s\n' "FAILED: $name" "--- what it said" "$(tail -n 40 out)" "--- the log of npoc" \
            "$(inside journalctl -u npoc -n 15 --no-pager -o cat)" >&3
    fi
    if [ -n "${proxy:-}" ]; then { kill "$proxy" && wait "$proxy"; } 2>/dev/null || true; fi
    end_container
    exit "$status"
}
exec 3>&2
trap finish EXIT
trap 'exit 1' HUP INT TERM

# ---- Debian 12 with the site

from=$(mirror)
case $from in http://*) ;; *) not_tried "packages come from $from, and only http is passed on" ;; esac
root=$work/root
debian bookworm "$root" adduser,ca-certificates,curl,dbus,libsystemd0,locales,sudo,systemd,systemd-sysv
install -D -m 644 -t "$root/packages" "$package"
echo 'en_US.UTF-8 UTF-8' >"$root/etc/locale.gen"
chroot "$root" locale-gen >/dev/null
echo 'LANG=en_US.UTF-8' >"$root/etc/default/locale"
echo 'Acquire::http::Proxy "http://127.0.0.1:3142";' >"$root/etc/apt/apt.conf.d/proxy"
boot "$root"
"$python" "$outside/packages.py" "$(init)" 3142 "$from" "$kept/packages" 3>&- &
proxy=$!

# tried NAME: has a shell follow the block of docs/deploying.md under this mark, as root, who is asked nothing.
tried() {
    # shellcheck disable=SC2016 # marks of Markdown
    sed -n "/^<!-- tried: $1 -->\$/,/^\`\`\`\$/p" "$outside/../../docs/deploying.md" | sed '1,/^```sh$/d; /^```$/d' >block
    [ -s block ] && cp block "$root/block" && inside env LANG=en_US.UTF-8 DEBIAN_FRONTEND=noninteractive bash -eu /block </dev/null
}
settings=$root/etc/npoc/npoc.env
install_all() {
    inside apt-get -qy update && inside env LANG=en_US.UTF-8 apt-get -qy install postgresql "/packages/$(basename "$package")" &&
        echo NPOC_MAIL=folder >>"$settings" && sed -i '/^NPOC_PUBLIC_URL/d' "$settings" # so that the doctor finds nothing bad
}
as_postgres() { inside runuser -u postgres -- "$@"; }
makes_database() { as_postgres createuser npoc && as_postgres createdb --owner=npoc --encoding=UTF8 --template=template0 npoc; }
# What asks the site is this machine's, in the network of the container.
curl() { nsenter --target "$(init)" --net curl "$@"; }
url=http://127.0.0.1:8080
is_ready() { within 60 curl -fsS --max-time 5 $url/health/ready; }
starts() { inside systemctl restart npoc && is_ready; }
with_own_database() { sed -i 's/^DATABASE_URL/#&/' "$settings"; }
with_debians_database() { sed -i 's/^#DATABASE_URL/DATABASE_URL/' "$settings"; }
keeps() { inside npoc applications show "$1" | grep -q '^    例え財団$'; }
clusters() { is "$(inside pg_lsclusters --no-header | awk '{ print $1, $2, $3, $4 }' | xargs)" "$1"; }
# Whether the database sorts as the system does, as the database knows it.
collates() {
    is "$(as_postgres psql -qtAXd npoc -c 'SELECT datcollversion = pg_database_collation_actual_version(oid) FROM pg_database
        WHERE datname = current_database()' 2>/dev/null)" "$1"
}

check "the package is installed on Debian 12" install_all
check "it has a database of its own" with_own_database
check "with which the site starts" starts
apply tanaka
embedded=$reference
check "the site stops" inside systemctl stop npoc
check "it has Debian's database" with_debians_database
check "which is made" makes_database
check "and with which the site starts" starts
apply tanaka

# ---- Debian 13, as its release notes say

upgrades() {
    sed -i 's/bookworm/trixie/' "$root/etc/apt/sources.list" && inside apt-get -qy update &&
        inside apt-get -qy -o Dpkg::Options::=--force-confold upgrade --without-new-pkgs &&
        inside apt-get -qy -o Dpkg::Options::=--force-confold full-upgrade && grep -q trixie "$root/etc/os-release"
}
check "Debian 12 becomes Debian 13" upgrades
check "the site is there, on the old database" is_ready
check "with its application" keeps "$reference"
echo "    clusters after the upgrade: $(inside pg_lsclusters --no-header | awk '{ print $1, $2, $3, $4 }' | xargs)"
check "which another C library sorts in another way" collates f
check "docs/deploying.md says what to do if the database is to stay" tried 'another collation'
check "and it sorts as the system does" collates t
check "\"A new Debian\" can be followed" tried 'a new Debian'
check "the site is there" is_ready
check "with its application" keeps "$reference"
check "on the new version" clusters '15 main 5433 down 17 main 5432 online'
check "which sorts as the system does" collates t
check "the old version is removed" tried 'the old PostgreSQL'
check "and the new one is left" clusters '17 main 5432 online'
check "the site is there" is_ready

# ---- The embedded database, with the programs of the new version only

fails_to_start() {
    inside systemctl stop npoc && ! inside ls /usr/lib/postgresql/15/bin/postgres && { inside systemctl start npoc --no-block || true; } &&
        within 60 eval 'inside journalctl -u npoc --no-pager -o cat | grep -q "belong to PostgreSQL 15"'
}
is_of() { is "$(cat "$root/var/lib/npoc/postgres/PG_VERSION")" "$1"; }
check "the site has its own database again" with_own_database
check "which needs programs that are gone" fails_to_start
check "docs/deploying.md says how to get them" tried 'the old programs'
check "and how to bring the data into the new version" tried 'the embedded database'
check "the site is there" is_ready
check "with its application" keeps "$embedded"
check "in the new version" is_of 17
check "what is not needed any more is removed" tried 'the old embedded data'
check "the site starts" starts
check "with its application" keeps "$embedded"

echo "upgrade: $checks checks passed"
