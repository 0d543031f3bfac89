"""What a forked child does before it becomes a worker; each step closes a race.

The order is the specification's: birthmark, session, lifeline, parent, "is the lifeline still
open", the rest, and exec. A child that the warden forked itself does all of it (`become`). One that
a zygote forked twice (`join`) finds some of it done, has another parent for a moment, and goes on
in the image that it has.

Everything that could block has a bound, and everything that could be imported is imported before
the fork.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import resource
import select

from terrarium import _proc, _stdlib
from terrarium._stdlib import monotonic, os, signal, sleep
from terrarium._values import to_text
from terrarium._wire import connect, socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, NoReturn

PARENT_SECONDS_MAX = 5
GATE_SECONDS_MAX = 600
"""For the intermediate process, which forks others after this one. Long, because a large process
takes long to fork; the JVM and the warden can end the wait at any time.
"""
LIFELINE_FD_MIN = 200
OOM_SCORE_ADJ = 500
EXIT_NOT_STARTED = 127

PR_SET_PDEATHSIG = 1
_REPORT_BYTES_MAX = 4096  # a write of at most PIPE_BUF arrives in one piece
_MESSAGE_CHARS_MAX = 1000

_poll = _stdlib.genuine(select, "poll").poll
ctypes, errno, fcntl, resource = _stdlib.copies(ctypes, errno, fcntl, resource)
# Looked up before the fork: the child should not have to load anything.
_prctl = ctypes.CDLL(None, use_errno=True).prctl


class StepError(Exception):
    """A step that did not work, with its name in the specification."""

    def __init__(self, step: str, code: int, message: str) -> None:
        super().__init__(f"{step}: {message}")
        self.step = step
        self.code = code
        self.message = message

    def envelope(self) -> dict[str, object]:
        message = self.message[:_MESSAGE_CHARS_MAX]
        return {"step": self.step, "errno": self.code, "message": message}


class Plan:
    """What the child has to know; filled in before the fork."""

    def __init__(
        self,
        *,
        number: int,
        hard: int,
        lifelines: str,
        warden: tuple[int, int],
        line: int | None = None,
        descriptors: dict[int, int] | None = None,
        open_files: int | None = None,
        argv: list[bytes] | None = None,
        environment: dict[bytes, bytes] | None = None,
        directory: str | None = None,
        cgroup: str | None = None,
        limits: dict[str, int] | None = None,
    ) -> None:
        self.number = number
        self.hard = hard
        self.lifelines = lifelines
        self.warden = warden  # pid and start ticks
        self.line = line  # end of a pipe whose other end the warden holds
        self.descriptors = descriptors or {}  # number in the worker -> number here
        self.open_files = open_files  # the soft limit to restore
        self.argv = argv or []
        self.environment = environment or {}
        self.directory = directory
        self.cgroup = cgroup
        self.limits = limits or {}


def prctl(option: int, value: int) -> None:
    zero = ctypes.c_ulong(0)
    if _prctl(option, ctypes.c_ulong(value), zero, zero, zero) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def become(plan: Plan, report_fd: int) -> None:
    """Runs all steps and executes the command. Never returns and never raises: a failure goes down
    the pipe.
    """
    try:
        signal.set_wakeup_fd(-1)  # it is the warden's: our signals are none of its business
        report_fd = _move_away([report_fd], plan)[0]
        arm(plan)
        settle(plan)
        execute(plan)
    except BaseException as failure:
        _report(report_fd, failure)
    finally:
        os._exit(EXIT_NOT_STARTED)


def join(
    lines: tuple[int, int],
    warden: int,
    intermediate: int,
    gate: int,
    report_fd: int,
    begin_session: Callable[[], object] = os.setsid,
) -> None:
    """What is left of `arm` for a child of a zygote: it has its mark and its descriptors from the
    process `intermediate`, and returns from here as a worker.

    `lines` are the lifeline to the JVM and the warden's pipe, `readied`; `gate` is the reading end
    of a pipe that the intermediate process holds until it exits. In one piece, without the functions
    of `arm`: whatever a worker touches here it keeps a copy of.
    """
    name = "session"
    try:
        begin_session()
        name = "lifeline"
        me = os.getpid()
        for line in lines:
            fcntl.fcntl(line, fcntl.F_SETOWN, -me)
        name = "parent"
        poller = _poll()
        poller.register(gate, 0)
        poller.poll(GATE_SECONDS_MAX * 1000)  # to ask for the parent all the time costs more
        poller.unregister(gate)
        os.close(gate)
        await_warden(warden, intermediate)
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        # It cannot have died and been succeeded by a namesake: we would have another parent.
        if os.getppid() != warden:
            raise OSError(errno.ESRCH, "the warden is gone")
        name = "lifeline"
        for line in lines:
            poller.register(line, 0)
        if poller.poll(0):  # what closed before it was armed sends no signal
            raise ConnectionResetError(errno.ECONNRESET, "the JVM or the warden closed it already")
    except BaseException as failure:
        give_up(name, failure, report_fd)


def give_up(name: str, failure: BaseException, report_fd: int) -> NoReturn:
    """Ends a child of a zygote that cannot become a worker."""
    _report(report_fd, step_error(name, failure))
    os._exit(EXIT_NOT_STARTED)


def arm(plan: Plan) -> None:
    """Steps 1 to 5: from here on the process cannot outlive the JVM or the warden."""
    if plan.cgroup is not None:
        from terrarium import _limits  # no import any more: the warden has it

        step("cgroup", _limits.enter, plan.cgroup)
    step("birthmark", bear_mark, plan.hard, plan.number)
    step("session", os.setsid)
    line = None if plan.line is None else _move_away([plan.line], plan)[0]
    step("descriptors", place_descriptors, plan)
    lifeline = step("lifeline", connect, plan.lifelines)
    step("lifeline", arm_lifeline, lifeline)
    if line is not None:
        step("lifeline", arm_lifeline, line)
    step("parent", follow_warden, plan.warden)
    step("lifeline", check_lifeline, lifeline)


def settle(plan: Plan) -> None:
    """Step 6."""
    offer_to_oom_killer()
    step("signals", reset_signals)
    if plan.open_files is not None:
        step("limits", restore_open_files, plan.open_files)
    if plan.limits:
        from terrarium import _limits

        step("limits", _limits.apply, plan.limits)
    if plan.directory is not None:
        step("directory", os.chdir, plan.directory)


def execute(plan: Plan) -> None:
    """Step 7. The environment goes with it."""
    step("exec", _exec, plan)


def _exec(plan: Plan) -> None:
    try:
        os.execvpe(plan.argv[0], plan.argv, plan.environment)
    except OSError as failure:
        failure.filename = plan.argv[0]  # not the last place on PATH where it is not, either
        raise


def bear_mark(hard: int, number: int) -> None:
    resource.setrlimit(resource.RLIMIT_RTTIME, (hard - number, hard))


def place_descriptors(plan: Plan) -> None:
    """Puts each descriptor at the number the worker expects; they survive exec there."""
    sources = _move_away(list(plan.descriptors.values()), plan)
    for target, source in zip(list(plan.descriptors), sources):
        os.dup2(source, target, inheritable=True)
        os.close(source)


def _move_away(fds: list[int], plan: Plan) -> list[int]:
    """Copies above all target numbers, or placing one descriptor would close another that is still
    to be placed.
    """
    above = max([2, LIFELINE_FD_MIN, *plan.descriptors]) + 1
    return [_copy(fd, fcntl.F_DUPFD_CLOEXEC, above) for fd in fds]


def _copy(fd: socket.socket | int, command: int, above: int) -> int:
    """At the lowest free number from there on. Where the limit of open files has no such number the
    kernel says no more than "Invalid argument".
    """
    try:
        return fcntl.fcntl(fd, command, above)
    except OSError as failure:
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        if failure.errno != errno.EINVAL or limit > above:
            raise
        text = (
            f"the limit of open files (RLIMIT_NOFILE) is {limit}, and descriptors from {above} on"
            " are needed: raise it (ulimit -n 65536, LimitNOFILE= in systemd)"
        )
        raise OSError(errno.EMFILE, text) from failure


def arm_lifeline(lifeline: socket.socket | int) -> int:
    """When the other end closes, the kernel kills our whole group: no thread, no interpreter lock
    involved.

    The JVM's end is one, the warden's another: PDEATHSIG would kill the leader of the group alone.

    The copy at a high number survives exec, and keeps the line where user code closes the low one.
    """
    group = os.getpid()
    if os.getpgrp() != group:
        # INVARIANT: we lead the group. Otherwise this would aim at the warden's or the user's own
        # group.
        raise OSError(0, f"process {group} does not lead its group {os.getpgrp()}")
    copy = readied(lifeline)
    fcntl.fcntl(copy, fcntl.F_SETOWN, -group)
    return copy


def readied(lifeline: socket.socket | int) -> int:
    """A copy at a high number that survives exec; what is missing is only whom the signal is for."""
    copy = _copy(lifeline, fcntl.F_DUPFD, LIFELINE_FD_MIN)
    fcntl.fcntl(copy, fcntl.F_SETSIG, signal.SIGKILL)
    flags = fcntl.fcntl(copy, fcntl.F_GETFL)
    fcntl.fcntl(copy, fcntl.F_SETFL, flags | os.O_ASYNC)
    return copy


def check_lifeline(lifeline: socket.socket) -> None:
    """What closed before it was armed sends no signal, so look once more."""
    try:
        lifeline.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return  # open and silent, as it should be
    raise ConnectionResetError(errno.ECONNRESET, "the JVM closed the lifeline already")


def follow_warden(warden: tuple[int, int]) -> None:
    """Asks the kernel to die with the warden, and checks that it is the parent, and still is."""
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    parent = os.getppid()
    stat = _proc.read_stat(warden[0])
    if parent != warden[0] or stat is None or stat.ticks != warden[1]:
        text = f"the parent is process {parent}, not the warden {warden[0]}"
        raise OSError(errno.ESRCH, text)


def await_warden(warden: int, intermediate: int) -> None:
    """The wait ends when the parent is neither the intermediate process nor the warden: then the
    warden is dead and nobody of ours will ever be the parent.
    """
    deadline = monotonic() + PARENT_SECONDS_MAX
    while (parent := os.getppid()) != warden:
        if parent != intermediate or monotonic() > deadline:
            text = f"the parent is process {parent}, not the warden {warden}"
            raise OSError(errno.ESRCH, text)
        sleep(0.0005)


def overwrite(address: int, data: bytes) -> None:
    """Writes into this process's own memory."""
    ctypes.memmove(address, data, len(data))


def offer_to_oom_killer() -> None:
    """Makes the kernel prefer workers to the JVM. Some containers refuse; that is no reason not to
    start.
    """
    path = "/proc/self/oom_score_adj"
    try:
        with open(path, encoding="ascii") as file:
            wanted = max(int(file.read()), OOM_SCORE_ADJ)
        with open(path, "w", encoding="ascii") as file:
            file.write(str(min(wanted, 1000)))
    except (OSError, ValueError):
        pass


def reset_signals() -> None:
    """What the warden ignores would stay ignored across exec: a worker must be able to hear
    SIGTERM.
    """
    for number in range(1, signal.NSIG):
        try:
            signal.signal(number, signal.SIG_DFL)
        except (OSError, ValueError):
            continue  # KILL, STOP, and those that the C library keeps for itself
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def restore_open_files(soft: int) -> None:
    """The warden raised its own soft limit; a program that uses select(2) must not inherit that."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def step(name, action, *arguments):  # type: ignore[no-untyped-def]
    """Runs a step of the specification. Raises `StepError`."""
    try:
        return action(*arguments)
    except (OSError, ValueError) as failure:
        raise step_error(name, failure) from failure


def step_error(name: str, failure: BaseException) -> StepError:
    if isinstance(failure, StepError):
        return failure
    if isinstance(failure, OSError):
        text = failure.strerror or str(failure)
        if failure.filename is not None:
            text = f"{text}: {os.fsdecode(failure.filename)}"
        return StepError(name, failure.errno or 0, text)
    if isinstance(failure, ValueError):  # setrlimit's way of saying no
        return StepError(name, 0, str(failure))
    return StepError("bootstrap", 0, f"{type(failure).__name__}: {failure}")


def _report(fd: int, failure: BaseException) -> None:
    text = to_text(step_error("bootstrap", failure).envelope())
    line = text.encode("utf-8", "replace")[: _REPORT_BYTES_MAX - 1] + b"\n"
    try:
        os.write(fd, line)  # one piece: the intermediate process writes there too
    except OSError:
        return  # the warden is gone, and so shall we be
