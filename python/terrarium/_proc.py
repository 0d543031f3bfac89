"""Processes as the kernel shows them, and the doors through which the warden sends a signal: two
here, and for those who asked for cgroups a third in `_warden_bounds`.

A pid alone names nobody: it may be given to a stranger at any moment. So whoever wants to signal
goes through `Signaller`, which first takes hold of the process (a pidfd, or a number that an
unreaped child keeps pinned), then proves that it is one of ours, and only then acts.
"""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import time

from terrarium._cpython import signal
from terrarium._values import to_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

AUDIT_BYTES_MAX = 1 << 20

_REALTIME_TIMEOUT = b"Max realtime timeout"
_DEAD_STATES = "ZXx"
_NO_PROCESS = (errno.ESRCH, errno.EINVAL, errno.ENOENT)
"""What `pidfd_open` says of a number that nobody has, or that is a mere thread's (old kernels, new
ones).
"""
_SYS_PIDFD_SEND_SIGNAL = 424
_SYS_PIDFD_OPEN = 434
_SYS_WAITID = {"x86_64": 247, "aarch64": 95, "riscv64": 95, "ppc64le": 272, "s390x": 281}
_RUSAGE_LONGS = 18
_CORE_DUMPED = 0x80

_SIGNALS = {
    getattr(signal, name): name
    for name in reversed(dir(signal))
    if name.startswith("SIG") and name[3] != "_"
}
"""By number. Of two names the first in the alphabet: SIGABRT, SIGCHLD, SIGIO."""

_libc = ctypes.CDLL(None, use_errno=True)


class Stat:
    """One reading of /proc/PID/stat."""

    __slots__ = ("pgid", "pid", "ppid", "state", "threads", "ticks")

    def __init__(
        self, pid: int, state: str, ppid: int, pgid: int, threads: int, ticks: int
    ) -> None:
        self.pid = pid
        self.state = state
        self.ppid = ppid
        self.pgid = pgid
        self.threads = threads
        self.ticks = ticks

    @property
    def dead(self) -> bool:
        """A zombie is dead: it runs nothing, it only waits for its parent to look. A process whose
        first thread ended while others run shows ``Z`` as well, and is alive.
        """
        return self.state in _DEAD_STATES and self.threads <= 1


def parse_stat(pid: int, data: bytes) -> Stat:
    # The command's name stands in parentheses and may itself hold parentheses, blanks and newlines:
    # the fields begin after the last closing one.
    fields = data[data.rindex(b")") + 1 :].split()
    parent, group, threads, ticks = (int(fields[at]) for at in (1, 2, 17, 19))
    return Stat(pid, fields[0].decode(), parent, group, threads, ticks)


def read_stat(pid: int) -> Stat | None:
    """None where there is no such process."""
    data = _read(f"/proc/{pid}/stat")
    return parse_stat(pid, data) if data else None


def parse_limits(data: bytes) -> tuple[int, int] | None:
    """(hard, soft) of the real-time limit, None where it is unlimited."""
    at = data.find(_REALTIME_TIMEOUT)
    if at < 0:
        return None
    soft, hard = data[at + len(_REALTIME_TIMEOUT) :].split(None, 2)[:2]
    return (int(hard), int(soft)) if hard.isdigit() and soft.isdigit() else None


def birthmark(pid: int) -> tuple[int, int] | None:
    """(hard, soft) of a process, None where it has none or is gone.

    The worker's number is hard - soft.

    Asks prlimit(2), which costs a tenth of reading the file; the file where prlimit is refused
    (another user).
    """
    try:
        soft, hard = resource.prlimit(pid, resource.RLIMIT_RTTIME)
    except ProcessLookupError:
        return None
    except (OSError, AttributeError):
        data = _read(f"/proc/{pid}/limits")
        return parse_limits(data) if data else None
    unlimited = resource.RLIM_INFINITY
    return None if hard == unlimited or soft == unlimited else (hard, soft)


def number_of(pid: int, hard: int) -> int | None:
    """The worker's number that a process of the run `hard` bears, None for everybody else's
    processes.
    """
    mark = birthmark(pid)
    return hard - mark[1] if mark is not None and mark[0] == hard else None


def objection() -> str | None:
    """Why `/proc` cannot be used: it is none, or it shows the processes of another PID namespace,
    under numbers that are others' in this one. None where all is well.
    """
    me = str(os.getpid())
    try:
        shown = f"calls this process {(known_as := os.readlink('/proc/self'))}"
    except OSError:
        known_as, shown = "", "does not show this process"
    if known_as == me and len(_numbers()) <= 1:
        return None
    return (
        f"/proc belongs to another PID namespace, or to none: it {shown}, and its number is {me}, so"
        " that what stands there are others' processes; have the namespace's own mounted (unshare"
        " --pid --fork --mount-proc, bwrap --proc /proc, or mount -t proc proc /proc in a mount"
        " namespace)"
    )


def _numbers() -> list[bytes]:
    """What this process is called, from the namespace of `/proc` down to its own; nothing where the
    kernel does not tell.
    """
    for line in (_read("/proc/self/status") or b"").splitlines():
        if line.startswith(b"NSpid:"):
            return line.split()[1:]
    return []


def all_pids() -> list[int]:
    """Every process there is, in ascending order."""
    return sorted(int(name) for name in os.listdir("/proc") if name.isdigit())


def children() -> list[int]:
    """The caller's children, dead ones included.

    The caller has one thread, so one file lists them all.
    """
    me = os.getpid()
    data = _read(f"/proc/self/task/{me}/children")
    return children_by_parent(me) if data is None else [int(pid) for pid in data.split()]


def children_by_parent(parent: int) -> list[int]:
    """For kernels without the `children` file."""
    stats = (read_stat(pid) for pid in all_pids())
    return [stat.pid for stat in stats if stat is not None and stat.ppid == parent]


def next_exit() -> os.waitid_result | None:
    """A dead child, left a zombie: as long as it is one, its number belongs to nobody else."""
    try:
        return os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return None


def exits(kept: Collection[int]) -> Iterator[os.waitid_result]:
    """The dead children, each for the caller to reap before he asks for the next; without those
    that he keeps, whom the kernel would show him over and over.
    """
    while not kept:
        info = next_exit()
        if info is None:
            return
        yield info
    for pid in [each for each in children() if each not in kept]:
        info = _exit_of(pid)
        if info is not None:
            yield info


def _exit_of(pid: int) -> os.waitid_result | None:
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return None


def how_it_died(pid: int) -> tuple[int, resource.struct_rusage]:
    """What `wait4` would say of a dead child, which stays a zombie. What it has used is 0 where the
    kernel cannot be asked.
    """
    info = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    status = info.si_status << 8 if info.si_code == os.CLD_EXITED else info.si_status
    if info.si_code == os.CLD_DUMPED:
        status |= _CORE_DUMPED
    return status, _used(pid)


def _used(pid: int) -> resource.struct_rusage:
    """Python's own `waitid` leaves out the argument for it."""
    used = (ctypes.c_long * _RUSAGE_LONGS)()
    number = _SYS_WAITID.get(os.uname().machine)
    options = os.WEXITED | os.WNOHANG | os.WNOWAIT
    if number is not None:
        try:
            _syscall(number, os.P_PID, pid, 0, options, ctypes.addressof(used))
        except OSError:
            pass  # some sandboxes
    user, system = (used[at] + used[at + 1] / 1e6 for at in (0, 2))
    return resource.struct_rusage([user, system, *used[4:]])


def pidfd_open(pid: int) -> int:
    if hasattr(os, "pidfd_open"):
        return os.pidfd_open(pid)
    # Interpreters built against old kernel headers lack it, whatever the kernel can do.
    return _syscall(_SYS_PIDFD_OPEN, pid, 0)


def _pidfd_send_signal(pidfd: int, sig: int) -> None:
    if hasattr(signal, "pidfd_send_signal"):
        signal.pidfd_send_signal(pidfd, sig)
    else:
        _syscall(_SYS_PIDFD_SEND_SIGNAL, pidfd, sig, 0, 0)


def _syscall(number: int, *arguments: int) -> int:
    result = _libc.syscall(ctypes.c_long(number), *(ctypes.c_long(value) for value in arguments))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def _read(path: str) -> bytes | None:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as failure:
        return _none_if_gone(failure)
    try:
        chunks = []
        while True:
            chunk = os.read(fd, 1 << 16)
            if not chunk:
                return b"".join(chunks)
            chunks.append(chunk)
    except OSError as failure:
        return _none_if_gone(failure)
    finally:
        os.close(fd)


def _none_if_gone(failure: OSError) -> None:
    """ "No such process" is an answer; "no descriptor free" is not, and must not be taken for one."""
    if failure.errno not in (errno.ENOENT, errno.ESRCH, errno.EACCES, errno.EPERM):
        raise failure


def how_ended(status: int) -> str:
    """A status of `waitpid`, for people, in the words that the JVM has for it."""
    if os.WIFSIGNALED(status):
        return f"killed by {_signal_name(os.WTERMSIG(status))}"
    return f"exited with status {os.WEXITSTATUS(status)}"


def _signal_name(number: int) -> str:
    return _SIGNALS.get(number, f"signal {number}")


def _iso(seconds: float) -> str:
    """In UTC, with milliseconds: `2026-11-21T16:21:11.460Z`."""
    whole, milliseconds = divmod(int(seconds * 1000), 1000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)) + f".{milliseconds:03d}Z"


class Audit:
    """One JSON line for each signal, and for each worker's end, in `audit.jsonl`; at most 1 MiB and
    one older file of that size.

    Others write there, too, in the same format: the JVM (`FileAuditLog.java`), and wardens of single
    pools. So the file is opened anew for each line, and nobody goes on in one that somebody else has
    set aside.
    """

    def __init__(self, directory: str, run: str) -> None:
        self._run = run
        self._path = os.path.join(directory, "audit.jsonl")

    def write(self, **facts: object) -> None:
        line = {"time": _iso(time.time()), "run": self._run, "by": "warden", **facts}
        data = (to_text(line) + "\n").encode("utf-8", "replace")
        try:
            self._append(data)
        except OSError:
            return  # a full disk must not keep us from killing

    def _append(self, data: bytes) -> None:
        self._make_room(len(data))
        fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            os.write(fd, data)
        finally:
            os.close(fd)

    def _make_room(self, count: int) -> None:
        try:
            size = os.stat(self._path).st_size
        except FileNotFoundError:
            return
        if size + count > AUDIT_BYTES_MAX:
            os.replace(self._path, self._path + ".1")


class Signaller:
    """Signals what is proved to be ours, and nothing else.

    Proofs: `birthmark`, the run's number in the hard limit, which nobody has who does not descend
    from us; `child`, the process is our own child, born or adopted (for the rare one that, with
    privileges, changed its limits).
    """

    SENT = "sent"
    GONE = "already dead"
    NOT_OURS = "not ours"
    REFUSED = "refused"

    def __init__(self, hard: int, audit: Audit, outside: Callable[[int], int] = int) -> None:
        """`outside`: the number under which a process stands in the audit."""
        self._hard = hard
        self._audit = audit
        self._outside = outside
        self._me = os.getpid()

    def process(self, pid: int, sig: int, why: str, ticks: int | None = None) -> str:
        """Signals one process: pidfd first, then the proof, then the signal.

        The order matters. Once the pidfd is open the signal can only reach that one process: if the
        number is given to somebody else while the proof is read, the signal goes to the dead.

        Who is gone before there is anything to send leaves no line: where processes fork as fast as
        they die a sweep meets thousands of dead ones, over and over.
        """
        try:
            pidfd = pidfd_open(pid)
        except OSError as failure:
            if failure.errno in _NO_PROCESS:
                return self.GONE
            raise
        try:
            stat = read_stat(pid)
            if stat is None or stat.dead:
                return self.GONE
            proof = self._proof(stat, ticks)
            known_as = self.outside(stat)  # soon nobody has the number any more
            outcome = self._send(pidfd, sig) if proof else self.NOT_OURS
            self.record(known_as, why, proof, sig, outcome, "process")
            return outcome.partition(":")[0]
        finally:
            os.close(pidfd)

    def group(self, leader: int, sig: int, why: str, ticks: int) -> str:
        """Signals the group of a worker that has not been reaped: alive or zombie, it keeps the
        number pinned.

        Only we reap, and there is no second thread: the leader cannot go between this look and the
        signal.
        """
        stat = read_stat(leader)
        if stat is None or stat.ppid != self._me or stat.ticks != ticks:
            return self.GONE
        if stat.pgid != leader:  # it was forked a moment ago and is still in our own group
            return self.REFUSED
        try:
            os.killpg(leader, sig)
            outcome = self.SENT
        except OSError as failure:
            outcome = f"{self.REFUSED}: {failure.strerror}"
        self.record(self.outside(stat), why, "pinned leader", sig, outcome, "group")
        return outcome.partition(":")[0]

    def _proof(self, stat: Stat, ticks: int | None) -> str | None:
        if stat.pid == self._me or (ticks is not None and stat.ticks != ticks):
            return None
        if number_of(stat.pid, self._hard) is not None:
            return "birthmark"
        return "child" if stat.ppid == self._me else None

    def _send(self, pidfd: int, sig: int) -> str:
        try:
            _pidfd_send_signal(pidfd, sig)
        except ProcessLookupError:
            return self.GONE
        except OSError as failure:
            return f"{self.REFUSED}: {failure.strerror}"
        return self.SENT

    def outside(self, stat: Stat) -> Stat:
        """A process under the number that it has where the JVM is, for the audit; 0 where that
        cannot be told.
        """
        try:
            pid = self._outside(stat.pid)
        except OSError:
            pid = 0
        return Stat(pid, stat.state, stat.ppid, stat.pgid, stat.threads, stat.ticks)

    def record(
        self, stat: Stat, why: str, proof: str | None, sig: int, outcome: str, kind: str
    ) -> None:
        """The audit's line of a signal."""
        self._audit.write(
            target=kind, why=why, pid=stat.pid, ticks=stat.ticks, proof=proof,
            signal=_signal_name(sig), outcome=outcome,
        )  # fmt: skip
