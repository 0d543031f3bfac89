"""What several adapters need to meddle with the wire."""

import contextlib
import os
import socket


def connection():
    """The connection to the JVM, found among our own descriptors."""
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            if os.readlink(f"/proc/self/fd/{name}").startswith("socket:"):
                copy = socket.socket(fileno=os.dup(int(name)))
                peer = copy.getpeername()
                if isinstance(peer, (str, bytes)) and os.path.basename(os.fsdecode(peer)) == "s":
                    return copy
    raise LookupError("no connection")
