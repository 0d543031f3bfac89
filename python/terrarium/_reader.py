"""The thread that reads frames. It never runs user code, so it answers whatever the tools do."""

from __future__ import annotations

import os
from _signal import (
    SIG_BLOCK,
    SIGABRT,
    SIGBUS,
    SIGFPE,
    SIGILL,
    SIGSEGV,
    SIGWINCH,
    pthread_sigmask,
    valid_signals,
)
from _thread import get_ident

from terrarium import _errors
from terrarium._answers import REASONS
from terrarium._calls import Call
from terrarium._values import decode, to_text
from terrarium._wire import CALL, CANCEL, DRAIN, PING, PONG, STACKS, ConnectionLost, ProtocolError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from terrarium._worker import Worker

KEPT = {SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGWINCH}
"""Signals that this thread takes: its own faults, and the one for stacks, in case that the main
thread blocks it.
"""


class Reader:
    """Reads until the connection ends, and then ends the process: nobody is left to work for."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    def run(self) -> None:
        """The thread's whole life."""
        # The user's handlers run in the main thread, which only notices signals that it takes
        # itself.
        pthread_sigmask(SIG_BLOCK, valid_signals() - KEPT)
        self._thread = get_ident()
        try:
            while True:
                self._take(*self._worker.connection.receive())
        except (EOFError, ConnectionError):
            os._exit(0)  # the JVM is gone
        except ConnectionLost as error:
            self._worker.lost(error)
        except BaseException as error:
            self._end_of_reading(error)

    def _end_of_reading(self, error: BaseException) -> None:
        if isinstance(error, ProtocolError):
            self._worker.fail(f"protocol error: {error}")
        if isinstance(error, OSError):
            self._worker.fail(f"the connection to the JVM was closed in this process: {error}")
        _errors.report(error, "the reader failed")
        self._worker.fail("the reader failed")

    def _take(self, kind: int, number: int, envelope: bytes, attachments: list[bytes]) -> None:
        if kind == CALL:
            self._call(Call(number, envelope, attachments))
        elif kind == CANCEL:
            self._cancel(number, envelope)
        elif kind == PING:
            self._worker.connection.send(PONG, number)
        elif kind == DRAIN:
            self._worker.drain()
        else:
            raise ProtocolError(f"a frame of type {kind} is not for a worker")

    def _call(self, call: Call) -> None:
        worker = self._worker
        if worker.draining:
            worker.answers.error(call.id, "closing", "terrarium.Cancelled", REASONS["closing"])
            return
        worker.book.add(call)
        if worker.loop is not None:
            call.parse(worker.adapter.tools)
            if call.tool is not None and call.tool.kind == "async":
                worker.loop.submit(call)
                return
        worker.jobs.put(call)

    def _cancel(self, number: int, envelope: bytes) -> None:
        worker = self._worker
        reason = _reason(envelope)
        if reason == "deadline" and worker.book.is_undisturbed(number):
            self._send_stacks(number)
        found = worker.book.cancel(number, reason)
        if found is None:
            return
        call, running = found
        if not running:
            worker.answers.cancelled(call)
            worker.wake()
        elif call.tool is not None and call.tool.kind == "async":
            worker.loop.cancel(call)
        else:
            worker.runner.interrupt(call)

    def _send_stacks(self, number: int) -> None:
        from terrarium._stacks import stacks

        worker = self._worker
        call = worker.book.get(number)
        if call is None:
            return
        is_async = call.tool is not None and call.tool.kind == "async"
        first = worker.loop.thread if is_async else worker.runner.thread
        text = stacks(first, self._thread, call.coroutine)
        envelope = to_text({"stacks": _errors.clean(text)}).encode("utf-8")
        worker.book.while_running(
            number, lambda _: worker.connection.send(STACKS, number, envelope)
        )


def _reason(envelope: bytes) -> str:
    try:
        reason = decode(envelope, [])["reason"]
        REASONS[reason]
    except (ValueError, KeyError, TypeError) as error:
        raise ProtocolError(f"CANCEL with {envelope[:100]!r}: {error!r}") from None
    return reason
