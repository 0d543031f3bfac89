"""Tools that behave as badly as user code can."""

import asyncio
import contextlib
import ctypes
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time

from own_connection import connection

from terrarium import context, on_stop, tool

NOTE = os.environ.get("TROUBLE_NOTE")  # a file that tells what ran at the end


def note(text):
    if NOTE:
        with open(NOTE, "a", encoding="utf-8") as file:
            file.write(text + "\n")


@on_stop
def stopping():
    note("on_stop")


@tool
def echo(value=None):
    return value


@tool
def pid():
    return os.getpid()


@tool
def count_to(n: int) -> int:
    """Counts in Python code: interruptible."""
    i = 0
    while i < n:
        i += 1
    return i


@tool
def sleep(seconds: float, started: str = ""):
    """Sleeps; notes that its finally block ran."""
    try:
        touch(started)
        time.sleep(seconds)
        return "slept"
    finally:
        note("finally")


@tool
def loop(started: str = ""):
    touch(started)
    while True:
        pass


@tool
def hold_gil(started: str = ""):
    """Computes in C for hours without ever giving the interpreter's lock away."""
    touch(started)
    return sum(range(10**13))


@tool
def hold_gil_in_libc(started: str = ""):
    """The same through ctypes.PyDLL. A signal would end the sleep, and with it the hold: blocked."""
    libc = ctypes.PyDLL(None)
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    touch(started)
    libc.sleep(3600)


@tool
def stop_self(started: str = ""):
    touch(started)
    os.kill(os.getpid(), signal.SIGSTOP)


@tool
def swallow(started: str = ""):
    """Catches everything, the cancel included."""
    touch(started)
    while True:
        with contextlib.suppress(BaseException):
            while True:
                time.sleep(0.01)


@tool
def ignore_sigterm(started: str = ""):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    touch(started)
    while True:
        with contextlib.suppress(BaseException):
            time.sleep(1)


@tool
def fail(message: str):
    raise ValueError(message)


@tool
def leave(status: int):
    print("last words", file=sys.stderr, flush=True)
    sys.exit(status)


@tool
def leave_at_once(status: int):
    os._exit(status)


@tool
def segfault():
    ctypes.string_at(0)


@tool
def say(text: str, stream: str = "stdout"):
    print(text, file=getattr(sys, stream), flush=True)


@tool
def flood(mebibytes: int) -> float:
    """Prints that much to both streams; returns the seconds it took."""
    line = "x" * 99 + "\n"
    begin = time.monotonic()
    for _ in range(mebibytes * 2**20 // 200):
        sys.stdout.write(line)
        sys.stderr.write(line)
    return time.monotonic() - begin


@tool
def close_descriptors(first: int, last: int):
    os.closerange(first, last + 1)
    return "closed"


@tool
def child() -> int:
    """A child in our group."""
    return subprocess.Popen(["sleep", "1000"]).pid


@tool
def session_child() -> int:
    """A child with a session of its own."""
    return subprocess.Popen(["sleep", "1000"], start_new_session=True).pid


@tool
def daemon() -> int:
    """Detached by all the means there are: double fork, setsid, empty environment, closed descriptors."""
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() > 0:
            os._exit(0)
        os.write(writer, str(os.getpid()).encode())
        os.closerange(0, 1024)
        os.execve("/usr/bin/env", ["env", "-i", "sleep", "1000"], {})
    os.wait()
    with os.fdopen(reader, "rb") as pipe:
        os.close(writer)
        return int(pipe.read(20))


@tool
def chain():
    """Each forks a successor with a session of its own, and dies: without a pause."""
    if os.fork() == 0:
        os.closerange(0, 1024)
        while True:
            if os.fork() > 0:
                os._exit(0)
            os.setsid()
    os.wait()


@tool
def family_and_wait(go: str):
    """All three kinds of children; returns when there is a file of that name."""
    below = [child(), session_child(), daemon()]
    wait_for(go)
    return {"worker": os.getpid(), "below": below}


@tool
def wait(go: str, started: str = ""):
    """Returns when there is a file of that name."""
    touch(started)
    wait_for(go)
    return "waited"


@tool
def echo_later(value, seconds: float):
    time.sleep(seconds)
    return value


@tool
async def echo_later_async(value, seconds: float):
    await asyncio.sleep(seconds)
    return value


@tool
async def wait_async(go: str, started: str = "", pause: float = 0.005):
    touch(started)
    while not os.path.exists(go):
        await asyncio.sleep(pause)
    return "waited"


@tool
def write_note(text: str):
    note(text)


@tool
def begin_and_end():
    note("begin")
    time.sleep(0.005)
    note("end")


@tool
def remaining():
    return context.remaining()


@tool
async def nap(seconds: float, started: str = ""):
    """Sleeps on the event loop; notes that its finally block ran."""
    try:
        touch(started)
        await asyncio.sleep(seconds)
        return "napped"
    finally:
        note("finally")


@tool
def write_to_connection(data: bytes, end: bool = False):
    """Garbage on the wire, and with ``end`` nothing after it."""
    with connection() as copy:
        copy.sendall(data)
        if end:
            copy.shutdown(socket.SHUT_WR)
    return True


@tool
def forge_result(envelope: bytes):
    """A RESULT of this very call that is not what the protocol wants."""
    send_result(envelope)
    time.sleep(1000)


@tool
def answer_and_die(text: str):
    send_result(json.dumps(text).encode())
    os._exit(7)


def send_result(envelope):
    with connection() as copy:
        copy.sendall(struct.pack(">IBBHQ", len(envelope), 3, 0, 0, context.call_id) + envelope)


def wait_for(path):
    while not os.path.exists(path):
        time.sleep(0.005)


def touch(path):
    if path:
        with open(path, "w", encoding="utf-8"):
            pass


@tool
def family() -> list:
    """One of each kind below us, and then at rest."""
    return [child(), session_child(), daemon()]


@tool
def sleep_long(started: str = ""):
    sleep(1000, started)


@tool
def loop_with_family(started: str = ""):
    family()
    loop(started)
