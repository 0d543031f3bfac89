"""A small stand-in for the JVM: starts real workers and talks to them over a real Unix socket."""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import struct
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

from terrarium import _protocol

SCRIPT = Path(__file__).resolve().parent.parent / "terrarium_worker.py"
PATIENCE_SECONDS = 30
HEADER = struct.Struct(">IBBHQ")


def _environment(more: dict[str, str]) -> dict[str, str]:
    """Ours, without what changes how Python buffers."""
    return {**{k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"}, **more}


class Frame:
    """One frame, its envelope read."""

    def __init__(self, kind: int, number: int, envelope: bytes, attachments: list[bytes]) -> None:
        self.kind = kind
        self.id = number
        self.value = json.loads(envelope) if envelope else None
        self.attachments = attachments

    def __repr__(self) -> str:
        return f"Frame({self.kind}, {self.id}, {self.value!r})"


class WorkerUnderTest:
    """One worker with the JVM's end of its connection."""

    def __init__(self, directory: Path, source: str | None, name: str = "adapter.py", **options):
        self.directory = directory
        self.adapter = directory / name
        if source is not None:
            self.adapter.write_text(textwrap.dedent(source), encoding="utf-8")
        self._short = tempfile.TemporaryDirectory()  # a socket's path has 104 bytes
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(f"{self._short.name}/s")
        self._listener.listen(5)
        self.stdout = directory / f"{name}.stdout"
        self.stderr = directory / f"{name}.stderr"
        self.stacks = directory / f"{name}.stacks"
        self._start(**options)
        self.connection: socket.socket | None = None
        self._numbers = iter(range(1, 1_000_000))
        self.logs: list[Frame] = []
        self.loggers: list[str] = []

    def _start(self, options=None, stdout=None, environment=None, host=None) -> None:
        spec = {
            "protocol": [1],
            "token": "secret",
            "socket": f"{self._short.name}/s",
            "run": "s59m65f",
            "worker": "a-1",
            "pool": "a",
            "adapter": str(self.adapter),
            "options": options or {},
        }
        if host is not None:
            spec["host"] = host
        stacks = os.open(self.stacks, os.O_RDWR | os.O_CREAT | os.O_APPEND)
        self.stacks_fd = stacks
        try:
            spec["stacks_fd"] = stacks
            with tempfile.TemporaryFile() as file, open(self.stdout, "wb") as out:
                file.write(json.dumps(spec).encode())
                file.seek(0)
                with open(self.stderr, "wb") as err:
                    self.process = subprocess.Popen(
                        [sys.executable, str(SCRIPT), "--snakepit-run-id", "s59m65f"],
                        stdin=file,
                        stdout=out if stdout is None else stdout,
                        stderr=err,
                        pass_fds=[stacks],
                        start_new_session=True,
                        env=_environment(environment or {}),
                    )
        finally:
            os.close(stacks)

    def accept(self) -> Frame:
        """The worker's connection, and its HELLO."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not select.select([self._listener], [], [], 0.1)[0]:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"no HELLO: {self.process.returncode}: {self.errors()}")
        self.connection, _ = self._listener.accept()
        self.connection.settimeout(PATIENCE_SECONDS)
        return self.receive()

    def send(self, kind: int, number: int, envelope=None, attachments=()) -> None:
        """One frame to the worker."""
        text = b"" if envelope is None else json.dumps(envelope).encode()
        sizes = b"".join(struct.pack(">I", len(each)) for each in attachments)
        body = sizes + text + b"".join(attachments)
        head = HEADER.pack(len(body), kind, 0, len(attachments), number)
        self.connection.sendall(head + body)

    def send_raw(self, data: bytes) -> None:
        """Whatever, to the worker."""
        self.connection.sendall(data)

    def receive(self) -> Frame:
        """The next frame but for LOGGERS, whose names are kept. Raises ``EOFError``."""
        while True:
            frame = self._receive()
            if frame.kind != _protocol.LOGGERS:
                return frame
            self.loggers += frame.value["loggers"]

    def _receive(self) -> Frame:
        length, kind, flags, count, number = HEADER.unpack(self._read(16))
        assert flags == 0
        sizes = struct.unpack(f">{count}I", self._read(4 * count))
        envelope = self._read(length - 4 * count - sum(sizes))
        return Frame(kind, number, envelope, [self._read(size) for size in sizes])

    def _read(self, size: int) -> bytes:
        parts = []
        while size:
            part = self.connection.recv(min(size, 1 << 20))
            if not part:
                raise EOFError
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def begin(self, tool: str, *args, deadline=None, turn=None, attachments=(), **named) -> int:
        """Sends a CALL and returns its number."""
        number = next(self._numbers)
        envelope = {"tool": tool, "args": list(args), "named": named}
        if deadline is not None:
            envelope["deadline"] = deadline
        if turn is not None:
            envelope["turn"] = turn
        self.send(_protocol.CALL, number, envelope, attachments)
        return number

    def answer(self, number: int) -> Frame:
        """The RESULT or ERROR of a call; LOG frames before it are kept. All else is an error."""
        while True:
            frame = self.receive()
            if frame.kind == _protocol.LOG:
                self.logs.append(frame)
                continue
            assert frame.kind in (_protocol.RESULT, _protocol.ERROR), frame
            assert frame.id == number, frame
            return frame

    def call(self, tool: str, *args, attachments=(), **named):
        """A call's result."""
        frame = self.answer(self.begin(tool, *args, attachments=attachments, **named))
        assert frame.kind == _protocol.RESULT, frame
        return frame.value

    def fails(self, tool: str, *args, **named) -> dict:
        """The envelope of a call's ERROR."""
        frame = self.answer(self.begin(tool, *args, **named))
        assert frame.kind == _protocol.ERROR, frame
        return frame.value

    def cancel(self, number: int, reason: str = "cancelled") -> None:
        """Sends a CANCEL."""
        self.send(_protocol.CANCEL, number, {"reason": reason})

    def logged(self, message: str) -> Frame:
        """Waits for the LOG frame with that message."""
        while True:
            frame = self.receive()
            assert frame.kind == _protocol.LOG, frame
            self.logs.append(frame)
            if frame.value["message"] == message:
                return frame

    def ping(self) -> None:
        """Proves that nothing else is on its way."""
        self.send(_protocol.PING, 77)
        frame = self.receive()
        assert (frame.kind, frame.id) == (_protocol.PONG, 77), frame

    def drain(self) -> int:
        """The exit status after a DRAIN; nothing but LOG frames may come any more."""
        self.send(_protocol.DRAIN, 0, {})
        return self.ended()

    def ended(self) -> int:
        """The exit status, once the worker has ended; nothing but LOG frames may come before."""
        if self.connection is not None:
            try:
                while True:
                    frame = self.receive()
                    assert frame.kind == _protocol.LOG, frame
                    self.logs.append(frame)
            except (EOFError, ConnectionResetError):
                pass
        return self.process.wait(PATIENCE_SECONDS)

    def errors(self) -> str:
        """What the worker wrote to stderr."""
        return self.stderr.read_text(encoding="utf-8", errors="replace")

    def records(self) -> list[dict]:
        """The log records among that."""
        lines = self.errors().split("\n")
        return [json.loads(line[1:]) for line in lines if line.startswith("\x1e")]

    def output(self) -> str:
        """What the worker wrote to stdout."""
        return self.stdout.read_text(encoding="utf-8", errors="replace")

    def close(self) -> None:
        """Leaves nothing behind."""
        if self.connection is not None:
            self.connection.close()
        self._listener.close()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, 9)
        self.process.wait(PATIENCE_SECONDS)
        self._short.cleanup()
