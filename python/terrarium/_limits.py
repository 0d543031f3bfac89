"""What a worker is held to where its pool asked for it: a cgroup, and resource limits of its own.

Imported on request only: whoever asked for neither is not to pay for it. The warden checks a request
before it forks; the process that becomes the worker carries it out, before any user code.
"""

from __future__ import annotations

import resource

from terrarium._stdlib import os

SIGKILL_AFTER_SECONDS = 1
"""How long a worker that does not die of SIGXCPU goes on computing."""

_CAP_SYS_ADMIN = 1 << 21
_CAP_SYS_RESOURCE = 1 << 24
_WHOLE_MACHINE = b"0 0 4294967295"


class Limit:
    """One of the resource limits that may be asked for: its name for users, for the kernel, and
    what shows and raises the hard one.
    """

    def __init__(self, name: str, kind: str, remedy: str) -> None:
        self.name = name
        self.kind = kind
        self.number = getattr(resource, kind)
        self.remedy = remedy


LIMITS = {
    "address_space": Limit("addressSpace", "RLIMIT_AS", "ulimit -Hv, LimitAS= in systemd"),
    "open_files": Limit("openFiles", "RLIMIT_NOFILE", "ulimit -Hn, LimitNOFILE= in systemd"),
    "processes": Limit("processes", "RLIMIT_NPROC", "ulimit -Hu, LimitNPROC= in systemd"),
    "cpu_seconds": Limit("cpuTime", "RLIMIT_CPU", "ulimit -Ht, LimitCPU= in systemd"),
}


def check(limits: dict[str, int]) -> None:
    """Whether processes below this one can be held to them. Raises ``ValueError``."""
    for key, value in limits.items():
        limit = LIMITS.get(key)
        if limit is None or not isinstance(value, int) or value < 1:
            raise ValueError(f"{key!r}: {value!r} is no limit")
        hard = resource.getrlimit(limit.number)[1]
        if hard != resource.RLIM_INFINITY and value > hard:
            raise ValueError(
                f"{limit.name} of {value} is above the hard limit of {limit.kind}, which is {hard}"
                f" for the JVM; ask for less, or raise that ({limit.remedy})"
            )
    if "processes" in limits and _starts_what_it_likes():
        raise ValueError(
            "processes: RLIMIT_NPROC does not bind root, nor who has CAP_SYS_RESOURCE or"
            " CAP_SYS_ADMIN; run the JVM as another user, or ask for isolation(CGROUP) as well,"
            " where the controller pids is delegated"
        )


def enter(cgroup: str) -> None:
    """Moves this process into a cgroup. What it starts from then on is born there."""
    procs = os.open(os.path.join(cgroup, "cgroup.procs"), os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(procs, b"0")
    finally:
        os.close(procs)


def apply(limits: dict[str, int]) -> None:
    """Holds this process, and what it starts from then on, to them. There is no way back."""
    for key, value in limits.items():
        number = LIMITS[key].number
        hard = value
        if key == "cpu_seconds":
            given = resource.getrlimit(number)[1]
            later = value + SIGKILL_AFTER_SECONDS
            hard = later if given == resource.RLIM_INFINITY else min(later, given)
        resource.setrlimit(number, (value, hard))


def _starts_what_it_likes() -> bool:
    """Root and two capabilities are exempt, those of the whole machine: the capabilities of a user
    namespace do not count, and its root does where he is root outside of it as well.
    """
    with open("/proc/self/uid_map", "rb") as file:
        uid_map = file.read().split()
    if _outside(os.getuid(), uid_map) == 0:
        return True
    if b" ".join(uid_map) != _WHOLE_MACHINE:
        return False
    with open("/proc/self/status", "rb") as file:
        line = next(line for line in file if line.startswith(b"CapEff:"))
    return bool(int(line.split()[1], 16) & (_CAP_SYS_ADMIN | _CAP_SYS_RESOURCE))


def _outside(uid: int, uid_map: list[bytes]) -> int | None:
    """Who that is one user namespace further out."""
    numbers = iter(map(int, uid_map))
    for inner, outer, count in zip(numbers, numbers, numbers):
        if inner <= uid < inner + count:
            return outer + uid - inner
    return None
