"""The zygote: one process per pool that has imported what its workers need, and forks them.

It is started like a worker, and dies like one: with the warden, with the JVM. Orders come over a
socket from the warden, each with the descriptors of the worker that is to be. Workers are forked
twice, so that the warden becomes their parent: an *intermediate* process takes a few orders, forks
a worker for each, tells the warden their pids through their report pipes, and exits.

The intermediate does what it can before the fork, the worker only what it must do itself: each page
of memory that it writes to (a reference count is enough) it has to itself from then on.

Forking a process with several threads copies locks that nobody will ever release. So the threads
are counted before every fork; where there is more than one, the zygote says their names and ends,
and the pool starts its workers by exec. The same where the import has left descriptors that must
not be shared (``_leftovers``).

What the import has registered for the end of the process, in ``atexit`` and the like, runs once: here,
when there is nobody left to fork and the last worker has ended (``_end``). Each worker holds one end
of a pipe for that, as does whatever it forks; nothing is written there.
"""

from __future__ import annotations

import gc
import resource
import sys
from fcntl import F_DUPFD_CLOEXEC, fcntl
from select import select

from terrarium import _bootstrap, _errors, _leftovers, _proc, _spec, _stdlib
from terrarium._adapter import Adapter, LoadFailed, load
from terrarium._bootstrap import LIFELINE_FD_MIN, StepError
from terrarium._cpython import socket
from terrarium._leaving import Imported, disown_children, leave
from terrarium._protocol import ARMED, END, ORDER_BYTES_MAX
from terrarium._rehearsal import rehearse
from terrarium._runner import end_group, flush
from terrarium._stdlib import os, signal
from terrarium._values import parse, to_text
from terrarium._wire import connect

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, NoReturn

    from terrarium._worker_loop import Opened, Worker

    Child = tuple[list[int], tuple[int, int], int, int, int, int, dict[str, int] | None]

ORDERS_PER_INTERMEDIATE = 16
"""An intermediate process costs a fork of its own; and whoever it has forked waits for its end."""
DONE = 3
"""The status of an intermediate process that has done its work: one that dies, or that something of
the user's ends, is not to be told from it by mistake.
"""
INTERMEDIATES_FAILED_MAX = 3
OPEN_FILES_MIN = 256
"""Lifelines and the pipe for stacks have numbers from 200 on."""
DESCRIPTORS = ("spec", "stdout", "stderr", "stacks", "report", "line")
KEPT_DESCRIPTORS = ("lifeline", "line", "report", "connection")
"""What a worker does not close of its own order."""
GROWTH_BYTES_MAX = 64 << 20
GROWTH_DESCRIPTORS_MAX = 64

gc, resource, socket = _stdlib.copies(gc, resource, socket)


class Order:
    """One worker to be forked. The descriptors are ours to close."""

    def __init__(self, message: bytes, descriptors: list[int]) -> None:
        if len(descriptors) != len(DESCRIPTORS):
            raise ValueError(f"an order with {len(descriptors)} descriptors")
        self.facts = parse(message.decode("utf-8", "surrogatepass"))
        self._descriptors = dict(zip(DESCRIPTORS, descriptors))
        self.spec: dict[str, Any] = {}
        self.opened: Opened | None = None

    def prepare(self, worker: Worker, loaded: Adapter | LoadFailed | None) -> None:
        """Makes what the worker is to inherit. Raises ``StepError``."""
        given = self._descriptors
        self.spec = _spec.read(given.pop("spec"))
        path = self.facts["lifelines"]
        lifeline = _bootstrap.step("lifeline", connect, path)
        for name, low in (("lifeline", lifeline.detach()), ("line", given["line"])):
            given[name] = _bootstrap.step("lifeline", _bootstrap.readied, low)
            os.close(low)
        self.opened = worker.open_early(self.spec, loaded)
        if self.opened is not None:
            given["connection"] = self.opened[0].descriptor()

    def descriptors(self) -> list[int]:
        return list(self._descriptors.values())

    def dress(self, name_at: tuple[int, int] | None) -> None:
        """Gives the intermediate the mark, the outputs and the name that its next child bears.

        The name is the worker's id. It is written over the zygote's, which is longer, in the
        command line: for people who look at ``ps``.
        """
        given, facts = self._descriptors, self.facts
        if "cgroup" in facts:
            enter(facts["cgroup"])
        _bootstrap.bear_mark(facts["hard"], facts["number"])
        if name_at is not None:
            address, size = name_at
            name = facts["worker"].encode("utf-8")[: size - 1]
            _bootstrap.overwrite(address, name.ljust(size, b"\0"))
        os.dup2(given["stdout"], 1)
        os.dup2(given["stderr"], 2)
        os.dup2(given["stacks"], facts["stacks_fd"])

    def go_home(self) -> None:
        """Takes the intermediate out of the leaf of its last child, where it counts."""
        if "home" in self.facts:
            try:
                enter(self.facts["home"])
            except StepError:
                return  # it is about to end

    def child(self, others: list[int], intermediate: int, gate: int) -> Child:
        """All that the child has to know."""
        given = self._descriptors
        kept = {given[name] for name in KEPT_DESCRIPTORS if name in given}
        return (
            [each for each in others if each not in kept],
            (given["lifeline"], given["line"]),
            self.facts["warden"][0],
            intermediate,
            gate,
            given["report"],
            self.facts.get("limits"),
        )

    def tell(self, **facts: Any) -> None:
        """One line for the warden, which may have given up on this worker."""
        try:
            os.write(self._descriptors["report"], to_text(facts).encode("utf-8") + b"\n")
        except OSError:
            return

    def close(self) -> None:
        for descriptor in self._descriptors.values():
            os.close(descriptor)


class OrderReceiver:
    """The zygote's end of the socket on which the warden sends orders."""

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)
        os.set_inheritable(descriptor, False)

    def say(self, **facts: Any) -> None:
        self._socket.send(to_text(facts).encode("utf-8"))

    def wait(self) -> bool:
        """Until there is one; False where there will be none any more. Ends the process where the
        warden is dead.
        """
        message = self._socket.recv(len(END), socket.MSG_PEEK)
        if not message:
            end_group()
        return message != END

    def take(self) -> Order | None:
        """The next one, ``None`` where there is none at the moment."""
        room = socket.CMSG_SPACE(4 * len(DESCRIPTORS))
        try:
            if self._socket.recv(len(END), socket.MSG_PEEK | socket.MSG_DONTWAIT) == END:
                return None  # it is not for the intermediate
            message, ancillary, _, _ = self._socket.recvmsg(
                ORDER_BYTES_MAX, room, socket.MSG_DONTWAIT
            )
        except BlockingIOError:
            return None
        if not message:
            return None
        data = b"".join(data for _, _, data in ancillary)
        numbers = [int.from_bytes(data[i : i + 4], sys.byteorder) for i in range(0, len(data), 4)]
        for number in numbers:
            os.set_inheritable(number, False)
        return Order(message, numbers)

    def close(self) -> None:
        self._socket.close()


class Zygote:
    """``serve`` is its life. Only the workers come back from there."""

    def __init__(self, spec: dict[str, Any], worker: Worker) -> None:
        self._spec = spec
        self._worker = worker
        self._loaded: Adapter | LoadFailed | None = None
        self._orders = OrderReceiver(spec["orders_fd"])
        self._harmless: list[str] = spec.get("harmless_threads") or []
        self._kept = _kept_descriptors(spec)
        self._known = _leftovers.targets(
            [0, 1, 2, spec["orders_fd"], spec["stacks_fd"], *self._kept]
        )
        self._of_children: Any = None  # the import's handler for SIGCHLD, where it has one
        self._name_at = name_at(spec["worker"])
        self._warden = os.getppid()
        self._living = -1  # ends when the last worker has
        self._held = -1  # the end that the workers hold
        self._imported: Imported | None = None
        self._never_freed: Any = None  # in a worker: to free it would be to write all over it

    def serve(
        self, renew: Callable[[], None]
    ) -> tuple[dict[str, Any], Adapter | LoadFailed | None, Opened | None]:
        """Preloads, then forks on request. Returns in each worker, with its spec, what was
        preloaded, and what was opened. ``renew`` is called before each fork, when standard error is
        the worker's.
        """
        self._loaded = self._preload()
        _reopen_standard()
        self._imported = Imported()
        _require_room()
        failed = 0
        rehearse(self._worker.runner)
        self._open_pipe()
        gc.collect()
        # Collected objects would otherwise be looked at, and their pages copied, in every worker.
        gc.freeze()
        self._of_children = _without_handler()
        self._look_for_descriptors()
        self._look_for_threads()
        self._keep_quiet()
        self._orders.say(threads=[])
        size, descriptors = _size()
        while True:
            if not self._orders.wait():
                self._end()
            self._look_for_threads()
            flush()  # what is buffered would be printed by every child once more
            try:
                intermediate = os.fork()
            except OSError as error:
                self._refuse(error)
                continue
            if intermediate == 0:
                order = self._fork_workers(renew)
                return order.spec, self._loaded, order.opened
            status = _status(intermediate)
            done = status is None or os.waitstatus_to_exitcode(status) == DONE
            failed = 0 if done else failed + 1
            if failed == INTERMEDIATES_FAILED_MAX:
                how = _proc.how_ended(status)
                _say_end(f"{failed} forks in a row ended ({how}) before they had forked")
                self._end_at_once(1)
            self._end_if_grown(size, descriptors)

    def _preload(self) -> Adapter | LoadFailed | None:
        # What every worker imports anyway.
        from terrarium import _answers, _arguments, _reader  # noqa: F401

        if self._spec.get("host") is not None:
            from terrarium import _memory  # noqa: F401
        if self._spec.get("bounds"):
            from terrarium import _limits  # noqa: F401
        if not self._spec.get("preload", True):
            return None
        me = os.getpid()
        try:
            loaded: Adapter | LoadFailed = load(self._spec["adapter"], self._spec.get("source"))
        except LoadFailed as failure:
            loaded = failure  # each worker says it in its HELLO, as if it had failed there
        if os.getpid() != me:  # the adapter forked, and this is the child that came back
            flush()
            os._exit(0)
        if isinstance(loaded, Adapter) and loaded.has_async:
            from terrarium import _loop  # noqa: F401
        if isinstance(loaded, Adapter) and any(tool.views for tool in loaded.tools.values()):
            from terrarium import _views  # noqa: F401
        if "logging" in sys.modules:
            from terrarium import _logs  # noqa: F401
        return loaded

    def _look_for_threads(self) -> None:
        threads = _leftovers.threads_in_the_way(self._harmless)
        if threads:
            self._orders.say(threads=threads)
            self._end()  # the warden answers the orders that nobody has taken

    def _look_for_descriptors(self) -> None:
        descriptors = _leftovers.descriptors_in_the_way(self._known)
        if descriptors:
            self._orders.say(threads=[], descriptors=descriptors)
            self._end()

    def _keep_quiet(self) -> None:
        """Where there are harmless threads Python warns of each fork, since 3.12."""
        if len(_leftovers.threads()) > 1:
            import warnings

            warnings.filterwarnings("ignore", "This process ", DeprecationWarning, __name__)

    def _end_if_grown(self, size: int, descriptors: int) -> None:
        """Each fork would pay for what leaks here (a hook of ``os.register_at_fork``, say)."""
        bytes_now, descriptors_now = _size()
        if (
            bytes_now - size > GROWTH_BYTES_MAX
            or descriptors_now - descriptors > GROWTH_DESCRIPTORS_MAX
        ):
            _say_end(
                f"it has grown by {bytes_now - size} bytes, and its open descriptors by"
                f" {descriptors_now - descriptors}, since it was ready: it is replaced"
            )
            self._orders.say(ends=True)
            self._end()

    def _open_pipe(self) -> None:
        """At high numbers: user code that closes low ones does not end a worker."""
        ends = os.pipe()
        self._living, self._held = (fcntl(end, F_DUPFD_CLOEXEC, LIFELINE_FD_MIN) for end in ends)
        for end in ends:
            os.close(end)
        self._known |= _leftovers.targets([self._living, self._held])

    def _end(self) -> NoReturn:
        """Waits until the workers have ended: they may use what the exit handlers remove."""
        self._orders.close()
        os.close(self._held)
        os.read(self._living, 1)
        if os.getppid() != self._warden:
            end_group()
        leave(0)

    def _end_at_once(self, status: int) -> NoReturn:
        """For one that cannot fork: that it is dead is how others know. Where workers live, what the
        import has registered never runs.
        """
        os.close(self._held)
        if not select([self._living], [], [], 0)[0]:
            flush()
            os._exit(status)
        leave(status)

    def _refuse(self, error: OSError) -> None:
        order = self._orders.take()
        if order is not None:
            order.tell(step="fork", errno=error.errno or 0, message=error.strerror or str(error))
            order.close()

    # ---- in the intermediate process

    def _fork_workers(self, renew: Callable[[], None]) -> Order:
        """Forks a worker for each of a few orders. Returns in each of them."""
        orders = self._take_orders()
        disown_children()
        gate, held = os.pipe()
        everything = [held] + [each for order in orders for each in order.descriptors()]
        children = [order.child(everything, os.getpid(), gate) for order in orders]
        pids: list[int | StepError] = []
        # As little as possible between two forks: a page that is written there each worker has to
        # itself, the others they share.
        for order, child in zip(orders, children):
            try:
                order.dress(self._name_at)
                renew()
                pid = os.fork()
            except (OSError, ValueError, StepError) as error:
                pids.append(_bootstrap.step_error("fork", error))
                continue
            if pid == 0:
                self._never_freed = orders, children, pids
                self._arm(*child)
                if self._of_children is not None:
                    signal.signal(signal.SIGCHLD, self._of_children)
                reseed()
                return order
            pids.append(pid)
        for order in orders[:1]:
            order.go_home()
        for order, pid in zip(orders, pids):
            order.tell(**({"pid": pid} if isinstance(pid, int) else pid.envelope()))
        return _leave(DONE)

    @staticmethod
    def _arm(
        others: list[int],
        lines: tuple[int, int],
        warden: int,
        intermediate: int,
        gate: int,
        report: int,
        limits: dict[str, int] | None,
    ) -> None:
        """In the worker: from here on it cannot outlive the JVM or the warden."""
        for descriptor in others:
            os.close(descriptor)
        _bootstrap.join(lines, warden, intermediate, gate, report)
        if limits is not None:
            hold(limits, report)
        os.write(report, ARMED)
        os.close(report)

    def _take_orders(self) -> list[Order]:
        """All that can be done once for several workers."""
        for descriptor in [*self._kept, self._living]:  # the zygote's lifelines are none of ours
            os.close(descriptor)
        orders: list[Order] = []
        while len(orders) < ORDERS_PER_INTERMEDIATE:
            order = self._orders.take()
            if order is None:
                break
            try:
                order.prepare(self._worker, self._loaded)
            except StepError as failure:
                order.tell(**failure.envelope())
                order.close()
            else:
                orders.append(order)
        self._orders.close()
        return orders


def enter(cgroup: str) -> None:
    """In the intermediate process: what it forks next is born there. Raises ``StepError``."""
    from terrarium import _limits

    _bootstrap.step("cgroup", _limits.enter, cgroup)


def hold(limits: dict[str, int], report: int) -> None:
    """In the worker: in the intermediate they would bind the forks that are still to come."""
    from terrarium import _limits

    try:
        _limits.apply(limits)
    except (OSError, ValueError) as error:
        _bootstrap.give_up("limits", error, report)


def _kept_descriptors(spec: dict[str, Any]) -> list[int]:
    """What we got above standard error and have no name for: our own lifelines."""
    named = {0, 1, 2, spec["orders_fd"], spec["stacks_fd"]}
    return [int(name) for name in os.listdir("/proc/self/fd") if _survives_exec(int(name), named)]


def _survives_exec(descriptor: int, named: set[int]) -> bool:
    try:
        return descriptor not in named and os.get_inheritable(descriptor)
    except OSError:  # the one with which the folder was read
        return False


def _without_handler() -> Any:
    """Takes the import's handler for SIGCHLD away, and returns it where there was one: it is to run
    in workers. Here it would collect the intermediate, or the kernel would, where it is to be
    ignored.
    """
    handler = signal.getsignal(signal.SIGCHLD)
    if handler is None or handler == signal.SIG_DFL:
        return None  # or a library has set it, past Python, which could not set it again
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    return handler


def _status(child: int) -> int | None:
    """Waits for its end. ``None`` where somebody else has collected it already."""
    try:
        return os.waitpid(child, 0)[1]
    except ChildProcessError:
        return None


def _leave(status: int) -> NoReturn:
    os._exit(status)


def _say_end(why: str) -> None:
    _errors.complain(f"the zygote ends: {why}")
    flush()


def _reopen_standard() -> None:
    """An adapter may have closed them: what is opened later would take their numbers."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # at the lowest free number, which is this one
            os.set_inheritable(descriptor, True)


def _require_room() -> None:
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if 0 <= soft < OPEN_FILES_MIN:
        _say_end(
            f"the adapter has lowered the limit of open files to {soft}; to fork it takes"
            f" {OPEN_FILES_MIN}"
        )
        leave(1)


def _size() -> tuple[int, int]:
    """Resident bytes, and how many descriptors are open."""
    pages = int((_leftovers.read("/proc/self/statm") or b"0 0").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE"), len(os.listdir("/proc/self/fd"))


def reseed() -> None:
    """All forks of one numpy or torch would draw the same numbers; ``random`` reseeds itself."""
    random = sys.modules.get("numpy.random")
    if random is not None:
        random.seed()
    generator = getattr(sys.modules.get("torch"), "default_generator", None)
    if generator is not None:
        generator.seed()  # the CPU's; those of devices are made in the worker


def name_at(worker: str) -> tuple[int, int] | None:
    """Where in memory a worker's id stands in the command line, and how long it is there. ``None``
    where it does not: what starts the interpreter may have given it another command line.
    """
    line = _leftovers.read("/proc/self/cmdline") or b""
    fields = (_leftovers.read("/proc/self/stat") or b"").rpartition(b")")[2].split()
    name = worker.encode("utf-8") + b"\0"
    at = line.rfind(b"\0" + name) + 1
    return (int(fields[45]) + at, len(name)) if at > 0 else None
