"""Where ``@tool``, ``@on_start`` and ``@on_stop`` put what they find while an adapter is loaded.

Nothing is kept outside of a load: tests may import any number of adapters that all have an ``add``.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable


class Registry:
    """What one load of an adapter registered, in order."""

    def __init__(self) -> None:
        self.tools: list[tuple[Callable[..., Any], str | None, bool]] = []
        self.hooks: dict[str, list[Callable[..., Any]]] = {"start": [], "stop": []}


_current: Registry | None = None


def begin() -> Registry:
    """Starts a load: from now on everything is registered here."""
    global _current
    _current = Registry()
    return _current


def end() -> None:
    """Ends the load: what is imported later (by a spawned child, say) registers nothing."""
    global _current
    _current = None


def add_tool(function: Callable[..., Any], name: str | None, idempotent: bool) -> None:
    """Notes a tool while an adapter is loaded."""
    if _current is not None:
        _current.tools.append((function, name, idempotent))


def add_hook(moment: str, function: Callable[..., Any]) -> None:
    """Notes a function for the worker's start or stop."""
    if not callable(function):
        raise TypeError(f"@on_{moment} needs a function, not {a(type(function).__name__)}")
    if _current is not None:
        _current.hooks[moment].append(function)


def a(name: str) -> str:
    """The name with its article: ``an int``, ``a set``."""
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"
