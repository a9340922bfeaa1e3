#!/bin/bash
# Boots a clean Debian in a container, with systemd and no network but loopback, and has deployed.sh follow DEPLOY.md
# there.
#
#   tests/outside/deploy.sh OLDER.deb PACKAGE.deb
#
# Needs root, debootstrap and systemd-nspawn. Where no container can be booted, it says so and ends with 77.
set -euo pipefail
if [ "$(id -u)" -ne 0 ]; then echo "NOT TRIED: only root can boot a container" && exit 77; fi
older=$(realpath "${1:?usage: tests/outside/deploy.sh OLDER.deb PACKAGE.deb}")
package=$(realpath "${2:?a package}")
outside=$(realpath "$(dirname "$0")")

work=$(mktemp -d)
root=$work/root
groups=() machine=''
finish() {
    status=$?
    trap - EXIT HUP INT TERM
    if [ -n "$machine" ]; then
        kill -KILL "$(init)" "$machine" 2>/dev/null || true
        wait "$machine" 2>/dev/null || true
    fi
    # What was killed is gone a moment later.
    for group in "${groups[@]}"; do until rmdir_all "$group"; do sleep 0.1; done; done
    rm -rf --one-file-system "$work"
    exit "$status"
}
rmdir_all() { find "$1" -depth -type d -exec rmdir {} + 2>/dev/null; }
trap finish EXIT
trap 'exit 1' HUP INT TERM

# ---- A clean Debian, with what DEPLOY.md installs, from where this machine has its packages

# shellcheck disable=SC2016 # apt's variables
mirror=$(apt-get indextargets --format '$(REPO_URI) $(CODENAME) $(COMPONENT)' 'Created-By: Packages' |
    awk -v codename="$(. /etc/os-release && echo "$VERSION_CODENAME")" '$2 == codename && $3 == "main" { print $1; exit }')
codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
needed=adduser,ca-certificates,caddy,curl,dbus,libsystemd0,nginx,openssl,postgresql,python3-aiosmtpd,systemd,systemd-sysv
debootstrap --variant=minbase --include="$needed" "$codename" "$root" "$mirror" >"$work/log" 2>&1 || {
    tail -n 5 "$work/log" >&2
    exit 1
}
echo clean >"$root/etc/hostname"
: >"$root/etc/machine-id"
install -D -m 644 -t "$root/packages" "$older" "$package"

# ---- Booted

# Where this machine is run by no systemd, the container gets control groups of its own, which is what systemd asks for.
keep=()
if [ ! -d /run/systemd/system ]; then
    keep=(--keep-unit)
    for hierarchy in /sys/fs/cgroup/systemd /sys/fs/cgroup/unified /sys/fs/cgroup; do
        group=$hierarchy/npoc-deploy-$$
        if [ -e "$hierarchy/cgroup.procs" ] && mkdir "$group" 2>/dev/null; then groups+=("$group"); fi
    done
fi
boot() {
    for group in "${groups[@]}"; do echo "$BASHPID" >"$group/cgroup.procs"; done
    exec env SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 SYSTEMD_NSPAWN_TMPFS_TMP=0 systemd-nspawn --boot --directory="$root" \
        --machine="npoc-deploy-$$" --hostname=clean --register=no "${keep[@]}" --private-network --resolv-conf=off \
        --timezone=off --link-journal=no --console=pipe --bind-ro="$outside:/outside"
}
boot </dev/null >"$work/console" 2>&1 &
machine=$!

init() { pgrep -P "$machine" -x systemd; }
inside() { # COMMAND…
    nsenter --target "$(init)" --mount --uts --ipc --net --pid --cgroup --root \
        env -i --chdir=/ PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"
}
is_up() {
    local state
    state=$(inside systemctl is-system-running 2>/dev/null) || true
    [ "$state" = running ] || [ "$state" = degraded ]
}
end=$((SECONDS + 60))
until is_up; do
    if [ "$SECONDS" -ge "$end" ] || ! kill -0 "$machine" 2>/dev/null; then
        echo "NOT TRIED: no container can be booted here: $(tail -n 1 "$work/console")"
        exit 77
    fi
    sleep 0.2
done

inside bash /outside/deployed.sh "/packages/$(basename "$older")" "/packages/$(basename "$package")"
