"""Starts, freezes and kills processes. All of them end with the drill, since its process namespace ends with it."""

import os
import pathlib
import pwd
import signal
import subprocess
import time


def account():
    """Returns the user and group for servers that refuse root, as arguments of Popen."""
    if os.geteuid() != 0:
        return {}
    names = {entry.pw_name: entry for entry in pwd.getpwall()}
    entry = names.get("postgres") or names["nobody"]
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def own_folder(path):
    """Makes a folder that only the servers' account can read."""
    path = pathlib.Path(path)
    path.mkdir(parents=True, mode=0o700)
    who = account()
    if who:
        os.chown(path, who["user"], who["group"])
    return path


def start(arguments, folder, log, environment=None):
    """Starts a program in a folder. Its output is added to a log."""
    with open(log, "ab") as output:
        return subprocess.Popen(
            list(map(str, arguments)),
            cwd=folder,
            env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(folder), **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            **account(),
        )


def working_in(folder):
    """Returns the processes with this working directory: a server with all of its backends."""
    found = set()
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if os.readlink(entry / "cwd") == str(folder):
                    found.add(int(entry.name))
            except OSError:
                pass
    return found


def descendants(process):
    """Returns the process with its children, and their children."""
    children = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            children.setdefault(parent, []).append(int(entry.name))
    found, left = set(), [process]
    while left:
        found.add(one := left.pop())
        left += children.get(one, [])
    return found


def send(signal_number, processes):
    for process in processes:
        try:
            os.kill(process, signal_number)
        except ProcessLookupError:
            pass


def stop_all(find):
    """Freezes all processes that `find` returns, also those that are started meanwhile. Returns them."""
    stopped = set()
    while new := find() - stopped:
        send(signal.SIGSTOP, new)
        stopped |= new
    return stopped


def kill_all(find):
    """Kills them at once, as a power cut does."""
    send(signal.SIGKILL, stop_all(find))


def wait_for(condition, seconds, what):
    """Waits until the condition returns something true, and returns that."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > end:
            raise TimeoutError(f"not within {seconds} s: {what}")
        time.sleep(0.05)
    return found
