# shellcheck shell=bash
# A Debian in a container, for deploy.sh, newcomer.sh and upgrade.sh. A script that sources this sets `outside` to this
# directory first, and calls `end_container` before its own cleanup.
#
# Needs root, debootstrap and systemd-nspawn. If containers are not available, not_tried says so and exits with 77.

outside=${outside:?the directory of these scripts}
work=$(mktemp -d)
chmod 711 "$work"
groups=() machine=''
# Keeps packages, so that a second run downloads none.
kept=$(dirname "$(dirname "$outside")")/target/bootstrap

not_tried() { echo "NOT TRIED: $1" && exit 77; }

# Ends the container and removes $work.
end_container() {
    if [ -n "$machine" ]; then
        kill -KILL "$(init)" "$machine" 2>/dev/null || true
        wait "$machine" 2>/dev/null || true
    fi
    # Killed processes leave their groups a moment later.
    for group in "${groups[@]}"; do until rmdir_all "$group"; do sleep 0.1; done; done
    rm -rf --one-file-system "$work"
}
rmdir_all() { find "$1" -depth -type d -exec rmdir {} + 2>/dev/null; }

# mirror: prints this machine's own Debian mirror.
mirror() {
    # shellcheck disable=SC2016 # apt's variables
    apt-get indextargets --format '$(REPO_URI) $(CODENAME) $(COMPONENT)' 'Created-By: Packages' |
        awk -v codename="$(. /etc/os-release && echo "$VERSION_CODENAME")" '$2 == codename && $3 == "main" { print $1; exit }'
}

# debian CODENAME ROOT PACKAGE,…: installs a clean Debian with these packages.
debian() {
    mkdir -p "$kept/$1"
    debootstrap --variant=minbase --cache-dir="$kept/$1" --include="$3" "$1" "$2" "$(mirror)" >"$work/log" 2>&1 || {
        tail -n 5 "$work/log" >&2
        exit 1
    }
    echo clean >"$2/etc/hostname"
    : >"$2/etc/machine-id"
}

# boot ROOT OPTION…: boots it with systemd and only the loopback network, and waits until it is up. Options go to
# systemd-nspawn.
boot() {
    local end=$((SECONDS + 120)) hierarchy group keep=()
    # If this machine does not run systemd, the container's systemd needs its own control groups.
    if [ ! -d /run/systemd/system ]; then
        keep=(--keep-unit)
        for hierarchy in /sys/fs/cgroup/systemd /sys/fs/cgroup/unified /sys/fs/cgroup; do
            group=$hierarchy/npoc-container-$$
            if [ -e "$hierarchy/cgroup.procs" ] && mkdir "$group" 2>/dev/null; then groups+=("$group"); fi
        done
    fi
    boots "$@" </dev/null >"$work/console" 2>&1 &
    machine=$!
    until is_booted; do
        if [ "$SECONDS" -ge "$end" ] || ! kill -0 "$machine" 2>/dev/null; then
            not_tried "no container can be booted here: $(tail -n 1 "$work/console")"
        fi
        sleep 0.2
    done
}
boots() { # ROOT OPTION…
    for group in "${groups[@]}"; do echo "$BASHPID" >"$group/cgroup.procs"; done
    exec env SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 SYSTEMD_NSPAWN_TMPFS_TMP=0 systemd-nspawn --boot --directory="$1" \
        --machine="npoc-container-$$" --hostname=clean --register=no "${keep[@]}" --private-network --resolv-conf=off \
        --timezone=off --link-journal=no --console=pipe --bind-ro="$outside:/outside" "${@:2}"
}
is_booted() {
    local state
    state=$(inside systemctl is-system-running 2>/dev/null) || true
    [ "$state" = running ] || [ "$state" = degraded ]
}

init() { pgrep -P "$machine" -x systemd; }
inside() { # COMMAND…: runs it in the booted container, as root
    nsenter --target "$(init)" --mount --uts --ipc --net --pid --cgroup --root \
        env -i --chdir=/ PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"
}
