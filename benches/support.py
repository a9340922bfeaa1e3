"""A running site, load and tables, for the measurements of this directory."""

import contextlib
import os
import pathlib
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = pathlib.Path(__file__).parent
PROGRAM = pathlib.Path(sys.argv[1]).resolve()
ROUNDS = int(os.environ.get("ROUNDS", "5"))
SECONDS = int(os.environ.get("SECONDS_EACH", "4"))
CODINGS = "gzip, deflate, br, zstd"
MANY = int(os.environ.get("MANY", "1000000"))


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def pin(process, cores):
    """Pins a process with its threads and children to cores."""
    children = subprocess.run(["pgrep", "-P", str(process)], capture_output=True, text=True).stdout.split()
    for one in [str(process), *children]:
        subprocess.run(["taskset", "-acp", cores, one], check=True, stdout=subprocess.DEVNULL)


def processor_time(process):
    """Returns the processor seconds of a process and its children."""
    children = subprocess.run(["pgrep", "-P", str(process)], capture_output=True, text=True).stdout.split()
    stats = [pathlib.Path(f"/proc/{one}/stat").read_text().rsplit(")", 1)[1].split() for one in [process, *children]]
    return sum(int(stat[11]) + int(stat[12]) for stat in stats) / os.sysconf("SC_CLK_TCK")


def highest_memory(process):
    """Returns the highest memory of a process, in MB."""
    status = pathlib.Path(f"/proc/{process}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024


class Site:
    """A running site, with the embedded database or a given one."""

    def __init__(self, home, database=None, relay=None, core=None):
        self.home = pathlib.Path(home)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        settings = {
            "PATH": os.environ["PATH"],
            "NPOC_LISTEN": f"127.0.0.1:{self.port}",
            "NPOC_DATA_DIR": str(home),
            "NPOC_RATE_LIMIT": "0",
            **({"SMTP_URL": relay} if relay else {"NPOC_MAIL": "folder"}),
        }
        if database:
            settings["DATABASE_URL"] = database
        began = time.monotonic()
        log = open(self.home / "log", "wb")
        command = ["taskset", "-c", core, PROGRAM] if core else [PROGRAM]
        self.process = subprocess.Popen(command, env=settings, stderr=log)
        self.await_page("/")
        self.first_page = time.monotonic() - began
        self.await_page("/health/ready")

    def await_page(self, path):
        until = time.monotonic() + 60
        while time.monotonic() < until and self.process.poll() is None:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(self.url + path, timeout=5).read()
                return
            time.sleep(0.002)
        raise SystemExit(f"no {path}: {(self.home / 'log').read_text()}")

    def sockets(self):
        """Returns the directory of the embedded server's socket."""
        return str(self.home / "socket")

    def database(self, name="npoc"):
        return f"postgres://npoc@localhost/{name}?host={self.sockets()}"

    def sql(self, statement, name="npoc"):
        psql = ["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-h", self.sockets(), "-U", "npoc", name]
        ended = subprocess.run(psql, input=statement, capture_output=True, text=True)
        if ended.returncode:
            raise SystemExit(ended.stderr)
        return ended.stdout.strip()

    def stop(self):
        self.process.terminate()
        self.process.wait()


@contextlib.contextmanager
def site(database=None, relay=None, core=None):
    # The temporary directory may be in memory, but durable storage is measured.
    home = tempfile.mkdtemp(prefix="npoc-bench-", dir="/var/tmp")
    os.chmod(home, 0o755)
    one = Site(home, database, relay, core)
    try:
        yield one
    finally:
        one.stop()
        shutil.rmtree(home)


def wrk(url, connections, seconds=SECONDS, script=None, core=None):
    """Returns the requests a second. Exits if a request fails."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-H", f"Accept-Encoding: {CODINGS}"]
    command += ["-s", str(script)] if script else []
    command = ["taskset", "-c", core, *command] if core else command
    said = subprocess.run([*command, url], capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in said or "Socket errors" in said:
        raise SystemExit(f"failed requests:\n{said}")
    return float(re.search(r"Requests/sec:\s+([\d.]+)", said)[1])


def table(title, rows):
    print(f"\n{title}\n")
    widths = [max(len(str(row[column])) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  ".join(str(cell).ljust(width) for cell, width in zip(row, widths)), flush=True)


def compared(ours, theirs):
    """Returns the cells of two sides: the medians, and their ratio with its range."""
    ratios = [one / other for one, other in zip(ours, theirs)]
    spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})"
    return f"{statistics.median(ours):,.0f}", f"{statistics.median(theirs):,.0f}", spread


def wait_for(what, seconds=120):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := what():
            return found
        time.sleep(0.01)
    raise SystemExit("timed out")


@contextlib.contextmanager
def no_delivery():
    """A relay that never greets, so that only storing is measured."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as silent:
        yield f"smtp://127.0.0.1:{silent.getsockname()[1]}"
