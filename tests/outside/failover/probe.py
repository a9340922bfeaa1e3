"""Measures when the database accepts writes, apart from the sites: what a site that knew everything could reach."""

import threading
import time

from postgres import Connection, DatabaseError

# Waits for the synchronous standby like any commit, and stores nothing.
WRITE = "SELECT CASE WHEN NOT pg_is_in_recovery() THEN pg_logical_emit_message(true, 'drill', '') END"
PAUSE = 0.1  # seconds
# A commit that waits for the standby goes on waiting if its client leaves, and keeps its place at the server.
WRITE_LIMIT = 30


class Probe:
    """Writes to every server without a break."""

    def __init__(self, nodes):
        self.written_at = []
        for node in nodes:
            threading.Thread(target=self._write_to, args=(node.port,), daemon=True).start()

    def _write_to(self, port):
        connection = None
        while True:
            try:
                connection = connection or Connection(port, limit=WRITE_LIMIT)
                if connection.query(WRITE) != [[None]]:
                    self.written_at.append(time.monotonic())
            except DatabaseError:
                if connection:
                    connection.close()
                connection = None
            time.sleep(PAUSE)


def longest_gap(moments, begin, end):
    """Returns the longest time without a moment, between two moments in time."""
    inside = sorted(moment for moment in list(moments) if begin < moment < end)
    times = [begin, *inside, end]
    return max(after - before for before, after in zip(times, times[1:]))
