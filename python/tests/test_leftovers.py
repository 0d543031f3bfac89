"""What an import leaves that keeps a process from being forked, each kind in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from terrarium import _leftovers

HOME = str(Path(_leftovers.__file__).parent.parent)


def said(code: str, harmless: str = "()") -> str:
    """What is in the way after the code ran."""
    text = f"""
import sys; sys.path.insert(0, {HOME!r})
from terrarium import _leftovers
_leftovers.THREADS_SECONDS_MAX = float(sys.argv[1])
known = _leftovers.targets([0, 1, 2])
{code}
print(_leftovers.threads_in_the_way({harmless}), _leftovers.descriptors_in_the_way(known))
"""
    command = [sys.executable, "-c", text, "0.1"]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


THREAD = """
import ctypes
from _thread import allocate_lock, start_new_thread
named, for_ever = allocate_lock(), allocate_lock()
named.acquire(); for_ever.acquire()
def stay():
    ctypes.CDLL(None).prctl(15, b"native-thread-1", 0, 0, 0)  # PR_SET_NAME
    named.release()
    for_ever.acquire()
start_new_thread(stay, ())
named.acquire()
"""

LISTENER = "import socket; a = socket.socket(); a.bind(('127.0.0.1', 0)); a.listen()"
ANONYMOUS = "import ctypes; libc = ctypes.CDLL(None); libc."


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("import socket; a = socket.socket()", "a socket"),
        ("import socket; a, b = socket.socketpair()", "a socket"),
        (
            LISTENER + "\nb = socket.create_connection(a.getsockname())",
            "a socket to 127.0.0.1:",
        ),
        ("import select; a = select.epoll()", "an epoll"),
        ("import os; a = os.pipe()", "a pipe"),
        ("import asyncio; a = asyncio.new_event_loop()", "an epoll"),
        ("import subprocess as s; a = s.Popen(['true'], stdout=s.PIPE); a.wait()", "a pipe"),
        (ANONYMOUS + "eventfd(0, 0)", "an eventfd"),
        (ANONYMOUS + "timerfd_create(1, 0)", "a timerfd"),
        (ANONYMOUS + "inotify_init1(0)", "an inotify"),
        ("import os; from terrarium._proc import pidfd_open; pidfd_open(os.getpid())", "a pidfd"),
        (ANONYMOUS + "signalfd(-1, bytes(128), 0)", "a signalfd"),
    ],
)
def test_a_descriptor_with_a_state_is_named(code, name):
    assert f"'{name}" in said(code)
    assert "(descriptor " in said(code)


@pytest.mark.parametrize(
    "code",
    [
        "",
        "a = open('/dev/null'); b = open(sys.executable)",
        "import os; a = os.dup(1), os.dup(2)",  # as faulthandler and many a logger do
        LISTENER,
        "import mmap; a = mmap.mmap(-1, 4096)",
        "import os; a = os.memfd_create('a') if hasattr(os, 'memfd_create') else None",
        "import os; a = os.open('/proc/self/ns/net', os.O_RDONLY)",
        "from multiprocessing import resource_tracker as r; r.ensure_running()",
    ],
)
def test_what_may_be_shared_is_not_in_the_way(code):
    assert said(code) == "[] []"


def test_a_thread_that_is_about_to_end_is_waited_for():
    """One that was joined is still there for a moment, and the pool was started by exec."""
    code = """
_leftovers.THREADS_SECONDS_MAX = 30
from _thread import allocate_lock, start_new_thread
end = allocate_lock(); end.acquire()
start_new_thread(end.acquire, ())
assert len(_leftovers.threads()) == 2
pause = _leftovers.sleep
def first_look_is_over(seconds):
    if end.locked() and not released:
        released.append(end.release())
    pause(seconds)
released = []
_leftovers.sleep = first_look_is_over
"""
    assert said(code) == "[] []"


def test_a_thread_is_named_and_counts_unless_it_is_harmless():
    assert said(THREAD).endswith('"native-thread-1 (no thread of Python\'s)"] []')
    assert said(THREAD, "['native-thread-1']") == "[] []"
    assert said(THREAD, "['native-*']") == "[] []"
    assert said(THREAD, "['native', 'MainThread', 'python*']") != "[] []"


@pytest.mark.parametrize(
    ("name", "pattern", "harmless"),
    [
        ("jemalloc_bg_thd", "jemalloc_bg_thd", True),
        ("jemalloc_bg_thd", "jemalloc_bg_thd_and_more", True),  # the kernel keeps 15 bytes
        ("jemalloc_bg_th", "jemalloc_bg_thd", False),
        ("polars-0", "polars-*", True),
        ("polars", "polars-*", False),
        ("tokio-runtime-w", "tokio-runtime-worker*", True),
        ("tokio", "tokio-runtime-worker*", False),
        ("anything", "", False),
    ],
)
def test_names_of_threads_are_compared_as_the_kernel_keeps_them(name, pattern, harmless):
    assert _leftovers.is_harmless(name, [pattern]) == harmless
