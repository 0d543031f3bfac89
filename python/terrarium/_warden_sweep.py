"""Strays: what a dead worker left behind, however far it detached itself.

A stray is known by its birthmark: this run's hard limit, and the number of a worker that is dead.
What belongs to a live worker is left alone. One pass looks at all processes; all workers that died
before it began share it, and a worker is clear after two passes in a row without a sign of its
strays. A dead child of ours that bears the number is such a sign as well: that is how a chain, each
link of which forks the next and dies between two looks, is noticed.
"""

from __future__ import annotations

import os

from terrarium import _proc
from terrarium._cpython import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PIDS_PER_TURN = 512
PROBE_PIDS = 64
CLEAN_PASSES = 2
RETRY_SECONDS_MIN = 0.001
RETRY_SECONDS_MAX = 1.0
LOOK_SECONDS = 1.0


class Case:
    """A dead worker that is not clear yet."""

    def __init__(self) -> None:
        self.strays: set[tuple[int, int]] = set()  # (pid, start ticks) of those we had to kill
        self.clean_passes = 0


class KillOnce:
    """Kills once each: who has got SIGKILL needs no second one, however long it takes to die.

    The signal comes first and the look at who it was afterwards: a chain does not wait.
    """

    def __init__(self, signaller: _proc.Signaller) -> None:
        self._signaller = signaller
        self._ticks: dict[int, int] = {}  # by pid
        self.count = 0

    def __contains__(self, identity: tuple[int, int]) -> bool:
        return self._ticks.get(identity[0]) == identity[1]

    def kill(self, pid: int, why: str) -> tuple[bool, _proc.Stat | None]:
        """Whether it was alive and has now been signalled for the first time; and what it is."""
        stat = _proc.read_stat(pid) if pid in self._ticks else None
        if stat is not None and (pid, stat.ticks) in self:
            return False, stat
        sent = self._signaller.process(pid, signal.SIGKILL, why) == _proc.Signaller.SENT
        stat = _proc.read_stat(pid)
        if sent:
            self.count += 1
            self._ticks[pid] = stat.ticks if stat is not None else 0
        return sent, stat

    def add(self, killed: list[tuple[int, int]]) -> None:
        """They got it by other means."""
        self.count += len(killed)
        self._ticks.update(killed)

    def clear(self) -> None:
        self._ticks.clear()


class Sweep:
    def __init__(
        self,
        hard: int,
        signaller: _proc.Signaller,
        on_clear: Callable[[int, int], None],
        has_adopted: Callable[[], bool],
    ) -> None:
        self._hard = hard
        self._signaller = signaller
        self._on_clear = on_clear
        self._has_adopted = has_adopted
        self._me = os.getpid()
        self._dead: set[int] = set()
        self._cases: dict[int, Case] = {}
        self._killed = KillOnce(signaller)
        self._pass: Iterator[int] | None = None
        self._subjects: list[int] = []
        self._signs: set[int] = set()
        self._last_dead = 0
        self._blind = False  # something could not be looked at in this pass
        self._found_new = False
        self._look_wanted = False
        self._retry_seconds = RETRY_SECONDS_MIN
        self._due: float | None = None

    def knows(self, number: int) -> bool:
        return number in self._dead

    def worker_died(self, number: int, strays: set[tuple[int, int]]) -> None:
        case = Case()
        case.strays |= strays
        self._dead.add(number)
        self._cases[number] = case
        self._wake()

    def stray_died(self, pid: int, ticks: int, number: int, by_force: bool) -> None:
        """An adopted child of a dead worker was found dead.

        Its successor is probably a few numbers further on.
        """
        self._signs.add(number)
        if by_force:
            self._count(number, (pid, ticks))
        self._look_wanted = True
        self._last_dead = pid
        self._wake()

    def chase(self) -> None:
        """Looks right behind the last dead stray, once all the dead have been collected.

        A chain that forks its successor and dies is faster than any look at all processes, but its
        numbers ascend. To look behind each of many dead would only be to look where it has been.
        """
        last, self._last_dead = self._last_dead, 0
        if last:
            for pid in range(last + 1, last + 1 + PROBE_PIDS):
                self._examine(pid)

    def finish(self) -> None:
        """Everything is dead by other means: every case is closed."""
        for number, case in self._cases.items():
            self._on_clear(number, len(case.strays))
        self._cases.clear()

    def due(self) -> float | None:
        """When `step` wants to run next, on the monotonic clock."""
        return self._due

    def step(self, now: float) -> None:
        """A bounded piece of work."""
        if self._due is None or now < self._due:
            return
        pids = self._pass or self._begin()
        for _ in range(PIDS_PER_TURN):
            pid = next(pids, None)
            if pid is None:
                self._end(now)
                return
            self._examine(pid)

    def _wake(self) -> None:
        self._due = 0.0

    def _begin(self) -> Iterator[int]:
        self._pass = iter(_proc.all_pids())
        self._subjects = list(self._cases)  # who dies while the pass runs waits for the next
        self._signs.clear()
        self._blind = False
        self._found_new = False
        self._look_wanted = False
        return self._pass

    def _examine(self, pid: int) -> None:
        try:
            self._kill_stray(pid)
        except OSError:  # no descriptor or memory free: what was not seen is not proved
            self._blind = True

    def _kill_stray(self, pid: int) -> None:
        number = _proc.number_of(pid, self._hard)
        if number is None or number not in self._dead:
            return
        killed, stat = self._killed.kill(pid, f"stray of dead worker {number}")
        if killed:
            self._found_new = True
            self._signs.add(number)
        if stat is None:
            return
        if (pid, stat.ticks) in self._killed:
            self._count(number, (pid, stat.ticks))
        if not stat.dead or stat.ppid == self._me:
            self._signs.add(number)  # a zombie of ours too: it is counted when reaped

    def _count(self, number: int, identity: tuple[int, int]) -> None:
        case = self._cases.get(number)
        if case is not None:
            case.strays.add(identity)

    def _end(self, now: float) -> None:
        self._pass = None
        for number in self._subjects:
            case = self._cases[number]
            dirty = self._blind or number in self._signs
            case.clean_passes = 0 if dirty else case.clean_passes + 1
            if case.clean_passes >= CLEAN_PASSES:
                del self._cases[number]
                self._on_clear(number, len(case.strays))
        self._schedule(now)

    def _schedule(self, now: float) -> None:
        if (self._signs or self._blind) and not self._found_new:
            # All have been signalled and are on their way, or one is stuck in the kernel: look less
            # and less often.
            self._due = now + self._retry_seconds
            self._retry_seconds = min(self._retry_seconds * 2, RETRY_SECONDS_MAX)
            return
        self._retry_seconds = RETRY_SECONDS_MIN
        if self._cases or self._signs or self._look_wanted:
            self._due = 0.0
            return
        self._killed.clear()
        self._due = now + LOOK_SECONDS if self._has_adopted() else None
