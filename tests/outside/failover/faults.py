"""The faults. Each returns when everything that it broke is started again."""

import time

from drill import TAKEOVER_LIMIT

# So little that maximum_lag_on_failover lets a standby lead without it. Only synchronous mode keeps it from that.
SMALL_BACKLOG = 30


def kill(drill):
    """Kills the primary and its Patroni at once."""
    old = drill.primary()
    old.kill()
    drill.wait_for_takeover(old)
    old.start()


def postgres(drill):
    """Kills the primary's PostgreSQL and leaves its Patroni alive."""
    drill.primary().kill_server()
    drill.wait_until_stored()


def switchover(drill):
    """Changes the roles in order."""
    old = drill.primary()
    names = {"leader": old.name, "candidate": drill.cluster.other(old).name}
    status = old.rest("POST", "/switchover", names, limit=TAKEOVER_LIMIT)
    if status != 200:
        drill.notes.append(f"the switchover got status {status}")
    drill.wait_until_stored()


def frozen(drill):
    """Freezes the primary with its Patroni for longer than its lease, and thaws them."""
    old = drill.primary()
    stopped = old.freeze()
    time.sleep(drill.frost)
    old.thaw(stopped)
    drill.wait_until_stored()


def patroni_frozen(drill):
    """Freezes the primary's Patroni for longer than its lease. The old primary still accepts writes, which wait."""
    old = drill.primary()
    stopped = old.freeze_patroni()
    time.sleep(drill.frost)
    old.thaw(stopped)
    drill.wait_until_stored()


def etcd_one(drill):
    """Kills one etcd of three."""
    etcds_away(drill, 1)


def etcd_two(drill):
    """Kills two etcd of three, so that nobody can take a lease."""
    etcds_away(drill, 2)


def etcds_away(drill, count):
    killed = drill.random.sample(drill.cluster.etcds, count)
    for etcd in killed:
        etcd.kill()
    time.sleep(drill.frost)
    for etcd in killed:
        etcd.start()
    drill.wait_until_stored()


def standby(drill):
    """Kills the standby, which comes back after many applications."""
    node = drill.cluster.other(drill.primary())
    node.kill()
    drill.wait_until_stored(drill.backlog)
    node.start()


def both(drill):
    """Kills the standby, later the primary. The older server starts first, and must not lead without the newer one."""
    newer = drill.primary()
    older = drill.cluster.other(newer)
    older.kill()
    drill.wait_until_stored(SMALL_BACKLOG)
    newer.kill()
    older.start()
    time.sleep(drill.frost)
    if older.is_primary():
        drill.notes.append("the older server became primary")
    newer.start()
    drill.wait_until_stored()


def site(drill):
    """Kills one site. The other takes its visitors and sends its emails."""
    killed = drill.random.choice(drill.sites)
    killed.kill()
    drill.wait_until_stored(drill.backlog // 3)
    killed.start()


def parted(drill):
    """Parts the sites from the primary: connections to it are refused."""
    forwarder = drill.forwarder_to(drill.primary())
    forwarder.close()
    time.sleep(drill.frost / 2)
    forwarder.start()
    drill.wait_until_stored()


def parted_silent(drill):
    """Parts the sites from the primary: everything that they send is lost."""
    forwarder = drill.forwarder_to(drill.primary())
    forwarder.freeze()
    time.sleep(drill.frost / 2)
    forwarder.thaw()
    drill.wait_until_stored()


# The site comes first, since emails in its hands are owed for three minutes.
ALL = {
    "site": site,
    "kill": kill,
    "postgres": postgres,
    "switchover": switchover,
    "frozen": frozen,
    "patroni-frozen": patroni_frozen,
    "etcd-one": etcd_one,
    "etcd-two": etcd_two,
    "standby": standby,
    "both": both,
    "parted": parted,
    "parted-silent": parted_silent,
}
