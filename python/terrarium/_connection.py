"""A worker's connection to the JVM.

One thread reads. Any thread writes: a lock keeps frames whole.
"""

from __future__ import annotations

from io import BytesIO

from terrarium._cpython import Struct
from terrarium._protocol import ATTACHMENT_BYTES_MAX, CALL, IN_MEMORY, RESULT
from terrarium._stdlib import allocate_lock, new_poll, os
from terrarium._wire import HEADER, ProtocolError, frame_bytes, frame_parts, read_header, socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from terrarium._memory import Borrowed, Lender
    from terrarium._wire import Buffer

READ_AHEAD_BYTES = 4096
"""One read fetches an ordinary frame whole. A second read would mean a second wait for the
interpreter's lock, which a busy tool gives away every 5 ms only; more would mean copying more of a
large attachment.
"""
JOINED_BYTES_MAX = 16_384
"""Up to here one buffer of header and envelope costs less than two buffers for the kernel."""
POLLOUT = 4
BUFFERS_MAX = 512
"""Buffers for one ``sendmsg``; Linux takes 1,024."""


class ConnectionLost(Exception):
    """Frames cannot be sent any more. ``host_gone``: because the JVM is; else somebody closed the
    descriptor here.
    """

    def __init__(self, message: str, host_gone: bool) -> None:
        super().__init__(message)
        self.host_gone = host_gone


def may_open(host: int | None) -> bool:
    """Whether this process may open what the JVM has: asks about a link that each process has and
    that the same rule guards.
    """
    if host is None or os.environ.get("TERRARIUM_MEMFD") == "off":
        return False
    try:
        os.readlink(f"/proc/{host}/cwd")
    except OSError:
        return False
    return True


class Connection:
    """Both directions of one connection. ``receive`` belongs to one thread, ``send`` to all.

    ``host`` is the JVM's pid where memory files of it are taken.
    """

    def __init__(self, sock: socket.socket, host: int | None = None) -> None:
        sock.settimeout(None)
        self._host = host
        self.takes_memory = host is not None
        self._lender: Lender | None = None
        self._lend_from: int | None = None
        self._socket = sock
        self._ahead = b""
        self._lock = allocate_lock()
        self._lost: ConnectionLost | None = None

    def descriptor(self) -> int:
        return self._socket.fileno()

    def receive(self) -> tuple[int, int, bytes, list[bytes | Borrowed]]:
        """The next frame: type, id, envelope, attachments. Raises ``EOFError`` at the end,
        ``ProtocolError``, ``OSError``.
        """
        if not self._ahead:
            # Nearly all frames come alone, whole, and without attachments.
            self._ahead = frame = self._socket.recv(READ_AHEAD_BYTES)
            if len(frame) >= HEADER.size:
                length, kind, flags, count, number = HEADER.unpack_from(frame)
                if len(frame) == HEADER.size + length and not flags and not count:
                    self._ahead = b""
                    return kind, number, frame[HEADER.size :], []
            elif not frame:
                raise EOFError
        length, kind, count, number = read_header(self._read(HEADER.size))
        if not count:
            return kind, number, self._read(length), []
        table = Struct(f">{count}I").unpack(self._read(4 * count))
        in_memory = self._host is not None and kind == CALL and max(table) >= IN_MEMORY
        sizes = [4 if size > IN_MEMORY else size for size in table] if in_memory else table
        rest = length - 4 * count - sum(sizes)
        if rest < 0 or max(sizes) > ATTACHMENT_BYTES_MAX:
            raise ProtocolError(f"frame of {length} bytes with attachments of {sum(sizes)} bytes")
        envelope = self._read(rest)
        attachments = [self._read(size) for size in sizes]
        if in_memory:
            attachments = [
                self._borrow(each, size - IN_MEMORY) if size > IN_MEMORY else each
                for each, size in zip(attachments, table)
            ]
        return kind, number, envelope, attachments

    def _borrow(self, number: bytes, size: int) -> Borrowed:
        from terrarium._memory import Borrowed

        if size > ATTACHMENT_BYTES_MAX:
            raise ProtocolError(f"{size} bytes in a memory file")
        return Borrowed(self._host, int.from_bytes(number, "big"), size)

    def lend_from(self, size_min: int) -> None:
        """The JVM takes memory files, for attachments of so many bytes and more."""
        self._lend_from = size_min

    def taken(self, number: int) -> None:
        """The JVM reads the memory of that call's result no more."""
        if self._lender is not None:
            self._lender.taken(number)

    def _read(self, size: int) -> bytes:
        """Exactly so many bytes."""
        ahead = self._ahead
        if size - len(ahead) >= READ_AHEAD_BYTES:
            self._ahead = b""
            return self._read_large(ahead, size)
        while len(ahead) < size:
            more = self._socket.recv(READ_AHEAD_BYTES)
            if not more:
                raise EOFError
            ahead = ahead + more if ahead else more
        if len(ahead) == size:
            self._ahead = b""
            return ahead
        self._ahead = ahead[size:]
        return ahead[:size]

    def _read_large(self, ahead: bytes, size: int) -> bytes:
        """``BytesIO`` hands out the object that the kernel has filled, without another copy."""
        whole = BytesIO(bytes(size))
        with whole.getbuffer() as room:
            filled = len(ahead)
            room[:filled] = ahead
            while filled < size:
                with room[filled:] as rest:
                    count = self._socket.recv_into(rest, 0, socket.MSG_WAITALL)
                if not count:
                    raise EOFError
                filled += count
        return whole.getvalue()

    def send(
        self, kind: int, number: int, envelope: Buffer = b"", attachments: Sequence[Buffer] = ()
    ) -> None:
        """Sends one frame whole. Blocks while the JVM does not read. Raises ``ConnectionLost``."""
        if attachments or len(envelope) > JOINED_BYTES_MAX:
            table = None
            if kind == RESULT and attachments and self._lend_from is not None:
                table, attachments = self._lend(number, attachments)
            parts = frame_parts(kind, number, envelope, attachments, table)
        else:
            parts = (frame_bytes(kind, number, envelope),)
        with self._lock:
            self._write(parts)

    def _lend(
        self, number: int, attachments: Sequence[Buffer]
    ) -> tuple[list[int] | None, Sequence[Buffer]]:
        if max(map(len, attachments)) < self._lend_from:
            return None, attachments
        with self._lock:  # two tools may have their first large result at once
            if self._lender is None:
                from terrarium._memory import Lender

                self._lender = Lender(self._lend_from)
        return self._lender.lend(number, attachments)

    def send_or_drop(self, kind: int, number: int, envelope: bytes, patience: float) -> bool:
        """As ``send``, but gives up (``False``) where the frame cannot be begun within so many
        seconds.
        """
        parts = frame_parts(kind, number, envelope, ())
        if not self._lock.acquire(timeout=patience):
            return False
        try:
            return self._is_writable(patience) and self._write(parts)
        finally:
            self._lock.release()

    def _is_writable(self, patience: float) -> bool:
        poller = new_poll()
        poller.register(self._socket.fileno(), POLLOUT)
        return bool(poller.poll(patience * 1000))

    def _write(self, parts: Sequence[Buffer]) -> bool:
        if self._lost:
            raise self._lost
        whole = False
        try:
            if len(parts) == 1:
                sent = self._socket.send(parts[0], socket.MSG_NOSIGNAL)
                whole = sent == len(parts[0])
            else:
                sent = self._socket.sendmsg(parts[:BUFFERS_MAX], (), socket.MSG_NOSIGNAL)
            if not whole:
                self._rest(parts, sent)
                whole = True
        except OSError as error:
            gone = isinstance(error, (BrokenPipeError, ConnectionError))
            self._lost = ConnectionLost(str(error), gone)
            raise self._lost from None
        finally:
            if not whole and self._lost is None:
                # Something (a signal handler of the user's) raised in the middle of a frame:
                # nothing sensible can follow.
                self._lost = ConnectionLost("a frame was left unfinished", host_gone=False)
        return True

    def _rest(self, parts: Sequence[Buffer], skip: int) -> None:
        """Sends what is left after the first ``skip`` bytes, without copying."""
        views = [memoryview(part) for part in parts if len(part)]
        first = 0
        while True:
            while first < len(views) and skip >= len(views[first]):
                skip -= len(views[first])
                first += 1
            if first == len(views):
                return
            views[first] = views[first][skip:]
            skip = self._socket.sendmsg(views[first : first + BUFFERS_MAX], (), socket.MSG_NOSIGNAL)

    def abandon(self) -> None:
        """In a forked child: the connection is the parent's. Takes no lock, which a thread may have
        held at the fork.
        """
        self._lock = allocate_lock()
        self._lost = ConnectionLost("this process was forked from a worker", host_gone=False)
        self._socket.close()
        if self._lender is not None:
            self._lender.close()
