"""The sites, the forwarders between sites and database servers, and the mail relay."""

import http.client
import pathlib
import signal
import sys

import processes
from processes import wait_for

RELAY_PORT = 2525
FORWARDER_PORTS = (6432, 6433)
SITE_PORTS = (8080, 8081)
HERE = pathlib.Path(__file__).parent


class Site:
    """One instance of the site."""

    def __init__(self, name, port, binary, folder):
        self.name, self.port, self.binary = name, port, binary
        self.folder, self.log = processes.own_folder(folder / name), folder / f"{name}.log"
        self.process = None

    def start(self):
        hosts = ",".join(f"127.0.0.1:{port}" for port in FORWARDER_PORTS)
        environment = {
            "NPOC_LISTEN": f"127.0.0.1:{self.port}",
            "NPOC_PUBLIC_URL": f"http://127.0.0.1:{self.port}",
            "NPOC_DATA_DIR": str(self.folder),
            "NPOC_DNS": "off",
            "NPOC_RDAP": "off",
            "NPOC_RATE_LIMIT": "0",
            "DATABASE_URL": f"postgres://npoc@{hosts}/npoc?target_session_attrs=read-write",
            "SMTP_URL": f"smtp://127.0.0.1:{RELAY_PORT}",
        }
        self.process = processes.start([self.binary], self.folder, self.log, environment)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def connect(self, limit):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=limit)

    def is_ready(self):
        connection = self.connect(2)
        try:
            connection.request("GET", "/health/ready")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


class Forwarder:
    """The way of both sites to one database server."""

    def __init__(self, port, node, folder):
        self.command = [sys.executable, "-B", HERE / "forwarder.py", port, node.port]
        self.folder, self.process = processes.own_folder(folder / f"forwarder-{node.name}"), None

    def start(self):
        self.process = processes.start(self.command, self.folder, self.folder.parent / "forwarders.log")

    def close(self):
        """Closes all connections. New ones are refused."""
        self.process.kill()
        self.process.wait()

    def freeze(self):
        """Loses everything that is sent."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)


class Relay:
    """The mail relay."""

    def __init__(self, folder):
        self.folder = processes.own_folder(folder / "relay")
        self.notes = self.folder / "emails"
        self.command = [sys.executable, "-B", HERE / "relay.py", RELAY_PORT, self.notes]

    def start(self):
        processes.start(self.command, self.folder, self.folder.parent / "relay.log")

    def emails(self):
        """Returns the Message-ID and recipient of each email that came."""
        with open(self.notes) as notes:
            return [tuple(line.rstrip("\n").split("\t")) for line in notes]


def start_all(sites):
    for site in sites:
        site.start()
        wait_for(site.is_ready, 120, f"the start of {site.name}")
