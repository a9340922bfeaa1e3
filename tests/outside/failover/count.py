"""Counts after the drill what the clients know, what the database has and what the relay got."""

import collections
import dataclasses
import time

from postgres import DatabaseError, query
from processes import wait_for

APPLICATIONS = "SELECT reference, receipt_secret, representative_email FROM applications"
# Unsent emails. A worker that was killed, or could not record what it sent, leaves a lease of three minutes.
LEASED = "leased until "
OWED = f"""SELECT trim(message_id, '<>'), CASE WHEN leased_until > now() THEN '{LEASED}' || leased_until
        ELSE coalesce(last_error, 'due at ' || due_at) END
    FROM outbox WHERE sent_at IS NULL AND given_up_at IS NULL"""
DUE = "SELECT count(*) FROM outbox WHERE sent_at IS NULL AND given_up_at IS NULL AND due_at <= now()"
ENDS = (".staff@npoc.org", ".applicant@npoc.org")


@dataclasses.dataclass
class Counted:
    """The result of the drill."""

    sent: int
    acknowledged: int
    stored: int
    lost: list
    stored_twice: list
    wrong_receipts: list
    emails: int
    emails_missing: list
    emails_owed: dict
    emails_again: int
    emails_in_two_ways: list
    emails_about_nothing: list

    def is_good(self):
        """Returns whether every promise of synchronous mode was kept."""
        bad = (
            self.lost,
            self.stored_twice,
            self.wrong_receipts,
            self.emails_missing,
            self.emails_in_two_ways,
            self.emails_about_nothing,
        )
        return not any(bad) and self.sent == self.acknowledged


def wait_for_emails(cluster, seconds, is_lease_awaited):
    """Waits until no email is due, at most this long. Returns those that are owed."""
    end = time.monotonic() + seconds
    while True:
        owed = dict(ask(cluster, OWED))
        is_over = not owed if is_lease_awaited else ask(cluster, DUE) == [["0"]]
        if is_over or time.monotonic() > end:
            return owed
        time.sleep(0.5)


def ask(cluster, statement):
    def attempt():
        primary = cluster.primary()
        try:
            return primary and [query(primary.port, statement, "npoc", limit=30)]
        except DatabaseError:
            return None

    return wait_for(attempt, 60, "an answer of the primary")[0]


def count(drill, mail_limit, is_lease_awaited):
    owed = wait_for_emails(drill.cluster, mail_limit, is_lease_awaited)
    rows = ask(drill.cluster, APPLICATIONS)
    applications = drill.crowd.applications
    acknowledged = [one for one in applications if one.receipt]
    references = {secret: reference for reference, secret, _ in rows}
    emails = drill.relay.emails()
    return Counted(
        sent=len(applications),
        acknowledged=len(acknowledged),
        stored=len(rows),
        lost=[one.email for one in acknowledged if one.secret not in references],
        stored_twice=repeated(address for _, _, address in rows),
        wrong_receipts=[one.email for one in acknowledged if one.reference != references.get(one.secret, one.reference)],
        emails=len(emails),
        emails_owed=owed,
        **of_emails(emails, {} if is_lease_awaited else leased(owed), references.values()),
    )


def leased(owed):
    """Returns the emails that wait for the end of a lease. A short drill does not wait for it."""
    return {message_id: why for message_id, why in owed.items() if why.startswith(LEASED)}


def of_emails(emails, awaited, references):
    """Returns the counts of emails: both of each stored application must have come, in one way only."""
    expected = {reference + end for reference in references for end in ENDS}
    came = collections.Counter(message_id for message_id, _ in emails)
    about_applications = {(message_id, to) for message_id, to in emails if message_id.endswith(ENDS[1])}
    return {
        "emails_missing": sorted(expected - came.keys() - awaited.keys()),
        "emails_again": sum(times - 1 for times in came.values()),
        "emails_in_two_ways": repeated(to for _, to in about_applications),
        "emails_about_nothing": sorted(one for one in came.keys() - expected if one.endswith(ENDS)),
    }


def repeated(items):
    return [item for item, times in collections.Counter(items).items() if times > 1]
