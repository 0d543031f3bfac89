"""The warden's connection to the JVM: frames, never blocking.

Control frames queue without a limit (there are few for each worker); OUTPUT frames have a budget,
and who exceeds it learns that his lines are to be dropped.
"""

from __future__ import annotations

import select
import time

from terrarium._cpython import deque, socket
from terrarium._protocol import DUMP, KILL, PING, SHUTDOWN, SIGNAL, SPAWN
from terrarium._values import parse, to_text
from terrarium._wire import HEADER, ProtocolError, frame_bytes, read_header

OUTPUT_FRAME_BYTES_MAX = 64 << 10
OUTPUT_BACKLOG_BYTES_MAX = 1 << 20

_FROM_JVM = frozenset((PING, SPAWN, SIGNAL, KILL, DUMP, SHUTDOWN))
_READ_BYTES = 1 << 18


class StartError(Exception):
    """Why there is no warden: said on stderr, which the JVM quotes."""

    status = 1


def encode(kind: int, number: int, envelope: object) -> bytes:
    # A lone surrogate (a file name that is no UTF-8) must not keep a report from being sent.
    data = to_text(envelope).encode("utf-8", "replace")
    return frame_bytes(kind, number, data)


class Link:
    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self._connection = connection
        self._incoming = bytearray()
        self._outgoing: deque[tuple[memoryview, bool]] = deque()
        self._output_bytes = 0
        self.broken = False

    def fileno(self) -> int:
        return self._connection.fileno()

    # ---- reading

    def receive(self) -> bool:
        """Takes what is there; False when the other side has closed."""
        try:
            data = self._connection.recv(_READ_BYTES)
        except (BlockingIOError, InterruptedError):
            return True
        except OSError:
            return False
        self._incoming += data
        return bool(data)

    def next_frame(self) -> tuple[int, int, dict] | None:
        """The next complete frame as (type, id, envelope)."""
        if len(self._incoming) < HEADER.size:
            return None
        length, kind, attachments, number = read_header(self._incoming)
        if attachments or kind not in _FROM_JVM:
            raise ProtocolError(f"a frame of type {kind}, with {attachments} attachments")
        end = HEADER.size + length
        if len(self._incoming) < end:
            return None
        body = bytes(self._incoming[HEADER.size : end])
        del self._incoming[:end]
        return kind, number, _envelope(body)

    # ---- writing

    @property
    def waiting(self) -> bool:
        return bool(self._outgoing) and not self.broken

    def has_output_room(self) -> bool:
        """Whether one more OUTPUT frame of the usual size would be taken."""
        return self._output_bytes + OUTPUT_FRAME_BYTES_MAX <= OUTPUT_BACKLOG_BYTES_MAX

    def send(self, kind: int, number: int, envelope: object) -> None:
        self._outgoing.append((memoryview(encode(kind, number, envelope)), False))

    def send_output(self, frame: bytes) -> bool:
        """Queues an encoded OUTPUT frame; False where the backlog is full."""
        if self._output_bytes + len(frame) > OUTPUT_BACKLOG_BYTES_MAX:
            return False
        self._output_bytes += len(frame)
        self._outgoing.append((memoryview(frame), True))
        return True

    def flush(self) -> None:
        """Writes what the socket takes."""
        while self._outgoing and not self.broken:
            data, is_output = self._outgoing[0]
            try:
                sent = self._connection.send(data, socket.MSG_NOSIGNAL)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                self.broken = True
                return
            self._output_bytes -= sent if is_output else 0
            if sent < len(data):
                self._outgoing[0] = (data[sent:], is_output)
            else:
                self._outgoing.popleft()

    def flush_all(self, host: int, seconds: float) -> None:
        """Writes the last frames, as long as there is somebody to read them: `host` is a pidfd."""
        deadline = time.monotonic() + seconds
        while True:
            self.flush()
            left = deadline - time.monotonic()
            if not self.waiting or left <= 0:
                return
            dead, _, _ = select.select([host], [self.fileno()], [], left)
            if dead:
                return


def _envelope(body: bytes) -> dict:
    try:
        envelope = parse(body.decode("utf-8", "surrogatepass")) if body else {}
    except ValueError as failure:
        raise ProtocolError(f"an envelope is not JSON: {failure}") from failure
    if not isinstance(envelope, dict):
        raise ProtocolError(f"an envelope is not an object: {str(envelope)[:80]}")
    return envelope
