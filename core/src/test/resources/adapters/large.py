"""Tools that take and give large values, and some that lie about them."""

import contextlib
import ctypes
import dataclasses
import fcntl
import hashlib
import os
import resource
import signal
import struct
import time
from typing import Optional

from own_connection import connection

from terrarium import _stdlib, context, tool

kept = []
used_up = []

if os.environ.get("SHUT_OFF"):
    ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)  # PR_SET_DUMPABLE: nobody is to look into this process


@dataclasses.dataclass
class Page:
    name: str
    content: bytes


@tool
def echo(value=None):
    return value


@tool
def digests(value: list) -> list:
    """Of each, its class and its digest."""
    return [[type(item).__name__, hashlib.sha256(item).hexdigest()] for item in value]


@tool
def look(first: memoryview, *more: memoryview, named: Optional[memoryview] = None, copy=b""):
    seen = [first, *more, named, copy]
    return [[type(item).__name__, hashlib.sha256(item or b"").hexdigest()] for item in seen]


@tool
def look_deep(value: "dict[str, list[memoryview]]"):
    return [[type(v).__name__, v.readonly, bytes(v)] for vs in value.values() for v in vs]


@tool
def page(value: Page) -> Page:
    return Page(value.name, value.content[::-1])


@tool
def echo_view(value: memoryview):
    return [value, value[1:3], value[::-1]]


@tool
async def echo_view_async(value: memoryview):
    return value


@tool
def fail_with_view(value: memoryview):
    kept.append(value)
    raise ValueError(f"of {len(value)} bytes")


@tool
def keep_view(value: memoryview):
    kept.append(value)


@tool
def keep_slice(value: memoryview):
    kept.append(value[:5])


@tool
def keep_slice_and_fail(value: memoryview):
    kept.append(value[:5])
    raise ValueError("kept")


@tool
def first_of_kept():
    return bytes(kept[-1][:5])


@tool
def forget():
    kept.clear()


@tool
def make(size: int):
    return bytes(size)


@tool
def make_types(size: int):
    return {
        "bytes": b"b" * size,
        "bytearray": bytearray(b"a" * size),
        "memoryview": memoryview(b"m" * size),
        "steps": memoryview(b"xs" * size)[1::2],
    }


@tool
def files():
    """How many memory files this process has open or mapped."""
    return files_of("self")


def files_of(pid):
    found = set()
    for name in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(OSError):
            path = f"/proc/{pid}/fd/{name}"
            if os.readlink(path).startswith("/memfd:"):
                found.add(os.stat(path).st_ino)
    with open(f"/proc/{pid}/maps") as maps:
        found.update(int(line.split()[4]) for line in maps if "/memfd:" in line)
    return len(found)


@tool
def nap(value, started: str):
    wake(started)
    time.sleep(1000)


@tool
def nap_viewing(value: memoryview, started: str):
    wake(started)
    time.sleep(1000)


def wake(started):
    with open(started, "w"):
        pass


@tool
def refuse_memory():
    """From now on the kernel gives this process no memory files."""

    def refused(*_):
        raise PermissionError(13, "refused")

    _stdlib.os.memfd_create = refused


@tool
def use_up():
    """From now on this process has no descriptor left."""
    most = max(map(int, os.listdir("/proc/self/fd")))
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    with contextlib.suppress(OSError):
        while True:
            used_up.append(os.dup(1))


@tool
def stop_using():
    while used_up:
        os.close(used_up.pop())


@tool
def die_while_writing(size: int):
    """Killed in the middle of its result."""
    write = os.pwrite

    def half(descriptor, content, offset):
        write(descriptor, content[: len(content) // 2], offset)
        os.kill(os.getpid(), signal.SIGKILL)

    _stdlib.os.pwrite = half
    return bytes(size)


@tool
def die_after_answer(size: int):
    """Killed when its result is on the wire, and its memory perhaps not opened yet."""
    descriptor = memory("terrarium", size, 2)
    with connection() as copy:
        os.close(descriptor)
        copy.sendall(result(descriptor, size))
        os.kill(os.getpid(), signal.SIGKILL)


def result(descriptor, size, kind=3):
    envelope = b'{"$bytes":0}'
    length = 4 + len(envelope) + 4
    table = struct.pack(">I", size | 2**31)
    head = struct.pack(">IBBHQ", length, kind, 0, 1, context.call_id)
    return head + table + envelope + struct.pack(">I", descriptor & 0xFFFFFFFF)


def memory(name, size, seals):
    descriptor = os.memfd_create(name, 3)
    os.truncate(descriptor, size)
    fcntl.fcntl(descriptor, 1033, seals)
    return descriptor


@tool
def lie(how: str):
    """A result whose memory is not what it should be."""
    size = 2**20
    kind = 3
    if how == "no descriptor":
        descriptor = 999
    elif how == "minus one":
        descriptor = -1
    elif how == "null":
        descriptor = os.open("/dev/null", os.O_RDWR)
    elif how == "fifo":
        os.mkfifo(f"fifo-{os.getpid()}")
        descriptor = os.open(f"fifo-{os.getpid()}", os.O_RDWR)
        os.unlink(f"fifo-{os.getpid()}")
    elif how == "file":
        descriptor = os.open(__file__, os.O_RDONLY)
    elif how == "another name":
        descriptor = memory("another", size, 2)
    elif how == "not sealed":
        descriptor = memory("terrarium", size, 4)
    elif how == "too small":
        descriptor = memory("terrarium", size - 1, 2)
    elif how == "nothing":
        descriptor, size = memory("terrarium", size, 2), 0
    elif how == "too much":
        descriptor, size = memory("terrarium", size, 2), 2**30 + 1
    elif how == "an error":
        descriptor, kind = memory("terrarium", size, 2), 4
    with connection() as copy:
        copy.sendall(result(descriptor, size, kind))
    time.sleep(1000)


@tool
def numbered(value: int, size: int):
    """Bytes that begin with a number."""
    if value < 0:
        raise ValueError(f"no number: {value}")
    return value.to_bytes(8, "big") + bytes(size - 8)
