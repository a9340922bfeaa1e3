# shellcheck shell=bash
# Checks for the bash scripts that drive the site from outside. A script that sources this sets `outside` to this directory
# first, and `url` to the site's address before it applies. It prints $name when it fails.

outside=${outside:?} url=${url:-}

# Debian's aiosmtpd belongs to Debian's Python, but another Python may come first in PATH.
python=/usr/bin/python3
"$python" -c 'import aiosmtpd' 2>/dev/null || python=python3
export LC_ALL=C.UTF-8
checks=0 name='before the first check'

# within SECONDS COMMAND…: repeats the command until it succeeds or the time is over.
within() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        if [ "$SECONDS" -ge "$end" ]; then return 1; fi
        sleep 0.05
    done
}

# check TITLE COMMAND…: shows the command's output only if it fails. `set -e` has no effect inside, so chain with &&.
check() {
    name=$1
    shift
    "$@" >out 2>&1 || exit 1
    checks=$((checks + 1))
    echo "ok  $name"
}

is() { [ "$1" = "$2" ] || { printf 'expected: %s\nfound:    %s\n' "$2" "$1" && false; }; }

# ---- The applicant

applicant() { "$python" "$outside/applicant.py" "$mailbox" "$@"; }

post() { # BODY PAGE: prints the status
    curl -sS --max-time 20 -o "$2" -D "$2.headers" -w '%{http_code}' --data "@$1" "$url/membership"
}

fills_in() { curl -fsS --max-time 20 -o form.html "$url/membership" && applicant form form.html >checked; }
checks_answers() { is "$(post checked check.html)" 200 && applicant send check.html >sent; }
sends() { is "$(post sent "$1.html")" 303 && sed -n 's/^location: \(.*\)\r$/\1/ip' "$1.html.headers" >"$1"; }
reads_receipt() {
    curl -fsS --max-time 20 -o receipt.html "$url$(cat receipt)" &&
        reference=$(grep -om 1 'NPOC-[0-9A-Z]\{4\}-[0-9A-Z]\{4\}' receipt.html | head -n 1) &&
        applicant receipt receipt.html "$reference"
}

apply() { # MAILBOX: a whole application
    mailbox=$1
    check "the form offers every field" fills_in
    check "the check page shows every answer" checks_answers
    check "sending leads to a receipt" sends receipt
    check "the receipt shows the reference and nothing personal" reads_receipt
}
