"""The warden: the one helper process of a runtime, parent of all its workers.

It starts them, passes on what they print and how they end, and outlives the JVM just long enough to
kill everything. One thread, one loop (`_warden_loop`); nothing in it blocks. It runs no user code.

Every first pool waits for its HELLO, and a start is mostly imports. So the warden uses the C halves
of `signal`, `socket` and `json`, and neither `contextlib` nor `selectors`: without `enum`, `re` and
`collections` it is there in two thirds of the time.

A pool that asks for a PID namespace has a warden of its own, the namespace's first process
(`_namespace`). What it takes care of it sees under the numbers inside; the JVM hears those outside.
"""

from __future__ import annotations

import os
import resource
import sys

from terrarium import _bootstrap, _proc
from terrarium._cpython import signal
from terrarium._protocol import PROTOCOL, WARDEN_HELLO
from terrarium._values import parse
from terrarium._warden_link import Link, StartError
from terrarium._warden_loop import Warden
from terrarium._wire import connect

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

CONFIG_BYTES_MAX = 1 << 20

# Where the JVM that starts us holds the other end (`MarkedProcess`, `Spawn.LINE`).
_LIFELINE = 64

_PR_SET_CHILD_SUBREAPER = 36
_IGNORED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE)


def main() -> int:
    for number in _IGNORED:
        signal.signal(number, signal.SIG_IGN)
    try:
        config = read_config()
        bear_mark(config["birthmark"], config.get("number", 0))
        warden = settle(config)
    except (StartError, KeyError, OSError) as failure:
        print(f"terrarium warden: {describe(failure)}", file=sys.stderr, flush=True)
        return getattr(failure, "status", 1)
    return run(warden)


def run(warden: Warden) -> int:
    """Whatever happens in the loop, a mistake of our own included, ends with nothing below us."""
    try:
        return warden.run()
    except BaseException:
        import traceback  # not at the top: it would cost every start 3 ms

        try:
            traceback.print_exc()
        finally:  # on a full disk it cannot even be said
            warden.end_plainly()
        return 70


def read_config() -> dict:
    """The first line of standard input; the rest of that pipe carries nothing."""
    line = b""
    while not line.endswith(b"\n"):
        data = os.read(0, CONFIG_BYTES_MAX)
        if not data or len(line) > CONFIG_BYTES_MAX:
            raise StartError("standard input ended before the configuration")
        line += data
    try:
        return parse(line.decode("utf-8", "surrogatepass"))
    except ValueError as failure:
        raise StartError(f"the configuration is not JSON: {failure}") from failure


def bear_mark(birthmark: int, number: int) -> None:
    """Takes the run's number as hard limit, and the own one from it; everything below us inherits
    it.

    With privileges a smaller limit could be raised. That would wipe out the mark of an outer
    runtime, so it is refused like everybody else's.
    """
    hard = resource.getrlimit(resource.RLIMIT_RTTIME)[1]
    if hard != resource.RLIM_INFINITY and hard < birthmark:
        raise StartError(
            f"RLIMIT_RTTIME has the hard limit {hard} already, which leaves no room for the "
            f"birthmark {birthmark}; run Terrarium without it (LimitRTTIME=infinity in systemd)"
        )
    try:
        resource.setrlimit(resource.RLIMIT_RTTIME, (birthmark - number, birthmark))
    except (OSError, ValueError) as failure:
        raise StartError(f"RLIMIT_RTTIME cannot be set to {birthmark}: {failure}") from failure


def settle(config: dict) -> Warden:
    """Becomes what a warden has to be, before there is anything to take care of."""
    require_own_proc()
    try:
        os.setsid()
    except PermissionError:
        pass  # we lead a group already, which serves as well
    enclosed = config.get("pid_namespace", False)
    if not enclosed:
        _bootstrap.prctl(_PR_SET_CHILD_SUBREAPER, 1)
        # A warden that somebody stopped goes on when the JVM dies. This follows the JVM's thread
        # that started us, which may end earlier: then it wakes us up for nothing, and again with
        # the next.
        _bootstrap.prctl(_bootstrap.PR_SET_PDEATHSIG, signal.SIGCONT)
    host = watch_host(config["host"])
    let_go_of_lifeline()
    outside = enclose(config["lifelines"]) if enclosed else int
    wakeup = wake_up_on_exits()
    open_files = raise_open_files()
    link = Link(connect(config["socket"]))
    me = os.getpid()
    identity = (me, _proc.read_stat(me).ticks)
    link.send(WARDEN_HELLO, 0, hello(config["token"], outside(me), identity[1]))
    return Warden(config, identity, link, host, wakeup, open_files, outside)


def require_own_proc() -> None:
    """Whom a number means is read in `/proc`: in another namespace's that is somebody else, who was
    killed as a child of ours.
    """
    objection = _proc.objection()
    if objection is not None:
        raise StartError(objection)


def enclose(lifelines: str) -> Callable[[int], int]:
    """Goes on as the first process of a PID namespace, whose reaper it is without further ado."""
    from terrarium import _namespace  # not at the top: hardly any warden needs it

    return _namespace.enter(lifelines)


def hello(token: str, pid: int, ticks: int) -> dict:
    version = ".".join(map(str, sys.version_info[:3]))
    return {"protocol": PROTOCOL, "token": token, "pid": pid, "ticks": ticks, "version": version}


def watch_host(host: dict) -> int:
    """A pidfd of the JVM. First the descriptor, then the look at who it is: the other order could
    take a successor.
    """
    try:
        pidfd = _proc.pidfd_open(host["pid"])
    except ProcessLookupError:
        raise StartError(f"the host, process {host['pid']}, is gone") from None
    stat = _proc.read_stat(host["pid"])
    if stat is None or stat.ticks != host["ticks"] or os.getppid() != host["pid"]:
        raise StartError(f"process {host['pid']} is not the host that started this warden")
    return pidfd


def let_go_of_lifeline() -> None:
    """Until now the kernel would have killed us with the JVM, whatever kept us. From here on we
    see its end ourselves, and have to outlive it.
    """
    try:
        os.close(_LIFELINE)
    except OSError:
        pass  # started by somebody who gives none


def wake_up_on_exits() -> int:
    """SIGCHLD becomes a byte in a pipe, which the loop can wait for like for everything else."""
    read, write = os.pipe()
    os.set_blocking(read, False)
    os.set_blocking(write, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    return read


def raise_open_files() -> int:
    """Four descriptors a worker are more than the usual 1,024 for a few hundred workers.

    Returns what workers get back.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (OSError, ValueError):
        pass  # fewer workers, then
    return soft


def describe(failure: Exception) -> str:
    if isinstance(failure, KeyError):
        return f"the configuration lacks {failure}"
    return str(failure)
