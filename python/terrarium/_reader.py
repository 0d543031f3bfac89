"""Reads frames, in whichever of two threads can: who reads holds the *lead*.

The main thread takes the lead whenever it has nothing to do, reads the next call and runs it at
once: between a frame and its tool no other thread wakes up. It puts the lead down before it runs
anything. Where something takes longer than ``SLOW_SECONDS``, the thread that is called the reader
takes the lead, so that a ``CANCEL``, a ``PING`` and further calls find somebody; calls go through a
queue then. With the first frame that finds the main thread quick again the lead goes back.

* INVARIANT: only who holds the lead reads, and only who holds it puts calls into the queue.
* INVARIANT: the main thread reads only if the queue was empty when it held the lead: no call is
  forgotten there.
* INVARIANT: the main thread waits at the queue only while the reader holds the lead, and whoever
  puts the lead down rings there afterwards: somebody reads always.
* The reader never runs user code.

Where there are async tools the reader leads always: a plain tool must not delay what another thread
would run.
"""

from __future__ import annotations

from terrarium import _errors
from terrarium._answers import REASONS
from terrarium._calls import Call
from terrarium._connection import ConnectionLost
from terrarium._cpython import Empty, SimpleQueue
from terrarium._protocol import (
    CALL,
    CANCEL,
    DRAIN,
    KIND_ASYNC,
    LEVELS,
    MEMFD,
    PING,
    PONG,
    REASON_CLOSING,
    REASON_DEADLINE,
    STACKS,
    TAKEN,
)
from terrarium._runner import end_group
from terrarium._stdlib import allocate_lock, get_ident, monotonic, signal
from terrarium._values import decode, to_text
from terrarium._wire import ProtocolError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

    from terrarium._worker import Worker

SLOW_SECONDS = 0.01
"""What takes longer is no reason any more to leave frames unread."""
TICK_SECONDS = 0.02
"""The reader looks so often while calls come in. So a frame waits no longer than that, and what the
main thread does at that moment, for somebody who reads it.
"""
PARK_SECONDS = 0.1
"""After so long without a call the reader stops looking: an idle worker does not wake up."""

KEPT_SIGNALS = {
    signal.SIGABRT,
    signal.SIGBUS,
    signal.SIGFPE,
    signal.SIGILL,
    signal.SIGSEGV,
    signal.SIGWINCH,
}
"""Signals that the reader takes: its own faults, and the one for stacks, in case that the main
thread blocks it.
"""
WAKE = None
"""A job that is none: makes the main thread look around."""


class Reader:
    """``next_job`` belongs to the main thread, ``run`` is the other one; ``wake`` is everybody's."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._jobs: SimpleQueue[Any] = SimpleQueue()
        self._lead = allocate_lock()
        self._always = worker.loop is not None
        if self._always:
            self._lead.acquire()
        # Written by the main thread. The order matters: `_since` before `_busy`.
        self._since = monotonic()
        self._busy = False
        self._parked = False
        self._bell: SimpleQueue[None] = SimpleQueue()
        self._thread = 0

    # --- The main thread ---

    def next_job(self) -> Call | None:
        """What the main thread does next: a call, or ``WAKE``. Whoever asks is through with what he
        did. Ends the process where the connection ends; raises ``ProtocolError``,
        ``ConnectionLost`` and what the user's signal handlers raise.
        """
        self._busy = False
        if self._lead.acquire(False):
            if self._jobs.empty():
                job = self._read_here()
                self._begin()
                self._lead.release()
                return job
            self._lead.release()
        job = self._jobs.get()
        self._begin()
        return job

    def _begin(self) -> None:
        self._since = monotonic()
        self._busy = True
        if self._parked:  # once after a pause, not once a call
            self._parked = False
            self._bell.put(None)

    def _read_here(self) -> Call | None:
        try:
            return self._read()
        except (EOFError, OSError) as error:
            if _errors.user_frames(error) is not None:
                raise  # a signal handler's own
            self._end_of_reading(error)

    def greeted(self) -> None:
        """The HELLO is out, and what an async call logs has its way: from here on one may begin."""
        if self._always:
            self._bell.put(None)

    def wake(self) -> None:
        """Makes the main thread look around, should it wait for the reader."""
        self._jobs.put(WAKE)

    # --- The reader ---

    def run(self) -> None:
        """The thread's whole life."""
        self.settle()
        if self._always:
            self._bell.get()
        try:
            while True:
                if not self._always:
                    self._take_lead()
                self._read_on()
        except BaseException as error:
            self._end_of_reading(error)

    def settle(self) -> None:
        """What the thread does first."""
        # The user's handlers run in the main thread, which only notices signals that it takes
        # itself.
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals() - KEPT_SIGNALS)
        self._thread = get_ident()

    def _take_lead(self) -> None:
        """Returns with the lead, once the main thread has been busy with one thing for long."""
        while True:
            age = monotonic() - self._since
            if self._busy:
                if age >= SLOW_SECONDS and self._lead.acquire(False):
                    return
                self._pause(max(TICK_SECONDS - age, SLOW_SECONDS))
            elif age < PARK_SECONDS:
                self._pause(TICK_SECONDS)
            else:
                self._park()

    def _pause(self, seconds: float) -> None:
        try:
            self._bell.get(timeout=seconds)  # of nobody, or from before: it only looks too early
        except Empty:
            return

    def _park(self) -> None:
        self._parked = True
        # Either this sees that a call has just begun, or whoever begins it sees that this is parked.
        if not self._busy:
            self._bell.get()
        self._parked = False

    def _read_on(self) -> None:
        """Reads until the main thread can do it again."""
        while True:
            call = self._read()
            if call is not None:
                self._jobs.put(call)
            if not self._is_needed():
                self._lead.release()
                self.wake()  # it may have looked for the lead just before
                return

    def _is_needed(self) -> bool:
        return self._always or (self._busy and monotonic() - self._since >= SLOW_SECONDS)

    # --- Whoever leads ---

    def _end_of_reading(self, error: BaseException) -> NoReturn:
        if isinstance(error, (EOFError, ConnectionError)):
            end_group()  # the JVM is gone
        if isinstance(error, ProtocolError):
            self._worker.fail(f"protocol error: {error}")
        if isinstance(error, OSError):
            error = ConnectionLost(str(error), host_gone=False)
        if isinstance(error, ConnectionLost):
            self._worker.lost(error)
        _errors.report(error, "the reader failed")
        self._worker.fail("the reader failed")

    def _read(self) -> Call | None:
        """Takes one frame; the call, where it is one for the main thread."""
        kind, number, envelope, attachments = self._worker.connection.receive()
        if kind == CALL:
            return self._call(Call(number, envelope, attachments))
        self._take(kind, number, envelope)
        return None

    def _take(self, kind: int, number: int, envelope: bytes) -> None:
        if kind == CANCEL:
            self._cancel(number, envelope)
        elif kind == PING:
            self._worker.connection.send(PONG, number)
        elif kind == TAKEN:
            self._worker.connection.taken(number)
        elif kind == MEMFD:
            self._worker.connection.lend_from(_lend_from(envelope))
        elif kind == LEVELS:
            self._worker.set_log_levels(_levels(envelope))
        elif kind == DRAIN:
            self._worker.drain()
        else:
            raise ProtocolError(f"a frame of type {kind} is not for a worker")

    def _call(self, call: Call) -> Call | None:
        worker = self._worker
        if worker.draining:
            worker.answers.error(
                call.id, REASON_CLOSING, "terrarium.Cancelled", REASONS[REASON_CLOSING]
            )
            return None
        worker.book.add(call)
        if worker.loop is not None:
            call.parse(worker.adapter.tools)
            if call.tool is not None and call.tool.kind == KIND_ASYNC:
                worker.loop.submit(call)
                return None
        return call

    def _cancel(self, number: int, envelope: bytes) -> None:
        worker = self._worker
        reason = _reason(envelope)
        if reason == REASON_DEADLINE and worker.book.is_undisturbed(number):
            self._send_stacks(number)
        found = worker.book.cancel(number, reason)
        if found is None:
            return
        call, running = found
        if not running:
            worker.answers.cancelled(call)
            worker.wake()
        elif call.tool is not None and call.tool.kind == KIND_ASYNC:
            worker.loop.cancel(call)
        else:
            worker.runner.interrupt(call)

    def _send_stacks(self, number: int) -> None:
        try:
            from terrarium._stacks import stacks
        except (ImportError, OSError):
            return  # no descriptor left to import it with: the traceback of the ERROR must do

        worker = self._worker
        call = worker.book.get(number)
        if call is None:
            return
        is_async = call.tool is not None and call.tool.kind == KIND_ASYNC
        first = worker.loop.thread if is_async else worker.runner.thread
        text = stacks(first, self._thread, call.coroutine)
        envelope = to_text({"stacks": _errors.clean(text)}).encode("utf-8")
        worker.book.while_running(
            number, lambda _: worker.connection.send(STACKS, number, envelope)
        )


def _lend_from(envelope: bytes) -> int:
    try:
        return int(decode(envelope, [])["from"])
    except (ValueError, KeyError, TypeError) as error:
        raise ProtocolError(f"MEMFD with {envelope[:100]!r}: {error!r}") from None


def _levels(envelope: bytes) -> dict[str, int]:
    try:
        return {str(name): int(level) for name, level in decode(envelope, [])["levels"].items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ProtocolError(f"LEVELS with {envelope[:100]!r}: {error!r}") from None


def _reason(envelope: bytes) -> str:
    try:
        reason = decode(envelope, [])["reason"]
        REASONS[reason]
    except (ValueError, KeyError, TypeError) as error:
        raise ProtocolError(f"CANCEL with {envelope[:100]!r}: {error!r}") from None
    return reason
