"""Prints what a drill measured."""

import statistics

SHOWN = 5


def line(one):
    return (
        f"{one.fault:<15} nothing stored for {one.without_storing:4.1f} s (database {one.without_database:4.1f} s), slowest "
        f"answer {one.slowest_answer:4.1f} s, whole after {one.whole_after:4.1f} s, {one.acknowledged} applications"
    )


def table(measured):
    """Prints one line for each fault: seconds without storing, and those without a database that accepts writes."""
    print("\nseconds                   without storing    without a database   slowest answer")
    print(f"{'fault':<15} {'times':>5} {'median':>9} {'worst':>7} {'median':>11} {'worst':>7} {'worst':>16} {'acknowledged':>13}")
    faults = {}
    for one in measured:
        faults.setdefault(one.fault, []).append(one)
    for fault, ones in faults.items():
        stored, database = [one.without_storing for one in ones], [one.without_database for one in ones]
        storing = f"{statistics.median(stored):9.1f} {max(stored):7.1f}"
        writing = f"{statistics.median(database):11.1f} {max(database):7.1f}"
        slowest, acknowledged = max(one.slowest_answer for one in ones), sum(one.acknowledged for one in ones)
        print(f"{fault:<15} {len(ones):>5} {storing} {writing} {slowest:16.1f} {acknowledged:>13}")


def totals(counted, crowd, unfinished):
    answers = ", ".join(f"{status}: {times}" for status, times in sorted(crowd.answers.items()))
    print(f"""
applications      {counted.sent} sent, {counted.acknowledged} acknowledged, {counted.stored} stored
answers           {answers}; {crowd.answers_without_text} without the typed text
clients           {unfinished} without a receipt at the end
lost              {shown(counted.lost)}
stored twice      {shown(counted.stored_twice)}
wrong receipts    {shown(counted.wrong_receipts)}
emails            {counted.emails} at the relay, {counted.emails_again} of them again under the same Message-ID
emails missing    {shown(counted.emails_missing)}
in two ways       {shown(counted.emails_in_two_ways)}
about nothing     {shown(counted.emails_about_nothing)}
emails still owed {len(counted.emails_owed)}""")
    for message_id, reason in list(counted.emails_owed.items())[:SHOWN]:
        print(f"                  {message_id}: {reason}")


def shown(items):
    """Returns the number of items, and the first of them."""
    names = ", ".join(items[:SHOWN]) + (", …" if len(items) > SHOWN else "")
    return f"{len(items)}" + (f" ({names})" if items else "")
