#!/bin/sh
# The first process of the drill's namespaces. Everything ends with it. It also reaps the processes whose parents were killed:
# Patroni waits for ever for a server that is a zombie.
#
#   inside.sh FOLDER ARGUMENT…: FOLDER is seen as /mnt, which every account can reach, and the arguments go to the drill
set -eu
mount --bind "$1" /mnt
ip link set lo up
shift
cd /mnt/run
/usr/bin/python3 -B drill "$@" &
drill=$!
trap 'kill -KILL "$drill"' HUP INT TERM
wait "$drill"
