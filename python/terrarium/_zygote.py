"""The zygote: one process per pool that has imported what its workers need, and forks them.

It is started like a worker, and dies like one: with the warden, with the JVM. Orders come over a
socket from the warden, each with the descriptors of the worker that is to be. Workers are forked
twice, so that the warden becomes their parent: a *middle* takes a few orders, forks a worker for
each, tells the warden their pids through their report pipes, and exits.

The middle does what it can before the fork, the worker only what it must do itself: each page of
memory that it writes to (a reference count is enough) it has to itself from then on.

Forking a process with several threads copies locks that nobody will ever release. So the threads
are counted before every fork; where there is more than one, the zygote says their names and ends,
and the pool starts its workers by exec.
"""

from __future__ import annotations

import gc
import os
import sys
from _socket import CMSG_SPACE, MSG_DONTWAIT, MSG_PEEK, socket

from terrarium import _bootstrap, _spec
from terrarium._adapter import Adapter, LoadFailed, load
from terrarium._runner import flush
from terrarium._values import parse, to_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

ORDERS_PER_MIDDLE = 8
"""A middle costs a fork of its own; and whoever it has forked waits for its end."""
ORDER_BYTES_MAX = 65_536
DESCRIPTORS = ("spec", "stdout", "stderr", "stacks", "report", "line")
GROWTH_BYTES_MAX = 64 << 20
GROWTH_DESCRIPTORS_MAX = 64


class Order:
    """One worker to be forked. The descriptors are ours to close."""

    def __init__(self, message: bytes, descriptors: list[int]) -> None:
        if len(descriptors) != len(DESCRIPTORS):
            raise ValueError(f"an order with {len(descriptors)} descriptors")
        self.facts = parse(message.decode("utf-8", "surrogatepass"))
        self._descriptors = dict(zip(DESCRIPTORS, descriptors))
        self.spec: dict[str, Any] = {}

    def prepare(self, zygote: str) -> None:
        """Makes of the middle what the worker is to inherit. Raises ``StepError``."""
        facts, given = self.facts, self._descriptors
        self.spec = _spec.read(given.pop("spec"))
        _bootstrap.step("birthmark", _bootstrap.bear_mark, facts["hard"], facts["number"])
        for name, number in (("stdout", 1), ("stderr", 2), ("stacks", facts["stacks_fd"])):
            source = given.pop(name)
            os.dup2(source, number)
            os.close(source)
        lifeline = _bootstrap.step("lifeline", _bootstrap.connect_lifeline, facts["lifelines"])
        for name, low in (("lifeline", lifeline.detach()), ("line", given["line"])):
            given[name] = _bootstrap.step("lifeline", _bootstrap.keep_high, low)
            os.close(low)
        rename(zygote, facts["worker"])

    def arm(self, middle: int, gate: int) -> None:
        """In the worker: from here on it cannot outlive the JVM or the warden."""
        given = self._descriptors
        lines = given["lifeline"], given["line"]
        _bootstrap.join(lines, self.facts["warden"][0], middle, gate, given["report"])
        os.close(given["report"])  # its end says that all went well

    def tell(self, **facts: Any) -> None:
        """One line for the warden, which may have given up on this worker."""
        try:
            os.write(self._descriptors["report"], to_text(facts).encode("utf-8") + b"\n")
        except OSError:
            return

    def close(self) -> None:
        for descriptor in self._descriptors.values():
            os.close(descriptor)


class Orders:
    """The warden's word."""

    def __init__(self, descriptor: int) -> None:
        self._socket = socket(fileno=descriptor)
        os.set_inheritable(descriptor, False)

    def say(self, **facts: Any) -> None:
        self._socket.send(to_text(facts).encode("utf-8"))

    def wait(self) -> None:
        """Until there is one. Ends the process where the warden does not want it any more."""
        if not self._socket.recv(1, MSG_PEEK):
            os._exit(0)

    def take(self) -> Order | None:
        """The next one, ``None`` where there is none at the moment."""
        room = CMSG_SPACE(4 * len(DESCRIPTORS))
        try:
            message, ancillary, _, _ = self._socket.recvmsg(ORDER_BYTES_MAX, room, MSG_DONTWAIT)
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

    def __init__(self, spec: dict[str, Any]) -> None:
        self._spec = spec
        self._orders = Orders(spec["orders_fd"])
        self._kept = _kept_descriptors(spec)

    def serve(
        self, renew: Callable[[], None]
    ) -> tuple[dict[str, Any], Adapter | LoadFailed | None]:
        """Preloads, then forks on request. Returns in each worker, with its spec and what was
        preloaded. ``renew`` is called before each fork, when standard error is the worker's.
        """
        loaded = self._preload()
        gc.collect()
        # Collected objects would otherwise be looked at, and their pages copied, in every worker.
        gc.freeze()
        self._look_for_threads()
        self._orders.say(threads=[])
        size, descriptors = _size()
        while True:
            self._orders.wait()
            self._look_for_threads()
            flush()  # what is buffered would be printed by every child once more
            try:
                middle = os.fork()
            except OSError as error:
                self._refuse(error)
                continue
            if middle == 0:
                return self._fork_workers(renew).spec, loaded
            os.waitpid(middle, 0)
            self._end_if_grown(size, descriptors)

    def _preload(self) -> Adapter | LoadFailed | None:
        # What every worker imports anyway.
        from terrarium import _answers, _arguments, _reader  # noqa: F401

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
        if "logging" in sys.modules:
            from terrarium import _logs  # noqa: F401
        return loaded

    def _look_for_threads(self) -> None:
        threads = thread_names()
        if len(threads) > 1:
            self._orders.say(threads=threads)
            os._exit(0)  # the warden answers the orders that nobody has taken

    def _end_if_grown(self, size: int, descriptors: int) -> None:
        """Each fork would pay for what leaks here (a hook of ``os.register_at_fork``, say)."""
        bytes_now, descriptors_now = _size()
        if (
            bytes_now - size > GROWTH_BYTES_MAX
            or descriptors_now - descriptors > GROWTH_DESCRIPTORS_MAX
        ):
            sys.stderr.write(
                f"the zygote has grown by {bytes_now - size} bytes and"
                f" {descriptors_now - descriptors} descriptors since it was ready: it is replaced\n"
            )
            flush()
            os._exit(0)

    def _refuse(self, error: OSError) -> None:
        order = self._orders.take()
        if order is not None:
            order.tell(step="fork", errno=error.errno or 0, message=error.strerror or str(error))
            order.close()

    # ---- in the middle

    def _fork_workers(self, renew: Callable[[], None]) -> Order:
        """Forks a worker for each of a few orders. Returns in each of them."""
        for descriptor in self._kept:  # the zygote's lifelines are none of ours
            os.close(descriptor)
        me = os.getpid()
        gate, held = os.pipe()
        zygote = self._spec["worker"]
        for _ in range(ORDERS_PER_MIDDLE):
            order = self._orders.take()
            if order is None:
                break
            try:
                order.prepare(zygote)
                renew()
                pid = _bootstrap.step("fork", os.fork)
            except _bootstrap.StepError as failure:
                order.tell(**failure.envelope())
                order.close()
                continue
            if pid == 0:
                os.close(held)
                self._orders.close()
                order.arm(me, gate)
                reseed()
                return order
            zygote = order.facts["worker"]
            order.tell(pid=pid)
            order.close()
        os._exit(0)


def _kept_descriptors(spec: dict[str, Any]) -> list[int]:
    """What we got above standard error and have no name for: our own lifelines."""
    named = {0, 1, 2, spec["orders_fd"], spec["stacks_fd"]}
    return [int(name) for name in os.listdir("/proc/self/fd") if _survives_exec(int(name), named)]


def _survives_exec(descriptor: int, named: set[int]) -> bool:
    try:
        return descriptor not in named and os.get_inheritable(descriptor)
    except OSError:  # the one with which the folder was read
        return False


def _size() -> tuple[int, int]:
    """Resident bytes, and how many descriptors are open."""
    with open("/proc/self/statm", "rb") as file:
        pages = int(file.read().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE"), len(os.listdir("/proc/self/fd"))


def thread_names() -> list[str]:
    """One name for each thread: Python's where it has one, else the kernel's."""
    numbers = [int(name) for name in os.listdir("/proc/self/task")]
    known: dict[int | None, str] = {}
    if "threading" in sys.modules:
        import threading

        known = {thread.native_id: thread.name for thread in threading.enumerate()}
    return [known.get(number) or _kernel_name(number) for number in sorted(numbers)]


def _kernel_name(thread: int) -> str:
    try:
        with open(f"/proc/self/task/{thread}/comm", encoding="utf-8", errors="replace") as file:
            return f"{file.read().strip()} (no thread of Python's)"
    except OSError:
        return "a thread that has just ended"


def reseed() -> None:
    """All forks of one numpy would draw the same numbers; ``random`` reseeds itself."""
    random = sys.modules.get("numpy.random")
    if random is not None:
        random.seed()


def rename(old_id: str, new_id: str) -> None:
    """Writes one worker's id over another's in the command line, for people who look at ``ps``.
    Does nothing where there is no room.
    """
    with open("/proc/self/cmdline", "rb") as file:
        line = file.read()
    with open("/proc/self/stat", "rb") as file:
        fields = file.read().rpartition(b")")[2].split()
    at = line.rfind(b"\0" + old_id.encode("utf-8") + b"\0") + 1
    new = new_id.encode("utf-8") + b"\0"
    if at > 0 and len(new) <= len(line) - at:
        _bootstrap.overwrite(int(fields[45]) + at, new.ljust(len(line) - at, b"\0"))
