"""Visitors of a cluster: clients that apply by HTTPS at the proxies of both machines.

visitors.py apply NAME HOST CERTIFICATE ADDRESS…: applies until SIGTERM. While it runs, NAME.count has the number of
acknowledged applications. At the end, NAME.told has the figures and NAME.receipts what the applicants know.

visitors.py count STORED EMAILS FILE…: compares the receipts in each FILE with the applications in STORED (lines of reference,
secret, address) and with the emails that the relay noted. Exits with 1 if a promise was not kept.
"""

import functools
import http.client
import pathlib
import signal
import socket
import ssl
import sys
import time

import count
from clients import Crowd
from probe import longest_gap

VISITORS = 8
PAUSE = 0.1  # seconds between two applications of one visitor
FINISH_LIMIT = 60  # seconds


class Door(http.client.HTTPSConnection):
    """A connection to a host by its name, at one of its addresses."""

    def __init__(self, address, host, context, limit):
        super().__init__(host, context=context, timeout=limit)
        self.address, self.context = address, context

    def connect(self):
        plain = socket.create_connection((self.address, 443), self.timeout)
        self.sock = self.context.wrap_socket(plain, server_hostname=self.host)


def apply(name, host, certificate, *addresses):
    context = ssl.create_default_context(cafile=certificate)
    doors = [functools.partial(Door, address, host, context) for address in addresses]
    crowd = Crowd(doors, VISITORS, PAUSE, f"{name}-")
    is_over = []
    signal.signal(signal.SIGTERM, lambda *_: is_over.append(True))
    begin = time.monotonic()
    crowd.start()
    while not is_over:
        write(f"{name}.count", [str(crowd.acknowledged())])
        time.sleep(0.1)
    end = time.monotonic()
    unfinished = crowd.finish(FINISH_LIMIT)
    tell(name, crowd, unfinished, longest_gap(crowd.acknowledged_at, begin, end))


def tell(name, crowd, unfinished, gap):
    """Writes the figures, one with its name on a line, and the receipts."""
    receipts = ["\t".join((one.email, one.secret, one.reference)) for one in crowd.applications if one.receipt]
    answers = ", ".join(f"{status}: {times}" for status, times in sorted(crowd.answers.items()))
    figures = {
        "gap": f"{gap:.1f}",
        "answers": answers,
        "errors": sum(crowd.errors.values()),
        "textless": crowd.answers_without_text,
        "unfinished": unfinished,
        "slowest": f"{crowd.slowest:.1f}",
        "causes": "; ".join(f"{times} × {cause}" for cause, times in crowd.errors.most_common(5)),
    }
    write(f"{name}.receipts", receipts)
    write(f"{name}.told", [f"{figure} {value}" for figure, value in figures.items()])


def write(path, lines):
    part = pathlib.Path(f"{path}.part")
    part.write_text("".join(f"{line}\n" for line in lines))
    part.rename(path)


def table(path):
    return [line.split("\t") for line in pathlib.Path(path).read_text().splitlines()]


def compare(stored, emails, *files):
    """Prints what was lost, stored twice or not sent, and the number of emails that came again."""
    rows = table(stored)
    receipts = [receipt for file in files for receipt in table(file)]
    references = {secret: reference for reference, secret, _ in rows}
    faults = {
        "lost": [email for email, secret, _ in receipts if secret not in references],
        "stored twice": count.repeated(email for _, _, email in rows),
        "wrong receipts": [email for email, secret, seen in receipts if seen not in ("", references.get(secret))],
    }
    mails = count.of_emails([tuple(row) for row in table(emails)], {}, references.values())
    faults |= {name: mails[name] for name in ("emails_missing", "emails_in_two_ways")}
    again = mails["emails_again"]
    print(f"{len(receipts)} acknowledged, {len(rows)} stored, {again} emails again")
    for name, found in faults.items():
        if found:
            print(f"{name}: {len(found)}, first {found[:3]}")
    return 1 if any(faults.values()) else 0


sys.exit({"apply": apply, "count": compare}[sys.argv[1]](*sys.argv[2:]))
