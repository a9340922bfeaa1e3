"""Builds a cluster on loopback, lets machines die while clients apply, and counts. bin/failover runs it.

Runs in namespaces of its own, which end all processes with it. Exits with 1 if, in synchronous mode, an acknowledged
application is lost, an application is stored twice, an email is missing, or a refusal lacks the typed text.
"""

import argparse
import dataclasses
import os
import pathlib
import random
import sys
import threading
import time

import report
import settings
from count import count
from drill import REJOIN_LIMIT, Drill
from faults import ALL


@dataclasses.dataclass
class Plan:
    """What a drill does."""

    faults: list
    seed: int
    is_synchronous: bool
    is_quick: bool
    is_long: bool
    bootstrap: dict

    @property
    def frost(self):
        """The seconds for which something is frozen or away: longer than the lease."""
        if not self.is_quick:
            return self.bootstrap["dcs"]["ttl"] + 20
        return 20 if self.is_long else 10

    @property
    def backlog(self):
        return 1000 if self.is_long else 300

    @property
    def limit(self):
        """The seconds after which the drill has failed."""
        return 120 + REJOIN_LIMIT + len(self.faults) * (90 if self.is_quick else 240)


def read_plan(arguments, tree):
    parser = argparse.ArgumentParser("bin/failover", add_help=False)
    parser.add_argument("words", nargs="*", metavar="long|async")
    parser.add_argument("--faults", type=lambda names: names.split(","))
    parser.add_argument("--times", type=int)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--documented-timings", action="store_true")
    given = parser.parse_args(arguments)
    if unknown := set(given.words) - {"long", "async"}:
        parser.error(f"unknown: {', '.join(unknown)}")
    is_long = "long" in given.words
    names = given.faults or list(ALL)
    if unknown := set(names) - set(ALL):
        parser.error(f"no fault is called {', '.join(unknown)}; there are: {', '.join(ALL)}")
    times = given.times or (10 if is_long else 1)
    faults = names * times
    if times > 1:
        random.Random(given.seed).shuffle(faults)
    is_quick, is_synchronous = not given.documented_timings, "async" not in given.words
    bootstrap = settings.bootstrap(pathlib.Path("patroni.yml"), tree, is_quick, is_synchronous)
    return Plan(faults, given.seed, is_synchronous, is_quick, is_long, bootstrap)


def give_up(plan):
    print(f"FAILED: the drill takes longer than {plan.limit} s", file=sys.stderr, flush=True)
    os._exit(1)


def introduce(plan, version):
    mode = "synchronous" if plan.is_synchronous else "asynchronous: a takeover may lose acknowledged applications"
    timing = "/".join(str(plan.bootstrap["dcs"][name]) for name in settings.QUICK)
    patroni = ".".join(map(str, version))
    print(f"Patroni {patroni} with {settings.etcd_protocol(version)}, timings {timing}, seed {plan.seed}; {mode}")


def main(tree, programs, binary, arguments):
    tree = pathlib.Path(tree)
    plan = read_plan(arguments, tree)
    watchdog = threading.Timer(plan.limit, give_up, [plan])
    watchdog.daemon = True
    watchdog.start()
    began = time.monotonic()
    drill = Drill(pathlib.Path.cwd(), tree, programs, binary, plan)
    introduce(plan, drill.cluster.version)
    drill.start()
    print(f"up after {time.monotonic() - began:.0f} s", flush=True)
    try:
        for name in plan.faults:
            print(report.line(drill.run(name, ALL[name])), flush=True)
    except TimeoutError as error:
        print(f"FAILED: {name}: {error}", flush=True)
        drill.failed = True
    unfinished = drill.crowd.finish(90)
    report.table(drill.measured)
    counted = count(drill, 300 if plan.is_long else 60, is_lease_awaited=plan.is_long)
    report.totals(counted, drill.crowd, unfinished)
    print(*drill.notes, f"took {time.monotonic() - began:.0f} s", sep="\n", flush=True)
    is_good = counted.is_good() and not drill.crowd.answers_without_text and not unfinished
    return 0 if (is_good or not plan.is_synchronous) and not drill.failed else 1


try:
    sys.exit(main(*sys.argv[1:4], sys.argv[4:]))
except TimeoutError as error:
    sys.exit(f"FAILED: {error}")
