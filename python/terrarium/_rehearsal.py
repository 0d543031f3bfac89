"""What a worker does first, done beforehand in its zygote.

What runs for the first time fills caches of CPython's, resolves symbols of the C library's, and
makes CPython rewrite byte code. Done here, that is done in memory that all workers share; in the
worker each of these would be a page of its own.
"""

from __future__ import annotations

import sys

from terrarium import _bootstrap
from terrarium._adapter import Adapter
from terrarium._cpython import socket
from terrarium._protocol import CALL
from terrarium._reader import Reader
from terrarium._registry import Registry
from terrarium._stdlib import monotonic, os, sleep
from terrarium._wire import frame_bytes
from terrarium._worker_loop import Worker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from terrarium._runner import Runner

CALLS = 50
"""CPython specializes a function after some eight calls, and what it calls later."""
THREAD_SECONDS_MAX = 1


def rehearse(runner: Runner) -> None:
    """Starts and works as a worker does, with nobody at the other end. Leaves nothing behind."""
    _rehearse_joining()
    registry = Registry()
    registry.tools.append((_echo, "echo", False))
    worker = Worker(runner)
    worker.adapter = Adapter(sys.modules[__name__], registry)
    worker.reader = _BriefReader(worker.read, worker.reading_failed, always=False)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    threads = _threads()
    worker.begin(worker.opened({"token": ""}, ours))
    theirs.recv(4096)
    envelope = b'{"deadline":60000,"tool":"echo","args":["x",1,2.5,{"a":[true,null]}]}'
    for number in range(CALLS):
        theirs.send(frame_bytes(CALL, number, envelope))
        worker.run_next()
        theirs.recv(4096)
    worker.connection.abandon()
    theirs.close()
    deadline = monotonic() + THREAD_SECONDS_MAX
    while _threads() > threads and monotonic() < deadline:
        sleep(0.0005)


def _rehearse_joining() -> None:
    """All of ``join`` but the new session: who leads one already cannot have another."""
    gate, held = os.pipe()
    os.close(held)
    line, other_end = os.pipe()
    try:
        os.setsid()
    except OSError:
        pass  # as expected; but the C library has found it now
    parent = os.getppid()
    _bootstrap.join((line, line), parent, parent, gate, 2, begin_session=os.getpid)
    os.close(line)
    os.close(other_end)


class _BriefReader(Reader):
    """Its thread ends at once: a zygote has one thread only."""

    def run(self) -> None:
        self.settle()
        self._pause(0)


def _threads() -> int:
    return len(os.listdir("/proc/self/task"))


def _echo(*values: Any) -> Any:
    return values
