"""Calls and their states: waiting, running, done. Whoever moves a call to done answers it, and
nobody else.
"""

from __future__ import annotations

from terrarium._context import current
from terrarium._protocol import REASON_WITHDRAWN
from terrarium._stdlib import allocate_lock, monotonic
from terrarium._values import decode
from terrarium._wire import ProtocolError, Unopened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    from terrarium._tools import Tool

WAITING, RUNNING, DONE = range(3)


class Call:
    """One ``CALL``. ``state`` and ``reason`` change under the table's lock; the rest belongs to the
    thread that runs it.
    """

    __slots__ = (
        "args",
        "attachments",
        "coroutine",
        "deadline",
        "envelope",
        "id",
        "named",
        "reason",
        "received",
        "refusal",
        "state",
        "struck",
        "task",
        "tool",
        "tool_name",
        "turn",
        "views",
    )

    def __init__(self, number: int, envelope: bytes, attachments: list[Any]) -> None:
        self.id = number
        self.received = monotonic()
        self.envelope: bytes | None = envelope
        self.attachments = attachments
        self.state = WAITING
        self.reason: str | None = None
        """Why the caller stopped waiting, once it has."""
        self.struck = False
        """Whether the interruption has reached the tool."""
        self.deadline: float | None = None
        self.turn: float | None = None
        """Seconds that it may take from its turn on; sets the deadline then."""
        self.tool: Tool | None = None
        self.coroutine: Any = None
        self.task: Any = None
        self.views: list[Any] = []
        self.refusal: str | None = None
        """Why the arguments cannot be had, where they cannot: then there is no ``tool`` either."""

    def parse(self, tools: dict[str, Tool]) -> None:
        """Reads the envelope, once. Raises ``ProtocolError``. In the thread that runs the call, so
        that a large one does not delay other frames; in the reader's where async tools are to
        overtake plain ones.
        """
        if self.envelope is None:
            return
        viewed = False
        try:
            if self.attachments:
                viewed = any(tool.views for tool in tools.values())
                if not viewed:
                    self.attachments = [
                        each if each.__class__ is bytes else each.read()
                        for each in self.attachments
                    ]
            found = decode(self.envelope, self.attachments)
            self.tool_name = found["tool"]
            self.args, self.named = found.get("args") or [], found.get("named") or {}
            milliseconds = found.get("deadline")
            turn = found.get("turn")
            self.turn = None if turn is None else turn / 1000
        except Unopened as error:
            self._refuse(error)
            return
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ProtocolError(f"call {self.id}: {type(error).__name__}: {error}") from None
        if type(self.args) is not list or type(self.named) is not dict:
            raise ProtocolError(f"call {self.id}: args is no list, or named no object")
        if milliseconds is not None:
            self.deadline = self.received + milliseconds / 1000
        self.tool = tools.get(self.tool_name) if isinstance(self.tool_name, str) else None
        self.envelope, self.attachments = None, []
        if viewed:
            from terrarium._views import settle

            try:
                self.args, self.named, self.views = settle(self.tool, self.args, self.named)
            except Unopened as error:
                self._refuse(error)

    def _refuse(self, error: Unopened) -> None:
        self.refusal = str(error)
        self.tool = self.envelope = None
        self.args, self.named, self.attachments = [], {}, []

    def end_views(self) -> bool:
        """The tool is through, and its result, if any, refers to what it needs itself. Before the
        answer is sent: it tells the JVM that the memory may be used again. False where something
        still reads it.
        """
        views, self.views = self.views, []
        ended = [view.end() for view in views]  # all of them, whatever one says
        return all(ended)

    def invoke(self) -> Any:
        """Calls the tool, in a context of the call's own."""
        current.set(self)
        if self.turn is not None:
            self.deadline = monotonic() + self.turn
        tool, args, named = self.tool, self.args, self.named
        if tool.convert is not None:
            args, named = tool.convert(args, named)
        return tool.function(*args, **named)


class CallTable:
    """The calls that are not answered yet. Thread-safe: the lock guards states, and a dictionary's
    own methods are atomic.
    """

    def __init__(self) -> None:
        self._lock = allocate_lock()
        self._calls: dict[int, Call] = {}

    def __len__(self) -> int:
        return len(self._calls)

    def add(self, call: Call) -> None:
        """A call has arrived. Raises ``ProtocolError`` where its number is in use."""
        if self._calls.setdefault(call.id, call) is not call:
            raise ProtocolError(f"call {call.id} is running already")

    def begin(self, call: Call) -> bool:
        """Whether the call is still wanted, and starts now."""
        with self._lock:
            if call.state != WAITING:
                return False
            call.state = RUNNING
            return True

    def finish(self, call: Call) -> bool:
        """Whether the one who asks is the one who answers. From here on a ``CANCEL`` comes too
        late.
        """
        with self._lock:
            if call.state == DONE:
                return False
            call.state = DONE
            return True

    def forget(self, call: Call) -> None:
        """The answer is sent. Until then the call counts: a worker that ends waits for it."""
        self._calls.pop(call.id, None)

    def get(self, number: int) -> Call | None:
        """The call, unless it is answered."""
        return self._calls.get(number)

    def is_undisturbed(self, number: int) -> bool:
        """Whether a call of that number runs, and nobody has cancelled it."""
        call = self._calls.get(number)
        return call is not None and call.state == RUNNING and call.reason is None

    def while_running(self, number: int, act: Callable[[Call], None]) -> None:
        """Does something, unless the call is over, so that it happens before the answer is sent.

        ``act`` may send a frame: whoever waits for this lock has nothing to send but the answer
        that must come later.
        """
        with self._lock:
            call = self._calls.get(number)
            if call is not None and call.state == RUNNING:
                act(call)

    def cancel(self, number: int, reason: str) -> tuple[Call, bool] | None:
        """Notes the reason. The call, and whether it runs (else it is done now, and the caller of
        this answers it); ``None`` where there is no such call, or it was cancelled before, or it
        is withdrawn too late.
        """
        with self._lock:
            call = self._calls.get(number)
            if call is None or call.reason is not None or call.state == DONE:
                return None
            if reason == REASON_WITHDRAWN and call.state == RUNNING:
                return None
            call.reason = reason
            if call.state == RUNNING:
                return call, True
            call.state = DONE
            return call, False
