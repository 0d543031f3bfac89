"""Whether a worker died because there was no memory left.

The kernel chooses somebody, and all that is seen of it is a SIGKILL that nobody here has sent. But
it counts whom it kills, as `oom_kill`: in the cgroup of the dead (`memory.events` in version 2,
`memory.oom_control` in version 1), and for the whole machine in `/proc/vmstat`. It counts first and
sends the signal then. So what has risen since the last look is evidence, and the text says how good
it is: a count speaks of all in its cgroup, not of this one worker.
"""

from __future__ import annotations

import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TOGETHER_SECONDS = 1.0
"""Who dies so soon after a rise was seen may be one of those whom it counted."""

_V1_UNLIMITED = 1 << 60
_OWN_REMEDY = (
    "raise that limit (-m in docker, resources.limits.memory in Kubernetes, MemoryMax= in systemd),"
    " or have fewer workers, or let a call need less"
)
_MACHINES_REMEDY = "have fewer workers, or let a call need less"
_WHERE_TO_LOOK = "`dmesg` or `journalctl -k` names whom the kernel has killed"


class Counter:
    """One `oom_kill`."""

    def __init__(self, path: str, now: float) -> None:
        self.path = path
        self._count = number(path, "oom_kill")
        self._at = now
        self._rise = ""
        self._rise_at = now

    @property
    def readable(self) -> bool:
        return self._count is not None

    def look(self, now: float) -> str:
        """How it has risen lately, for people; empty where it has not."""
        count = number(self.path, "oom_kill")
        if count is not None and self._count is not None and count > self._count:
            seconds = max(1, round(now - self._at))
            self._rise = f"oom_kill in {self.path} rose by {count - self._count} within {seconds} s"
            self._rise_at = now
        self._count, self._at = count, now
        return self._rise if now - self._rise_at <= TOGETHER_SECONDS else ""


class Watch:
    """Looks at the counters when it is made, and whenever it is asked."""

    def __init__(self, proc: str = "/proc", clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._proc = proc
        self._mount, self._directory, self._limit = "", "", ""
        now = clock()
        self._own: Counter | None = None
        for mount, directory, events, limit in _places(proc):
            counter = Counter(os.path.join(directory, events), now)
            if counter.readable:
                self._own = counter
                self._mount, self._directory, self._limit = mount, directory, limit
                break
        self._machine = None if self._own else Counter(os.path.join(proc, "vmstat"), now)

    def explain(self, peak_kib: int) -> str:
        """What a SIGKILL that nobody here has sent was about, for people."""
        now = self._clock()
        peak = f"; its peak was {size(peak_kib << 10)} resident" if peak_kib > 0 else ""
        if self._own is not None:
            rise = self._own.look(now)
            if rise:
                return f"killed by the kernel for memory: {rise}{peak}; {self._limit_and_remedy()}"
            return _not_for_memory(self._own.path, peak)
        if self._machine is None or not self._machine.readable:
            return (
                "perhaps killed by the kernel for memory: there is no count of whom it kills that"
                f" could be read here{peak}; {_WHERE_TO_LOOK}"
            )
        rise = self._machine.look(now)
        if rise:
            return (
                f"probably killed by the kernel for memory: {rise}, which counts for the whole"
                f" machine{peak}; {_WHERE_TO_LOOK}; {_MACHINES_REMEDY}"
            )
        return _not_for_memory(self._machine.path, peak)

    def _limit_and_remedy(self) -> str:
        """The narrowest limit that holds for the cgroup, or what there is in all."""
        limits = []
        directory = self._directory
        while True:
            file = os.path.join(directory, self._limit)
            value = _whole(file)
            if value is not None and value < _V1_UNLIMITED:
                limits.append((value, file))
            if directory == self._mount or len(directory) <= len(self._mount):
                break
            directory = os.path.dirname(directory)
        if limits:
            value, file = min(limits)
            return f"the limit is {size(value)} ({file}): {_OWN_REMEDY}"
        total = number(os.path.join(self._proc, "meminfo"), "MemTotal:")
        has = "" if total is None else f", the machine has {size(total << 10)}"
        return f"no cgroup limits it{has}: {_MACHINES_REMEDY}"


def _not_for_memory(path: str, peak: str) -> str:
    return (
        "neither Terrarium sent it, nor the kernel for want of memory, since oom_kill in"
        f" {path} has not risen: somebody else did, the tool itself perhaps, systemd-oomd, or"
        f" earlyoom{peak}"
    )


def number(path: str, name: str) -> int | None:
    """The number behind a name, in a file of such lines."""
    for line in _read(path).splitlines():
        words = line.split()
        if len(words) > 1 and words[0] == name and words[1].isdigit():
            return int(words[1])
    return None


def size(count: int) -> str:
    """`300 KiB`, `1.5 GiB`."""
    value, units = float(count), ["bytes", "KiB", "MiB", "GiB", "TiB"]
    while value >= 1024 and len(units) > 1:
        value, units = value / 1024, units[1:]
    return f"{value:.1f} {units[0]}".replace(".0 ", " ")


def _places(proc: str) -> Iterator[tuple[str, str, str, str]]:
    """Where this process's memory is counted: the hierarchy's mount, the directory, and the names
    of the files. Version 1 first: where it has the controller, version 2 has not.
    """
    for line in _read(os.path.join(proc, "self/cgroup")).splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if "memory" in controllers.split(","):
            for mount, root in _mounts(proc, "cgroup", "memory"):
                directory = _below(mount, root, path)
                yield mount, directory, "memory.oom_control", "memory.limit_in_bytes"
    for line in _read(os.path.join(proc, "self/cgroup")).splitlines():
        if line.startswith("0::/"):
            for mount, root in _mounts(proc, "cgroup2"):
                yield mount, _below(mount, root, line[3:]), "memory.events", "memory.max"


def _mounts(proc: str, kind: str, option: str | None = None) -> Iterator[tuple[str, str]]:
    """Mount point, and which of its directories is mounted there (proc(5))."""
    for line in _read(os.path.join(proc, "self/mountinfo")).splitlines():
        left, _, right = line.partition(" - ")
        fields, about = left.split(" "), right.split(" ")
        wanted = about[0] == kind and (option is None or option in about[-1].split(","))
        if wanted and len(fields) > 4:
            yield fields[4], fields[3]


def _below(mount: str, root: str, path: str) -> str:
    if root != "/" and (path + "/").startswith(root + "/"):
        path = path[len(root) :]
    return os.path.join(mount, path.strip("/")).rstrip("/")


def _whole(path: str) -> int | None:
    text = _read(path).strip()
    return int(text) if text.isdigit() else None


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
