"""Memory files: large attachments travel in memory that the other side opens as ``/proc/PID/fd/N``.

A file is sealed against shrinking when it is made, and who opens one checks that seal first: a
mapping that shrank would be a SIGBUS. Files are used again, since new memory costs several times
what filling it does. So whoever still reads a file when its loan ends says so (``KEPT``); then its
owner leaves it alone.

Imported by each worker that may get large values, behind its HELLO: when the first one comes or
goes a tool may have left no descriptor to import anything with.
"""

from __future__ import annotations

from errno import EMFILE, ENFILE, ENOMEM
from fcntl import fcntl

from terrarium._protocol import IN_MEMORY
from terrarium._stdlib import allocate_lock, os
from terrarium._wire import ProtocolError, Unopened, move_up

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from terrarium._wire import Buffer

NAME = "terrarium"
LINK = f"/memfd:{NAME} (deleted)"
IDLE_BYTES_MAX = 32 * 2**20
"""What a worker keeps for its next results."""

CHUNK_BYTES = 2**20
"""What is copied in one piece (about 0.1 ms)."""

MFD_CLOEXEC, MFD_ALLOW_SEALING = 1, 2
F_ADD_SEALS, F_GET_SEALS = 1033, 1034
F_SEAL_SHRINK = 2


SCARCE = (EMFILE, ENFILE, ENOMEM)
"""What a process may run out of: nobody has broken the protocol then."""


class Borrowed:
    """An attachment in a memory file of the JVM's, open here. To be read or viewed once; else it
    is closed with the last reference. Where there was nothing left to open it with, ``read`` and
    ``view`` raise ``Unopened``.
    """

    __slots__ = ("_descriptor", "_size", "_unopened")

    def __init__(self, host: int, number: int, size: int) -> None:
        self._descriptor = -1
        self._size = size
        self._unopened: str | None = None
        path = f"/proc/{host}/fd/{number}"
        try:
            _require_memory(path)  # before it is opened: opening some things has consequences
            self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            _require_memory(f"/proc/self/fd/{self._descriptor}")
            sealed = fcntl(self._descriptor, F_GET_SEALS) & F_SEAL_SHRINK
            if not sealed or os.fstat(self._descriptor).st_size < size:
                raise OSError(f"it is not sealed, or smaller than {size} bytes")
        except OSError as error:
            self.close()
            if error.errno not in SCARCE:
                raise ProtocolError(f"no memory of {size} bytes at {path}: {error}") from None
            # Whoever reads frames has no use for it; whoever reads the value has.
            self._unopened = (
                f"an argument of {size} bytes cannot be opened in this worker,"
                f" so that the tool was not entered: {error.strerror}"
            )

    def read(self) -> bytes:
        """A copy."""
        self._require_open()
        try:
            parts, missing = [], self._size
            while missing:
                part = os.pread(self._descriptor, missing, self._size - missing)
                if not part:
                    raise ProtocolError(f"{missing} bytes are missing in a memory file")
                parts.append(part)
                missing -= len(part)
            return parts[0] if len(parts) == 1 else b"".join(parts)
        finally:
            self.close()

    def view(self) -> View:
        """The memory itself; a copy where it cannot be mapped, which takes one more descriptor."""
        from mmap import MAP_SHARED, PROT_READ, mmap

        self._require_open()
        try:
            mapped = mmap(self._descriptor, self._size, MAP_SHARED, PROT_READ)
        except OSError:
            return View(memoryview(self.read()))
        self.close()
        return View(memoryview(mapped), mapped)

    def _require_open(self) -> None:
        if self._unopened is not None:
            raise Unopened(self._unopened)

    def close(self) -> None:
        """Gives up the descriptor."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    __del__ = close


def _require_memory(path: str) -> None:
    if os.readlink(path) != LINK:
        raise OSError("it is no memory file of ours")


class View:
    """What a tool sees of an argument until its call has ended."""

    __slots__ = ("_mapped", "shown")

    def __init__(self, shown: memoryview, mapped: Any = None) -> None:
        self.shown = shown
        self._mapped = mapped

    def end(self) -> bool:
        """The call has ended, and its answer is not sent yet: afterwards the JVM writes other
        values there. False where something (a numpy array, a slice, the result itself) still refers
        to the memory.
        """
        mapped, self._mapped = self._mapped, None
        try:
            self.shown.release()
            if mapped is not None:
                mapped.close()
        except BufferError:
            return mapped is None  # a copy is nobody else's
        return True


class Lender:
    """The files in which results travel. Thread-safe."""

    def __init__(self, size_min: int) -> None:
        self._size_min = size_min
        self._lock = allocate_lock()
        self._idle: list[_File] = []
        self._lent: dict[int, list[_File]] = {}

    def lend(
        self, number: int, attachments: Sequence[Buffer]
    ) -> tuple[list[int], Sequence[Buffer]]:
        """The table of a frame, and what travels in it: for large attachments, their file's number.
        ``number`` is the call's.
        """
        table, parts, files = [], [], []
        for each in attachments:
            size = len(each)
            file = self._filled(each) if size >= self._size_min else None
            if file is not None:
                files.append(file)
                each = file.descriptor.to_bytes(4, "big")
                size |= IN_MEMORY
            table.append(size)
            parts.append(each)
        if files:
            with self._lock:
                self._lent[number] = files
        return table, parts

    def taken(self, number: int) -> None:
        """The JVM reads the files of that call's result no more."""
        with self._lock:
            files = self._lent.pop(number, [])
            kept = sum(file.size for file in self._idle)
            for file in files:
                if kept + file.size <= IDLE_BYTES_MAX:
                    kept += file.size
                    self._idle.append(file)
                else:
                    file.close()

    def close(self) -> None:
        """In a forked child: the files are the parent's. Takes no lock."""
        for files in [self._idle, *self._lent.values()]:
            for file in files:
                file.close()

    def _filled(self, content: Buffer) -> _File | None:
        """A file with that content; ``None`` where the kernel refuses one."""
        try:
            while (file := self._take_idle(len(content))) is not None:
                if file.write(content):
                    return file
            file = _File()
            return file if file.write(content) else None
        except OSError:
            return None

    def _take_idle(self, size: int) -> _File | None:
        """The smallest that is large enough, else the largest, which grows."""
        with self._lock:
            if not self._idle:
                return None
            self._idle.sort(key=lambda file: file.size)
            for index, file in enumerate(self._idle):
                if file.size >= size:
                    return self._idle.pop(index)
            return self._idle.pop()


class _File:
    """One file of ours, at a descriptor that user code which closes the first few does not hit."""

    __slots__ = ("_identity", "_mapped", "descriptor", "size")

    def __init__(self) -> None:
        self.descriptor = move_up(os.memfd_create(NAME, MFD_CLOEXEC | MFD_ALLOW_SEALING))
        self.size = 0
        self._mapped: Any = None
        self._identity = self._found()
        try:
            fcntl(self.descriptor, F_ADD_SEALS, F_SEAL_SHRINK)
        except OSError:
            self.close()
            raise

    def _found(self) -> tuple[int, int] | None:
        try:
            found = os.fstat(self.descriptor)
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def write(self, content: Buffer) -> bool:
        """Whether the file holds it now; else the file is closed."""
        try:
            if self._found() != self._identity:
                return False  # user code closed our descriptor: whatever it is now, it is not ours
            size = len(content)
            if 0 < size <= self.size and self._map():
                self._copy(memoryview(content))
                return True
            self._write_anew(content)
        except OSError:
            self.close()
            return False
        self.size = max(self.size, len(content))
        return True

    def _write_anew(self, content: Buffer) -> None:
        """System calls are quicker at new memory, and say so where there is none."""
        rest = memoryview(content)
        while rest:
            written = os.pwrite(self.descriptor, rest, len(content) - len(rest))
            rest = rest[written:]

    def _map(self) -> bool:
        """Memory that is there already is filled three times as fast through a mapping."""
        if self._mapped is None or len(self._mapped) < self.size:
            try:
                from mmap import mmap

                self._mapped = mmap(self.descriptor, self.size)
            except (ImportError, OSError):
                return False  # no descriptor left for it
        return True

    def _copy(self, content: memoryview) -> None:
        """In pieces: a copy keeps the interpreter, and so whoever reads the next frame, waiting."""
        for at in range(0, len(content), CHUNK_BYTES):
            piece = content[at : at + CHUNK_BYTES]
            self._mapped[at : at + len(piece)] = piece

    def close(self) -> None:
        self._mapped = None
        if self._found() == self._identity:
            os.close(self.descriptor)
