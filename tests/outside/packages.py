"""An HTTP proxy that gives a container without a network access to Debian's packages only.

packages.py PROCESS PORT MIRROR FOLDER [ADDRESS]: listens on 127.0.0.1:PORT or ADDRESS:PORT in the network of PROCESS, and passes on
addresses that begin with MIRROR. Keeps packages in FOLDER for the next run. Runs until it is killed.
"""

import ctypes
import http.server
import os
import pathlib
import shutil
import socketserver
import sys
import threading
import urllib.error
import urllib.request

process, port, mirror, folder = sys.argv[1], int(sys.argv[2]), sys.argv[3], pathlib.Path(sys.argv[4])
address = sys.argv[5] if len(sys.argv) > 5 else "127.0.0.1"


def enter(network):
    """Enters a network namespace. Python has os.setns only from 3.12 on."""
    library = ctypes.CDLL(None, use_errno=True)
    with open(network) as file:
        if library.setns(file.fileno(), 0):
            raise OSError(ctypes.get_errno(), network)


class Proxy(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if not self.path.startswith(mirror):
            return self.send_error(403)
        # A package never changes under its name. Lists do.
        kept = folder / os.path.basename(self.path) if self.path.endswith(".deb") else None
        try:
            if kept and not kept.exists():
                part = kept.with_suffix(f".{threading.get_ident()}")
                with urllib.request.urlopen(self.path, timeout=60) as answer, open(part, "wb") as file:
                    shutil.copyfileobj(answer, file)
                part.rename(kept)
            with open(kept, "rb") if kept else urllib.request.urlopen(self.path, timeout=60) as content:
                content = content.read()
        except urllib.error.HTTPError as error:
            return self.send_error(error.code)
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 64


folder.mkdir(parents=True, exist_ok=True)
enter(f"/proc/{process}/ns/net")
server = Server((address, port), Proxy)
enter(f"/proc/{os.getppid()}/ns/net")
server.serve_forever()
