"""Measures the site next to references. benches/run installs what this needs and calls it.

The sides alternate in rounds, and each ratio is from one round, since a machine's load changes between rounds. The tables have
medians, with minimum and maximum.
"""

import asyncio
import contextlib
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request
import uuid

from growth import growth, search
from support import (
    CODINGS,
    HERE,
    ROUNDS,
    SECONDS,
    compared,
    free_port,
    highest_memory,
    no_delivery,
    pin,
    processor_time,
    site,
    table,
    wait_for,
    wrk,
)

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
    "search_grams": "NULL",
    "token": "DEFAULT",
}


def as_insert(ours, table_name, where, drawn):
    """Returns the statement that inserts a row like this one."""
    row = json.loads(ours.sql(f"SELECT row_to_json(r) FROM (SELECT * FROM {table_name} WHERE {where}) r"))
    cells = {name: drawn.get(name) or literal(value) for name, value in row.items() if name != "id"}
    return f"INSERT INTO {table_name} ({', '.join(cells)}) VALUES ({', '.join(cells.values())});"


def literal(value):
    if value is None or isinstance(value, (bool, int)):
        return "NULL" if value is None else str(value).lower()
    # On one line, and without text that pgbench takes for a variable.
    for character, written in (("\\", "\\\\"), ("'", "''"), (":", "\\x3a"), ("\n", "\\n")):
        value = value.replace(character, written)
    return f"E'{value}'"


def plain_transaction(ours):
    """Returns the transaction for one application: BEGIN, one INSERT a row, COMMIT."""
    reference = ours.sql("SELECT reference FROM applications LIMIT 1")
    emails = ours.sql(f"SELECT id FROM outbox WHERE reference = '{reference}' ORDER BY id").split()
    ours.sql("CREATE SEQUENCE IF NOT EXISTS bench")
    # The state of a new email: not sent.
    fresh = {"attempts": "0", "claims": "0", "sent_at": "NULL", "leased_until": "NULL", "due_at": "now() + interval '1 year'"}
    lines = [as_insert(ours, "applications", f"reference = '{reference}'", DRAWN | {"reference": REFERENCE})]
    lines += [as_insert(ours, "application_history", f"reference = '{reference}' LIMIT 1", {})]
    lines += [as_insert(ours, "outbox", f"id = {email}", DRAWN | fresh) for email in emails]
    return "\n".join(["BEGIN;", *lines, "COMMIT;"])


def pgbench(ours, script, clients):
    command = ["pgbench", "-n", "-M", "prepared", "-c", str(clients), "-j", "1", "-T", str(SECONDS), "-f", str(script)]
    command += ["-h", ours.sockets(), "-U", "npoc", "npoc"]
    ended = subprocess.run(command, capture_output=True, text=True)
    if ended.returncode:
        raise SystemExit(ended.stderr)
    return float(re.search(r"tps = ([\d.]+)", ended.stdout)[1])


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
    """Measures a backlog after an outage, and a new application's emails in front of it."""
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
        f"Emails: {QUEUED:,} queued for one domain, a relay that takes 20 ms for each answer and offers no PIPELINING",
        [
            ("emails a second", f"{rate:.0f}", "(goal ≥ 100; 25 before connections were used again)"),
            ("seconds until a new applicant is mailed", f"{arrived - applied:.1f}", f"(goal ≤ 5; {left} still queued)"),
            ("connections at a time", relay.most_open, f"({relay.connections} in all)"),
            ("memory, MB", f"{memory:.1f}", "(goal ≤ 40)"),
        ],
    )


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
