"""Three etcd, and two Patroni with a PostgreSQL each."""

import http.client
import json
import pathlib
import re
import signal

import processes
import settings
from postgres import DatabaseError, query
from processes import wait_for

START_LIMIT = 180  # seconds

STANDBY = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming' AND application_name IN ('a', 'b')"


class Etcd:
    """One of the three etcd."""

    NAMES = ("one", "two", "three")

    def __init__(self, name, folder, tree, version):
        self.name, self.tree, self.version = name, tree, version
        self.folder, self.log = processes.own_folder(folder / name), folder / f"{name}.log"
        self.process = None

    @classmethod
    def ports(cls, name):
        number = cls.NAMES.index(name)
        return 2379 + 10 * number, 2380 + 10 * number

    def start(self):
        client, peer = (f"http://127.0.0.1:{port}" for port in self.ports(self.name))
        ring = ",".join(f"{name}=http://127.0.0.1:{self.ports(name)[1]}" for name in self.NAMES)
        options = {
            "name": self.name,
            "data-dir": self.folder / "data",
            "listen-client-urls": client,
            "advertise-client-urls": client,
            "listen-peer-urls": peer,
            "initial-advertise-peer-urls": peer,
            "initial-cluster": ring,
        }
        if settings.etcd_protocol(self.version) == "etcd":
            options["enable-v2"] = "true"
        arguments = [f"--{name}={value}" for name, value in options.items()]
        self.process = processes.start([self.tree / "usr/bin/etcd", *arguments], self.folder, self.log)

    def kill(self):
        self.process.kill()
        self.process.wait()


class Node:
    """A machine of the cluster: one Patroni with its PostgreSQL."""

    def __init__(self, name, number, folder):
        self.name, self.port, self.rest_port = name, 5432 + number, 8008 + number
        self.folder, self.log = processes.own_folder(folder / name), folder / f"{name}.log"
        self.data = self.folder / "data"
        self.process = self.command = None

    def start(self):
        arguments, environment = self.command
        self.process = processes.start(arguments, self.folder, self.log, environment)

    def server(self):
        """Returns the processes of PostgreSQL."""
        return processes.working_in(self.data)

    def all_processes(self):
        return self.server() | processes.descendants(self.process.pid)

    def kill(self):
        """Kills Patroni and PostgreSQL at once, as if the machine lost its power."""
        processes.kill_all(self.all_processes)
        self.process.wait()
        wait_for(lambda: not self.server(), 60, f"the end of {self.name}")

    def kill_server(self):
        """Kills PostgreSQL only."""
        processes.kill_all(self.server)

    def freeze(self):
        """Freezes Patroni and PostgreSQL, as when a virtual machine is paused. Returns the frozen processes."""
        return processes.stop_all(self.all_processes)

    def freeze_patroni(self):
        processes.send(signal.SIGSTOP, [self.process.pid])
        return {self.process.pid}

    def thaw(self, frozen):
        processes.send(signal.SIGCONT, frozen)

    def rest(self, method, path, body=None, limit=1):
        """Asks Patroni. Returns the status, or None if Patroni does not answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.rest_port, timeout=limit)
        try:
            connection.request(method, path, json.dumps(body) if body else None)
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def is_primary(self):
        return self.rest("GET", "/primary") == 200


class Cluster:
    """The whole cluster in one folder."""

    def __init__(self, folder, tree, programs, plan):
        self.folder, self.tree, self.plan = folder, tree, plan
        self.python_path = tree / "usr/lib/python3/dist-packages"
        self.version = self._version()
        folder.mkdir()
        self.etcds = [Etcd(name, folder, tree, self.version) for name in Etcd.NAMES]
        self.nodes = [Node(name, number, folder) for number, name in enumerate("ab")]
        for node in self.nodes:
            self._configure(node, programs)

    def _version(self):
        text = (self.python_path / "patroni/version.py").read_text()
        return tuple(map(int, re.search(r"'(\d+)\.(\d+)\.(\d+)", text).groups()))

    def _configure(self, node, programs):
        hosts = [f"127.0.0.1:{Etcd.ports(name)[0]}" for name in Etcd.NAMES]
        how = settings.of_patroni(node, self.version, self.plan.bootstrap, hosts, programs)
        path = node.folder / "patroni.yml"
        path.write_text(json.dumps(how, indent=2))
        path.chmod(0o644)
        here = pathlib.Path(__file__).parent
        program = here / "quick_patroni.py" if self.plan.is_quick else self.tree / "usr/bin/patroni"
        node.command = (["/usr/bin/python3", "-B", program, path], {"PYTHONPATH": str(self.python_path)})

    def start(self):
        for etcd in self.etcds:
            etcd.start()
        first, second = self.nodes
        first.start()
        wait_for(first.is_primary, START_LIMIT, "the first primary")
        query(first.port, "CREATE ROLE npoc LOGIN", limit=30)
        query(first.port, "GRANT pg_monitor TO npoc", limit=30)
        query(first.port, "CREATE DATABASE npoc OWNER npoc", limit=30)
        second.start()
        wait_for(self.is_whole, START_LIMIT, "the first standby")

    def primary(self):
        """Returns the node that Patroni calls the primary, or None."""
        return next((node for node in self.nodes if node.is_primary()), None)

    def other(self, node):
        return next(other for other in self.nodes if other is not node)

    def is_whole(self):
        """Returns whether there is a primary with a standby that may take over."""
        primary = self.primary()
        if not primary:
            return False
        # Patroni lets a standby take over a moment after PostgreSQL has made it synchronous.
        if self.plan.is_synchronous and self.other(primary).rest("GET", "/sync") != 200:
            return False
        try:
            return query(primary.port, STANDBY) == [["1"]]
        except DatabaseError:
            return False
