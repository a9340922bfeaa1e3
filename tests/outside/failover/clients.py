"""Clients that send applications one after another, and keep every receipt."""

import collections
import dataclasses
import html
import http.client
import re
import threading
import time
import urllib.parse

CLIENTS = 16
# Seconds between two applications of one client. With less, two cores are busy and a standby needs minutes to return.
PAUSE = 0.5
RETRY_PAUSE = 0.25
HTTP_LIMIT = 20
RECEIPT_LIMIT = 30

HIDDEN = re.compile(r'<input\b[^>]*\btype="hidden"[^>]*>')
REFERENCE = re.compile(r"NPOC-[0-9A-Z]{4}-[0-9A-Z]{4}")
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclasses.dataclass
class Application:
    """One application, as its applicant knows it."""

    email: str
    statement: str
    posts: int = 0
    receipt: str = ""
    reference: str = ""

    @property
    def secret(self):
        return self.receipt.rpartition("/")[2]


class Crowd:
    """All clients, and what they know."""

    def __init__(self, connects, clients=CLIENTS, pause=PAUSE, name=""):
        """Each of `connects` opens a connection to one site within a limit of seconds. `name` begins each applicant's name."""
        self.connects, self.pause, self.name = connects, pause, name
        self.is_over = threading.Event()
        self.applications, self.acknowledged_at = [], []
        self.answers, self.slowest, self.answers_without_text = collections.Counter(), 0, 0
        self.errors = collections.Counter()
        self.clients = [Client(number, self) for number in range(clients)]

    def start(self):
        for client in self.clients:
            client.start()

    def finish(self, seconds):
        """Lets each client finish its application. Returns how many could not."""
        self.is_over.set()
        end = time.monotonic() + seconds
        for client in self.clients:
            client.join(max(0, end - time.monotonic()))
        return sum(client.is_alive() for client in self.clients)

    def acknowledged(self):
        return len(self.acknowledged_at)


class Client(threading.Thread):
    """One applicant after another, at one keyboard."""

    def __init__(self, number, crowd):
        super().__init__(daemon=True)
        self.number, self.crowd, self.connections = number, crowd, {}

    def run(self):
        count = 0
        while not self.crowd.is_over.is_set():
            count += 1
            self.apply(f"{self.crowd.name}{self.number}-{count}")
            time.sleep(self.crowd.pause)

    def apply(self, name):
        application = Application(f"applicant-{name}@example.org", f"We lend books in district {name}.")
        self.crowd.applications.append(application)
        page = self.until(lambda connect: self.check(connect, application))
        fields = hidden_fields(page)
        body = urllib.parse.urlencode([*fields, ("step", "send")])
        application.receipt = self.until(lambda connect: self.send(connect, application, body))
        self.crowd.acknowledged_at.append(time.monotonic())
        end = time.monotonic() + RECEIPT_LIMIT
        read = lambda connect: self.read_receipt(connect, application) or time.monotonic() > end
        self.until(read)

    def until(self, attempt):
        """Repeats an attempt until it succeeds. Begins at the client's own site, and changes to the other if that is away."""
        connects = self.crowd.connects
        place = self.number
        while True:
            try:
                if done := attempt(connects[place % len(connects)]):
                    return done
            except (OSError, http.client.HTTPException) as error:
                self.crowd.errors[f"{type(error).__name__}: {error}"] += 1
                place += 1
            time.sleep(RETRY_PAUSE)

    def check(self, connect, application):
        status, _, page = self.request(connect, "POST", "/membership", answers(application))
        if status == 200 and 'name="submission_key"' in page:
            return page
        self.note_refusal(application, status, page)
        return None

    def send(self, connect, application, body):
        """Returns the address of the receipt, or None if the application was not acknowledged."""
        application.posts += 1
        began = time.monotonic()
        status, location, page = self.request(connect, "POST", "/membership", body)
        self.crowd.slowest = max(self.crowd.slowest, time.monotonic() - began)
        if status == 303:
            self.crowd.answers[status] += 1
            return location
        self.note_refusal(application, status, page)
        return None

    def note_refusal(self, application, status, page):
        self.crowd.answers[status] += 1
        self.crowd.answers_without_text += application.statement not in html.unescape(page)

    def read_receipt(self, connect, application):
        status, _, page = self.request(connect, "GET", application.receipt)
        found = REFERENCE.search(page) if status == 200 else None
        application.reference = found.group() if found else ""
        return application.reference

    def request(self, connect, method, path, body=None):
        """Returns the status, the header Location and the page."""
        connection = self.connections.get(connect) or connect(HTTP_LIMIT)
        try:
            connection.request(method, path, body, FORM if body else {})
            answer = connection.getresponse()
            page = answer.read().decode()
        except BaseException:
            self.connections.pop(connect, None)
            connection.close()
            raise
        self.connections[connect] = connection
        return answer.status, answer.headers.get("Location"), page


def answers(application):
    """Returns the form as the browser sends it to be checked."""
    return urllib.parse.urlencode([
        ("organization_name", application.statement.removeprefix("We lend books in ").rstrip(".")),
        ("domain_name", "example.org"),
        ("country", "JP"),
        ("registered", "yes"),
        ("registration_note", "no. 0100-05"),
        ("kind_of_work", "humanitarian"),
        ("statement", application.statement),
        ("representative_name", "Hanako Tanaka"),
        ("representative_role", "Secretary"),
        ("representative_email", application.email),
        ("ncsg_status", "applied"),
        ("authorised", "yes"),
        ("publish", "yes"),
        ("step", "check"),
    ])


def hidden_fields(page):
    """Returns the names and values that the check page sends."""
    value = lambda field, name: html.unescape(re.search(rf'\b{name}="([^"]*)"', field).group(1))
    return [(value(field, "name"), value(field, "value")) for field in HIDDEN.findall(page)]
