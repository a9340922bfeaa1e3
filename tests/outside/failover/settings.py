"""The settings of Patroni, etcd and PostgreSQL: those of deploy/cluster/patroni.yml, with other addresses and timings."""

import sys

# The shortest timings that work, for a quick drill.
QUICK = {"ttl": 5, "loop_wait": 1, "retry_timeout": 2}

# Otherwise a new standby waits for the next checkpoint, up to five minutes.
BASE_BACKUP = [{"checkpoint": "fast"}]

# The network namespace of the drill has no other users, so nobody needs a password.
ACCESS = [
    "local all all trust",
    "host all all 127.0.0.1/32 trust",
    "host replication replicator 127.0.0.1/32 trust",
]
ROLES = {
    "superuser": {"username": "postgres"},
    "replication": {"username": "replicator"},
    "rewind": {"username": "rewind"},
}

# With etcd's version 3, Patroni before this version loses acknowledged applications after a freeze (patroni#2689).
SAFE_WITH_ETCD3 = (3, 1)


def etcd_protocol(version):
    """Returns the name of Patroni's section for etcd."""
    return "etcd3" if version >= SAFE_WITH_ETCD3 else "etcd"


def bootstrap(path, tree, is_quick, is_synchronous):
    """Returns the settings of the cluster that operators get, with the drill's changes."""
    # Python's YAML comes with Patroni.
    sys.path.append(str(tree / "usr/lib/python3/dist-packages"))
    import yaml

    found = yaml.safe_load(path.read_text())["bootstrap"]
    found["dcs"] |= {"synchronous_mode": is_synchronous, **(QUICK if is_quick else {})}
    return found


def of_patroni(node, version, bootstrap, etcd_hosts, programs):
    """Returns the settings of one Patroni. JSON is YAML too."""
    return {
        "scope": "npoc",
        "name": node.name,
        "restapi": {"listen": f"127.0.0.1:{node.rest_port}", "connect_address": f"127.0.0.1:{node.rest_port}"},
        etcd_protocol(version): {"hosts": etcd_hosts},
        "bootstrap": bootstrap,
        "watchdog": {"mode": "off"},
        "postgresql": {
            "listen": f"127.0.0.1:{node.port}",
            "connect_address": f"127.0.0.1:{node.port}",
            "data_dir": str(node.data),
            "bin_dir": programs,
            "pgpass": str(node.folder / "pgpass"),
            "authentication": ROLES,
            "pg_hba": ACCESS,
            "basebackup": BASE_BACKUP,
            "parameters": {"unix_socket_directories": str(node.folder)},
        },
    }
