"""Runs async tools, all on one event loop in a thread of its own. Imported only for adapters that
have some.
"""

from __future__ import annotations

import asyncio
import threading
from contextvars import copy_context

from terrarium._connection import ConnectionLost
from terrarium._runner import exit_status

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any, Callable

    from terrarium._answers import Answers
    from terrarium._calls import Call, CallTable


class Loop:
    """Made in the main thread. The methods without underscore belong to everybody, the others to
    the loop's thread.
    """

    def __init__(self, fail: Callable[[str], None]) -> None:
        self._loop = asyncio.new_event_loop()
        self._fail = fail
        self._tasks: set[asyncio.Task[None]] = set()
        thread = threading.Thread(target=self._turn, name="terrarium-loop", daemon=True)
        thread.start()
        self.thread = thread.ident

    def serve(
        self,
        calls: CallTable,
        answers: Answers,
        leave: Callable[[int], None],
        wake: Callable[[], None],
        lost: Callable[[ConnectionLost], None],
    ) -> None:
        """Gives it what calls need, before the first one. ``wake`` is told of every answer. Calls
        start from the context that the main thread has now.
        """
        self._context = copy_context()
        self._calls = calls
        self._answers = answers
        self._leave = leave
        self._wake = wake
        self._lost = lost

    def submit(self, call: Call) -> None:
        """Starts a call soon."""
        self._loop.call_soon_threadsafe(self._begin, call)

    def cancel(self, call: Call) -> None:
        """Cancels a call that has begun."""
        self._loop.call_soon_threadsafe(self._cancel, call)

    def finish(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Runs a coroutine to its end and returns its result. What it sets in its context the
        calling thread has afterwards, as if it had run there. For other threads than the loop's.
        """
        before = after = copy_context()

        async def run() -> Any:
            nonlocal after
            try:
                return await coroutine
            finally:
                after = copy_context()

        try:
            return asyncio.run_coroutine_threadsafe(run(), self._loop).result()
        finally:
            for variable, value in after.items():
                if variable not in before or before[variable] is not value:
                    variable.set(value)

    def _turn(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        except BaseException as error:
            self._fail(f"the event loop failed: {type(error).__name__}: {error}")
        self._fail("a tool stopped the event loop")

    def _begin(self, call: Call) -> None:
        if not self._calls.begin(call):
            return
        call.coroutine = self._run(call)
        # The task takes a copy: what one call sets, no other sees.
        call.task = self._context.run(self._loop.create_task, call.coroutine)
        self._tasks.add(call.task)  # the loop alone would let it be collected
        call.task.add_done_callback(lambda task: self._settle(call, task))

    async def _run(self, call: Call) -> None:
        value = error = None
        try:
            value = await call.invoke()
        except BaseException as raised:
            error = raised
        self._end(call, value, error)
        del error

    def _settle(self, call: Call, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        call.task = call.coroutine = None
        if task.cancelled():  # before its first step, so that nothing of ``_run`` ran
            self._end(call, None, asyncio.CancelledError())
        elif task.exception() is not None:
            self._fail(f"call {call.id}: {task.exception()!r}")

    def _end(self, call: Call, value: Any, error: BaseException | None) -> None:
        if isinstance(error, SystemExit):
            self._leave(exit_status(error))
        try:
            self._answers.ended(call, value, error)
        except ConnectionLost as lost:
            self._lost(lost)
        self._wake()

    def _cancel(self, call: Call) -> None:
        if call.task is not None and not call.struck:
            call.struck = call.task.cancel()
