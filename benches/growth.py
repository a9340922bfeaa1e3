"""Measures the site with many stored applications and emails."""

import contextlib
import glob
import itertools
import json
import os
import pathlib
import random
import re
import statistics
import subprocess
import time

from support import HERE, MANY, PROGRAM, ROUNDS, compared, no_delivery, site, table, wait_for, wrk

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
    """Returns the milliseconds that claiming an email takes in the database."""
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
    """Compares an empty database with many applications and emails."""
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
    for what, samples in (("µs for an application", taken), ("µs to claim an email", claims)):
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
