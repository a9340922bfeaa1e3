#!/bin/bash
# Unpacks Patroni and etcd from Debian's packages into a folder, so that nothing is installed and no service starts.
#
#   tests/outside/failover/packages.sh RELEASE FOLDER
#
# RELEASE is this machine's release, or a newer one: its Patroni and etcd then run with this machine's Python and libraries.
# FOLDER/RELEASE is the tree. FOLDER/apt keeps the packages. If something is not available, it exits with 77.
set -euo pipefail
not_tried() { echo "NOT TRIED: $1" >&2 && exit 77; }
release=$1
folder=$(realpath "$2")
tree=$folder/$release
if [ -e "$tree" ]; then exit 0; fi
command -v apt-get >/dev/null || not_tried "Patroni and etcd come from Debian's packages"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

apt() { # FOLDER ARGUMENT…: keeps lists and packages there, apart from the system's
    mkdir -p "$1"/{lists,archives}/partial
    (cd "$1/archives" && apt-get -q -o Dir::State::lists="$1/lists" -o Dir::Cache="$1" -o Debug::NoLocking=1 \
        -o APT::Sandbox::User="$(id -un)" -o Acquire::Languages=none \
        -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false "${@:2}") >>"$work/log" 2>&1
}
fetch() { # FOLDER ARGUMENT…: runs apt, after an update if necessary
    apt "$@" || { apt "$1" update && apt "$@"; } || not_tried "no packages: $(grep '^E:' "$work/log" | tail -n 1)"
}
unpack() { # FOLDER
    for package in "$1"/archives/*.deb; do dpkg-deb -x "$package" "$work/tree"; done
}

own=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
here=$folder/apt/$own
# The dependencies that this machine does not have.
fetch "$here" install -y --download-only --no-install-recommends --reinstall patroni etcd-server
unpack "$here"

if [ "$release" != "$own" ]; then
    # shellcheck disable=SC2016 # apt's variables
    apt-get -o Dir::State::lists="$here/lists" indextargets --format '$(REPO_URI) $(CODENAME) $(COMPONENT)' 'Created-By: Packages' |
        awk -v own="$own" -v release="$release" '$2 == own && $3 == "main" { print "deb", $1, release, "main"; exit }' >"$work/sources"
    there=$folder/apt/$release
    cp "$work/sources" "$folder/apt/sources"
    from=(-o Dir::Etc::sourcelist="$work/sources" -o Dir::Etc::sourceparts=/dev/null)
    apt "$there" "${from[@]}" update || not_tried "no list of $release: $(grep '^E:' "$work/log" | tail -n 1)"
    apt "$there" "${from[@]}" download patroni etcd-server python3-etcd python3-ydiff ||
        not_tried "no packages of $release: $(grep '^E:' "$work/log" | tail -n 1)"
    rm -rf "$work"/tree/usr/lib/python3/dist-packages/{patroni,etcd}*
    unpack "$there"
fi
chmod -R u=rwX,go=rX "$work/tree"
mv "$work/tree" "$tree"
