"""The settings of etcd, Patroni and PostgreSQL. deploy/cluster has the same ones for operators."""

# What decides whether an acknowledged application can be lost. The same names as below bootstrap.dcs in patroni.yml.
SHARED = {
    "maximum_lag_on_failover": 1048576,
    "primary_start_timeout": 0,
    "synchronous_mode": True,
    "synchronous_mode_strict": False,
    "failsafe_mode": True,
    "postgresql": {
        "use_pg_rewind": True,
        "use_slots": True,
        "parameters": {"wal_keep_size": "128MB", "max_connections": 100, "wal_log_hints": True},
    },
}

# Patroni's defaults, as an operator has them, and the shortest ones that work, for a quick drill.
DOCUMENTED = {"ttl": 30, "loop_wait": 10, "retry_timeout": 10}
QUICK = {"ttl": 5, "loop_wait": 1, "retry_timeout": 2}

# Otherwise a new standby waits for the next checkpoint, up to five minutes.
BASE_BACKUP = [{"checkpoint": "fast"}]
INITDB = ["data-checksums", {"encoding": "UTF8"}, {"locale": "C.UTF-8"}]

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


def of_patroni(node, version, timing, is_synchronous, etcd_hosts, programs):
    """Returns the settings of one Patroni. JSON is YAML too."""
    return {
        "scope": "npoc",
        "name": node.name,
        "restapi": {"listen": f"127.0.0.1:{node.rest_port}", "connect_address": f"127.0.0.1:{node.rest_port}"},
        etcd_protocol(version): {"hosts": etcd_hosts},
        "bootstrap": {
            "dcs": {**timing, **SHARED, "synchronous_mode": is_synchronous},
            "initdb": INITDB,
        },
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
