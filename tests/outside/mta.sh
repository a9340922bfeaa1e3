#!/bin/bash
# Unpacks Debian's Postfix, Exim and OpenSMTPD into namespaces with only the loopback network, and runs mta-inside.sh there,
# which tests a built site with each of them.
#
#   tests/outside/mta.sh BINARY
#
# The packages conflict, so none is installed. Overlays over /usr and /etc contain their files, and the processes end with the
# namespaces. target/mta keeps the packages. Needs root. If something is not available, it says so and exits with 77.
set -euo pipefail
not_tried() { echo "NOT TRIED: $1" && exit 77; }
if [ "$(id -u)" -ne 0 ]; then not_tried "only root can unpack mail servers into namespaces"; fi
binary=$(realpath "${1:?usage: tests/outside/mta.sh BINARY}")
outside=$(realpath "$(dirname "$0")")
cache=$(dirname "$(dirname "$outside")")/target/mta

work=$(mktemp -d)
inside=''
# shellcheck disable=SC2317 # the trap runs it
finish() {
    status=$?
    trap - EXIT HUP INT TERM
    # This ends the first process of the namespaces, and with it all others and the mounts.
    if [ -n "$inside" ]; then { kill -KILL "$inside" && wait "$inside"; } 2>/dev/null || true; fi
    rm -rf --one-file-system "$work"
    exit "$status"
}
trap finish EXIT
trap 'exit 1' HUP INT TERM
chmod 711 "$work"

apart=(unshare --mount --net --pid --ipc --fork --kill-child --mount-proc)
# shellcheck disable=SC2016 # the inner shell's
"${apart[@]}" sh -c 'ip link set lo up && mount -t overlay -o "lowerdir=$1:/usr" npoc /usr' - "$work" 2>"$work/log" ||
    not_tried "no namespaces with file systems of their own: $(tail -n 1 "$work/log")"

# ---- The packages, from this machine's mirror

apt() { # FOLDER …: keeps lists and packages there, apart from the system's
    apt-get -q -o Dir::State::lists="$1/lists" -o Dir::Cache="$1" -o Debug::NoLocking=1 -o APT::Sandbox::User=root \
        -o Acquire::Languages=none -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false "${@:2}" >>"$work/log" 2>&1
}
fetch() { # FOLDER PACKAGE [OPTION…]: downloads it with missing dependencies, after an update if necessary
    local get=(apt "$1" "${@:3}" install -y --download-only --no-install-recommends --reinstall "$2")
    mkdir -p "$1"/{lists,archives}/partial
    "${get[@]}" || { apt "$1" "${@:3}" update && "${get[@]}"; } || not_tried "no package $2: $(grep '^E:' "$work/log" | tail -n 1)"
}
for package in postfix sasl2-bin libsasl2-modules exim4-daemon-light; do fetch "$cache/own" "$package"; done

# Debian 12's OpenSMTPD fails at every TLS handshake, so it comes from Debian 13 with all dependencies.
# shellcheck disable=SC2016 # apt's variables
apt-get -o Dir::State::lists="$cache/own/lists" indextargets --format '$(REPO_URI) $(CODENAME) $(COMPONENT)' 'Created-By: Packages' |
    awk -v codename="$(. /etc/os-release && echo "$VERSION_CODENAME")" \
        '$2 == codename && $3 == "main" { print "deb", $1, "trixie main"; exit }' >"$work/sources"
for package in opensmtpd dash; do
    fetch "$cache/trixie" "$package" -o Dir::Etc::sourcelist="$work/sources" -o Dir::Etc::sourceparts=/dev/null \
        -o Dir::State::status=/dev/null
done

lay() { # FOLDER TREE: unpacks all packages into one tree with a merged /usr, and adds their users
    mkdir -p "$2"/{dev,etc,run,tmp,usr/{bin,lib,lib64,sbin},var/spool} "$2$work"
    for folder in bin lib lib64 sbin; do ln -s "usr/$folder" "$2/$folder"; done
    ln -s ../run "$2/var/run"
    for package in "$1"/archives/*.deb; do dpkg-deb --fsys-tarfile "$package" | tar -x --keep-directory-symlink -C "$2"; done
    cp /etc/passwd /etc/group /etc/hosts "$2/etc"
    local id=64100
    for account in postfix postdrop Debian-exim opensmtpd opensmtpq; do
        id=$((id + 1))
        getent group "$account" >/dev/null || echo "$account:x:$id:" >>"$2/etc/group"
        getent passwd "$account" >/dev/null || echo "$account:x:$id:$id::/var/lib/opensmtpd/empty:/bin/false" >>"$2/etc/passwd"
    done
}
lay "$cache/own" "$work/over"
lay "$cache/trixie" "$work/trixie"
cp "$binary" "$work/npoc"

status=0
"${apart[@]}" bash "$outside/mta-inside.sh" "$work" </dev/null &
inside=$!
wait "$inside" || status=$?
inside=''
exit "$status"
