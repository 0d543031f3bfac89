"""The warden's end of what pools may ask for: a cgroup for each worker, and resource limits.

A run has one directory in the hierarchy of cgroups (version 2), its *tree*, made by the JVM; each
worker and each zygote has a *leaf* in it, named by its number, which it enters before any user code
and which nothing that it starts can leave without being moved. Writing to a leaf's `cgroup.kill` is
the last word on a dead worker: the kernel kills all that is in it, in one go, whatever forks
meanwhile.

Imported with the first request that asks for it.
"""

from __future__ import annotations

import os
import time

from terrarium import _limits, _proc
from terrarium._cpython import signal
from terrarium._warden_memory import size

REMOVE_SECONDS_MAX = 1.0
REMOVE_PAUSE_SECONDS = 0.002


class Cgroups:
    """The leaves of one run."""

    def __init__(self, tree: str, signaller: _proc.Signaller) -> None:
        self.tree = tree
        self._signaller = signaller
        self._left: list[str] = []  # leaves that were not empty yet

    def make(self, number: int, files: dict[str, str]) -> str:
        """A leaf with these limits. Raises ``OSError``; then there is none."""
        leaf = os.path.join(self.tree, str(number))
        os.mkdir(leaf, 0o700)
        try:
            for name, value in files.items():
                _write(os.path.join(leaf, name), value)
        except OSError:
            os.rmdir(leaf)
            raise
        return leaf

    def kill(self, cgroup: str, why: str) -> list[tuple[int, int]]:
        """Kills all that is in a cgroup and below it. Returns who that was: pids and start ticks."""
        if not _populated(cgroup):
            return []
        members = _members(cgroup)
        known_as = [self._signaller.outside(stat) for stat in members]  # soon nobody has the number
        try:
            _write(os.path.join(cgroup, "cgroup.kill"), "1")
            outcome = _proc.Signaller.SENT
        except OSError as failure:
            outcome = f"{_proc.Signaller.REFUSED}: {failure.strerror}"
        for stat in known_as:
            self._signaller.record(stat, why, "cgroup", signal.SIGKILL, outcome, "cgroup")
        sent = outcome == _proc.Signaller.SENT
        return [(stat.pid, stat.ticks) for stat in members] if sent else []

    def remove(self, leaf: str) -> None:
        """Removes a leaf, and those that the kernel was not done with before."""
        self._left = [each for each in [*self._left, leaf] if not _remove(each)]

    def remove_all(self) -> None:
        """The whole tree, once nothing is in it any more; what stays is the next start's."""
        deadline = time.monotonic() + REMOVE_SECONDS_MAX
        while not _remove(self.tree) and time.monotonic() < deadline:
            time.sleep(REMOVE_PAUSE_SECONDS)


class Bounds:
    """What holds one worker."""

    def __init__(
        self, number: int, cgroup: dict | None, limits: dict | None, cgroups: Cgroups | None
    ) -> None:
        """`cgroup` and `limits` as the request has them. Raises ``OSError`` for a cgroup and
        ``ValueError`` for limits that are not to be had; then nothing is left of it.
        """
        self.limits: dict[str, int] = dict(limits or {})
        self.leaf: str | None = None
        self._cgroups = cgroups
        self._files: dict[str, str] = {}
        _limits.check(self.limits)
        if cgroup and cgroups is not None:
            self._files = dict(cgroup.get("files") or {})
            self.leaf = cgroups.make(number, self._files)

    def message(self, zygotes: Bounds | None) -> dict:
        """What a zygote has to know of it. `home` is where its forks go when they are done."""
        message: dict[str, object] = {}
        if self.limits:
            message["limits"] = self.limits
        if self.leaf is not None and zygotes is not None and zygotes.leaf is not None:
            message.update(cgroup=self.leaf, home=zygotes.leaf)
        return message

    def kill(self, why: str) -> list[tuple[int, int]]:
        """All that is in the leaf."""
        if self._cgroups is None or self.leaf is None:
            return []
        return self._cgroups.kill(self.leaf, why)

    def release(self) -> None:
        """The worker is no more."""
        if self._cgroups is not None and self.leaf is not None:
            self._cgroups.remove(self.leaf)
            self.leaf = None

    def blame(self, exited: dict) -> None:
        """Adds to an EXITED which limit the worker died of, for people."""
        seconds, killed = self.limits.get("cpu_seconds"), exited["signal"] == signal.SIGKILL
        used_up = killed and seconds is not None and exited["cpu_ms"] >= seconds * 1000
        if used_up or (seconds is not None and exited["signal"] == signal.SIGXCPU):
            exited["limit"] = f"its cpuTime of {seconds} s is used up"
        elif killed and self._ran_out_of_memory():
            peak = size(exited["max_rss_kib"] << 10)
            exited["limit"] = (
                f"its memory of {self._files['memory.max']} bytes is used up: killed by the kernel"
                f" (oom_kill in {self.leaf}/memory.events), the peak of its largest process was"
                f" {peak} resident; raise limits.memory, or let a call need less"
            )

    def _ran_out_of_memory(self) -> bool:
        if self.leaf is None or "memory.max" not in self._files:
            return False
        return _number(os.path.join(self.leaf, "memory.events"), b"oom_kill") > 0


def _populated(cgroup: str) -> bool:
    return _number(os.path.join(cgroup, "cgroup.events"), b"populated", unknown=1) > 0


def _members(cgroup: str) -> list[_proc.Stat]:
    """The living processes in it and below it that this PID namespace has a number for."""
    pids: list[int] = []
    for directory, _, _ in os.walk(cgroup):
        pids += map(int, _read(os.path.join(directory, "cgroup.procs")).split())
    found = [_proc.read_stat(pid) for pid in pids if pid > 0]
    return [stat for stat in found if stat is not None and not stat.dead]


def _number(path: str, name: bytes, unknown: int = 0) -> int:
    """The number behind a name, in a file of such lines."""
    for line in _read(path).splitlines():
        key, _, value = line.partition(b" ")
        if key == name:
            return int(value)
    return unknown


def _read(path: str) -> bytes:
    """Nothing where there is no such cgroup any more."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def _write(path: str, value: str) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(file, value.encode("ascii"))
    except OSError as failure:
        failure.filename = path  # which a write does not know
        raise
    finally:
        os.close(file)


def _remove(cgroup: str) -> bool:
    """With those below it, which a worker may have made. False where one is not empty."""
    try:
        with os.scandir(cgroup) as entries:
            below = [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
        for each in below:
            _remove(each)
        os.rmdir(cgroup)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True
