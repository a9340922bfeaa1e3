#!/usr/bin/python3
"""Checks `npoc` on root's terminal, for deployed.sh. Needs root, an installed package, and a site with applications.

terminal.py PART ARGUMENT…: a part is a function below. Exits with a sentence if a check fails.
"""

import fcntl, itertools, os, pty, select, shlex, signal, struct, sys, tempfile, termios, time

PROGRAM = "/usr/lib/npoc/npoc"
LIMIT = 60  # seconds

# Exit statuses after Ctrl-C: of the shell, or of the program if the shell executed it in place.
INTERRUPTED = [130, -signal.SIGINT]

# The redirections that root may use. Two of them write to files, and the last uses no terminal.
WAYS = ["", " >out", " <empty", " 2>errors", " | cat", " <empty >out", " <empty >out 2>&1"]


def must(condition, *words):
    if not condition:
        sys.exit(" ".join(map(str, words)))


class Terminal:
    """A terminal on which root's shell runs one line."""

    def __init__(self, line, columns=80):
        process, self.end = pty.fork()
        if process == 0:
            # Set the size before any output.
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
            os.environ["TERM"] = "xterm-256color"
            os.execl("/bin/bash", "bash", "-c", line)
        self.process, self.shown, self.limit = process, "", time.monotonic() + LIMIT

    def more(self):
        """Returns the next output, or nothing when the line has ended."""
        must(select.select([self.end], [], [], max(0, self.limit - time.monotonic()))[0], "silent after", self.shown)
        try:
            more = os.read(self.end, 65536).decode(errors="replace")
        except OSError:
            more = ""
        self.shown += more
        return more

    def until(self, words, after=""):
        while words not in self.shown.partition(after)[2] if after else words not in self.shown:
            must(self.more(), "no", words, "but", self.shown)

    def types(self, keys):
        os.write(self.end, keys.encode())

    def interrupted(self):
        """Presses Ctrl-C until the line ends, as a person would. Returns the exit status."""
        self.types("\x03")
        while True:
            if not select.select([self.end], [], [], 5)[0]:
                must(time.monotonic() < self.limit, "silent after", self.shown)
                self.types("\x03")
            elif not self.more():
                break
        return os.waitstatus_to_exitcode(os.waitpid(self.process, 0)[1])

    def ended(self):
        """Returns the exit status and all output."""
        while self.more():
            pass
        status = os.waitstatus_to_exitcode(os.waitpid(self.process, 0)[1])
        return status, self.shown.replace("\r\n", "\n")


def intrude(how):
    """Replaces the program, as the site's user: types on every reachable terminal, or stays and reads there."""
    places = [0, 1, 2]
    try:
        places.append(os.open("/dev/tty", os.O_RDWR))
    except OSError:
        pass
    if how == "types":
        for place in places:
            for key in b"typed by an intruder\n":
                try:
                    fcntl.ioctl(place, termios.TIOCSTI, bytes([key]))
                except OSError:
                    break
        return
    begun, begins = os.pipe()
    if os.fork():
        os.close(begins)
        os.read(begun, 1)  # until the child reads
        return
    for name in signal.SIGHUP, signal.SIGTTIN, signal.SIGTTOU:
        signal.signal(name, signal.SIG_IGN)
    terminals = [place for place in places if os.isatty(place)]
    for place in set(places) - set(terminals):
        os.close(place)
    os.close(begins)
    while terminals:
        for place in select.select(terminals, [], [])[0]:
            try:
                os.read(place, 100)
                stays = os.isatty(place)
            except OSError:
                stays = False
            if not stays:
                terminals.remove(place)


def in_its_place(line):
    """Returns the line, with this script in place of the program."""
    here = shlex.quote(os.path.realpath(__file__))
    return f"unshare --mount bash -c {shlex.quote(f'mount --bind {here} {PROGRAM} && {{ {line}; }}')}"


def is_safe_from_intruders():
    """No process of the site's user types on root's terminal, or reads what root types there later."""
    for how, way in itertools.product(["types", "reads"], WAYS):
        line = f"npoc intrude {how}{way}; echo Shell waits.; read -r line; echo Shell read: $line."
        terminal = Terminal(in_its_place(line))
        terminal.until("Shell waits.")
        terminal.types("typed by root\n")
        terminal.until("Shell read: ")
        terminal.until(".", after="Shell read: ")
        must("Shell read: typed by root." in terminal.shown, f"npoc{way}: root's shell was given", terminal.shown)
        # Hangs up, which ends an intruder that stays.
        os.close(terminal.end)


def fits(reference):
    """The program uses the width and colors of root's terminal. Elsewhere it writes whole lines."""
    _, wide = Terminal("npoc applications list", columns=200).ended()
    _, narrow = Terminal("npoc applications list", columns=50).ended()
    must("\x1b[" in wide, "no colors in", wide)
    must(any(len(line) > 60 for line in wide.splitlines()), "not as wide as the terminal:", wide)
    must(all(len(line) < 80 for line in narrow.splitlines()), "wider than the terminal:", narrow)
    must(reference in wide, "no", reference, "in", wide)
    _, plain = Terminal("NO_COLOR=1 npoc applications list").ended()
    must("\x1b[" not in plain, "colors in", plain)
    _, piped = Terminal("npoc applications list | cat").ended()
    must("\t" in piped and "\x1b[" not in piped, "not whole lines:", piped)


def asks(reference):
    """The program asks on the terminal, and takes no answer from elsewhere."""
    terminal = Terminal(f"npoc applications erase {reference}")
    terminal.until("Type yes: ")
    terminal.types("no\n")
    must(terminal.ended()[0] == 1, "erased in spite of no:", terminal.shown)
    terminal = Terminal(f"npoc applications erase {reference}")
    terminal.until("Type yes: ")
    must(terminal.interrupted() in INTERRUPTED, "not ended by Ctrl-C:", terminal.shown)
    status, shown = Terminal(f"npoc applications erase {reference} </dev/null").ended()
    must(status == 1 and "--yes" in shown, "asks nobody:", shown)


def keeps_status_and_streams():
    """Exit statuses, pipes and Ctrl-C work as with any other program."""
    for way in WAYS[:-2]:
        status, shown = Terminal(f"set -o pipefail; npoc applications show NPOC-0000-0000{way}").ended()
        must(status == 3, f"npoc{way} ends with", status, shown)
    status, shown = Terminal("npoc applications export >exported && npoc applications export | cmp - exported && grep -c . exported >count").ended()
    must(status == 0 and int(open("count").read()) > 1, "exports differ:", shown)
    # The program reads mail that is not a bounce, and does not keep it.
    status, shown = Terminal("printf 'Subject: hello\\n\\nhello\\n' | npoc mail bounced").ended()
    must(status in (0, 1) and "hello" not in shown, "standard input:", status, shown)
    for way in "", " <empty >out":
        terminal = Terminal(in_its_place(f"npoc waits{way}"))
        terminal.until("Waits.")
        must(terminal.interrupted() in INTERRUPTED, f"npoc{way} is not ended by Ctrl-C:", terminal.shown)


def waits():
    """Replaces the program and waits for Ctrl-C. It waits forever if its parent made it ignore SIGINT."""
    print("Waits.", file=sys.stderr, flush=True)
    try:
        signal.pause()
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.raise_signal(signal.SIGINT)


def main():
    part, *arguments = sys.argv[1:]
    if part not in ("intrude", "waits"):
        os.chdir(tempfile.mkdtemp())
        open("empty", "w").close()
    globals()[part](*arguments)


main()
