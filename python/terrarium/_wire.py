"""What worker and warden have in common on the wire: how frames are written (``docs/protocol.md``
is the contract), and how one connects to the JVM.
"""

from __future__ import annotations

from fcntl import F_DUPFD_CLOEXEC, fcntl

from terrarium import _protocol, _stdlib
from terrarium._cpython import Struct, socket
from terrarium._protocol import FRAME_BYTES_MAX
from terrarium._stdlib import os

socket = _stdlib.copy(socket)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Union

    Buffer = Union[bytes, bytearray, memoryview]

HEADER = Struct(_protocol.HEADER_FORMAT)
CONNECT_SECONDS_MAX = 10

_TIMEVAL = Struct("@ll")


class ProtocolError(Exception):
    """The other side sent what the protocol does not allow."""


class Unopened(Exception):
    """An argument's memory could not be opened: this process, or the system, has nothing left to
    open it with. It costs the call, not the worker.
    """


# ---- frames


def frame_bytes(kind: int, number: int, envelope: bytes) -> bytes:
    """A frame without attachments, in one piece."""
    return HEADER.pack(len(envelope), kind, 0, 0, number) + envelope


def frame_parts(
    kind: int,
    number: int,
    envelope: Buffer,
    attachments: Sequence[Buffer],
    table: list[int] | None = None,
) -> list[Buffer]:
    """A frame in parts, so that nothing large is copied. ``table``: where it is not just lengths."""
    sizes = [len(attachment) for attachment in attachments]
    length = len(envelope) + 4 * len(sizes) + sum(sizes)
    if length > FRAME_BYTES_MAX:
        raise ValueError(f"{length} bytes are more than a frame holds ({FRAME_BYTES_MAX})")
    head = HEADER.pack(length, kind, 0, len(sizes), number)
    if sizes:
        head += Struct(f">{len(sizes)}I").pack(*(table or sizes))
    return [head, envelope, *attachments]


def read_header(data: Buffer) -> tuple[int, int, int, int]:
    """Length of what follows, type, number of attachments, id. Raises ``ProtocolError``."""
    length, kind, flags, count, number = HEADER.unpack_from(data)
    if flags:
        raise ProtocolError(f"frame with flags {flags:#x}")
    if length > FRAME_BYTES_MAX or length < 4 * count:
        raise ProtocolError(f"frame of {length} bytes with {count} attachments")
    return length, kind, count, number


# ---- connections


def connect(path: str) -> socket.socket:
    """Connects within the bound, and leaves a socket that is blocking and has no timeout.

    Python's own timeout would make the socket non-blocking, and such a connect fails at once where
    the backlog is full. With SO_SNDTIMEO the kernel waits, but not for ever.
    """
    line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    line.settimeout(None)  # an adapter may have called socket.setdefaulttimeout
    option = (socket.SOL_SOCKET, socket.SO_SNDTIMEO)
    line.setsockopt(*option, _TIMEVAL.pack(CONNECT_SECONDS_MAX, 0))
    line.connect(path)
    line.setsockopt(*option, _TIMEVAL.pack(0, 0))
    return line


def lifted(sock: socket.socket) -> socket.socket:
    """The same socket, at a descriptor that user code which closes the first few does not hit."""
    return socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, move_up(sock.detach()))


def move_up(descriptor: int) -> int:
    """Moves a descriptor to 200 or above (where the limit of files allows it), closed on exec."""
    for lowest in (200, 100, 32):
        try:
            moved = fcntl(descriptor, F_DUPFD_CLOEXEC, lowest)
        except OSError:
            continue
        os.close(descriptor)
        return moved
    return descriptor
