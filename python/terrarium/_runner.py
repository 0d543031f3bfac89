"""Runs plain tools in the main thread, and interrupts them there.

The interruption is a signal whose handler raises ``Cancelled``. CPython runs the handler between
any two bytecodes of the main thread, so this has to be right for all of them:

* INVARIANT: the handler raises only while ``_armed`` is a call whose own ``reason`` is set: the
  reader sets it under the table's lock, and only for a call that runs. A signal that comes late
  finds no armed call, or another one, without a reason.
* INVARIANT: it raises at most once a call (``struck``). So wherever in ``run`` it strikes, whatever
  catches it cannot be struck again, and ``_armed`` is cleared in peace.
* INVARIANT: code of ours that a tool enters and that must not be torn (a frame half written by a
  log record) runs shielded.
"""

from __future__ import annotations

import sys

from terrarium import _errors
from terrarium._answers import REASONS
from terrarium._calls import DONE
from terrarium._cpython import copy_context
from terrarium._protocol import REASON_DEADLINE
from terrarium._stdlib import get_ident, os, signal, sleep, start_new_thread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, NoReturn

    from terrarium._answers import Answers
    from terrarium._calls import Call, CallTable


INSIST_SECONDS_MIN = 0.01
INSIST_SECONDS_MAX = 1.0


class Runner:
    """Made and used in the main thread; ``interrupt`` and ``thread`` belong to everybody."""

    def __init__(self) -> None:
        self.thread = get_ident()
        self.forked = False
        self._armed: Call | None = None
        self._shields = 0
        signal.signal(signal.SIGURG, self._on_signal)
        # An agent may have blocked all there are.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGURG])

    def interrupt(self, call: Call) -> None:
        """Makes the handler look at the call that runs, until it has struck."""
        signal.pthread_kill(self.thread, signal.SIGURG)
        try:
            start_new_thread(self._insist, (call,))
        except RuntimeError as error:  # the limit of threads is reached
            _errors.complain(f"call {call.id} is interrupted once only: {error}")

    def _insist(self, call: Call) -> None:
        """Repeats the signal. One that arrives after Python last looked for signals, but before
        the system call that a tool then blocks in (``time.sleep``), ends neither.
        """
        seconds = INSIST_SECONDS_MIN
        while True:
            sleep(seconds)
            if call.struck or call.state == DONE:
                return
            signal.pthread_kill(self.thread, signal.SIGURG)
            seconds = min(2 * seconds, INSIST_SECONDS_MAX)

    def _on_signal(self, _number: int = 0, _frame: Any = None) -> None:
        call = self._armed
        if call is None or call.reason is None or call.struck or self._shields:
            return
        call.struck = True
        raise _interruption(call.reason)

    def run(
        self, call: Call, calls: CallTable, answers: Answers, leave: Callable[[int], None]
    ) -> None:
        """Runs the tool and answers. ``leave`` ends the process: for ``sys.exit`` in a tool, and
        for forked children.
        """
        if not calls.begin(call):
            return  # cancelled while it waited, and answered
        value = error = None
        try:
            value = self._invoke(call)
        except BaseException as raised:
            # Cancelled may have struck before the line that disarms was through; it does not come
            # twice.
            self._armed = None
            error = raised
        try:
            if self.forked:
                _end_child(error)
            if isinstance(error, SystemExit):
                leave(exit_status(error))
            answers.ended(call, value, error)
        finally:
            # The traceback refers to this frame: without this the tool's locals would wait for the
            # garbage collector.
            del error

    def _invoke(self, call: Call) -> Any:
        # A frame of its own: inside one function the bytecodes between a `try` and another have no
        # handler.
        self._shields = 0  # an exception out of a signal handler of the user's may have left one up
        self._armed = call
        try:
            return copy_context().run(call.invoke)
        finally:
            self._armed = None

    def __enter__(self) -> None:
        """The shield: no interruption inside, a due one at its end. For the main thread only."""
        self._shields += 1

    def __exit__(self, *_: object) -> None:
        self._shields -= 1
        self._on_signal()

    def after_fork(self) -> None:
        """In a child: no call of the worker's runs here."""
        self.forked = True
        self._armed = None


def _interruption(reason: str) -> BaseException:
    from terrarium import Cancelled, DeadlineExceeded

    return (DeadlineExceeded if reason == REASON_DEADLINE else Cancelled)(REASONS[reason])


def exit_status(error: SystemExit) -> int:
    """The status that Python would exit with, having printed the text where there is one."""
    if error.code is None:
        return 0
    if isinstance(error.code, int):
        return error.code & 0xFF
    _errors.complain(str(error.code))
    return 1


def _end_child(error: BaseException | None) -> None:
    """A tool called ``os.fork`` and its child came back from the tool: what follows is the parent's
    business.
    """
    status = 0
    if isinstance(error, SystemExit):
        status = exit_status(error)
    elif error is not None:
        _errors.report(error, "in a process forked by a tool")
        status = 1
    flush()
    os._exit(status)


def end_group() -> NoReturn:
    """For whoever learns that the JVM, or the warden, is gone before the kernel's signal for that
    has come. Just to leave would take along the lifelines on which the signal comes, and whatever
    else is in this group would live on.
    """
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(0)


def flush() -> None:
    """Sends on what was printed; a broken pipe is nobody's business any more."""
    for stream in streams():
        try:
            stream.flush()
        except Exception:
            continue


def streams() -> list[Any]:
    """Standard output and error: as they are now, and as Python made them. An agent that puts a
    stream of its own in front may not pass everything on.
    """
    found: list[Any] = []
    for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
        if stream is not None and not any(stream is other for other in found):
            found.append(stream)
    return found
