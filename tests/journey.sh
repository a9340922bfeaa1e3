#!/bin/bash
# Drives a built site from outside, as an applicant, an operator and a mail relay meet it.
#
#   tests/journey.sh BINARY
#
# First with nothing set up: own database, mail into a folder. Then with a relay that wants TLS and a login. What needs
# no outside is tested in tests/site; here stands what only the whole program can show.
set -euo pipefail
export LC_ALL=C.UTF-8 PGCLIENTENCODING=UTF8
binary=$(realpath "${1:?usage: tests/journey.sh BINARY}")
relay_program=$(realpath "$(dirname "$0")/relay.py")

# Debian's Python has Debian's aiosmtpd, but another one may come first in PATH.
python=/usr/bin/python3
"$python" -c 'import aiosmtpd' 2>/dev/null || python=python3

# Root's database server runs as another account, which has to pass here; what it finds is closed by the site itself.
work=$(mktemp -d)
chmod 711 "$work"
# Away from the caller's directory, where the site would read a .env.
cd "$work"
data=$work/data
site='' relay='' checks=0 name='before the first check'

finish() {
    status=$?
    trap - EXIT HUP INT TERM
    for process in $site $relay; do kill "$process" 2>/dev/null || true; done
    within 15 is_over "$site" || kill -KILL "$site" || true
    within 15 has_no_server || true
    if [ "$status" -ne 0 ]; then
        echo "FAILED: $name" >&3
        for log in out site.log relay.log; do
            if [ -s $log ]; then printf '%s\n' "--- the end of $log" "$(tail -n 15 $log)" >&3; fi
        done
    fi
    rm -rf "$work"
    exit "$status"
}
# A check that exits has its own output redirected; the report goes where ours goes.
exec 3>&2
trap finish EXIT
trap 'exit 1' HUP INT TERM

# within SECONDS COMMAND…: tries again until it succeeds or the time is over.
within() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        if [ "$SECONDS" -ge "$end" ]; then return 1; fi
        sleep 0.05
    done
}

# check TITLE COMMAND…: what the command says is shown only if it fails. Inside, `set -e` does not hold: chain with &&.
check() {
    name=$1
    shift
    "$@" >out 2>&1 || exit 1
    checks=$((checks + 1))
    echo "ok  $name"
}

is() { [ "$1" = "$2" ] || { printf 'expected: %s\nfound:    %s\n' "$2" "$1" && false; }; }
is_over() { [ -z "$1" ] || ! kill -0 "$1" 2>/dev/null; }
has_no_server() { [ ! -e data/postgres/postmaster.pid ]; }

# ---- The site: nothing of the caller's settings counts.

clean=(env -i PATH="$PATH" HOME="$work" ${PG_BINDIR:+"PG_BINDIR=$PG_BINDIR"} NPOC_DATA_DIR="$data")

# What the site is started through, where it is to have little.
confined=()

npoc() { "${clean[@]}" "$binary" "$@"; }

start() { # SETTING…
    # Port 0 lets the system choose one that is free, and the log tells which.
    "${clean[@]}" NPOC_LISTEN=127.0.0.1:0 NPOC_PUBLIC_URL=https://npoc.example "$@" "${confined[@]}" "$binary" </dev/null 2>site.log 3>&- &
    site=$!
    within 30 is_up
}

is_up() {
    if is_over "$site"; then exit 1; fi
    url=$(sed -n 's/.*(listening on \(127[0-9.:]*\)).*/http:\/\/\1/p' site.log)
    [ -n "$url" ] && curl -fsS --max-time 5 "$url/health/ready"
}

stop() {
    local stopping=$site
    kill -TERM "$stopping"
    within 10 is_over "$stopping" || return
    site=''
    wait "$stopping" || return
    has_no_server
}

# ---- The applicant

cat >applicant.py <<'END'
import email, email.policy, html.parser, json, pathlib, sys, urllib.parse

# Field, what is typed, and what people read where that is something else. One answer is left out.
ANSWERS = [
    ("organization_name", "例え財団"),
    ("organization_name_latin", "Tatoe Zaidan & Co <\"Ōsaka\">"),
    ("domain_name", "https://例え。テスト/about", "例え.テスト"),
    ("country", "JP", "Japan"),
    ("registered", "yes", "Yes"),
    ("registration_note", "内閣府, no. 0100-05"),
    ("kind_of_work", "humanitarian", "Humanitarian"),
    ("statement", "We lend books to every island.\r\nالكتب للجميع, and we wish to join.", "We lend books to every island.", "الكتب للجميع, and we wish to join."),
    ("representative_name", "田中 花子"),
    ("representative_role", "Secretary—general"),
    ("representative_email", sys.argv[1] + "@例え.テスト"),
    ("representative_phone", "+81 (0)6 0000-0000"),
    ("alternate_name", "Ünal Çelik"),
    ("alternate_email", "celik@example.org"),
    ("ncsg_status", "applied", "It has applied"),
    ("icann_groups", "At-Large"),
    ("not_eligible", "icann-contract", "It provides services under a contract or memorandum with ICANN"),
    ("not_eligible", "government", "It represents a government in ICANN"),
    ("authorised", "yes", "I am authorized to apply for the organization"),
    ("authoriser", "佐藤 一郎, director"),
    ("publish", "yes", "If accepted, the organization may be listed as a member on NPOC’s site"),
    ("mailing_list", "yes", "The representative may be added to the members’ mailing list"),
]
READ = [line for _, typed, *read in ANSWERS for line in read or [typed]]


class Page(html.parser.HTMLParser):
    """The fields and the answers of a page; each answer as its label and its lines."""

    def __init__(self, content):
        super().__init__()
        self.names, self.hidden, self.answers, self.place, self.text = set(), [], [], None, ""
        self.feed(content)

    @classmethod
    def of(cls, path):
        return cls(pathlib.Path(path).read_text())

    def handle_starttag(self, tag, attributes):
        has = dict(attributes)
        if tag in ("input", "textarea", "select"):
            self.names.add(has.get("name"))
            if has.get("type") == "hidden":
                self.hidden.append((has["name"], has["value"]))
        if tag in ("dt", "dd"):
            self.place = "button" if "class" in has else tag
        if tag == "dt":
            self.answers.append(["", ""])
        if tag == "p" and self.place == "dd" and self.answers[-1][1]:
            self.handle_data("\n")

    def handle_endtag(self, tag):
        if tag in ("dt", "dd"):
            self.place = None

    def handle_data(self, data):
        self.text += data
        if self.place in ("dt", "dd"):
            self.answers[-1][self.place == "dd"] += data


def must(condition, *words):
    if not condition:
        sys.exit(" ".join(map(str, words)))


def form(page):
    """From the form: what is sent to be checked."""
    page = Page.of(page)
    for field, *_ in ANSWERS:
        must(field in page.names, "the form has no", field)
    print(urllib.parse.urlencode([(field, typed) for field, typed, *_ in ANSWERS] + [("step", "check")]))


def send(page):
    """From the check page: what its last button sends."""
    page = Page.of(page)
    for line in READ:
        must(any(line in answer.split("\n") for _, answer in page.answers), "the check page does not show", line)
    must("submission_key" in dict(page.hidden), "no submission_key")
    print(urllib.parse.urlencode(page.hidden + [("step", "send")]))


def parts(mail):
    must(mail.get_content_type() == "multipart/alternative", mail.get_content_type())
    types = [part.get_content_type() for part in mail.iter_parts()]
    must(types == ["text/plain", "text/html"], types)
    return [part.get_content().replace("\r\n", "\n") for part in mail.iter_parts()]


def read(path, headers):
    mail = email.message_from_bytes(pathlib.Path(path).read_bytes(), policy=email.policy.default)
    for header, value in headers.items():
        found = mail.get_all(header) or []
        must(list(map(str, found)) == value, header, "is", found, "and not", value)
    must(not mail.defects, mail.defects)
    return parts(mail)


def staff(path, reference, page):
    text, hypertext = read(path, {
        "Subject": [f"[NPOC membership] 例え財団 (Japan) {reference}"],
        "From": ["NPOC website <no-reply@npoc.org>"],
        "To": ["info@npoc.org"],
        "Reply-To": [f"{sys.argv[1]}@xn--r8jz45g.xn--zckzah"],
        "X-NPOC-Reference": [reference],
        "Auto-Submitted": ["auto-generated"],
        "Message-ID": [f"<{reference}.staff@npoc.org>"],
    })
    answers = Page.of(page).answers
    must(len(answers) == 22, "the check page shows", len(answers), "answers")
    must(sum(answer == "Not provided" for _, answer in answers) == 1, answers)
    for label, answer in answers:
        block = "\n".join(["", label, *("    " + line for line in answer.split("\n")), ""])
        must(block in text, "the text does not say", block, "but", text)
    for line in READ:
        must("\n    " + line + "\n" in text, "the text does not say", line)
        must(line in Page(hypertext).text, "the HTML does not say", line)
    must("Reference: " + reference in text, "no reference in the text")


def applicant(path, reference, receipt):
    mailbox = sys.argv[1] if sys.argv[1].isascii() else None
    text, hypertext = read(path, {
        "Reply-To": ["info@npoc.org"],
        "X-NPOC-Reference": [reference],
        "Auto-Submitted": ["auto-generated"],
        "Message-ID": [f"<{reference}.applicant@npoc.org>"],
        **({"To": [f"{mailbox}@xn--r8jz45g.xn--zckzah"]} if mailbox else {}),
    })
    for part in text, hypertext:
        must(reference in part and "https://npoc.example" + receipt in part, "no reference or receipt in", part)
        for line in READ:
            must(line == "Yes" or line not in part, "the applicant's mail says", line)


def receipt(page, reference):
    page = Page.of(page)
    must(reference in page.text, "no reference")
    for line in READ:
        must(line == "Yes" or line not in page.text, "the receipt says", line)


def relayed(folder, reference, kind):
    """The mail of this kind at the relay: its file, if it came as it should."""
    for how in pathlib.Path(folder).glob("*.json"):
        path = how.with_suffix(".eml")
        if f"Message-ID: <{reference}.{kind}@".encode() in path.read_bytes():
            how = json.loads(how.read_text())
            to = "info@npoc.org" if kind == "staff" else sys.argv[1] + "@xn--r8jz45g.xn--zckzah"
            must(how["tls"] and how["authenticated"], how)
            must(how["from"] == "no-reply@npoc.org" and how["to"] == [to], how)
            must(how["smtputf8"] != sys.argv[1].isascii(), how)
            return print(path)
    sys.exit(f"the relay has no mail {reference}.{kind}")


globals()[sys.argv[2]](*sys.argv[3:])
END

applicant() { "$python" applicant.py "$mailbox" "$@"; }

post() { # BODY PAGE: the status
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

# ---- The operator

sql() { # the server's own word for where its socket is
    psql -h "$(sed -n 5p data/postgres/postmaster.pid)" -U npoc -d npoc -X -A -t -v ON_ERROR_STOP=1 -c "$1"
}
is_stored() {
    is "$(sql "SELECT organization_name, domain_name, domain_name_ascii, country, representative_email, not_eligible, website IS NULL
        FROM applications WHERE reference = '$reference'")" \
        "例え財団|例え.テスト|xn--r8jz45g.xn--zckzah|JP|$mailbox@例え.テスト|{icann-contract,government}|t"
}
is_shown() {
    npoc applications show "$reference" >shown &&
        grep -q "^    例え財団$" shown && grep -q "^    $mailbox@例え.テスト$" shown
}
lists_unsent() { # MAILS [PATTERN]: so many wait, and each for this reason
    npoc mail list >unsent && cat unsent && grep -q "^$1 unsent mails$" unsent &&
        is "$(grep -c "^    .*${2:-}" unsent)" "$1"
}

# ---- With nothing set up

check "the site starts with nothing set up" start
apply tanaka
check "the same key again leads to the same receipt" sends again
check "to the same one" is "$(cat again)" "$(cat receipt)"
check "one application is stored" is "$(sql 'SELECT count(*) FROM applications')" 1
check "its row says what was answered" is_stored
check "the operator can read it beside the running site" is_shown
check "both mails are written" within 15 ls "data/mail/$reference.staff.eml" "data/mail/$reference.applicant.eml"
check "staff's mail says everything" applicant staff "data/mail/$reference.staff.eml" "$reference" check.html
check "the applicant's mail says nothing that was typed" applicant applicant "data/mail/$reference.applicant.eml" "$reference" "$(cat receipt)"
check "no mail waits" within 15 lists_unsent 0
check "the site ends in order, and its database with it" stop

# ---- With a relay

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj '/CN=journey' \
    -addext 'subjectAltName=DNS:localhost' -addext 'basicConstraints=critical,CA:FALSE' \
    -keyout relay.key -out relay.crt 2>out
mkdir relayed
"$python" "$relay_program" relayed relay.crt relay.key >ports 2>relay.log </dev/null 3>&- &
relay=$!
check "the relay listens" within 15 grep -q ' ' ports
read -r starttls implicit <ports
trusting=SSL_CERT_FILE=$work/relay.crt

check "the site starts with a relay that it has no reason to trust" start "SMTP_URL=smtp://user:password@localhost:$starttls?tls=required"
apply 田中
check "its row is there" is_stored
check "both mails wait, for the certificate is unknown" within 15 lists_unsent 2 certificate
check "the site ends" stop

check "the site starts with a wrong password" start "$trusting" "SMTP_URL=smtp://user:wrong@localhost:$starttls?tls=required"
check "the mails can be made due" npoc mail retry
check "both wait, for the login is refused" within 15 lists_unsent 2 535
check "nothing has reached the relay" is "$(ls relayed)" ""
check "the site ends" stop

check "the site starts with the right password" start "$trusting" "SMTP_URL=smtp://user:password@localhost:$starttls?tls=required"
check "the mails of one reference can be made due" npoc mail retry "$reference"
check "no mail waits" within 15 lists_unsent 0
check "staff's mail came by TLS and login" applicant relayed relayed "$reference" staff
check "and says everything" applicant staff "$(cat out)" "$reference" check.html
check "the applicant's mail came by TLS and login" applicant relayed relayed "$reference" applicant
check "and says nothing that was typed" applicant applicant "$(cat out)" "$reference" "$(cat receipt)"
check "each came once" is "$(find relayed -name '*.json' | wc -l)" 2
check "the site ends" stop

check "the site starts with TLS from the first byte" start "$trusting" "SMTP_URL=smtps://user:password@localhost:$implicit"
apply tanaka
check "staff's mail comes" within 15 applicant relayed relayed "$reference" staff
check "and says everything" applicant staff "$(cat out)" "$reference" check.html
check "the applicant's mail comes" within 15 applicant relayed relayed "$reference" applicant
check "three applications are stored, each once" is "$(sql 'SELECT count(*) FROM applications')" 3
check "the site ends" stop

# ---- With no privilege, and nothing to write to but its data

is_confined() {
    is "$(sed -n 's/^CapEff:\t//p' "/proc/$site/status")" 0000000000000000 &&
        is "$(stat -c %U "/proc/$site")" nobody &&
        nsenter --mount="/proc/$site/ns/mnt" touch "$work/own/here" &&
        ! nsenter --mount="/proc/$site/ns/mnt" touch "$work/elsewhere"
}

if [ "$(id -u)" -eq 0 ]; then
    mkdir -m 700 own
    chown nobody own
    cp "$binary" npoc
    binary=$work/npoc
    # In a mount namespace of its own; every program replaces the one before, so that a signal reaches the site.
    confined=(unshare --mount sh -c 'mount --bind "$1" "$1" && mount -o remount,bind,ro / && shift &&
        exec setpriv --reuid=nobody --regid=nogroup --clear-groups --no-new-privs --bounding-set=-all -- "$@"' - "$work/own")
    check "the site starts as an ordinary user with all else read-only" start "NPOC_DATA_DIR=$work/own"
    check "it is" is_confined
    apply tanaka
    check "both mails are written" within 15 ls "own/mail/$reference.staff.eml" "own/mail/$reference.applicant.eml"
    check "the site ends" stop
else
    echo "not tried: a read-only file system, which only root can make"
fi

echo "journey: $checks checks passed"
