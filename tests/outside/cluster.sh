#!/bin/bash
# Sets three machines up as deploy/cluster/README.md says, word for word, then upgrades them and lets them fail while visitors
# apply.
#
#   tests/outside/cluster.sh OLDER.deb PACKAGE.deb
#
# Each machine is a clean Debian 13 in a container, with systemd and a network of the three alone. Needs root, debootstrap and
# systemd-nspawn. If no container can boot, it says so and exits with 77.
# shellcheck disable=SC2016 # `eval` and the containers' shells expand these strings
set -euo pipefail
older=$(realpath "${1:?usage: tests/outside/cluster.sh OLDER.deb PACKAGE.deb}")
package=$(realpath "${2:?a package}")
if [ "$(id -u)" -ne 0 ]; then echo "NOT TRIED: only root can boot a container" && exit 77; fi
outside=$(realpath "$(dirname "$0")")
# shellcheck source=tests/outside/container.sh
. "$outside/container.sh"
# shellcheck source=tests/outside/checks.sh
. "$outside/checks.sh"
# shellcheck source=tests/outside/cluster-steps.sh
. "$outside/cluster-steps.sh"
cd "$work"
finish() {
    status=$?
    trap - EXIT HUP INT TERM
    if [ "$status" -ne 0 ] && [ "$status" -ne 77 ]; then tell_failure >&3 2>&1 || true; fi
    for process in "${helpers[@]}"; do { kill -KILL "$process" && wait "$process"; } 2>/dev/null || true; done
    end_container
    exit "$status"
}
exec 3>&2
trap finish EXIT
trap 'exit 1' HUP INT TERM

# ---- Three machines

debian trixie "$work/a" adduser,ca-certificates,curl,dbus,iproute2,iputils-ping,libsystemd0,openssl,procps,systemd,systemd-sysv
chroot "$work/a" apt-get -qq update
makes_bridge
makes_world
for name in b c; do cp -a "$work/a" "$work/$name"; done
number=0
for name in a b c; do
    number=$((number + 1))
    prepare "$work/$name" "$name" 10.77.0.$number
    boot_machine "$name"
done
# From here on, a machine that does not boot is a failure.
not_tried() { echo "$1" && exit 1; }

# ---- First start

check "the three machines reach one another" reach_one_another
check "etcd is installed on three machines" on_all installs_etcd
check "etcd starts, and shows three machines" starts_etcd
check "the packages are installed on a and b" on_both installs_packages
check "a is the leader" on a makes_leader
check "b is the synchronous standby" on b makes_standby
check "the database is created" on a makes_database
check "the site starts on a" on a starts_site
check "the site starts on b" on b starts_site
check "HAProxy is installed on a and b" on_both installs_haproxy
check "HAProxy starts on a" on a starts_haproxy
check "HAProxy starts on b" on b starts_haproxy
check "the leader has a synchronous standby" within 60 is_whole
check "the doctor finds no problem on a" within 30 on a finds_no_problem
check "the doctor finds no problem on b" within 30 on b finds_no_problem
echo "    the doctor warns: $(on_each warnings)"

# ---- Upgrades under load

check "both sites are upgraded while visitors apply, behind HAProxy" while_visitors_apply upgrade upgrades
no_visitor_noticed upgrade
check "every email was sent" within 60 has_sent_all
check "every acknowledged application is stored once, and sent once" keeps_promises
check "no email was sent again" sent_none_again
check "a site is killed while visitors apply, behind HAProxy" while_visitors_apply kill kills_site b
no_visitor_noticed kill
check "nginx is in front on a and b" on_both has_nginx
check "both sites are installed again while visitors apply, behind nginx" while_visitors_apply nginx reinstalls
no_visitor_noticed nginx
check "a site is killed while visitors apply, behind nginx" while_visitors_apply nginx-kill kills_site a
no_visitor_noticed nginx-kill
check "HAProxy is in front again" on_both has_haproxy_again

# ---- Faults

check "the backup is made on the primary's machine alone" backs_up_once
primary=$(on b leader)
other=$(other_than "$primary")
check "$primary, the primary's machine, goes off while visitors apply" while_visitors_apply power loses_power "$primary" "$other"
tell power
check "nothing was stored for at most 60 s" at_most power gap 60
check "it boots and is the synchronous standby again without help" returns "$primary"
check "c goes off, and storing goes on" while_visitors_apply without-c loses_c
no_visitor_noticed without-c
check "c is back" boot_machine c
check "patroni stops everywhere" on_both inside systemctl stop patroni
check "without a database, pages and the form are there" serves_without_database
check "patroni starts again" on_both inside systemctl start patroni
check "the leader has a synchronous standby" within 60 is_whole
check "a minor version of PostgreSQL comes to the standby first" changes_minor_version
check "every email was sent" within 240 has_sent_all
check "every acknowledged application is stored once, and sent" keeps_promises
cat out
check "the doctor finds no problem on a" within 30 on a finds_no_problem
check "the doctor finds no problem on b" within 30 on b finds_no_problem
check "\"Going back to one machine\" can be followed" goes_back

echo "cluster: $checks checks passed"
