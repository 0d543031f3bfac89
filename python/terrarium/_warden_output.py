"""What workers print: lines to the JVM as far as it keeps up, the last 64 KiB to a file in any
case.

A worker must never wait for somebody who does not read. So the pipes are always emptied; when the
JVM is behind by more than the backlog, lines are dropped, counted, and the count is said with the
next lines that go through.
"""

from __future__ import annotations

import os

from terrarium._cpython import deque
from terrarium._protocol import OUTPUT
from terrarium._warden_link import OUTPUT_FRAME_BYTES_MAX, encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from terrarium._warden_link import Link

LOG_KEEP_BYTES = 64 << 10
PIECE_BYTES_MAX = 8 << 10
READ_BYTES = 48 << 10  # so that a chunk and what JSON adds to it mostly fit one frame
TAIL_LINES = 50
TAIL_BYTES_MAX = 16 << 10
DRAIN_BYTES_MAX = 256 << 10  # of a dead worker's pipe at once; more than a pipe holds by default


class WorkerLog:
    """`logs/<worker>.log` and one older file: at least the last 64 KiB are on disk, whoever dies."""

    def __init__(self, directory: str, worker: str) -> None:
        safe = "".join(c if c.isalnum() or c in "-_." else "_" for c in worker)
        self._path = os.path.join(directory, "logs", safe.lstrip(".")[:200] + ".log")
        self._fd = -1
        self._size = 0

    def write(self, data: bytes) -> None:
        try:
            if self._fd < 0:
                self._open()
            self._size += os.write(self._fd, data)
            if self._size >= LOG_KEEP_BYTES:
                self.close()
                os.replace(self._path, self._path + ".1")
        except OSError:
            self.close()  # a full disk costs the log, not the worker; the next write tries again

    def _open(self) -> None:
        os.makedirs(os.path.dirname(self._path), mode=0o700, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._fd = os.open(self._path, flags, 0o600)
        self._size = os.fstat(self._fd).st_size

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class Tail:
    """The last 50 lines, at most 16 KiB."""

    def __init__(self) -> None:
        self._lines: deque[bytes] = deque(maxlen=TAIL_LINES)

    def add(self, lines: list[bytes]) -> None:
        self._lines.extend(lines[-TAIL_LINES:])

    def text(self) -> str:
        kept: list[bytes] = []
        room = TAIL_BYTES_MAX
        for line in reversed(self._lines):
            room -= len(line) + 1
            if room < 0:
                break
            kept.append(line)
        return b"\n".join(reversed(kept)).decode("utf-8", "replace")


class Stream:
    """One of a worker's two output pipes."""

    def __init__(self, name: str, number: int, fd: int, log: WorkerLog, tail: Tail | None) -> None:
        self.name = name
        self.number = number
        self.fd = fd
        self._log = log
        self._tail = tail
        self._rest = b""  # a line that is not finished yet
        self._dropped = 0

    def pump(self, link: Link) -> int:
        """Reads once and sends on; 0 at the end of the pipe, -1 where nothing was there."""
        try:
            data = os.read(self.fd, READ_BYTES)
        except (BlockingIOError, InterruptedError):
            return -1
        except OSError:
            return 0
        if data:
            self._log.write(data)
            self._take(split_lines(self._rest + data), link)
        return len(data)

    def drain(self, link: Link) -> None:
        """Takes what a dead worker left in the pipe. No wait for its end: a grandchild may hold it
        open.
        """
        count = 0
        while self.fd >= 0 and count < DRAIN_BYTES_MAX:
            size = self.pump(link)
            if size <= 0:
                break
            count += size

    def finish(self, link: Link) -> None:
        """Sends the unfinished line, and the count of dropped lines where nothing came after them."""
        if self._rest:
            rest, self._rest = self._rest, b""
            self._deliver([rest], link)
        if self._dropped:
            envelope = {"stream": self.name, "lines": [], "dropped": self._dropped}
            link.send(OUTPUT, self.number, envelope)
            self._dropped = 0

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def _take(self, split: tuple[list[bytes], bytes], link: Link) -> None:
        lines, self._rest = split
        if lines:
            self._deliver(lines, link)

    def _deliver(self, lines: list[bytes], link: Link) -> None:
        if self._tail is not None:
            self._tail.add(lines)
        if not link.has_output_room():  # before the costly part: a flood is counted, not encoded
            self._dropped += len(lines)
            return
        # In one go, which is what makes a flood cheap: a newline is never part of a broken UTF-8
        # sequence.
        self._send(b"\n".join(lines).decode("utf-8", "replace").split("\n"), link)

    def _send(self, lines: list[str], link: Link) -> None:
        envelope = {"stream": self.name, "lines": lines, "dropped": self._dropped}
        frame = encode(OUTPUT, self.number, envelope)
        if len(frame) > OUTPUT_FRAME_BYTES_MAX and len(lines) > 1:
            half = len(lines) // 2
            self._send(lines[:half], link)
            self._send(lines[half:], link)
        elif link.send_output(frame):
            self._dropped = 0
        else:
            self._dropped += len(lines)


def split_lines(data: bytes) -> tuple[list[bytes], bytes]:
    """Complete lines in pieces of at most 8 KiB, and the unfinished rest."""
    lines = data.split(b"\n")
    if max(map(len, lines)) > PIECE_BYTES_MAX:
        lines = [piece for line in lines for piece in _cut(line)]
    rest = lines.pop()
    return lines, rest


def _cut(line: bytes) -> list[bytes]:
    """Pieces that do not tear a character of UTF-8 apart."""
    pieces = []
    start = 0
    while len(line) - start > PIECE_BYTES_MAX:
        end = start + PIECE_BYTES_MAX
        for back in range(4):
            if line[end - back] & 0xC0 != 0x80:
                end -= back
                break
        pieces.append(line[start:end])
        start = end
    pieces.append(line[start:])
    return pieces
