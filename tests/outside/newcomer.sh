#!/bin/bash
# Clones this checkout into a clean Debian with git, curl, CA certificates and Rust, and runs README.md's two commands there:
# as an ordinary user who may install nothing, as root, and as that user when everything is installed.
#
#   tests/outside/newcomer.sh CODENAME
#
# CODENAME is bookworm or trixie. It tests the current commit. Needs root, debootstrap and systemd-nspawn. If containers are not
# available, it says so and exits with 77. The build has no link-time optimization, to save most of its time.
set -euo pipefail
codename=${1:?usage: tests/outside/newcomer.sh CODENAME}
if [ "$(id -u)" -ne 0 ]; then echo "NOT TRIED: only root can make a container" && exit 77; fi
outside=$(realpath "$(dirname "$0")")
# shellcheck source=tests/outside/container.sh
. "$outside/container.sh"
# shellcheck source=tests/outside/checks.sh
. "$outside/checks.sh"
cd "$work"
payload=''
finish() {
    status=$?
    trap - EXIT HUP INT TERM
    if [ "$status" -ne 0 ] && [ "$status" -ne 77 ]; then
        printf '%s\n' "FAILED: $name" "--- what it said" "$(tail -n 40 out)" "--- what the site said" "$(tail -n 15 said 2>/dev/null)" >&3
    fi
    if [ -n "$payload" ]; then { kill -KILL "$payload" && wait "$payload"; } 2>/dev/null || true; fi
    end_container
    exit "$status"
}
exec 3>&2
trap finish EXIT
trap 'exit 1' HUP INT TERM

# ---- A clean Debian, the sources, and Rust

root=$work/root
debian "$codename" "$root" ca-certificates,curl,git,sudo
git clone --quiet --no-hardlinks "$outside/../.." "$root/srv/npoc"
chroot "$root" useradd --create-home newcomer
chroot "$root" useradd --create-home administrator
echo 'administrator ALL=(ALL) NOPASSWD: ALL' >"$root/etc/sudoers.d/administrator"
# Reuses the crates that this machine has.
registry=${CARGO_HOME:-$HOME/.cargo}/registry
mkdir -p "$root/srv/cargo/registry"
for part in cache index; do if [ -d "$registry/$part" ]; then cp -r "$registry/$part" "$root/srv/cargo/registry"; fi; done
# Root and the user share one checkout and one target directory, one after the other, so that all is built once.
give_to() { chroot "$root" chown -R "$1:" /srv; }

listen=127.0.0.1:$("$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
url=http://$listen
as() { # USER COMMAND…: runs it in the container, in the checkout
    SYSTEMD_NSPAWN_TMPFS_TMP=0 systemd-nspawn --quiet --directory="$root" --register=no --keep-unit --as-pid2 --user="$1" --chdir=/srv/npoc \
        --resolv-conf=copy-host --timezone=off --console=pipe --bind-ro="$(rustc --print sysroot):/opt/rust" \
        --setenv=PATH=/opt/rust/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin --setenv=CARGO_HOME=/srv/cargo \
        --setenv=CARGO_PROFILE_RELEASE_LTO=off --setenv=CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 --setenv=CARGO_TERM_PROGRESS_WHEN=never \
        --setenv=NPOC_LISTEN="$listen" --setenv=RUST_BACKTRACE=0 "${@:2}" </dev/null
}
as root true >"$work/console" 2>&1 || not_tried "no container can start here: $(tail -n 1 "$work/console")"

# ---- Missing packages are named in one line

says() { # LINE COMMAND…: whether the command fails and prints this line only
    local status=0
    "${@:2}" >all 2>&1 || status=$?
    # systemd-nspawn prints this if /run is on a disk.
    grep -v '^Attempted to remove disk file system' all >line || true
    cat line && [ "$status" -eq 1 ] && is "$(cat line)" "$1"
}
please='Please install what is missing (Debian: apt-get install gcc libc6-dev procps postgresql).'
# shellcheck disable=SC2016 # the inner shell expands it
without_apt() { as root sh -c 'mv /usr/bin/apt-get /usr/bin/away; "$@"; status=$?; mv /usr/bin/away /usr/bin/apt-get; exit $status' - "$@"; }
without_rust() { as root env PATH=/usr/bin:/bin "$@"; }
give_to newcomer
check "bin/start names missing packages to a user who may not install" says "$please" as newcomer bin/start
check "bin/test does the same" says "$please" as newcomer bin/test
give_to root
check "bin/start names them to root if there is no apt" says "$please" without_apt bin/start
check "bin/start asks for Rust if it is missing" \
    says "Please install Rust, version $(sed -n 's/^rust-version = "\([0-9.]*\)".*/\1/p' "$outside/../../Cargo.toml") or later (https://rustup.rs), and see that cargo is in PATH." without_rust bin/start
installs_by_sudo() { as administrator bin/lib/install procps && [ -x "$root/bin/kill" ]; }
check "packages are installed with sudo" installs_by_sudo

# ---- The two commands

is_up() { kill -0 "$payload" && curl -fsS --max-time 5 "$url/health/ready"; }
starts() { # USER
    rm -f "$root/srv/stop" said
    # shellcheck disable=SC2016 # the inner shell expands it
    as "$1" bash -c 'bin/start & until [ -e /srv/stop ]; do sleep 0.2; done; kill -TERM $! && wait $!' >said 2>&1 3>&- &
    payload=$!
    within 3600 is_up
}
stops() {
    touch "$root/srv/stop"
    wait "$payload" && payload='' && ! curl -fsS --max-time 5 "$url/health/live"
}
passes() { as "$1" bin/test && ! grep -q 'test result: FAILED' out; }
for user in root newcomer; do
    give_to "$user"
    check "bin/start serves the site for $user" starts "$user"
    apply tanaka
    check "the site stops in order" stops
    check "bin/test passes for $user" passes "$user"
    grep '^test result' out | sed 's/^/    /'
done

echo "newcomer: $checks checks passed on $codename"
