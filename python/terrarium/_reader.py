"""Reads frames, in whichever of two threads can: the one that holds the *read lock* reads.

The main thread takes the read lock whenever it has nothing to do, reads the next call and runs it
at once: between a frame and its tool no other thread wakes up. It releases the lock before it runs
anything. Where something takes longer than ``SLOW_SECONDS``, the thread that is called the reader
takes the lock, so that a ``CANCEL``, a ``PING`` and further calls find somebody; calls go through a
queue then. With the first frame that finds the main thread quick again the lock is released.

* INVARIANT: only the holder of the read lock reads, and only the holder puts calls into the queue.
* INVARIANT: the main thread reads only if the queue was empty when it held the lock: no call is
  forgotten there.
* INVARIANT: the main thread waits at the queue only while the reader holds the lock, and whoever
  releases the lock rings there afterwards: somebody reads always.
* The reader never runs user code.

Where there are async tools the reader holds the lock always: a plain tool must not delay what
another thread would run.
"""

from __future__ import annotations

from terrarium import _errors
from terrarium._cpython import Empty, SimpleQueue
from terrarium._stdlib import allocate_lock, get_ident, monotonic, signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, NoReturn

    from terrarium._calls import Call

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

    def __init__(
        self,
        read: Callable[[], Call | None],
        failed: Callable[[BaseException], NoReturn],
        always: bool,
    ) -> None:
        """``read`` takes one frame, and returns a call where that is one for the main thread. What
        it raises goes to ``failed``, which ends the process. ``always``: the reader always holds
        the read lock.
        """
        self._read = read
        self._failed = failed
        self._jobs: SimpleQueue[Any] = SimpleQueue()
        self._read_lock = allocate_lock()
        self._always = always
        if self._always:
            self._read_lock.acquire()
        # Written by the main thread. The order matters: `_since` before `_busy`.
        self._since = monotonic()
        self._busy = False
        self._parked = False
        self._bell: SimpleQueue[None] = SimpleQueue()
        self.thread = 0

    # --- The main thread ---

    def next_job(self) -> Call | None:
        """What the main thread does next: a call, or ``WAKE``. Whoever asks is through with what he
        did. Ends the process where the connection ends; raises ``ProtocolError``,
        ``ConnectionLost`` and what the user's signal handlers raise.
        """
        self._busy = False
        if self._read_lock.acquire(False):
            if self._jobs.empty():
                job = self._read_here()
                self._begin()
                self._read_lock.release()
                return job
            self._read_lock.release()
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
            self._failed(error)

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
                    self._take_read_lock()
                self._read_on()
        except BaseException as error:
            self._failed(error)

    def settle(self) -> None:
        """What the thread does first."""
        # The user's handlers run in the main thread, which only notices signals that it takes
        # itself.
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals() - KEPT_SIGNALS)
        self.thread = get_ident()

    def _take_read_lock(self) -> None:
        """Returns with the read lock, once the main thread has been busy with one thing for long."""
        while True:
            age = monotonic() - self._since
            if self._busy:
                if age >= SLOW_SECONDS and self._read_lock.acquire(False):
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
                self._read_lock.release()
                self.wake()  # it may have looked for the lock just before
                return

    def _is_needed(self) -> bool:
        return self._always or (self._busy and monotonic() - self._since >= SLOW_SECONDS)
