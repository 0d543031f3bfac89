"""What the warden's tests share: a fake host in a process of its own, and a look at what is left."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

from terrarium import _proc
from terrarium._protocol import (
    CLEARED,
    EXITED,
    KILL,
    OUTPUT,
    SPAWN,
    SPAWN_FAILED,
    SPAWNED,
    WARDEN_HELLO,
)

HERE = Path(__file__).resolve().parent
WARDEN = [str(HERE.parent / "terrarium_warden.py")]
SECONDS = 10.0


def without(*layers: str) -> list[str]:
    return [str(HERE / "_warden_without.py"), ",".join(layers)]


def until(condition, seconds: float = SECONDS, what: str = ""):
    """Waits for a true value and returns it."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.002)


def stays(condition, seconds: float) -> bool:
    """True where the condition holds all the time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not condition():
            return False
        time.sleep(0.01)
    return True


def alive(pid: int, ticks: int | None = None) -> bool:
    stat = _proc.read_stat(pid)
    return stat is not None and not stat.dead and ticks in (None, stat.ticks)


def python(code: str, *arguments: str) -> list[str]:
    return [sys.executable, "-I", "-S", "-c", code, *arguments]


class Host:
    """The test's end of a fake host."""

    def __init__(
        self,
        warden: list[str] | None = None,
        host: dict | None = None,
        config: dict | None = None,
        launcher: list[str] | None = None,
        stderr: str | None = None,
    ) -> None:
        """`config`: what the warden is told besides; `launcher`: a command that becomes the host."""
        self.birthmark = random.SystemRandom().randrange(1 << 60, 1 << 61)
        self.directory = Path(tempfile.mkdtemp(prefix="run-"))
        self.sockets = Path(tempfile.mkdtemp(prefix="terrarium-"))
        self.frames: list[dict] = []
        self._arrived = threading.Condition()
        self.process = subprocess.Popen(
            [*(launcher or []), sys.executable, str(HERE / "_fake_host.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        config = {
            "run": "t35t000",
            "birthmark": self.birthmark,
            "socket": str(self.sockets / "s"),
            "lifelines": str(self.sockets / "l"),
            "token": "secret",
            "directory": str(self.directory),
            **(config or {}),
        }
        said = stderr or str(self.directory / "warden.err")
        setup = {"warden": warden or WARDEN, "host": host or {}, "stderr": said}
        self._write({"config": config, **setup})
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        self.warden_pid = 0

    def greeted(self) -> Host:
        self.hello = self.frame(WARDEN_HELLO, 0)
        self.warden_pid = self.hello["pid"]
        return self

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if not line.endswith("\n"):
                return  # it was killed in the middle of a word
            with self._arrived:
                self.frames.append(json.loads(line))
                self._arrived.notify_all()

    def _write(self, line: dict) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(line) + "\n")
        self.process.stdin.flush()

    def order(self, what: str, **more: str) -> None:
        self._write({"do": what, **more})

    def send(self, kind: int, number: int, envelope: dict | None = None) -> None:
        self._write({"type": kind, "id": number, "envelope": envelope or {}})

    def spawn(self, number: int, argv: list[str], **more: object) -> dict:
        """Starts a worker and returns its SPAWNED or SPAWN_FAILED."""
        self.ask(number, argv, **more)
        return self.first(number, SPAWNED, SPAWN_FAILED)["envelope"]

    def ask(self, number: int, argv: list[str], **more: object) -> None:
        envelope = {"worker": f"a-{number}", "via": "exec", "argv": argv, "set": {}, "unset": [],
                    "directory": None, "spec": {"worker": f"a-{number}"}, **more}  # fmt: skip
        self.send(SPAWN, number, envelope)

    def kill_worker(self, number: int) -> None:
        self.send(KILL, number, {"why": "test"})

    def first(self, number: int, *kinds: int, seconds: float = SECONDS) -> dict:
        def find():
            return next(
                (f for f in self.frames if f.get("type") in kinds and f.get("id") == number), None
            )

        with self._arrived:
            assert self._arrived.wait_for(find, seconds), (kinds, number, self.said())
            return find()

    def frame(self, kind: int, number: int, seconds: float = SECONDS) -> dict:
        return self.first(number, kind, seconds=seconds)["envelope"]

    def ended(self, number: int) -> tuple[dict, dict]:
        return self.frame(EXITED, number), self.frame(CLEARED, number)

    def warden_status(self) -> int:
        def find():
            return next((f for f in self.frames if "warden exited" in f), None)

        with self._arrived:
            assert self._arrived.wait_for(find, SECONDS), self.said()
            return find()["warden exited"]

    def lines(self, number: int, stream: str = "stdout") -> list[str]:
        outputs = [f for f in list(self.frames) if f.get("type") == OUTPUT and f["id"] == number]
        return [line for f in outputs if f["envelope"]["stream"] == stream
                for line in f["envelope"]["lines"]]  # fmt: skip

    def await_line(self, number: int, text: str) -> None:
        until(lambda: text in self.lines(number), what=f"{text} from {number}: {self.said()}")

    def said(self) -> str:
        path = self.directory / "warden.err"
        return path.read_text() if path.exists() else ""

    def audit(self) -> list[dict]:
        path = self.directory / "audit.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def bearers(self, number: int | None = None) -> list[int]:
        """Living processes with this run's birthmark; the warden and what it has just forked bear
        0.
        """
        marked = [(pid, _proc.number_of(pid, self.birthmark)) for pid in _proc.all_pids()]
        wanted = [pid for pid, n in marked if n is not None and number in (None, n)]
        return [pid for pid in wanted if alive(pid)]

    def all_dead(self, seconds: float = SECONDS) -> None:
        until(lambda: not self.bearers(), seconds, "everything dead")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def kill_warden(self) -> None:
        with_proof_kill(self.warden_pid, self.birthmark)

    def mop_up(self) -> list[int]:
        """Kills what bears this run's birthmark, each by a pidfd and with that proof."""
        left = self.bearers()
        for pid in left:
            with_proof_kill(pid, self.birthmark)
        return left

    def discard(self) -> None:
        self._listener.join()
        for pipe in (self.process.stdin, self.process.stdout):
            pipe.close()
        shutil.rmtree(self.directory, ignore_errors=True)
        shutil.rmtree(self.sockets, ignore_errors=True)


def with_proof_kill(pid: int, hard: int) -> None:
    try:
        pidfd = _proc.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        if _proc.number_of(pid, hard) is not None:
            _proc._pidfd_send_signal(pidfd, signal.SIGKILL)
    except ProcessLookupError:
        pass
    finally:
        os.close(pidfd)


@pytest.fixture(name="start")
def start_hosts():
    """Starts fake hosts; after the test nothing of them may be left, without anybody's help."""
    hosts: list[Host] = []

    def start_host(**how: object) -> Host:
        hosts.append(Host(**how))  # type: ignore[arg-type]
        return hosts[-1].greeted()

    yield start_host
    left = []
    for host in hosts:
        host.kill()
        deadline = time.monotonic() + 5
        while host.bearers() and time.monotonic() < deadline:
            time.sleep(0.01)
        while host.mop_up():
            left.append(host.birthmark)
            time.sleep(0.01)
        host.discard()
    assert not left, "processes were left behind"
    assert not _proc.children(), "the test left a child of its own"
