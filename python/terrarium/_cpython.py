"""What we use of CPython's private modules, and the public names that stand in for each.

Here alone is known where CPython keeps them (a test holds that). The C half of ``socket`` is a
single file; ``socket`` itself brings ``enum``, ``selectors``, ``re`` and more along, and a start is
mostly imports (decision 014). Where an interpreter has moved or changed one of them the public one
is taken: all that is lost then is time.

``TERRARIUM_PRIVATE_MODULES=off`` takes the public ones everywhere. It is for tests: the build runs
a part of them like that.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

PUBLIC_ONLY = os.environ.get("TERRARIUM_PRIVATE_MODULES") == "off"

_MODULES = {
    "posix": ("posix", "os"),
    "signal": ("_signal", "signal"),
    "socket": ("_socket", "socket"),
    # Documented, in spite of its name: `threading` cannot start a thread without an object for it.
    "thread": ("_thread", "_thread"),
}
_NAMES = {
    "BuiltinImporter": ("_frozen_importlib", "importlib.machinery"),
    "Empty": ("_queue", "queue"),
    "ContextVar": ("_contextvars", "contextvars"),
    "OrderedDict": ("_collections", "collections"),
    "PathFinder": ("_frozen_importlib_external", "importlib.machinery"),
    "SimpleQueue": ("_queue", "queue"),
    "SourceFileLoader": ("_frozen_importlib_external", "importlib.machinery"),
    "Struct": ("_struct", "struct"),
    "cache_from_source": ("_frozen_importlib_external", "importlib.util"),
    "copy_context": ("_contextvars", "contextvars"),
    "deque": ("_collections", "collections"),
    "module_from_spec": ("_frozen_importlib", "importlib.util"),
    "spec_from_file_location": ("_frozen_importlib_external", "importlib.util"),
}


def __getattr__(name: str) -> Any:
    """Each is imported when a module of ours first asks for it: the warden has no use for a queue,
    nor a worker for all that a zygote needs.
    """
    if name in _JSON:
        globals().update(zip(_JSON, _json()))
    elif name in _MODULES:
        globals()[name] = _first(*_MODULES[name])
    elif name in _NAMES:
        globals()[name] = _first(*_NAMES[name], attribute=name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return globals()[name]


def _first(private: str, public: str, attribute: str | None = None) -> Any:
    if not PUBLIC_ONLY:
        try:
            return _found(private, attribute)
        except (ImportError, AttributeError):
            pass  # this interpreter has it elsewhere
    return _found(public, attribute)


def _found(module: str, attribute: str | None) -> Any:
    __import__(module)
    return sys.modules[module] if attribute is None else getattr(sys.modules[module], attribute)


# ---- JSON

_JSON = ("json_encoder", "json_scanner")
"""Each takes a function, or ``None``, and makes another one.

``json_encoder(default)``: from a value to text, as small as it gets; ``default`` is asked for all
that is not JSON. The caller vouches that there is no cycle.

``json_scanner(hook)``: from text to a value, and each object is what ``hook`` makes of it. Raises
``ValueError``.
"""


def _json() -> tuple[Callable[..., Any], Callable[..., Any]]:
    if not PUBLIC_ONLY:
        try:
            return _private_json()
        except Exception:
            pass  # this interpreter has no C accelerator, or one that is called in another way
    return _public_json()


def _private_json() -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The C half, without ``re`` and the rest: a third of a bare worker's start."""
    from _json import encode_basestring, make_encoder, make_scanner

    def encoder(default: Callable[[Any], Any] | None) -> Callable[[Any], str]:
        pieces = make_encoder(None, default, encode_basestring, None, ":", ",", False, False, True)
        return lambda value: "".join(pieces(value, 0))

    def scanner(hook: Callable[[dict[str, Any]], Any] | None) -> Callable[[str], Any]:
        scan_once = make_scanner(_Grammar(hook))

        def scan(text: str) -> Any:
            try:
                value, end = scan_once(text, 0)
            except (StopIteration, SystemError):
                # The C scanner fails without an exception where ``json.decoder``, which has the
                # class, was never imported.
                if text[:1].isspace():
                    return scan(text.lstrip())
                raise ValueError("the envelope is not JSON") from None
            if end != len(text) and text[end:].strip():
                raise ValueError(f"the envelope has more than one value, from character {end}")
            return value

        return scan

    if (encoder(None)({"a": [1, None]}), scanner(None)("[1]")) != ('{"a":[1,null]}', [1]):
        raise TypeError("what is called like that does something else here")
    return encoder, scanner


class _Grammar:
    """What CPython's scanner wants to know."""

    strict = False
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = staticmethod(
        {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}.__getitem__
    )

    def __init__(self, hook: Callable[[dict[str, Any]], Any] | None) -> None:
        self.object_hook = hook


def _public_json() -> tuple[Callable[..., Any], Callable[..., Any]]:
    from json import JSONDecoder, JSONEncoder

    def encoder(default: Callable[[Any], Any] | None) -> Callable[[Any], str]:
        return JSONEncoder(
            ensure_ascii=False, check_circular=False, separators=(",", ":"), default=default
        ).encode

    def scanner(hook: Callable[[dict[str, Any]], Any] | None) -> Callable[[str], Any]:
        return JSONDecoder(object_hook=hook, strict=False).decode

    return encoder, scanner
