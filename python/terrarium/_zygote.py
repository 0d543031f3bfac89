"""The zygote: one process per pool that has imported what its workers need, and forks them.

It is started like a worker, and dies like one: with the warden, with the JVM. Orders come over a
socket from the warden, each with the descriptors of the worker that is to be. The child is forked
twice, so that the warden becomes its parent: a *middle* forks all workers of a few orders, tells
the warden their pids through their report pipes, and exits.

Forking a process with several threads copies locks that nobody will ever release. So the threads
are counted before every fork; where there is more than one, the zygote says their names and ends,
and the pool starts its workers by exec.
"""

from __future__ import annotations

import gc
import os
import sys
from _socket import CMSG_SPACE, MSG_DONTWAIT, socket

from terrarium import _bootstrap, _spec
from terrarium._adapter import Adapter, LoadFailed, load
from terrarium._runner import flush
from terrarium._values import parse, to_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

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
        self.descriptors = dict(zip(DESCRIPTORS, descriptors))
        self.spec = _spec.read(self.descriptors.pop("spec"))
        self.plan = self._plan()

    def tell(self, **facts: Any) -> None:
        """One line for the warden, which may have given up on this worker."""
        try:
            os.write(self.descriptors["report"], to_text(facts).encode("utf-8") + b"\n")
        except OSError:
            return

    def refuse(self, step: str, code: int, message: str) -> None:
        """There is no process, and there will be none."""
        self.tell(step=step, errno=code, message=message)

    def close(self) -> None:
        for descriptor in self.descriptors.values():
            os.close(descriptor)

    def _plan(self) -> _bootstrap.Plan:
        given = self.descriptors
        return _bootstrap.Plan(
            number=self.facts["number"],
            hard=self.facts["hard"],
            lifelines=self.facts["lifelines"],
            warden=tuple(self.facts["warden"]),
            line=given["line"],
            descriptors={
                1: given["stdout"],
                2: given["stderr"],
                self.facts["stacks_fd"]: given["stacks"],
            },
        )


class Zygote:
    """``serve`` is its life. Only the workers come back from there."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self._spec = spec
        self._orders = socket(fileno=spec["orders_fd"])
        os.set_inheritable(spec["orders_fd"], False)
        self._kept = _kept_descriptors(spec)

    def serve(self) -> tuple[dict[str, Any], Adapter | LoadFailed | None]:
        """Preloads, then forks on request. Returns in each worker, with its spec and what was
        preloaded.
        """
        loaded = self._preload()
        gc.collect()
        # Collected objects would otherwise be looked at, and their pages copied, in every worker.
        gc.freeze()
        self._look_for_threads(())
        self._say(threads=[])
        size, descriptors = _size()
        while True:
            order = self._fork(self._receive())
            if order is not None:
                return order.spec, loaded
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

    # ---- the warden

    def _say(self, **facts: Any) -> None:
        self._orders.send(to_text(facts).encode("utf-8"))

    def _receive(self) -> list[Order]:
        """What is there, but at least one."""
        orders = [self._next(0)]
        while len(orders) < ORDERS_PER_MIDDLE:
            try:
                orders.append(self._next(MSG_DONTWAIT))
            except BlockingIOError:
                break
        return orders

    def _next(self, flags: int) -> Order:
        room = CMSG_SPACE(4 * len(DESCRIPTORS))
        message, ancillary, _, _ = self._orders.recvmsg(ORDER_BYTES_MAX, room, flags)
        if not message:
            os._exit(0)  # the warden does not want us any more
        data = b"".join(data for _, _, data in ancillary)
        numbers = [int.from_bytes(data[i : i + 4], sys.byteorder) for i in range(0, len(data), 4)]
        for number in numbers:
            os.set_inheritable(number, False)
        return Order(message, numbers)

    def _look_for_threads(self, orders: Sequence[Order]) -> None:
        threads = thread_names()
        if len(threads) > 1:
            for order in orders:
                order.refuse("zygote", 0, "it has more than one thread")
            self._say(threads=threads)
            os._exit(0)

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

    # ---- forking

    def _fork(self, orders: list[Order]) -> Order | None:
        """Forks a worker for each order. Returns it in each of them, and ``None`` here."""
        self._look_for_threads(orders)
        flush()  # what is buffered would be printed by every child once more
        try:
            gate, held = os.pipe()
        except OSError as error:
            self._refuse_all(orders, error)
            return None
        try:
            middle = os.fork()
        except OSError as error:
            self._refuse_all(orders, error)
            middle = -1
        if middle == 0:
            return self._fork_each(orders, gate, held)
        os.close(gate)
        os.close(held)
        for order in orders:
            order.close()
        if middle > 0:
            os.waitpid(middle, 0)
        return None

    @staticmethod
    def _refuse_all(orders: list[Order], error: OSError) -> None:
        for order in orders:
            order.refuse("fork", error.errno or 0, error.strerror or str(error))

    def _fork_each(self, orders: list[Order], gate: int, held: int) -> Order:
        """In the middle. Returns in each worker."""
        me = os.getpid()
        for order in orders:
            try:
                pid = os.fork()
            except OSError as error:
                self._refuse_all([order], error)
                continue
            if pid == 0:
                os.close(held)
                order.plan.middle = me
                self._become_worker(order, orders, gate)
                return order
            order.tell(pid=pid)
        os._exit(0)

    def _become_worker(self, order: Order, orders: list[Order], gate: int) -> None:
        self._orders.close()
        for descriptor in self._kept:  # the zygote's lifelines are none of ours
            os.close(descriptor)
        for other in orders:
            if other is not order:
                other.close()
        _bootstrap.join(order.plan, gate, order.descriptors["report"])
        order.close()  # the end of the report says that all went well
        reseed()
        rename(self._spec["worker"], order.facts["worker"])


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


def rename(zygote: str, worker: str) -> None:
    """Writes the worker's id over the zygote's, which is longer, in the command line: for people
    who look at ``ps``.
    """
    with open("/proc/self/cmdline", "rb") as file:
        line = file.read()
    with open("/proc/self/stat", "rb") as file:
        fields = file.read().rpartition(b")")[2].split()
    old, new = zygote.encode("utf-8") + b"\0", worker.encode("utf-8") + b"\0"
    at = line.rfind(b"\0" + old) + 1
    if at > 0 and len(new) <= len(old):
        _bootstrap.overwrite(int(fields[45]) + at, new.ljust(len(old), b"\0"))
