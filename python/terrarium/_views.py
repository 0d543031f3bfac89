"""Arguments as a tool wants its bytes: ``bytes``, or ``memoryview`` where the annotation says so.

In an argument whose annotation names ``memoryview`` (itself, ``list[memoryview]``,
``Optional[memoryview]``, ...) all bytes are memoryviews, read-only; large ones show the memory that
the JVM wrote, without a copy. They end with the call.

Imported where a tool has such an annotation, together with all that views need: when the first
value comes a tool may have left no descriptor to import anything with.
"""

from __future__ import annotations

import mmap  # noqa: F401 - for ``Borrowed.view``

from terrarium._memory import Borrowed, View

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from terrarium._tools import Tool


def settle(
    tool: Tool | None, args: list[Any], named: dict[str, Any]
) -> tuple[list[Any], dict[str, Any], list[View]]:
    """The arguments with bytes in their final form, and the views among them."""
    parameters = tool.parameters if tool is not None else []
    wanted = tool.views if tool is not None else frozenset()
    positional = [each["name"] for each in parameters if each["kind"].startswith("positional")]
    known = {each["name"] for each in parameters}
    rest = next((each["name"] for each in parameters if each["kind"] == "keyword rest"), "")
    views: list[View] = []

    def settled(name: str, value: Any) -> Any:
        return _settle(value, views if name in wanted else None)

    # What is one too many goes with the last one: Python will refuse it, or it is ``*args``.
    last = len(positional) - 1
    args = [
        settled(positional[min(at, last)] if positional else "", v) for at, v in enumerate(args)
    ]
    named = {name: settled(name if name in known else rest, v) for name, v in named.items()}
    return args, named, views


def _settle(value: Any, views: list[View] | None) -> Any:
    kind = type(value)
    if kind is list:
        return [_settle(item, views) for item in value]
    if kind is dict:
        return {key: _settle(item, views) for key, item in value.items()}
    if kind is Borrowed:
        if views is None:
            return value.read()
        views.append(value.view())
        return views[-1].shown
    if kind is bytes and views is not None:
        views.append(View(memoryview(value)))
        return views[-1].shown
    return value
