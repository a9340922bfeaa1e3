"""Measures the site next to references. benches/run installs what this needs and calls it.

The sides alternate in rounds, and each ratio is from one round, since a machine's load changes between rounds. The tables have
medians, with minimum and maximum.
"""

import asyncio
import contextlib
import glob
import itertools
import json
import os
import pathlib
import random
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request
import uuid

HERE = pathlib.Path(__file__).parent
PROGRAM = pathlib.Path(sys.argv[1]).resolve()
ROUNDS = int(os.environ.get("ROUNDS", "5"))
SECONDS = int(os.environ.get("SECONDS_EACH", "4"))
CODINGS = "gzip, deflate, br, zstd"
MANY = int(os.environ.get("MANY", "1000000"))


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def pin(process, cores):
    """Pins a process with its threads and children to cores."""
    children = subprocess.run(["pgrep", "-P", str(process)], capture_output=True, text=True).stdout.split()
    for one in [str(process), *children]:
        subprocess.run(["taskset", "-acp", cores, one], check=True, stdout=subprocess.DEVNULL)


def processor_time(process):
    """Returns the processor seconds of a process and its children."""
    children = subprocess.run(["pgrep", "-P", str(process)], capture_output=True, text=True).stdout.split()
    stats = [pathlib.Path(f"/proc/{one}/stat").read_text().rsplit(")", 1)[1].split() for one in [process, *children]]
    return sum(int(stat[11]) + int(stat[12]) for stat in stats) / os.sysconf("SC_CLK_TCK")


def highest_memory(process):
    """Returns the highest memory of a process, in MB."""
    status = pathlib.Path(f"/proc/{process}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024


class Site:
    """A running site, with the embedded database or a given one."""

    def __init__(self, home, database=None, relay=None, core=None):
        self.home = pathlib.Path(home)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        settings = {
            "PATH": os.environ["PATH"],
            "NPOC_LISTEN": f"127.0.0.1:{self.port}",
            "NPOC_DATA_DIR": str(home),
            "NPOC_RATE_LIMIT": "0",
            **({"SMTP_URL": relay} if relay else {"NPOC_MAIL": "folder"}),
        }
        if database:
            settings["DATABASE_URL"] = database
        began = time.monotonic()
        log = open(self.home / "log", "wb")
        command = ["taskset", "-c", core, PROGRAM] if core else [PROGRAM]
        self.process = subprocess.Popen(command, env=settings, stderr=log)
        self.await_page("/")
        self.first_page = time.monotonic() - began
        self.await_page("/health/ready")

    def await_page(self, path):
        until = time.monotonic() + 60
        while time.monotonic() < until and self.process.poll() is None:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(self.url + path, timeout=5).read()
                return
            time.sleep(0.002)
        raise SystemExit(f"no {path}: {(self.home / 'log').read_text()}")

    def sockets(self):
        """Returns the directory of the embedded server's socket."""
        return str(self.home / "socket")

    def database(self, name="npoc"):
        return f"postgres://npoc@localhost/{name}?host={self.sockets()}"

    def sql(self, statement, name="npoc"):
        psql = ["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-h", self.sockets(), "-U", "npoc", name]
        ended = subprocess.run(psql, input=statement, capture_output=True, text=True)
        if ended.returncode:
            raise SystemExit(ended.stderr)
        return ended.stdout.strip()

    def stop(self):
        self.process.terminate()
        self.process.wait()


@contextlib.contextmanager
def site(database=None, relay=None, core=None):
    # The temporary directory may be in memory, but durable storage is measured.
    home = tempfile.mkdtemp(prefix="npoc-bench-", dir="/var/tmp")
    os.chmod(home, 0o755)
    one = Site(home, database, relay, core)
    try:
        yield one
    finally:
        one.stop()
        shutil.rmtree(home)


def wrk(url, connections, seconds=SECONDS, script=None, core=None):
    """Returns the requests a second. Exits if a request fails."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-H", f"Accept-Encoding: {CODINGS}"]
    command += ["-s", str(script)] if script else []
    command = ["taskset", "-c", core, *command] if core else command
    said = subprocess.run([*command, url], capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in said or "Socket errors" in said:
        raise SystemExit(f"failed requests:\n{said}")
    return float(re.search(r"Requests/sec:\s+([\d.]+)", said)[1])


def table(title, rows):
    print(f"\n{title}\n")
    widths = [max(len(str(row[column])) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  ".join(str(cell).ljust(width) for cell, width in zip(row, widths)), flush=True)


def compared(ours, theirs):
    """Returns the cells of two sides: the medians, and their ratio with its range."""
    ratios = [one / other for one, other in zip(ours, theirs)]
    spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})"
    return f"{statistics.median(ours):,.0f}", f"{statistics.median(theirs):,.0f}", spread


NGINX = """
worker_processes 1; daemon off; pid {home}/pid; error_log stderr;
events {{ worker_connections 1024; }}
http {{
  access_log off; server_tokens off; sendfile off; tcp_nodelay on; keepalive_requests 1000000; etag off;
  open_file_cache max=100; open_file_cache_valid 60s;
  client_body_temp_path {home}/b; proxy_temp_path {home}/p; fastcgi_temp_path {home}/f; uwsgi_temp_path {home}/u;
  scgi_temp_path {home}/s;
  server {{
    listen 127.0.0.1:{port} backlog=1024; root {home};
    {locations}
  }}
}}
"""


@contextlib.contextmanager
def nginx(url, paths):
    """Serves the site's answers on these paths from files, with the same octets and headers."""
    home, port, locations = tempfile.mkdtemp(prefix="npoc-bench-"), free_port(), []
    os.chmod(home, 0o755)
    for number, path in enumerate(paths):
        answer = urllib.request.urlopen(urllib.request.Request(url + path, headers={"Accept-Encoding": CODINGS}))
        pathlib.Path(home, f"page{number}").write_bytes(answer.read())
        own = {"date", "content-length", "content-type", "connection"}
        headers = "".join(
            f"add_header {name} '{value.replace(chr(39), chr(92) + chr(39))}';"
            for name, value in answer.headers.items()
            if name not in own
        )
        kind = f"types {{}} default_type '{answer.headers['content-type']}';"
        locations.append(f"location = {path} {{ {kind} {headers} try_files /page{number} =404; }}")
    configuration = pathlib.Path(home, "nginx.conf")
    configuration.write_text(NGINX.format(home=home, port=port, locations="\n    ".join(locations)))
    process = subprocess.Popen(["/usr/sbin/nginx", "-p", home, "-c", configuration])
    try:
        for _ in range(500):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{port}{paths[0]}").read()
                break
            time.sleep(0.01)
        yield f"http://127.0.0.1:{port}", process.pid
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(home)


def loaded(url, process):
    """Returns the requests a second, and the requests for each second of the server's processor time. If two servers keep the
    load generator busy, only the second number shows the faster one."""
    before = processor_time(process)
    rate = wrk(url, 32, core="1")
    return rate, rate * SECONDS / (processor_time(process) - before)


def pages():
    """Compares content pages with nginx, each side on one core and the load on the other."""
    paths = ["/", "/who-we-are", "/join", "/about-icann"]
    rows = [("page", "ours/s", "nginx/s", "ratio", "ours/CPU s", "nginx/CPU s", "ratio (goal 1.2)")]
    # Pinned from the start, so that it has one worker, like nginx.
    with site(core="0") as ours, nginx(ours.url, paths) as (theirs, process):
        pin(process, "0")
        for path in paths:
            samples = [
                (loaded(ours.url + path, ours.process.pid), loaded(theirs + path, process)) for _ in range(ROUNDS)
            ]
            rates = compared(*([side[0] for side in sides] for sides in zip(*samples)))
            times = compared(*([side[1] for side in sides] for sides in zip(*samples)))
            rows.append((path, *rates, *times))
        memory = f"{highest_memory(ours.process.pid):.1f}"
    table("Content pages, keep-alive, compressed, 32 connections, requests a second of one core", rows)
    table("Memory after that", [("MB", memory, "(goal ≤ 40)")])


# The columns that differ in each row, as SQL for pgbench.
ALPHABET = "34679ACDEFGHJKMNPQRTVWXY"
DIGITS = [f"substr(a, (n / {24**place} % 24)::int + 1, 1)" for place in range(8)]
REFERENCE = (
    f"(SELECT 'NPOC-' || {' || '.join(DIGITS[:4])} || '-' || {' || '.join(DIGITS[4:])}"
    f" FROM (SELECT nextval('bench') * 7919 AS n, '{ALPHABET}' AS a) q)"
)
DRAWN = {
    "submission_key": "gen_random_uuid()",
    "receipt_secret": "gen_random_uuid()",
    "message_id": "gen_random_uuid() || '@npoc.org'",
    "not_eligible": "'{}'",
    "suspicions": "'{}'",
    "token": "DEFAULT",
}


def as_insert(ours, table_name, where, drawn):
    """Returns the statement that inserts a row like this one."""
    row = json.loads(ours.sql(f"SELECT row_to_json(r) FROM (SELECT * FROM {table_name} WHERE {where}) r"))
    cells = {name: drawn.get(name) or literal(value) for name, value in row.items() if name != "id"}
    return f"INSERT INTO {table_name} ({', '.join(cells)}) VALUES ({', '.join(cells.values())});"


def literal(value):
    if value is None or isinstance(value, (bool, int)):
        return {None: "NULL", True: "true", False: "false"}.get(value, str(value))
    # On one line, and without text that pgbench takes for a variable.
    for character, written in (("\\", "\\\\"), ("'", "''"), (":", "\\x3a"), ("\n", "\\n")):
        value = value.replace(character, written)
    return f"E'{value}'"


def plain_transaction(ours):
    """Returns the transaction for one application: BEGIN, one INSERT a row, COMMIT."""
    reference = ours.sql("SELECT reference FROM applications LIMIT 1")
    mails = ours.sql(f"SELECT id FROM outbox WHERE reference = '{reference}' ORDER BY id").split()
    ours.sql("CREATE SEQUENCE IF NOT EXISTS bench")
    # The state of a new mail: not sent.
    fresh = {"attempts": "0", "claims": "0", "sent_at": "NULL", "leased_until": "NULL", "due_at": "now() + interval '1 year'"}
    lines = [as_insert(ours, "applications", f"reference = '{reference}'", DRAWN | {"reference": REFERENCE})]
    lines += [as_insert(ours, "application_history", f"reference = '{reference}' LIMIT 1", {})]
    lines += [as_insert(ours, "outbox", f"id = {mail}", DRAWN | fresh) for mail in mails]
    return "\n".join(["BEGIN;", *lines, "COMMIT;"])


def pgbench(ours, script, clients):
    command = ["pgbench", "-n", "-M", "prepared", "-c", str(clients), "-j", "1", "-T", str(SECONDS), "-f", str(script)]
    command += ["-h", ours.sockets(), "-U", "npoc", "npoc"]
    ended = subprocess.run(command, capture_output=True, text=True)
    if ended.returncode:
        raise SystemExit(ended.stderr)
    return float(re.search(r"tps = ([\d.]+)", ended.stdout)[1])


@contextlib.contextmanager
def no_delivery():
    """A relay that never greets, so that only storing is measured."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as silent:
        yield f"smtp://127.0.0.1:{silent.getsockname()[1]}"


def applications():
    """Compares accepted applications with pgbench, on one database."""
    rows = [("mail meanwhile", "clients", "ours/s", "pgbench/s", "ratio (goal 1.0)")]
    with no_delivery() as silent:
        for meanwhile, relay in (("delivered", None), ("none", silent)):
            with site(relay=relay) as ours:
                rows += [(meanwhile, *row) for row in beside_pgbench(ours)]
    table("Accepted applications a second, durable, compared with pgbench committing the same four rows", rows)


def beside_pgbench(ours):
    wrk(f"{ours.url}/membership", 8, 1, HERE / "application.lua")
    script = ours.home / "plain.sql"
    script.write_text(plain_transaction(ours))
    for clients in (8, 32):
        samples = [(accepted(ours, clients), pgbench(ours, script, clients)) for _ in range(ROUNDS)]
        yield (clients, *compared(*zip(*samples)))
    yield ("memory, MB", f"{highest_memory(ours.process.pid):.1f}", "", "(goal ≤ 40)")


def accepted(ours, clients):
    """Returns the applications a second that got a receipt and are stored."""
    before = int(ours.sql("SELECT count(*) FROM applications"))
    rate = wrk(f"{ours.url}/membership", clients, script=HERE / "application.lua")
    stored = int(ours.sql("SELECT count(*) FROM applications")) - before
    if stored < rate * SECONDS * 0.95:
        raise SystemExit(f"{rate * SECONDS:.0f} got an answer, but {stored} are stored")
    drain(ours)
    return rate


def drain(ours):
    """Leaves the other side an idle database."""
    ours.sql("UPDATE outbox SET sent_at = now() WHERE sent_at IS NULL; CHECKPOINT")


class Relay:
    """A mail relay that accepts everything and delays each answer, like a distant or busy one."""

    def __init__(self, seconds):
        self.seconds, self.taken, self.open, self.most_open, self.connections = seconds, [], 0, 0, 0
        self.loop, listening = asyncio.new_event_loop(), threading.Event()
        threading.Thread(target=self.run, args=(listening,), daemon=True).start()
        listening.wait()

    def run(self, listening):
        async def listen():
            server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
            self.url = f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            listening.set()

        self.loop.run_until_complete(listen())
        self.loop.run_forever()

    async def serve(self, reader, writer):
        self.connections += 1
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await self.say(writer, "220 relay.bench ESMTP")
            while line := await reader.readline():
                if line.startswith(b"RCPT"):
                    recipient = line.decode()
                if line.startswith(b"DATA"):
                    await self.say(writer, "354 go on")
                    await reader.readuntil(b"\r\n.\r\n")
                    self.taken.append((time.monotonic(), recipient))
                await self.say(writer, "250 8BITMIME")
        self.open -= 1
        writer.close()

    async def say(self, writer, reply):
        await asyncio.sleep(self.seconds)
        writer.write(f"{reply}\r\n".encode())
        await writer.drain()


QUEUED = 10_000

APPLICATION = {
    "step": "send",
    "submission_key": str(uuid.uuid4()),
    "organization_name": "New Trust",
    "domain_name": "new.example",
    "country": "KE",
    "registered": "yes",
    "registration_note": "Registry, 1",
    "kind_of_work": "health",
    "statement": "We run health posts in four counties.",
    "representative_name": "Ann Lee",
    "representative_role": "Director",
    "representative_email": "ann@new.example",
    "ncsg_status": "not-yet",
    "authorised": "yes",
}


def mail():
    """Measures a backlog after an outage, and a new application's mail in front of it."""
    relay = Relay(0.02)
    with site(relay=relay.url) as ours:
        ours.sql(
            "INSERT INTO outbox (message_id, recipient, subject, body_text, body_html, refusal_is_final, owed_at, due_at)"
            f" SELECT n || '@bench', 'user' || n || '@old.example', 's', repeat('t', 2500), repeat('h', 4500), true,"
            f" now() - interval '1 hour', now() FROM generate_series(1, {QUEUED}) n"
        )
        wait_for(lambda: relay.taken)
        began, before = time.monotonic(), len(relay.taken)
        time.sleep(SECONDS * 5)
        rate = (len(relay.taken) - before) / (time.monotonic() - began)
        applied = time.monotonic()
        urllib.request.urlopen(f"{ours.url}/membership", urllib.parse.urlencode(APPLICATION).encode()).read()
        arrived = wait_for(lambda: next((at for at, recipient in relay.taken if "ann@new.example" in recipient), None))
        left = ours.sql("SELECT count(*) FROM outbox WHERE sent_at IS NULL AND message_id LIKE '%@bench'")
        memory = highest_memory(ours.process.pid)
    table(
        f"Mail: {QUEUED:,} queued for one domain, a relay that takes 20 ms for each answer and offers no PIPELINING",
        [
            ("mails a second", f"{rate:.0f}", "(goal ≥ 100; 25 before connections were used again)"),
            ("seconds until a new applicant is mailed", f"{arrived - applied:.1f}", f"(goal ≤ 5; {left} still queued)"),
            ("connections at a time", relay.most_open, f"({relay.connections} in all)"),
            ("memory, MB", f"{memory:.1f}", "(goal ≤ 40)"),
        ],
    )


def wait_for(what, seconds=120):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := what():
            return found
        time.sleep(0.01)
    raise SystemExit("timed out")


def footprint():
    """Measures the start."""
    with site() as server:
        starts = []
        for _ in range(ROUNDS):
            with site(server.database()) as ours:
                starts.append(ours.first_page * 1000)
    table(
        "From start to the first page, database up",
        [("milliseconds", f"{statistics.median(starts):.0f} ({min(starts):.0f}–{max(starts):.0f})", "(goal ≤ 150)")],
    )


FILL = """
INSERT INTO applications (reference, submission_key, receipt_secret, organization_name, domain_name, domain_name_ascii,
    country, registered, registration_note, kind_of_work, statement, representative_name, representative_role,
    representative_email, ncsg_status, not_eligible, authorised, publish, mailing_list, search_grams)
SELECT 'NPOC-' || four(n / 331776) || '-' || four(n % 331776), gen_random_uuid(), gen_random_uuid(), 'Organization ' || n,
    'org' || n || '.example', 'org' || n || '.example', 'KE', true, 'Registry, ' || n, 'health', repeat('We help. ', 20),
    'Ann', 'Director', 'ann@org' || n || '.example', 'not-yet', '{{}}', true, true, false, '{{}}'
FROM generate_series(1, {many}) n;
INSERT INTO outbox (message_id, reference, recipient, subject, body_text, body_html, refusal_is_final, sent_at)
SELECT n || '@bench', 'NPOC-' || four(n / 331776) || '-' || four(n % 331776), 'a@example.org', 'A subject', 'text', 'html', true, now() FROM generate_series(1, {many}) n;
INSERT INTO application_history (reference, event) SELECT reference, 'received' FROM applications;
ANALYZE;
"""
FOUR = """CREATE FUNCTION four(n bigint) RETURNS text LANGUAGE sql IMMUTABLE AS
$$ SELECT string_agg(substr('34679ACDEFGHJKMNPQRTVWXY', floor(n / 24 ^ i)::int % 24 + 1, 1), '') FROM generate_series(0, 3) i $$;"""


def statement_of(beginning):
    """Returns a query of the site from .sqlx."""
    for file in glob.glob(str(HERE.parent / ".sqlx" / "*.json")):
        query = json.loads(pathlib.Path(file).read_text())["query"]
        if query.startswith(beginning):
            return query
    raise SystemExit(f"no query begins with {beginning}")


def claim_times(server, name):
    """Returns the milliseconds that claiming a mail takes in the database."""
    server.sql(
        "INSERT INTO outbox (message_id, recipient, subject, body_text, body_html, refusal_is_final)"
        " SELECT gen_random_uuid() || '@bench', 'a@example.org', 's', 't', 'h', true FROM generate_series(1, 500) n; ANALYZE",
        name,
    )
    claim = statement_of("WITH relay AS")
    for number, value in enumerate(("180", "true", "true", "true", "'{}'::text[]", "true"), 1):
        claim = claim.replace(f"${number}", value)
    said = server.sql(f"EXPLAIN (ANALYZE, SUMMARY) {claim};\n" * 200, name)
    return statistics.median(float(one) for one in re.findall(r"Execution Time: ([\d.]+)", said))


def growth():
    """Compares an empty database with many applications and mails."""
    with site() as server, no_delivery() as relay, contextlib.ExitStack() as sites:
        names = {stored: f"stored_{stored}" for stored in (0, 10_000, MANY)}
        for stored, name in names.items():
            server.sql(f"CREATE DATABASE {name}")
            with site(server.database(name)):
                pass
            if stored:
                server.sql(FOUR + FILL.format(many=stored), name)
            server.sql("VACUUM ANALYZE; CHECKPOINT;", name)
        claims = [{stored: claim_times(server, name) * 1000 for stored, name in names.items()} for _ in range(9)]
        for name in names.values():
            server.sql("UPDATE outbox SET sent_at = now() WHERE sent_at IS NULL", name)
        running = {stored: sites.enter_context(site(server.database(name), relay)) for stored, name in names.items()}
        script = HERE / "application.lua"
        taken = []
        # Each site takes each turn. The first round does not count, since files grow for the first time.
        for turn in range(ROUNDS + 1):
            sites_in_turn = sorted(running.items(), key=lambda one: (list(names).index(one[0]) + turn) % len(names))
            taken.append({stored: 1e6 / wrk(f"{one.url}/membership", 1, script=script) for stored, one in sites_in_turn})
        taken = taken[1:]
        exported = export(server.database(names[MANY]))
    rows = [("", "stored", "then", "with none", "ratio (goal ≤ 1.1)")]
    for what, samples in (("µs for an application", taken), ("µs to claim a mail", claims)):
        for stored in (10_000, MANY):
            of_both = ([sample[one] for sample in samples] for one in (stored, 0))
            rows.append((what, f"{stored:,}", *compared(*of_both)))
    rows.append(("MB for the export of all", f"{MANY:,}", *exported, "(goal ≤ 64)"))
    table("Growth", rows)


def export(database):
    """Returns the highest memory of an export, and its duration."""
    settings = {"PATH": os.environ["PATH"], "DATABASE_URL": database}
    began = time.monotonic()
    exporting = subprocess.Popen([PROGRAM, "applications", "export"], env=settings, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(exporting.pid, 0)
    if status:
        raise SystemExit("the export failed")
    return f"{used.ru_maxrss / 1024:.1f}", f"in {time.monotonic() - began:.0f} s"


SYLLABLES = [c + v for c in ("b", "k", "l", "m", "n", "s", "t", "r", "str", "v", "gh", "j") for v in "aeiou"]
ARABIC = "مؤسسة النور الخيرية للتنمية والتعليم في مصر جمعية حقوق المرأة والطفل".split()
HAN = "東京都医療財団国際協力教育平和文化交流子女健康水道学校社会福祉"
# One application contains each of these, but nearly all contain the second.
NEEDLES = ("zyx", "the", "Cote d'Ivoire", "鑫", "مستشفانا", "+225 07-19-82-73-64")
RARE = """UPDATE applications SET search_grams = NULL, organization_name = 'Zyxqu', statement = 'En Côte d’Ivoire, 鑫, مستشفانا',
    representative_phone = '+225 07 19 82 73 64' WHERE id = (SELECT max(id) FROM applications)"""


def fill_with_words(server, many):
    """Stores applications with many words in three scripts, a few of them frequent."""
    drawn = random.Random(1)
    words = ["".join(drawn.choices(SYLLABLES, k=drawn.choice((1, 2, 3)))) for _ in range(6000)]
    weights = list(itertools.accumulate(1 / (rank + 5) for rank in range(6000)))
    rows = []
    for n in range(many):
        told = " the ".join(" ".join(drawn.choices(words, cum_weights=weights, k=10)) for _ in range(drawn.randint(3, 9)))
        other = (" ".join(drawn.choices(ARABIC, k=20)), "".join(drawn.choices(HAN, k=60)))
        rows.append(f"({n}, '{told} {other[n % 20] if n % 20 < 2 else ''}', '+254 {drawn.randrange(10**9):09}')")
    server.sql(
        FOUR
        + f"""INSERT INTO applications (reference, submission_key, receipt_secret, organization_name, domain_name,
            domain_name_ascii, country, registered, registration_note, kind_of_work, statement, representative_name,
            representative_role, representative_email, representative_phone, ncsg_status, not_eligible, authorised, publish,
            mailing_list)
        SELECT 'NPOC-3333-' || four(n), gen_random_uuid(), gen_random_uuid(), left(told, 30), 'org' || n || '.example',
            'org' || n || '.example', 'KE', true, 'Registry ' || n, 'health', told, 'Ann', 'Director', 'ann@org.example', phone,
            'not-yet', '{{}}', true, true, false
        FROM (VALUES {",".join(rows)}) AS given (n, told, phone)"""
    )


# Copies each application, with new values in the unique columns only.
COPIES = """
DROP INDEX applications_search_grams;
DO $do$ DECLARE others text; BEGIN
    SELECT string_agg(quote_ident(attname), ', ') INTO others FROM pg_attribute WHERE attrelid = 'applications'::regclass
        AND attnum > 0 AND NOT attisdropped AND attname NOT IN ('id', 'reference', 'submission_key', 'receipt_secret');
    EXECUTE format('INSERT INTO applications (reference, submission_key, receipt_secret, %s)
        SELECT ''NPOC-'' || four(3 + copy) || right(reference, 5), gen_random_uuid(), gen_random_uuid(), %s
        FROM applications, generate_series(1, {copies}) AS copy', others, others);
END $do$;
SET maintenance_work_mem = '1GB';
CREATE INDEX applications_search_grams ON applications USING gin (search_grams)
    WITH (gin_pending_list_limit = 1024) WHERE search_grams IS NOT NULL;
VACUUM ANALYZE applications;"""


def indexed(server):
    return wait_for(lambda: server.sql("SELECT count(*) FROM applications WHERE search_grams IS NULL") == "0", 7200)


def search():
    """Measures indexing applications for search, and finding one among many."""
    few = MANY // 50
    with site() as server:
        fill_with_words(server, few)
        began = time.monotonic()
        with site(server.database()):
            indexed(server)
            indexing = (time.monotonic() - began) / few * 1000
            server.sql(COPIES.format(copies=49))
            server.sql(RARE)
        with site(server.database()):
            indexed(server)
        size = server.sql("SELECT pg_relation_size('applications_search_grams') >> 20, pg_table_size('applications') >> 20")
        settings = {"PATH": os.environ["PATH"], "DATABASE_URL": server.database()}
        rows = [("", "found", "ms, median", "least–greatest (goal ≤ 100 where one is found)")]
        for needle in NEEDLES:
            times = []
            for _ in range(ROUNDS if needle != "the" else 1):
                began = time.monotonic()
                command = [PROGRAM, "applications", "list", "--text", needle]
                found = subprocess.run(command, env=settings, capture_output=True, check=True).stdout.count(b"\n")
                times.append((time.monotonic() - began) * 1000)
            rows.append((needle, f"{found:,}", f"{statistics.median(times):.0f}", f"{min(times):.0f}–{max(times):.0f}"))
    rows.append(("seconds to index 1,000", "", f"{indexing:.1f}", ""))
    rows.append(("MB of the index, and of the table", "", *size.split("|")))
    table(f"Search among {MANY:,}", rows)


def instructions(name):
    """Returns the instructions of one execution. The difference of two runs leaves out setup and exit."""
    counts = []
    for times in (10, 110):
        runner = "target.'cfg(unix)'.runner='valgrind --tool=callgrind --callgrind-out-file=/dev/null'"
        command = ["cargo", "--config", runner, "bench", "-q", "--bench", "inside", "--", "count", name, str(times)]
        said = subprocess.run(command, capture_output=True, text=True, check=True, cwd=HERE.parent).stderr
        counts.append(int(re.search(r"Collected : (\d+)", said)[1]))
    return (counts[1] - counts[0]) / 100


def inside():
    """Measures functions inside the process: times by Criterion, instructions by callgrind."""
    command = ["cargo", "bench", "-q", "--bench", "inside", "--", "--noplot"]
    said = subprocess.run(command, capture_output=True, text=True, check=True, cwd=HERE.parent).stdout
    times = re.findall(r"^(\w+)\s+time:\s+\[(.+? .s) (.+? .s) (.+? .s)\]", said, re.MULTILINE)
    rows = [("", "median", "least–greatest", "instructions")]
    rows += [(name, median, f"{least}–{most}", f"{instructions(name):,.0f}") for name, least, median, most in times]
    table("Inside the process, once", rows)


def main():
    measured = {one.__name__: one for one in (pages, applications, mail, footprint, growth, search, inside)}
    for name in sys.argv[2:] or measured:
        measured[name]()


main()
