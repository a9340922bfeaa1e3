# shellcheck shell=bash
# A Debian in a container, for scripts that bash runs: deploy.sh, newcomer.sh and upgrade.sh. A script that sources this
# has set `outside` to this directory, and ends with `end_container` before its own cleaning up.
#
# Needs root, debootstrap and systemd-nspawn. Where no container can be had, not_tried says so and ends with 77.

outside=${outside:?the directory of these scripts}
work=$(mktemp -d)
chmod 711 "$work"
groups=() machine=''
# Packages are kept here, so that a second run fetches none.
kept=$(dirname "$(dirname "$outside")")/target/bootstrap

not_tried() { echo "NOT TRIED: $1" && exit 77; }

# Ends the container, and removes $work with all that is in it.
end_container() {
    if [ -n "$machine" ]; then
        kill -KILL "$(init)" "$machine" 2>/dev/null || true
        wait "$machine" 2>/dev/null || true
    fi
    # What was killed is gone a moment later.
    for group in "${groups[@]}"; do until rmdir_all "$group"; do sleep 0.1; done; done
    rm -rf --one-file-system "$work"
}
rmdir_all() { find "$1" -depth -type d -exec rmdir {} + 2>/dev/null; }

# mirror: where this machine has its own Debian's packages from.
mirror() {
    # shellcheck disable=SC2016 # apt's variables
    apt-get indextargets --format '$(REPO_URI) $(CODENAME) $(COMPONENT)' 'Created-By: Packages' |
        awk -v codename="$(. /etc/os-release && echo "$VERSION_CODENAME")" '$2 == codename && $3 == "main" { print $1; exit }'
}

# debian CODENAME ROOT PACKAGE,…: a clean Debian with these packages.
debian() {
    mkdir -p "$kept/$1"
    debootstrap --variant=minbase --cache-dir="$kept/$1" --include="$3" "$1" "$2" "$(mirror)" >"$work/log" 2>&1 || {
        tail -n 5 "$work/log" >&2
        exit 1
    }
    echo clean >"$2/etc/hostname"
    : >"$2/etc/machine-id"
}

# boot ROOT OPTION…: starts its systemd, with no network but loopback, and waits until it is up. Options go to
# systemd-nspawn.
boot() {
    local end=$((SECONDS + 120)) hierarchy group keep=()
    # Where this machine is run by no systemd, the container gets control groups of its own, which is what systemd asks for.
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
inside() { # COMMAND…: in the booted container, as root
    nsenter --target "$(init)" --mount --uts --ipc --net --pid --cgroup --root \
        env -i --chdir=/ PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"
}
