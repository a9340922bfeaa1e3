"""A small PostgreSQL client: simple queries without a password (PostgreSQL's protocol, version 3)."""

import socket
import struct

CONNECT_LIMIT = ANSWER_LIMIT = 1  # seconds


class DatabaseError(Exception):
    """The server refused a statement, did not answer in time or is away."""


class Connection:
    """A connection to one server on loopback."""

    def __init__(self, port, database="postgres", user="postgres", limit=ANSWER_LIMIT):
        try:
            self.socket = socket.create_connection(("127.0.0.1", port), CONNECT_LIMIT)
            self.socket.settimeout(limit)
            self.file = self.socket.makefile("rb")
            start = f"user\0{user}\0database\0{database}\0\0".encode()
            self.socket.sendall(struct.pack("!ii", len(start) + 8, 196608) + start)
            self._answer()
        except OSError as error:
            raise DatabaseError(str(error)) from error

    def query(self, statement):
        """Runs one statement. Returns its rows as lists of texts."""
        text = statement.encode() + b"\0"
        try:
            self.socket.sendall(b"Q" + struct.pack("!i", len(text) + 4) + text)
            return self._answer()
        except OSError as error:
            raise DatabaseError(str(error)) from error

    def close(self):
        self.socket.close()

    def _answer(self):
        """Reads until the server is ready for the next statement."""
        rows, problem = [], None
        while True:
            head = self.file.read(5)
            if len(head) < 5:
                raise DatabaseError(problem or "connection closed")
            kind, length = head[:1], struct.unpack("!i", head[1:])[0]
            body = self.file.read(length - 4)
            if kind == b"D":
                rows.append(_row(body))
            elif kind == b"E":
                problem = _problem(body)
            elif kind == b"R" and body[:4] != b"\0\0\0\0":
                raise DatabaseError("the server asks for a password")
            elif kind == b"Z":
                if problem:
                    raise DatabaseError(problem)
                return rows


def query(port, statement, database="postgres", limit=ANSWER_LIMIT):
    """Runs one statement on a new connection."""
    connection = Connection(port, database, limit=limit)
    try:
        return connection.query(statement)
    finally:
        connection.close()


def _row(body):
    row, place = [], 2
    for _ in range(struct.unpack("!h", body[:2])[0]):
        length = struct.unpack("!i", body[place : place + 4])[0]
        place += 4
        row.append(None if length < 0 else body[place : place + length].decode())
        place += max(length, 0)
    return row


def _problem(body):
    fields = {part[:1]: part[1:].decode(errors="replace") for part in body.split(b"\0") if part}
    return f"{fields.get(b'C')} {fields.get(b'M')}"
