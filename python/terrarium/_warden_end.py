"""The end: everything below the warden dies, until the kernel says that there is no child left.

Used when the JVM is gone, and for SHUTDOWN. Nothing else runs meanwhile: there is nobody left to
serve. Whatever detaches itself from a dying process becomes the warden's child, for the warden is
the subreaper of all below it; so "no child" (ECHILD) means "nothing". So does "none but zombies that
somebody else traces", which only he can release.
"""

from __future__ import annotations

import os
import select
import stat as modes
import time

from terrarium import _proc
from terrarium._cpython import signal
from terrarium._warden_sweep import (
    CLEAN_PASSES,
    PROBE_PIDS,
    RETRY_SECONDS_MAX,
    RETRY_SECONDS_MIN,
    KillOnce,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from terrarium._warden_bounds import Cgroups


class End:
    """`on_exit` reaps a child that is a worker and says so; everybody else is reaped here."""

    def __init__(
        self,
        hard: int,
        signaller: _proc.Signaller,
        why: str,
        wakeup_fd: int,
        on_exit: Callable[[int], bool],
        cgroups: Cgroups | None = None,
    ) -> None:
        self._hard = hard
        self._signaller = signaller
        self._why = why
        self._wakeup_fd = wakeup_fd
        self._on_exit = on_exit
        self._cgroups = cgroups
        self._me = os.getpid()
        self._killed = KillOnce(signaller)
        self._found_new = False

    @property
    def killed(self) -> int:
        return self._killed.count

    def kill_groups(self, leaders: Iterable[tuple[int, int]]) -> None:
        """The quickest first step: one call for a worker with all its ordinary children."""
        for pid, ticks in leaders:
            self._signaller.group(pid, signal.SIGKILL, self._why, ticks)

    def run(self, deadline: float | None = None) -> int:
        """Kills and reaps until nothing is left; 0, or how many were still there at the deadline."""
        if self._cgroups is not None:
            self._killed.add(self._cgroups.kill(self._cgroups.tree, self._why))
        left = self._kill_all(deadline)
        if self._cgroups is not None and not left:
            self._cgroups.remove_all()
        return left

    def _kill_all(self, deadline: float | None) -> int:
        delay = RETRY_SECONDS_MIN
        held = 0  # looks in a row
        while True:
            try:
                alive = self._round()
                if not self._reap() and not alive:
                    return 0
                held = held + 1 if not alive and self._all_held() else 0
                if held >= CLEAN_PASSES:
                    return 0
            except OSError:  # no descriptor or memory free; what dies meanwhile frees some
                alive = 1
                held = 0
            if self._found_new:
                delay = RETRY_SECONDS_MIN
            if deadline is not None and time.monotonic() > deadline:
                return max(alive, 1)
            self._wait(delay)
            delay = min(delay * 2, RETRY_SECONDS_MAX)

    def _round(self) -> int:
        """One look at everything, in ascending order: what a process forks meanwhile mostly comes
        later.
        """
        self._found_new = False
        alive = {pid for pid in _proc.all_pids() if self._bears_mark(pid) and self._kill(pid)}
        alive.update(pid for pid in _proc.children() if pid not in alive and self._kill(pid))
        return len(alive)

    def _bears_mark(self, pid: int) -> bool:
        return pid != self._me and _proc.number_of(pid, self._hard) is not None

    def _kill(self, pid: int) -> bool:
        """False where it is dead already."""
        new, stat = self._killed.kill(pid, self._why)
        self._found_new |= new
        return stat is not None and not stat.dead

    def _reap(self) -> bool:
        """Collects the dead; False when there is no child at all."""
        last = 0
        while True:
            try:
                info = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return False
            if info is None and not last:
                return True
            if info is None:  # all collected: only now look behind the last one, and then again
                self._probe(last)
                last = 0
            elif not self._on_exit(info.si_pid):
                os.waitpid(info.si_pid, 0)
                last = info.si_pid

    def _all_held(self) -> bool:
        """Whether all children are dead, and cannot be collected: whoever traces a process keeps its
        zombie from its parent. The dead have no children, so nothing else is below us.
        """
        stats = (_proc.read_stat(pid) for pid in _proc.children())
        return all(stat is None or stat.dead for stat in stats)

    def _probe(self, pid: int) -> None:
        """A chain that forks its successor and dies is faster than a look at everything, but its
        numbers ascend.
        """
        for successor in range(pid + 1, pid + 1 + PROBE_PIDS):
            if self._bears_mark(successor):
                self._kill(successor)

    def _wait(self, seconds: float) -> None:
        """Until a child dies, at most so long."""
        select.select([self._wakeup_fd], [], [], seconds)
        try:
            os.read(self._wakeup_fd, 4096)
        except BlockingIOError:
            return


def remove_sockets(directory: str) -> None:
    """The dead JVM's sockets and their directory: only what is clearly ours, and only sockets."""
    try:
        status = os.lstat(directory)
        names = os.listdir(directory)
    except OSError:
        return
    named = os.path.basename(directory).startswith("terrarium-")
    if not (named and modes.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()):
        return
    for name in names:
        path = os.path.join(directory, name)
        try:
            if modes.S_ISSOCK(os.lstat(path).st_mode):
                os.unlink(path)
        except OSError:
            continue
    try:
        os.rmdir(directory)
    except OSError:
        pass  # somebody else's file is in it: it stays
