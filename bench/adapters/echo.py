"""What a call costs when there is no work in it."""

import fcntl
import os

from terrarium import tool

PREPARED = {}


@tool(idempotent=True)
def echo(value):
    """Give the value back."""
    return value


@tool(idempotent=True)
def answer_together(gate):
    """Answer with the pid once nobody holds the gate, a file's lock.

    As long as it is held, no worker is free for a second call: so each worker answers one.
    """
    with open(gate) as file:
        fcntl.lockf(file, fcntl.LOCK_SH)
    return os.getpid()


@tool(idempotent=True)
def read_in_place(value: memoryview):
    """Look at a few bytes, without a copy of all of them."""
    middle = len(value) // 2
    return [len(value), value[0], value[middle], value[-1]]


@tool(idempotent=True)
def prepared(size):
    """Give so many bytes that were there before, each page of which has been touched."""
    if size not in PREPARED:
        PREPARED[size] = memoryview(bytearray(b"0123456789abcdef") * (size // 16))
    return PREPARED[size]
