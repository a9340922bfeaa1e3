# shellcheck shell=bash
# A Debian in a container, for deploy.sh, newcomer.sh and upgrade.sh, and several for cluster.sh. A script that sources this
# sets `outside` to this directory first, and calls `end_container` before its own cleanup.
#
# Needs root, debootstrap and systemd-nspawn. If containers are not available, not_tried says so and exits with 77.

outside=${outside:?the directory of these scripts}
work=$(mktemp -d)
chmod 711 "$work"
# The process of each container by its name, and the container that `inside` is about.
declare -A containers=()
at='' bridge=''
# The language of a login.
lang=C.UTF-8
# Keeps packages, so that a second run downloads none.
kept=$(dirname "$(dirname "$outside")")/target/bootstrap

not_tried() { echo "NOT TRIED: $1" && exit 77; }

# Ends all containers and removes $work.
end_container() {
    for name in "${!containers[@]}"; do power_off "$name"; done
    if [ -n "$bridge" ]; then ip link del "$bridge"; fi
    rm -rf --one-file-system "$work"
}
power_off() { # NAME: ends a container at once
    kill -KILL "$(on "$1" init)" "${containers[$1]}" 2>/dev/null || true
    wait "${containers[$1]}" 2>/dev/null || true
    unset "containers[$1]"
    # A killed systemd-nspawn leaves these, and the kernel keeps the network of killed processes for a while.
    ip link del "vb-npoc-$$-$1" 2>/dev/null || true
    rmdir "/run/systemd/nspawn/propagate/npoc-$$-$1" 2>/dev/null || true
    # Killed processes leave their groups a moment later.
    for group in $(groups_of "$1"); do until [ ! -d "$group" ] || rmdir_all "$group"; do sleep 0.1; done; done
}
groups_of() { printf '%s\n' /sys/fs/cgroup/{systemd/,unified/,}"npoc-container-$$-$1"; }
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

# makes_bridge: makes a network of containers alone. `boot ROOT --network-bridge="$bridge"` joins one to it, as host0.
makes_bridge() {
    bridge=npoc-$$
    ip link add "$bridge" type bridge && ip link set "$bridge" up
}

# boot ROOT OPTION…: boots it with systemd and only the loopback network, and waits until it is up. The container has the name of
# the directory ROOT. Options go to systemd-nspawn.
boot() {
    local end=$((SECONDS + 120)) group keep=() groups=()
    at=$(basename "$1")
    # If this machine does not run systemd, the container's systemd needs its own control groups.
    if [ ! -d /run/systemd/system ]; then
        keep=(--keep-unit)
        for group in $(groups_of "$at"); do
            if [ -e "$(dirname "$group")/cgroup.procs" ] && mkdir "$group" 2>/dev/null; then groups+=("$group"); fi
        done
    fi
    boots "$@" </dev/null >"$work/console-$at" 2>&1 &
    containers[$at]=$!
    until is_booted; do
        if [ "$SECONDS" -ge "$end" ] || ! kill -0 "${containers[$at]}" 2>/dev/null; then
            not_tried "no container can be booted here: $(tail -n 1 "$work/console-$at")"
        fi
        sleep 0.2
    done
}
boots() { # ROOT OPTION…
    for group in "${groups[@]}"; do echo "$BASHPID" >"$group/cgroup.procs"; done
    exec env SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 SYSTEMD_NSPAWN_TMPFS_TMP=0 systemd-nspawn --boot --directory="$1" \
        --machine="npoc-$$-$at" --hostname=clean --register=no "${keep[@]}" --private-network --resolv-conf=off \
        --timezone=off --link-journal=no --console=pipe --bind-ro="$outside:/outside" "${@:2}"
}
is_booted() {
    local state
    state=$(inside systemctl is-system-running 2>/dev/null) || true
    [ "$state" = running ] || [ "$state" = degraded ]
}

init() { pgrep -P "${containers[$at]}" -x systemd; }
inside() { # COMMAND…: runs it in the booted container, as root
    nsenter --target "$(init)" --mount --uts --ipc --net --pid --cgroup --root \
        env -i --chdir=/ PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"
}
on() { # NAME COMMAND…: runs it with `inside` about this container
    local at=$1
    "${@:2}"
}

# tried FILE NAME [SCRIPT]: runs the block of a document under the mark NAME, as root, in a login shell, without questions. SCRIPT is
# for sed, and fills in what is the reader's own.
tried() {
    local block
    # shellcheck disable=SC2016 # marks of Markdown
    block=$(sed -n "/^<!-- tried: $2 -->\$/,/^\`\`\`\$/p" "$1" | sed '1,/^```sh$/d; /^```$/d' | sed -E "${3:-}")
    [ -n "$block" ] && inside env LANG="$lang" bash -lc "set -eu"$'\n'"$block" </dev/null
}
