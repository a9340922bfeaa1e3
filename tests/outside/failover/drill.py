"""Runs the faults one after another while clients apply, and measures each."""

import dataclasses
import random
import time

import sites
from clients import Crowd
from cluster import Cluster
from probe import Probe, longest_gap
from processes import wait_for

# Longer than any takeover: with the documented timings it takes at most 45 s.
TAKEOVER_LIMIT = 90  # seconds
REJOIN_LIMIT = 300
READY_LIMIT = 120
STORED_AGAIN = 32
# Patroni notices some changes a moment later. A second fault in that moment is another fault than the one to measure.
CALM = 2


@dataclasses.dataclass
class Measured:
    """One fault, as it went."""

    fault: str
    without_storing: float
    without_database: float
    acknowledged: int
    whole_after: float
    slowest_answer: float


class Drill:
    """The cluster with its sites and clients."""

    def __init__(self, folder, tree, programs, binary, plan):
        self.plan, self.random = plan, random.Random(plan.seed)
        self.frost, self.backlog = plan.frost, plan.backlog
        self.cluster = Cluster(folder / "cluster", tree, programs, plan)
        ports = zip(sites.FORWARDER_PORTS, self.cluster.nodes)
        self.forwarders = [sites.Forwarder(port, node, folder) for port, node in ports]
        self.relay = sites.Relay(folder)
        self.sites = [sites.Site(f"site-{n}", port, binary, folder) for n, port in enumerate(sites.SITE_PORTS, 1)]
        self.crowd = Crowd([site.connect for site in self.sites])
        self.measured, self.notes, self.failed = [], [], False

    def start(self):
        self.cluster.start()
        for helper in [*self.forwarders, self.relay]:
            helper.start()
        sites.start_all(self.sites)
        self.probe = Probe(self.cluster.nodes)
        self.crowd.start()
        self.wait_until_stored()

    def run(self, name, fault):
        """Runs one fault, and waits until everything is as before."""
        begin, before = time.monotonic(), self.crowd.acknowledged()
        self.crowd.slowest = 0
        fault(self)
        whole_after = self.wait_until_whole() - begin
        for site in self.sites:
            wait_for(site.is_ready, READY_LIMIT, f"{site.name} is ready")
        self.wait_until_stored()
        end = time.monotonic()
        one = Measured(
            fault=name,
            without_storing=longest_gap(self.crowd.acknowledged_at, begin, end),
            without_database=longest_gap(self.probe.written_at, begin, end),
            acknowledged=self.crowd.acknowledged() - before,
            whole_after=whole_after,
            slowest_answer=self.crowd.slowest,
        )
        self.measured.append(one)
        return one

    def wait_until_whole(self):
        """Waits until there is a calm primary with its standby. Returns since when."""
        since = None

        def is_calm():
            nonlocal since
            since = (since or time.monotonic()) if self.cluster.is_whole() else None
            return since and time.monotonic() - since > CALM

        wait_for(is_calm, REJOIN_LIMIT, "a primary with its standby")
        return since

    def primary(self):
        return wait_for(self.cluster.primary, TAKEOVER_LIMIT, "a primary")

    def forwarder_to(self, node):
        return self.forwarders[self.cluster.nodes.index(node)]

    def wait_for_takeover(self, old):
        """Waits until the other server leads and applications are stored."""
        wait_for(self.cluster.other(old).is_primary, TAKEOVER_LIMIT, "a takeover")
        self.wait_until_stored()

    def wait_until_stored(self, count=STORED_AGAIN):
        """Waits until this number of further applications is acknowledged."""
        enough = self.crowd.acknowledged() + count
        wait_for(lambda: self.crowd.acknowledged() >= enough, TAKEOVER_LIMIT, f"{count} further applications")
