#!/bin/bash
# Lets the release before run on while a new program migrates its database, as when two sites are upgraded one after the other.
#
#   tests/outside/former.sh BINARY
#
# The release before is the newest tag like v1.2.3, or without a tag the commit before the newest migration. It is built first.
set -euo pipefail
export PGCLIENTENCODING=UTF8
binary=$(realpath "${1:?usage: tests/outside/former.sh BINARY}")
outside=$(realpath "$(dirname "$0")")
# shellcheck source=tests/outside/checks.sh
. "$outside/checks.sh"
cd "$outside/../.."
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")

newest_migration=$(git ls-files migrations | tail -n 1)
commit=$(git tag --list 'v*' --no-contains HEAD --sort=-version:refname | head -n 1)
commit=${commit:-$(git log --diff-filter=A --format=%H -1 -- "$newest_migration")^}

work=$(mktemp -d)
chmod 711 "$work"
data=$work/data site=''
finish() {
    status=$?
    trap - EXIT HUP INT TERM
    if [ -n "$site" ]; then kill "$site" 2>/dev/null || true; fi
    within 15 is_over || kill -KILL "$site" || true
    within 15 has_no_server || true
    if [ "$status" -ne 0 ]; then
        echo "FAILED: $name" >&3
        for log in "$work"/out "$work"/site.log; do
            if [ -s "$log" ]; then printf '%s\n' "--- the end of $log" "$(tail -n 15 "$log")" >&3; fi
        done
    fi
    git worktree remove --force "$work/former" 2>/dev/null || true
    rm -rf "$work"
    exit "$status"
}
exec 3>&2
trap finish EXIT
trap 'exit 1' HUP INT TERM
is_over() { [ -z "$site" ] || ! kill -0 "$site" 2>/dev/null; }
has_no_server() { [ ! -e "$data/postgres/postmaster.pid" ]; }

git worktree add --quiet --detach "$work/former" "$commit"
CARGO_TARGET_DIR=$target/former cargo build --quiet --locked --manifest-path "$work/former/Cargo.toml"
former=$target/former/debug/npoc
cd "$work"

clean=(env -i PATH="$PATH" HOME="$work" ${PG_BINDIR:+"PG_BINDIR=$PG_BINDIR"} NPOC_DATA_DIR="$data" NPOC_DNS=off)
start() { # BINARY
    "${clean[@]}" NPOC_LISTEN=127.0.0.1:0 "$1" </dev/null 2>site.log 3>&- &
    site=$!
    within 60 is_up
}
is_up() {
    if is_over; then exit 1; fi
    url=$(sed -n 's/.*(listening on \(127[0-9.:]*\)).*/http:\/\/\1/p' site.log)
    [ -n "$url" ] && curl -fsS --max-time 5 "$url/health/ready"
}
stop() { kill -TERM "$site" && within 15 is_over && has_no_server && site=''; }
has_both_emails() { within 15 ls "data/mail/$reference.staff.eml" "data/mail/$reference.applicant.eml"; }
is_ready() { curl -fsS --max-time 5 "$url/health/ready"; }
opens() { curl -fsS --max-time 20 -o page.html "$url$1" && grep -q "$2" page.html; }
is_complaint_free() { ! grep -E ' (ERROR|WARN) ' site.log; }

check "the release before starts" start "$former"
apply tanaka
first=$(cat receipt) first_reference=$reference
check "both emails are written" has_both_emails
check "the new program migrates its database" "${clean[@]}" "$binary" migrate
check "the release before is ready" is_ready
check "it shows the receipt from before" opens "$first" "$first_reference"
apply suzuki
second=$(cat receipt) second_reference=$reference
check "both emails are written" has_both_emails
check "it logs no warning" is_complaint_free
check "the release before stops" stop
check "the new program starts" start "$binary"
check "it shows both receipts" opens "$first" "$first_reference"
check "it shows both receipts" opens "$second" "$second_reference"
apply sato
check "both emails are written" has_both_emails
check "it stops" stop
echo "The release before runs on with the new schema: $checks checks passed."
