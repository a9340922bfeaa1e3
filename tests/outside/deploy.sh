#!/bin/bash
# Boots a clean Debian in a container, with systemd and only the loopback network, and runs deployed.sh there.
#
#   tests/outside/deploy.sh CODENAME OLDER.deb PACKAGE.deb
#
# CODENAME is bookworm or trixie. Needs root, debootstrap and systemd-nspawn. If no container can boot, it says so and exits
# with 77.
set -euo pipefail
codename=${1:?usage: tests/outside/deploy.sh CODENAME OLDER.deb PACKAGE.deb}
older=$(realpath "${2:?an older package}")
package=$(realpath "${3:?a package}")
outside=$(realpath "$(dirname "$0")")
if [ "$(id -u)" -ne 0 ]; then echo "NOT TRIED: only root can boot a container" && exit 77; fi
# shellcheck source=tests/outside/container.sh
. "$outside/container.sh"
finish() {
    status=$?
    trap - EXIT HUP INT TERM
    end_container
    exit "$status"
}
trap finish EXIT
trap 'exit 1' HUP INT TERM

# With the packages that docs/deploying.md installs, from this machine's mirror.
debian "$codename" "$work/root" \
    adduser,ca-certificates,caddy,curl,dbus,haproxy,libsystemd0,nginx,openssl,postgresql,python3-aiosmtpd,systemd,systemd-sysv
install -D -m 644 -t "$work/root/packages" "$older" "$package"
boot "$work/root"
inside bash /outside/deployed.sh "/packages/$(basename "$older")" "/packages/$(basename "$package")"
