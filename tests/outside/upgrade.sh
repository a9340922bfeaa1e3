#!/bin/bash
# Sets up the site on Debian 12 in a container, upgrades it to Debian 13, and follows docs/deploying.md word for word: "A new
# Debian" and "The embedded database in a new version of PostgreSQL".
#
#   tests/outside/upgrade.sh PACKAGE.deb
#
# Needs root, debootstrap and systemd-nspawn. If no container can boot, it says so and exits with 77.
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
case $from in http://*) ;; *) not_tried "packages come from $from, and the proxy passes only http on" ;; esac
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

lang=en_US.UTF-8
follows() { tried "$outside/../../docs/deploying.md" "$1"; }
settings=$root/etc/npoc/npoc.env
install_all() {
    inside apt-get -qy update && inside env LANG=en_US.UTF-8 apt-get -qy install postgresql "/packages/$(basename "$package")" &&
        printf "%s\n" NPOC_MAIL=folder NPOC_DNS=off >>"$settings" && sed -i '/^NPOC_PUBLIC_URL/d' "$settings" # so that the doctor finds no problem
}
as_postgres() { inside runuser -u postgres -- "$@"; }
makes_database() { as_postgres createuser npoc && as_postgres createdb --owner=npoc --encoding=UTF8 --template=template0 npoc; }
# This machine's curl, in the container's network.
curl() { nsenter --target "$(init)" --net curl "$@"; }
url=http://127.0.0.1:8080
is_ready() { within 60 curl -fsS --max-time 5 $url/health/ready; }
starts() { inside systemctl restart npoc && is_ready; }
with_own_database() { sed -i 's/^DATABASE_URL/#&/' "$settings"; }
with_debians_database() { sed -i 's/^#DATABASE_URL/DATABASE_URL/' "$settings"; }
keeps() { inside npoc applications show "$1" | grep -q '^    例え財団$'; }
clusters() { is "$(inside pg_lsclusters --no-header | awk '{ print $1, $2, $3, $4 }' | xargs)" "$1"; }
# 't' or 'f': whether the database's collation version is the system's.
collates() {
    is "$(as_postgres psql -qtAXd npoc -c 'SELECT datcollversion = pg_database_collation_actual_version(oid) FROM pg_database
        WHERE datname = current_database()' 2>/dev/null)" "$1"
}

check "the package is installed on Debian 12" install_all
check "it uses the embedded database" with_own_database
check "the site starts with it" starts
apply tanaka
embedded=$reference
check "the site stops" inside systemctl stop npoc
check "it uses Debian's database" with_debians_database
check "the database is created" makes_database
check "the site starts with Debian's database" starts
apply tanaka

# ---- Debian 13, as its release notes say

upgrades() {
    sed -i 's/bookworm/trixie/' "$root/etc/apt/sources.list" && inside apt-get -qy update &&
        inside apt-get -qy -o Dpkg::Options::=--force-confold upgrade --without-new-pkgs &&
        inside apt-get -qy -o Dpkg::Options::=--force-confold full-upgrade && grep -q trixie "$root/etc/os-release"
}
check "Debian 12 becomes Debian 13" upgrades
check "the site runs on the old database" is_ready
check "its application is kept" keeps "$reference"
echo "    clusters after the upgrade: $(inside pg_lsclusters --no-header | awk '{ print $1, $2, $3, $4 }' | xargs)"
check "another C library sorts the database differently" collates f
check "docs/deploying.md rebuilds the indexes" follows 'another collation'
check "the database sorts as the system does" collates t
check "\"A new Debian\" can be followed" follows 'a new Debian'
check "the site runs" is_ready
check "its application is kept" keeps "$reference"
check "the new version is online" clusters '15 main 5433 down 17 main 5432 online'
check "the new version sorts as the system does" collates t
check "the old version is removed" follows 'the old PostgreSQL'
check "only the new version is left" clusters '17 main 5432 online'
check "the site runs" is_ready

# ---- The embedded database, with the programs of the new version only

fails_to_start() {
    inside systemctl stop npoc && ! inside ls /usr/lib/postgresql/15/bin/postgres && { inside systemctl start npoc --no-block || true; } &&
        within 60 eval 'inside journalctl -u npoc --no-pager -o cat | grep -q "belong to PostgreSQL 15"'
}
is_of() { is "$(cat "$root/var/lib/npoc/postgres/PG_VERSION")" "$1"; }
check "it uses the embedded database again" with_own_database
check "the site does not start without the old programs" fails_to_start
check "docs/deploying.md installs the old programs" follows 'the old programs'
check "docs/deploying.md moves the data to the new version" follows 'the embedded database'
check "the site runs" is_ready
check "its application is kept" keeps "$embedded"
check "its data are in the new version" is_of 17
check "the old data and programs are removed" follows 'the old embedded data'
check "the site starts" starts
check "its application is kept" keeps "$embedded"

echo "upgrade: $checks checks passed"
