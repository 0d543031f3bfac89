"""How a call ends on the wire: exactly one ``RESULT`` or ``ERROR``."""

from __future__ import annotations

from terrarium import _errors
from terrarium._protocol import (
    ERROR,
    KEPT,
    KIND_GENERATOR,
    REASON_CANCELLED,
    REASON_CLOSING,
    REASON_DEADLINE,
    REASON_WITHDRAWN,
    RESULT,
)
from terrarium._values import Unsendable, encode, to_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from terrarium._calls import Call, CallTable
    from terrarium._connection import Connection
    from terrarium._tools import Tool

REASONS = {
    REASON_CANCELLED: "the call was cancelled",
    REASON_DEADLINE: "the call's deadline passed",
    REASON_CLOSING: "the pool is closing",
    REASON_WITHDRAWN: "the call was taken back",
}
NO_STREAMS = "{!r} is a generator, and this version does not support streams; return a list"


class Answers:
    """Sends them. Any thread; raises ``ConnectionLost``."""

    def __init__(self, connection: Connection, calls: CallTable, tools: dict[str, Tool]) -> None:
        self._connection = connection
        self._calls = calls
        self._tools = tools

    def ended(self, call: Call, value: Any, error: BaseException | None) -> None:
        """The tool is through, one way or another."""
        if not self._calls.finish(call):
            return
        if call.struck:
            self._interrupted(call, error)
        elif error is None:
            self._result(call, value)
        else:
            self._raised(call, error)
        self._calls.forget(call)

    def _raised(self, call: Call, error: BaseException) -> None:
        self._end_views(call)
        kind = "bad-argument" if _is_bad_argument(call, error) else "tool"
        found = _errors.describe(error)
        remedy = _errors.remedy(error)
        if kind == "bad-argument":
            found["traceback"] = None  # the tool was not entered
        elif remedy is not None and found["traceback"] is not None:
            found["traceback"] += f"{remedy}\n"  # where Python prints an exception's notes
        self.error(call.id, kind, **found)

    def _result(self, call: Call, value: Any) -> None:
        try:
            try:
                envelope, attachments = encode(value)
            finally:
                self._end_views(call)
            send = self._connection.send
        except Unsendable as error:
            self.error(call.id, "value", "TypeError", _errors.clean(str(error)))
        except Exception as error:  # a property of the user's, or no memory left
            found = _errors.describe(error)
            found["message"] = f"value: cannot be encoded: {found['message']}"
            self.error(call.id, "value", **found)
        else:
            send(RESULT, call.id, envelope, attachments)

    def _end_views(self, call: Call) -> None:
        if call.views and not call.end_views():
            self._connection.send(KEPT, call.id, b"{}")

    def _interrupted(self, call: Call, error: BaseException | None) -> None:
        self._end_views(call)
        if error is None:
            text = f"{REASONS[call.reason]}; the tool caught the interruption and ran to its end"
            self.error(call.id, call.reason, "terrarium.Cancelled", text)
            return
        found = _errors.describe(error)
        found["message"] = found["message"] or REASONS[call.reason]
        self.error(call.id, call.reason, **found)

    def cancelled(self, call: Call) -> None:
        """The call had not begun; the table has closed it already."""
        text = f"{REASONS[call.reason]} before the tool was started"
        self.error(call.id, call.reason, "terrarium.Cancelled", text)
        self._calls.forget(call)

    def refused(self, call: Call) -> bool:
        """Answers what cannot be called: an unknown tool, a generator, one whose arguments cannot be
        had. The call is parsed.
        """
        if call.tool is not None and call.tool.kind != KIND_GENERATOR:
            return False
        if not self._calls.finish(call):
            return True
        if call.refusal is not None:
            self.error(call.id, "tool", "OSError", call.refusal)
        elif call.tool is not None:
            self.error(call.id, "value", "TypeError", NO_STREAMS.format(call.tool_name))
        else:
            nearest = _nearest(call.tool_name, self._tools)
            text = f"no tool is called {call.tool_name!r}"
            text += f"; did you mean {nearest!r}?" if nearest else ""
            self.error(call.id, "unknown-tool", "LookupError", text, nearest=nearest)
        self._calls.forget(call)
        return True

    def error(
        self,
        number: int,
        kind: str,
        type: str,
        message: str,
        traceback: str | None = None,
        nearest: str | None = None,
    ) -> None:
        """Sends an ``ERROR``."""
        envelope = {
            "kind": kind,
            "type": type,
            "message": message,
            "traceback": traceback,
            "nearest": nearest,
        }
        text = to_text(envelope).encode("utf-8", "backslashreplace")
        self._connection.send(ERROR, number, text)


def _is_bad_argument(call: Call, error: BaseException) -> bool:
    """Whether the arguments did not fit, in contrast to a ``TypeError`` of the tool's own."""
    if not isinstance(error, TypeError):
        return False
    if _errors.user_frames(error) is None:
        return True  # raised by the call itself: nothing of the user's had begun
    wrapped = hasattr(call.tool.function, "__wrapped__")
    return wrapped and not call.tool.accepts(call.args, call.named)


def _nearest(name: Any, tools: dict[str, Tool]) -> str | None:
    try:
        from difflib import get_close_matches

        return next(iter(get_close_matches(str(name), tools, 1, 0.6)), None)
    except Exception:  # no descriptors left to import with, say
        return None
