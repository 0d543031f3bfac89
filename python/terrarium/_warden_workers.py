"""One worker as the warden knows it, and how it comes to be: files and pipes, a fork of our own or
its zygote's, the bootstrap's report.
"""

from __future__ import annotations

import errno
import os
import resource
import time

from terrarium import _bootstrap, _proc
from terrarium._protocol import ARMED
from terrarium._values import parse, to_text
from terrarium._warden_output import Stream, Tail, WorkerLog
from terrarium._warden_zygote import OrderSender, close_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from terrarium._warden_bounds import Bounds, Cgroups

ROLES = WORKER, ZYGOTE = "worker", "zygote"
"""What a process may be requested for, as the request says it."""

STACKS_FD = 201
ORDERS_FD = 202
SPARE_DESCRIPTORS = 64
STACKS_BYTES_MAX = 256 << 10
DUMP_QUIET_SECONDS = 0.03
DUMP_SECONDS_MAX = 0.3

_REPORT_BYTES_MAX = 1 << 16
_RAISE = "raise it for the JVM (ulimit -Hn, LimitNOFILE in systemd), or have fewer workers"


class SpawnError(Exception):
    """No process came to be; `envelope` is the SPAWN_FAILED to send."""

    def __init__(self, step: str, code: int, message: str) -> None:
        super().__init__(message)
        self.envelope = {"step": step, "errno": code, "message": message}


class Dump:
    """The stacks of one worker while they arrive."""

    def __init__(self, now: float) -> None:
        self.asked = 1  # how many DUMPs this one answers
        self.text = bytearray()
        self._end = now + DUMP_SECONDS_MAX
        self._quiet = self._end

    def add(self, data: bytes, now: float) -> None:
        self.text += data[: STACKS_BYTES_MAX - len(self.text)]
        self._quiet = now + DUMP_QUIET_SECONDS

    def due(self) -> float:
        return min(self._quiet, self._end)


class WorkerProcess:
    """One that the warden was asked to start: a worker, or a zygote, then with `orders`."""

    def __init__(self, number: int, name: str, pipes: Pipes, logs: str) -> None:
        self.number = number
        self.name = name
        self.pid = 0  # none yet, where a zygote forks it
        self.outer_pid = 0  # what it is called where the JVM is; known once it has started
        self.ticks = 0
        self.starting = True
        self.orders: OrderSender | None = None
        self.zygote = 0  # the number of the zygote that forks it
        self.refusal: dict | None = None  # why it will never have a pid
        self.bounds: Bounds | None = None  # nobody asked
        self.report_fd = pipes.report
        self.report = b""
        self.stacks_fd = pipes.stacks
        self.line_fd = pipes.line
        self.log = WorkerLog(logs, name)
        self.tail = Tail()
        self.streams = [
            Stream("stdout", number, pipes.stdout, self.log, None),
            Stream("stderr", number, pipes.stderr, self.log, self.tail),
        ]
        self.dump: Dump | None = None
        self.early_signals: list[tuple[int, str]] = []  # asked for before it could hear them
        self.kill_asked = False
        self.exited = False
        self.strays: set[tuple[int, int]] = set()  # killed with its group, found dead before it was

    def born(self, pid: int) -> None:
        stat = _proc.read_stat(pid)
        self.pid = pid
        self.ticks = stat.ticks if stat is not None else 0  # it is ours and unreaped: always there

    def read_pid(self) -> bool:
        """Takes the pid out of the report, where a zygote has written it: before or after what the
        worker itself has to say.
        """
        lines = self.report.split(b"\n")
        for at, line in enumerate(lines[:-1]):
            pid = _parse(line).get("pid")
            if isinstance(pid, int):
                self.report = b"\n".join(lines[:at] + lines[at + 1 :])
                self.born(pid)
                break
        return self.pid > 0

    def read_report(self) -> bool:
        """Takes what the bootstrap has written; True when the pipe has ended: executed, failed, or
        dead.
        """
        if self.report_fd < 0:
            return True
        while True:
            try:
                data = os.read(self.report_fd, _REPORT_BYTES_MAX)
            except (BlockingIOError, InterruptedError):
                return False
            if not data:
                return True
            self.report += data

    def failure(self) -> dict | None:
        """Why it is no worker, once the report has ended; None where it is one."""
        if self.zygote and not self.report:
            return {"step": "zygote", "errno": 0, "message": "it died before it was a worker"}
        return _parse(self.report) if self.report not in (b"", ARMED) else None

    def read_stacks(self) -> bool:
        """False at the end of the pipe. What nobody asked for is thrown away."""
        try:
            data = os.read(self.stacks_fd, 1 << 16)
        except (BlockingIOError, InterruptedError):
            return True
        if data and self.dump is not None:
            self.dump.add(data, time.monotonic())
        return bool(data)

    def close(self) -> None:
        for stream in self.streams:
            stream.close()
        self.log.close()
        self.close_report()
        os.close(self.stacks_fd)
        self.stacks_fd = -1
        self.close_line()
        if self.orders is not None:
            self.orders.close()
        if self.bounds is not None:
            self.bounds.release()

    def close_line(self) -> None:
        """Whoever holds the other end dies of it: the kernel kills its group, or its bootstrap sees
        that it came too late.
        """
        if self.line_fd >= 0:
            os.close(self.line_fd)
            self.line_fd = -1

    def close_report(self) -> None:
        if self.report_fd >= 0:
            os.close(self.report_fd)
            self.report_fd = -1


class Pipes:
    """The warden's ends; the child's ends are closed here as soon as it has been forked."""

    def __init__(self, opened: list[int]) -> None:
        self._opened = opened
        self.stdout, self.stdout_w = self._pipe()
        self.stderr, self.stderr_w = self._pipe()
        self.stacks, self.stacks_w = self._pipe()
        self.report, self.report_w = self._pipe()
        # Nothing is ever written here. The worker's end is armed like its lifeline.
        self.line_r, self.line = self._pipe()

    def _pipe(self) -> tuple[int, int]:
        # Only our end is non-blocking: it is another open file than the worker's, which must block
        # as programs expect.
        read, write = os.pipe()
        self._opened += (read, write)
        os.set_blocking(read, False)
        return read, write

    def child_ends(self) -> list[int]:
        return [self.stdout_w, self.stderr_w, self.stacks_w, self.report_w, self.line_r]


class Spawner:
    """Forks workers, or has them forked. `identity` is the warden's own (pid, start ticks)."""

    def __init__(
        self,
        config: dict,
        identity: tuple[int, int],
        open_files: int,
        signaller: _proc.Signaller,
    ) -> None:
        self._hard = config["birthmark"]
        self._lifelines = config["lifelines"]
        self._directory = config["directory"]
        self._identity = identity
        self._open_files = open_files
        self._signaller = signaller
        self.cgroups: Cgroups | None = None  # nobody asked yet

    def spawn(self, number: int, request: dict, zygote: WorkerProcess | None) -> WorkerProcess:
        """`zygote`: who is to fork it; None for a fork of our own and exec."""
        bounds = self._bounds(number, request)
        try:
            return self._spawn(number, request, zygote, bounds)
        except SpawnError:
            if bounds is not None:
                bounds.release()
            raise

    def _bounds(self, number: int, request: dict) -> Bounds | None:
        """What the request wants the worker held to; mostly nothing."""
        cgroup, limits = request.get("cgroup"), request.get("limits")
        if not cgroup and not limits:
            return None
        from terrarium import _warden_bounds  # whoever does not ask does not pay

        try:
            if cgroup and self.cgroups is None:
                self.cgroups = _warden_bounds.Cgroups(str(cgroup["tree"]), self._signaller)
            return _warden_bounds.Bounds(number, cgroup, limits, self.cgroups)
        except OSError as failure:
            text = (
                f"{failure.filename}: {failure.strerror}; look at its permissions, at"
                " cgroup.max.descendants above it, and whether somebody has removed it"
            )
            raise SpawnError("cgroup", failure.errno or 0, text) from failure
        except (KeyError, TypeError, ValueError, AttributeError) as failure:
            raise SpawnError("limits", 0, str(failure)) from failure

    def _spawn(
        self, number: int, request: dict, zygote: WorkerProcess | None, bounds: Bounds | None
    ) -> WorkerProcess:
        opened: list[int] = []
        try:
            orders = OrderSender(opened) if _role(request) == ZYGOTE else None
            spec = _spec_file(request["spec"], self._directory, orders is not None)
            opened.append(spec)
            pipes = Pipes(opened)
            self._keep_spare(max(opened))
            worker = WorkerProcess(number, str(request["worker"]), pipes, self._directory)
            worker.orders = orders
            worker.bounds = bounds
            child_ends = [spec, *pipes.child_ends()]
            if zygote is None or zygote.orders is None:
                worker.born(_fork(self._plan(worker, request, spec, pipes), pipes.report_w))
        except OSError as failure:
            close_all(opened)
            message = failure.strerror or str(failure)
            if failure.filename is not None:
                message = f"{os.fsdecode(failure.filename)}: {message}"
            raise SpawnError("fork", failure.errno or 0, message) from failure
        except (KeyError, TypeError, ValueError, AttributeError) as failure:
            close_all(opened)
            message = f"{type(failure).__name__}: {failure}"
            raise SpawnError("request", 0, message) from failure
        if worker.pid == 0 and zygote is not None and zygote.orders is not None:
            worker.zygote = zygote.number
            zygote.orders.put(self._message(worker, zygote), child_ends)
        else:
            # The child's ends go before the next fork: whoever else held them would withhold the
            # end of the pipe.
            close_all(child_ends if orders is None else [*child_ends, orders.theirs])
        return worker

    def _message(self, worker: WorkerProcess, zygote: WorkerProcess) -> dict:
        """What the zygote has to know, beside the descriptors."""
        bounds = {} if worker.bounds is None else worker.bounds.message(zygote.bounds)
        return {
            "number": worker.number,
            "worker": worker.name,
            "hard": self._hard,
            "lifelines": self._lifelines,
            "warden": self._identity,
            "stacks_fd": STACKS_FD,
            **bounds,
        }

    def _keep_spare(self, highest: int) -> None:
        """Killing takes descriptors too (pidfd, /proc): workers must never use up the last ones."""
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        if highest >= limit - SPARE_DESCRIPTORS:
            raise OSError(errno.EMFILE, f"the limit of {limit} open files is reached; {_RAISE}")

    def _plan(
        self, worker: WorkerProcess, request: dict, spec: int, pipes: Pipes
    ) -> _bootstrap.Plan:
        argv = [_bytes(part) for part in request["argv"]]
        if not argv:
            raise ValueError("argv is empty")
        orders = {} if worker.orders is None else {ORDERS_FD: worker.orders.theirs}
        bounds = worker.bounds
        return _bootstrap.Plan(
            number=worker.number,
            hard=self._hard,
            lifelines=self._lifelines,
            warden=self._identity,
            line=pipes.line_r,
            descriptors={
                0: spec,
                1: pipes.stdout_w,
                2: pipes.stderr_w,
                STACKS_FD: pipes.stacks_w,
                **orders,
            },
            open_files=self._open_files,
            argv=argv,
            environment=_environment(request),
            directory=request.get("directory"),
            cgroup=None if bounds is None else bounds.leaf,
            limits=None if bounds is None else bounds.limits,
        )


class Pending:
    """Workers that were ordered from a zygote and have no pid yet. `told` is called with each that
    turns out to have one, `refused` with each that was given up.
    """

    def __init__(
        self, told: Callable[[WorkerProcess], None], refused: Callable[[WorkerProcess], None]
    ) -> None:
        self._told = told
        self._refused = refused
        self._workers: set[WorkerProcess] = set()

    def add(self, worker: WorkerProcess) -> None:
        self._workers.add(worker)

    def look(self, worker: WorkerProcess) -> None:
        """Its report may tell its pid. Only the warden reaps it, so it is still the same process."""
        if worker in self._workers and worker.read_pid():
            self._workers.discard(worker)
            self._told(worker)

    def look_at_all(self) -> None:
        """A zygote's word may still be in a pipe."""
        for worker in list(self._workers):
            worker.read_report()
            self.look(worker)

    def give_up(self, worker: WorkerProcess, why: dict) -> None:
        """It was never forked, or nobody has told that it was: what may come of it all the same dies
        of its closed line.
        """
        if worker in self._workers:
            self._workers.discard(worker)
            worker.refusal = why
            worker.close_line()
            self._refused(worker)

    def settle(self, worker: WorkerProcess, message: str) -> None:
        """It has a pid now or never."""
        if worker in self._workers:
            worker.read_report()
            self.look(worker)
            self.give_up(worker, refusal(message))

    def zygote_ended(self, number: int, how: str) -> None:
        message = f"zygote {number} {how} before it had forked this worker"
        for worker in [each for each in self._workers if each.zygote == number]:
            self.settle(worker, message)


def refusal(message: str) -> dict:
    """What is said of a worker that no zygote has forked."""
    return {"step": "zygote", "errno": 0, "message": message}


def _fork(plan: _bootstrap.Plan, report_fd: int) -> int:
    pid = os.fork()
    if pid == 0:
        _bootstrap.become(plan, report_fd)  # never returns
    return pid


def _role(request: dict) -> str:
    role = request.get("role", WORKER)
    if role not in ROLES:
        raise ValueError(f"there is no role {role!r}")
    return role


def _parse(report: bytes) -> dict:
    try:
        return dict(parse(report.decode("utf-8")))
    except (ValueError, TypeError):
        text = report.decode("utf-8", "replace")
        return {"step": "bootstrap", "errno": 0, "message": text}


def _spec_file(spec: dict, directory: str, for_zygote: bool) -> int:
    """An unnamed file at offset 0: nothing to unlink, nobody else's to read, and the token is in no
    argument.
    """
    spec["stacks_fd"] = STACKS_FD
    if for_zygote:
        spec["orders_fd"] = ORDERS_FD
    data = to_text(spec).encode("utf-8", "surrogatepass")
    fd = _unnamed_file(directory, spec.get("worker", ""))
    try:
        while data:
            data = data[os.write(fd, data) :]
        os.lseek(fd, 0, os.SEEK_SET)
    except OSError:
        os.close(fd)
        raise
    return fd


def _unnamed_file(directory: str, worker: str) -> int:
    try:
        return os.memfd_create("terrarium-spec")
    except (AttributeError, OSError):  # a Python without it, or a kernel that refuses it
        path = os.path.join(directory, f"spec-{worker}")
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        os.unlink(path)
        return fd


def _environment(request: dict) -> dict[bytes, bytes]:
    environment = _own_environment()
    for name in request.get("unset") or []:
        environment.pop(_bytes(name), None)
    for name, value in (request.get("set") or {}).items():
        environment[_bytes(name)] = _bytes(value)
    return environment


def _own_environment() -> dict[bytes, bytes]:
    """As the JVM gave it. `os.environ` may hold more: Python adds LC_CTYPE where the locale is C."""
    try:
        with open("/proc/self/environ", "rb") as file:
            entries = file.read().split(b"\0")
    except OSError:
        return dict(os.environb)
    return dict(entry.split(b"=", 1) for entry in entries if b"=" in entry)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
