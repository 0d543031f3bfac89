"""What an import may leave in a process that keeps it from being forked: threads, whose locks nobody
would ever release in the child, and descriptors with a state in the kernel, which parent and
children would share.
"""

from __future__ import annotations

import sys

from terrarium._cpython import socket
from terrarium._stdlib import copy, monotonic, os, sleep

socket = copy(socket)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

THREADS_SECONDS_MAX = 0.1
"""A thread that was joined is still there for a moment: Python's end of it comes before the
kernel's.
"""
PAUSE_SECONDS = 0.001
COMM_BYTES_MAX = 15
"""The kernel keeps so much of a thread's name."""

_ANONYMOUS = {"eventpoll": "an epoll", "eventfd": "an eventfd", "pidfd": "a pidfd"}


# ---- threads


def threads_in_the_way(harmless: Iterable[str]) -> list[str]:
    """The names of the main thread and of all that are not ``harmless``; empty where there are none
    of these: a fork is safe.
    """
    deadline = monotonic() + THREADS_SECONDS_MAX
    while True:
        main, *others = threads()
        others = [thread for thread in others if not is_harmless(thread[0], harmless)]
        if not others:
            return []
        if monotonic() > deadline:
            return [_shown(*thread) for thread in (main, *others)]
        sleep(PAUSE_SECONDS)


def threads() -> list[tuple[str, bool]]:
    """One name for each thread, the main one's first, and whether Python knows it: Python's name
    where there is one, else the kernel's.
    """
    known = {**_known_to_python(), os.getpid(): "MainThread"}
    numbers = sorted(int(name) for name in os.listdir("/proc/self/task"))
    numbers.sort(key=lambda number: number != os.getpid())
    return [
        (known[number], True) if number in known else (_kernel_name(number), False)
        for number in numbers
    ]


def is_harmless(name: str, harmless: Iterable[str]) -> bool:
    """Whether it is one of these names; one that ends in ``*`` stands for all that begin so."""
    return any(_matches(name, pattern) for pattern in harmless)


def _matches(name: str, pattern: str) -> bool:
    if pattern.endswith("*"):
        beginning = pattern[:-1]
        return name.startswith(beginning) or (len(name) == COMM_BYTES_MAX <= len(beginning)
                                              and beginning.startswith(name))  # fmt: skip
    return name == pattern or (
        len(name) == COMM_BYTES_MAX < len(pattern) and pattern.startswith(name)
    )


def _known_to_python() -> dict[Any, str]:
    if "threading" not in sys.modules:
        return {}
    import threading

    try:
        return {thread.native_id: str(thread.name) for thread in threading.enumerate()}
    except Exception:  # whatever the import has made of it
        return {}


def _kernel_name(thread: int) -> str:
    text = read(f"/proc/self/task/{thread}/comm")
    return "a thread that has just ended" if text is None else text.decode("utf-8", "replace")[:-1]


def _shown(name: str, known: bool) -> str:
    return name if known else f"{name} (no thread of Python's)"


# ---- descriptors


def targets(numbers: Iterable[int]) -> set[str]:
    """What these descriptors are of. Of a pipe or a socket there is only one with its number."""
    return {_target(number) for number in numbers} - {""}


def descriptors_in_the_way(known: set[str]) -> list[str]:
    """What is open beside the ``known`` targets and should not be shared, each with what it is. A
    socket that listens is no harm: each connection goes to one of those who accept.
    """
    known = known | targets(_of_resource_trackers())
    found = []
    for number in sorted(int(name) for name in os.listdir("/proc/self/fd")):
        target = _target(number)
        what = "" if target in known else _what(number, target)
        if what:
            found.append(f"{what} (descriptor {number})")
    return found


def _target(number: int) -> str:
    try:
        return os.readlink(f"/proc/self/fd/{number}")
    except OSError:
        return ""  # the one with which the folder was read, say


def _what(number: int, target: str) -> str:
    kind, _, rest = target.partition(":")
    if kind == "socket":
        return _socket(number)
    if kind == "pipe":
        return "a pipe"
    if kind in ("anon_inode", "pidfd"):
        name = rest.strip("[]") if kind == "anon_inode" else kind
        return _ANONYMOUS.get(name) or f"{'an' if name[:1] in 'aeiou' else 'a'} {name}"
    return ""


def _socket(number: int) -> str:
    """Empty where it listens."""
    try:
        end = socket.socket(fileno=os.dup(number))
    except (OSError, ValueError):
        return "a socket"
    try:
        if end.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            return ""
        return _to(end.getpeername())
    except OSError:
        return "a socket"
    finally:
        end.close()


def _to(peer: Any) -> str:
    if isinstance(peer, tuple) and len(peer) > 1:
        return f"a socket to {peer[0]}:{peer[1]}"
    return f"a socket to {peer}" if peer and isinstance(peer, str) else "a socket"


def _of_resource_trackers() -> list[int]:
    """The pipes to the processes that clean up after ``multiprocessing``, and after joblib: made to
    be shared.
    """
    modules = [m for name, m in sys.modules.items() if name.endswith(".resource_tracker")]
    found = [getattr(getattr(module, "_resource_tracker", None), "_fd", None) for module in modules]
    return [number for number in found if isinstance(number, int)]


def read(path: str) -> bytes | None:
    """The beginning of a file of the kernel's, ``None`` where it is not there."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return os.read(descriptor, 65_536)
    except OSError:
        return None
    finally:
        os.close(descriptor)
