"""Children of every kind that a worker can have.

Each process writes down its pid, its start ticks and what it is, a line each: with that it can be
looked for without knowing anything of birthmarks. A chain has no pid for long; what tells of it is
a lock that each link inherits, and that is free when there is none any more.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time

SLEEP = shutil.which("sleep") or "/bin/sleep"
ENDLESS = "100000"  # seconds


def place(name):
    return os.path.join(os.environ["TRIALS_PLACE"], name)


def note(what, pid=None):
    pid = pid or os.getpid()
    with open(f"/proc/{pid}/stat", encoding="latin-1") as file:
        ticks = file.read().rpartition(")")[2].split()[19]
    with open(place("kin"), "a", encoding="ascii") as file:
        file.write(f"{pid} {ticks} {what}\n")


def start(kind):
    """Returns when all of them are there."""
    note("worker")
    begin, processes = KINDS[kind]
    begin()
    while noted() <= processes:
        time.sleep(0.002)


def noted():
    with open(place("kin"), encoding="ascii") as file:
        return sum(1 for _ in file)


def child(act):
    pid = os.fork()
    if pid == 0:
        try:
            act()
        finally:
            os._exit(99)
    return pid


def sleep_as(what):
    note(what)
    os.execv(SLEEP, [SLEEP, ENDLESS])


def rest(what):
    note(what)
    while True:
        with contextlib.suppress(BaseException):
            signal.pause()


def nothing():
    pass


def tree(depth=2):
    """Here: one that sleeps, and a Python that does the same again."""
    note("tree", subprocess.Popen([SLEEP, ENDLESS]).pid)  # noqa: S603
    if depth > 0:
        subprocess.Popen([sys.executable, "-I", "-S", __file__, str(depth)])  # noqa: S603


def group():
    def act():
        os.setpgid(0, 0)
        sleep_as("group")

    child(act)


def multiprocessing_fork():
    import multiprocessing

    multiprocessing.get_context("fork").Process(target=rest, args=("fork",)).start()


def multiprocessing_spawn():
    import multiprocessing
    from multiprocessing import resource_tracker

    multiprocessing.get_context("spawn").Process(target=rest, args=("spawn",)).start()
    note("spawn", resource_tracker._resource_tracker._pid)


def daemon():
    def act():
        os.setsid()
        os.chdir("/")
        sleep_as("daemon")

    child(act)


def scrubbed_daemon():
    """The same with an empty environment, and without any descriptor."""

    def act():
        os.setsid()
        os.chdir("/")
        note("scrubbed")
        os.closerange(0, 65536)
        os.execve(SLEEP, [SLEEP, ENDLESS], {})

    child(act)


def double_fork():
    """Without an exec: it keeps all descriptors of the worker, its connection and lifelines too."""

    def act():
        os.setsid()
        if os.fork() == 0:
            rest("double-fork")

    os.waitpid(child(act), 0)


def chain():
    """Each link forks the next, in a session of its own, and dies. Who takes the lock's file away
    ends it: nothing else may be able to.
    """
    name = place("chain")
    lock = os.open(name, os.O_CREAT | os.O_RDWR, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)

    def act():
        while os.fork() == 0 and os.path.exists(name):
            os.setsid()

    os.waitpid(child(act), 0)
    os.close(lock)


KINDS = {
    "none": (nothing, 0),
    "tree": (tree, 5),
    "group": (group, 1),
    "fork": (multiprocessing_fork, 1),
    "spawn": (multiprocessing_spawn, 2),
    "daemon": (daemon, 1),
    "scrubbed": (scrubbed_daemon, 1),
    "double-fork": (double_fork, 1),
    "chain": (chain, 0),
}

if __name__ == "__main__":  # a branch of a tree
    tree(int(sys.argv[1]) - 1)
    rest("tree")
