"""Processes that the bench starts, and their end: nothing that it started outlives it.

The bench is the subreaper of all that it starts, so whatever loses its parent becomes its child. An
unreaped child's number cannot be anybody else's, so a signal to it hits nobody else.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
LEAVE_SECONDS = 5.0


def adopt_orphans() -> None:
    """Become the parent of what loses its own."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


@contextlib.contextmanager
def running(command: Sequence[str], log: Path, environment: dict) -> Iterator[subprocess.Popen]:
    """Run a command in a session of its own; in the end it and all below it are gone."""
    with log.open("ab") as errors:
        process = subprocess.Popen(  # noqa: S603
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
            env=environment,
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        process.stdin.close()
        process.stdout.close()


def children() -> list[int]:
    """List the bench's own children, adopted ones included."""
    found: list[int] = []
    for path in Path("/proc/self/task").glob("*/children"):
        found += [int(pid) for pid in path.read_text().split()]
    return found


def reap() -> None:
    """Collect whoever has ended."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0] != 0:
            pass


def end_leftovers(patience: float = LEAVE_SECONDS) -> int:
    """Wait for what the last run left, kill what does not go, and say how many those were."""
    end = time.monotonic() + patience
    while children() and time.monotonic() < end:
        reap()
        time.sleep(0.005)
    killed = 0
    while left := children():
        for pid in left:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            killed += 1
    return killed


def kill_and_watch(process: subprocess.Popen, below: list[int], patience: float) -> dict:
    """Kill a process and take the time until it and those below it have ended."""
    watched = [os.pidfd_open(pid) for pid in [process.pid, *below]]
    try:
        poll = select.poll()
        for descriptor in watched:
            poll.register(descriptor, select.POLLIN)
        begin = time.monotonic()
        signal.pidfd_send_signal(watched[0], signal.SIGKILL)
        alive = len(watched)
        last = begin
        while alive and time.monotonic() < begin + patience:
            for descriptor, _ in poll.poll(100):
                poll.unregister(descriptor)
                alive -= 1
                last = time.monotonic()
        return {"gone_ms": (last - begin) * 1000, "left": alive}
    finally:
        for descriptor in watched:
            os.close(descriptor)
