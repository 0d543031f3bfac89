"""The call that runs, as tools see it."""

from __future__ import annotations

from terrarium._cpython import ContextVar
from terrarium._stdlib import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

current: ContextVar[Any] = ContextVar("terrarium_call", default=None)
"""The worker's ``Call`` in the contexts in which its tool runs. A context variable, since async
tools share a thread.
"""


class Context:
    """Facts about the call that runs; import the one instance ``terrarium.context``.

    Correct in plain tools, in async tools and in what inherits their context (tasks,
    ``asyncio.to_thread``). A thread that a tool starts by hand has no call, unless it runs in
    ``contextvars.copy_context()``. Never raises, never blocks.
    """

    __slots__ = ()

    @property
    def call_id(self) -> int | None:
        """The call's number, one of its kind in this worker; ``None`` outside of a call."""
        call = current.get()
        return None if call is None else call.id

    @property
    def session_id(self) -> str | None:
        """The key of the call's session; ``None``, since this version has no sessions."""
        return None

    @property
    def session(self) -> dict[str, Any] | None:
        """The session's own dictionary; ``None``, since this version has no sessions."""
        return None

    def remaining(self) -> float | None:
        """Seconds until the call's deadline, never below 0; ``None`` where it has none."""
        call = current.get()
        if call is None or call.deadline is None:
            return None
        return max(0.0, call.deadline - monotonic())

    @property
    def cancelled(self) -> bool:
        """Whether the caller has stopped waiting: for loops that prefer to look."""
        call = current.get()
        return call is not None and call.reason is not None

    def __repr__(self) -> str:
        return f"<terrarium.context: call {self.call_id}>"
