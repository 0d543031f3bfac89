"""What an adapter needs: mark functions as tools, and know about the call that runs.

    from terrarium import tool

    @tool
    def add(a: int, b: int) -> int:
        return a + b

The module works without a JVM too: ``add`` stays the function that it was, and ``python3 -m
terrarium adapter.py`` lists and calls the tools.
"""

from __future__ import annotations

from terrarium import _registry
from terrarium._context import Context

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, TypeVar, overload

    F = TypeVar("F", bound=Callable[..., Any])

    @overload
    def tool(function: F) -> F: ...
    @overload
    def tool(*, name: str | None = None, idempotent: bool = False) -> Callable[[F], F]: ...


__all__ = [
    "Cancelled",
    "DeadlineExceeded",
    "__version__",
    "context",
    "on_start",
    "on_stop",
    "tool",
]
__version__ = "0.1.0.dev0"


class Cancelled(BaseException):
    """Raised in a plain tool whose call was cancelled, at most once a call, in the worker's main
    thread.

    It is no ``Exception``, so that ``except Exception`` in a tool's loop does not swallow it. Clean
    up in ``finally`` and let it pass; whatever the tool does afterwards, its caller has stopped
    waiting.
    """

    __module__ = "terrarium"


class DeadlineExceeded(Cancelled):
    """The ``Cancelled`` of a call whose deadline passed."""

    __module__ = "terrarium"


context = Context()
"""The call that runs here; see ``Context``. Outside of a call its attributes are ``None`` and
``False``.
"""


def tool(function=None, *, name=None, idempotent=False):  # type: ignore[no-redef]
    """Offers a function to the JVM: ``@tool``, ``@tool(name="other")``, ``@tool(idempotent=True)``,
    ``tool(function)``.

    The function itself is returned unchanged. Plain functions run one at a time in the worker's
    main thread, ``async`` functions together on one event loop in a thread of its own.
    ``idempotent`` says that a call may be repeated on another worker. Raises ``TypeError`` for what
    cannot be called and ``ValueError`` for an empty name; two tools of one name are reported when
    the adapter is loaded.
    """
    if function is None:
        return lambda found: tool(found, name=name, idempotent=idempotent)
    if not callable(function):
        raise TypeError(f"@tool needs a function, not {_registry.a(type(function).__name__)}")
    if name is not None and (not isinstance(name, str) or not name):
        raise ValueError(f"a tool's name is a text that is not empty, not {name!r}")
    _registry.add_tool(function, name, bool(idempotent))
    return function


def on_start(function):
    """Runs the function once in each worker, in the main thread, after the adapter is loaded and
    before the first call.

    It takes nothing, or one argument: the pool's options, a ``dict``. What it raises makes the
    worker's start fail with that text. ``async`` functions run on the loop of the async tools.
    """
    _registry.add_hook("start", function)
    return function


def on_stop(function):
    """Runs the function (no arguments) when the worker is stopped politely, in the main thread,
    last registered first.

    What it raises goes to the worker's stderr and does not keep the others from running. A worker
    that is killed runs nothing any more.
    """
    _registry.add_hook("stop", function)
    return function
