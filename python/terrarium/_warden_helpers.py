"""What a worker leaves behind has a moment to end by itself before it is killed.

Some helpers clean up when the pipe to their process closes: the resource tracker of
`multiprocessing`, and loky's, unlink the shared memory and the semaphores that nobody has unlinked.
Killed together with their process they cannot.

So a dead worker that has left somebody stays a zombie for `HELPER_SECONDS`: as long as it is one,
the number of its group belongs to nobody else. What is left then is killed. Trackers come last,
`TRACKER_SECONDS` later: what is killed before them may have held their pipe, too.
"""

from __future__ import annotations

import os
import time

from terrarium import _proc
from terrarium._cpython import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    from terrarium._warden_workers import WorkerProcess

HELPER_SECONDS = 0.1
TRACKER_SECONDS = 2.0
"""More, because they are known, end as a rule in some 20 ms, and on a busy machine much later."""
LEADER_SECONDS_MAX = 1.0
"""A worker that was sent SIGKILL and is not dead by then has its group killed as well."""
_TRACKERS = (b"resource_tracker import main", b"torch_shm_manager")
"""Parts of their command lines. That spares them for a moment, and proves nothing."""


class Helpers:
    """`workers`: the children of the warden that are workers, by pid."""

    def __init__(self, hard: int, signaller: _proc.Signaller, workers: Container[int]) -> None:
        self._hard = hard
        self._signaller = signaller
        self._workers = workers
        self._due: dict[WorkerProcess, float] = {}  # dead with somebody left, or about to be
        self._spared: set[WorkerProcess] = set()  # only their trackers are left
        self._somebody_died = False
        self._all_stay = False
        self._over = False
        self.kept: set[int] = set()  # dead workers that are not reaped yet
        self.count = 0  # how many were killed here

    def stay(self, worker: WorkerProcess) -> bool:
        """Whether a worker that is dead is to stay a zombie."""
        return not self._over and (self._all_stay or self._has_left(worker))

    def close(self) -> list[WorkerProcess]:
        """From now on nobody stays; those who have."""
        self._over = True
        return [worker for worker in self._due if worker.exited]

    def keep(self, worker: WorkerProcess) -> None:
        self.kept.add(worker.pid)
        self._due[worker] = time.monotonic() + HELPER_SECONDS

    def kill(self, workers: Iterable[WorkerProcess], why: str) -> None:
        """Kills workers alone; the group of one that does not die of it when it is due."""
        for worker in workers:
            if not worker.exited:
                self._kill(worker.pid, why, worker.ticks)
                self._due.setdefault(worker, time.monotonic() + LEADER_SECONDS_MAX)

    def forget(self, worker: WorkerProcess) -> None:
        self.kept.discard(worker.pid)
        self._due.pop(worker, None)
        self._spared.discard(worker)

    def stray_died(self) -> None:
        self._somebody_died = True

    def due(self) -> float | None:
        """When `ripe` wants to be asked next, on the monotonic clock."""
        if self._somebody_died and self.kept:
            return 0.0
        return min(self._due.values(), default=None)

    def ripe(self, now: float) -> list[WorkerProcess]:
        """Whose group is to be killed now."""
        died, self._somebody_died = self._somebody_died, False
        due = [worker for worker, when in self._due.items() if when <= now]
        ripe = [worker for worker in due if not self._waits_for_trackers(worker)]
        if died:
            others = [each for each in self._due if each.exited and each not in due]
            ripe += [worker for worker in others if not self._has_left(worker)]
        return ripe

    def _waits_for_trackers(self, worker: WorkerProcess) -> bool:
        if not worker.exited or worker in self._spared:
            return False
        self._spared.add(worker)
        why = f"stray of dead worker {worker.number}"
        try:
            found = self.kill_all_but_trackers(why, worker.number)
        except OSError:
            found = False
        if found:
            self._due[worker] = time.monotonic() + TRACKER_SECONDS
        return found

    def _has_left(self, worker: WorkerProcess) -> bool:
        """What a process leaves is adopted by the warden before its death can be seen. The newest
        children are the last ones.
        """
        try:
            adopted = (pid for pid in reversed(_proc.children()) if pid not in self._workers)
            return any(self._is_left(pid, worker) for pid in adopted)
        except OSError:  # no descriptor or memory free: no moment for anybody
            return False

    def _is_left(self, pid: int, worker: WorkerProcess) -> bool:
        stat = _proc.read_stat(pid)
        if stat is None or stat.dead:
            return False
        return stat.pgid == worker.pid or _proc.number_of(pid, self._hard) == worker.number

    # ---- at the end of all workers

    def keep_all(self) -> None:
        """From now on all dead workers stay zombies."""
        self._all_stay = True
        self.count = 0

    def kill_all_but_trackers(self, why: str, number: int | None = None) -> bool:
        """Kills what bears the mark of the run, or of one worker, but trackers. False, and nobody is
        killed, where there is none.
        """
        found = [pid for pid in _proc.all_pids() if self._bears(pid, number)]
        trackers = {pid for pid in found if _is_tracker(pid)}
        if trackers:
            for pid in found:
                if pid not in trackers:
                    self._kill(pid, why)
        return bool(trackers)

    def _kill(self, pid: int, why: str, ticks: int | None = None) -> None:
        sent = self._signaller.process(pid, signal.SIGKILL, why, ticks)
        self.count += sent == _proc.Signaller.SENT

    def _bears(self, pid: int, wanted: int | None) -> bool:
        number = _proc.number_of(pid, self._hard)
        return number is not None and pid != os.getpid() and wanted in (None, number)


def _is_tracker(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            line = file.read(4096)
    except OSError:
        return False
    return any(name in line for name in _TRACKERS)
