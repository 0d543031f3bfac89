"""Rewrites a value as plain JSON structures, naming the path of whatever cannot be sent.

Works with a stack of its own instead of recursion, so that neither depth nor the user's recursion
limit matters.
"""

from __future__ import annotations

import sys

from terrarium import _types
from terrarium._protocol import (
    ATTACHMENT_BYTES_MAX,
    ATTACHMENTS_MAX,
    DIGITS_MAX,
    FRAME_BYTES_MAX,
    NESTING_MAX,
)
from terrarium._registry import a

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    from terrarium._wire import Buffer

HINTS = {
    "Fraction": "send str() or float() of it",
    "complex": "send its .real and .imag",
    "generator": "send a list: list(...)",
    "range": "send a list: list(...)",
    "dict_keys": "send a list: list(...)",
    "dict_values": "send a list: list(...)",
    "dict_items": "send a list: list(...)",
    "map": "send a list: list(...)",
    "filter": "send a list: list(...)",
    "zip": "send a list: list(...)",
    "deque": "send a list: list(...)",
    "array": "send .tolist() for numbers, .tobytes() for bytes",
    "mappingproxy": "send a dict: dict(...)",
    "DataFrame": "send .to_dict('records')",
    "Series": "send .tolist()",
    "coroutine": "write the tool with async def",
}


class Unsendable(TypeError):
    """A value that the wire cannot carry; the message names path and type, and what to send
    instead.
    """


_fields: dict[type, tuple[str, ...]] = {}


def field_names(kind: type) -> tuple[str, ...] | None:
    """The fields of a dataclass, or ``None``, without importing ``dataclasses``: whoever has one
    has imported it.
    """
    names = _fields.get(kind)
    if names is None and hasattr(kind, "__dataclass_fields__"):
        from dataclasses import fields

        names = _fields[kind] = tuple(field.name for field in fields(kind))
    return names


def attachment(item: Buffer) -> Buffer:
    """The bytes of a buffer, one by one, where possible without a copy."""
    if isinstance(item, memoryview):
        try:
            return item.cast("B")
        except TypeError:  # not contiguous, empty, or of a format that Python does not know
            return item.tobytes()
    return item


def check_sizes(attachments: list[Buffer]) -> None:
    """Raises ``ValueError`` where a frame cannot hold them."""
    if not attachments:
        return
    sizes = list(map(len, attachments))
    if len(sizes) > ATTACHMENTS_MAX:
        raise ValueError(f"{len(sizes)} byte strings are too many ({ATTACHMENTS_MAX} at most)")
    if max(sizes) > ATTACHMENT_BYTES_MAX or sum(sizes) > FRAME_BYTES_MAX:
        raise ValueError(
            f"{sum(sizes)} bytes are too many ({ATTACHMENT_BYTES_MAX} at most in one piece,"
            f" {FRAME_BYTES_MAX} together)"
        )


def python_allows_long_integers() -> bool:
    """Whether this interpreter writes integers of more than 4,300 digits: early patch levels, or by
    the user's wish.
    """
    limit = getattr(sys, "get_int_max_str_digits", int)()
    return limit == 0 or limit > DIGITS_MAX


def rewrite(value: Any, root: str) -> tuple[Any, list[Buffer]]:
    """Lists, dictionaries, text, numbers, and ``{"$bytes": i}`` with the attachments. Raises
    ``Unsendable``.
    """
    return _Rewriter().run(value, root)


class _Place:
    """Where a value stands: a chain up to the root, rendered only for an error."""

    __slots__ = ("container", "depth", "parent", "segment")

    def __init__(self, parent: _Place | None, segment: str, container: Any = None) -> None:
        self.parent = parent
        self.segment = segment
        self.container = container
        self.depth = 0 if parent is None else parent.depth + 1

    def __str__(self) -> str:
        segments, place = [], self
        while place is not None:
            segments.append(place.segment)
            place = place.parent
        return _shortened(segments[::-1])

    def encloses(self, container: Any) -> bool:
        """Whether the container is one of those around this place."""
        place = self
        while place is not None:
            if place.container is container:
                return True
            place = place.parent
        return False


def _shortened(segments: list[str]) -> str:
    if len(segments) > 40:
        segments = [*segments[:10], f"...({len(segments) - 15} more)...", *segments[-5:]]
    return "".join(segments)


class _Rewriter:
    def __init__(self) -> None:
        self.attachments: list[Buffer] = []
        self._todo: list[tuple[Any, Any, Any, _Place]] = []

    def run(self, value: Any, root: str) -> tuple[Any, list[Buffer]]:
        top: list[Any] = [None]
        self._todo.append((value, top, 0, _Place(None, root)))
        while self._todo:
            item, target, key, place = self._todo.pop()
            target[key] = self._one(item, place)
        try:
            check_sizes(self.attachments)
        except ValueError as error:
            raise Unsendable(f"{root}: {error}") from None
        return top[0], self.attachments

    def _one(self, item: Any, place: _Place) -> Any:
        if item is None or isinstance(item, (bool, float)):
            return item
        if isinstance(item, str):
            return _text(item, place)
        if isinstance(item, int):
            return _integer(item, place)
        if isinstance(item, (bytes, bytearray, memoryview)):
            return self._bytes(item, place)
        if isinstance(item, dict):
            return self._object(item, place)
        if isinstance(item, (list, tuple)):
            return self._array(item, place)
        send = _types.sender(item)
        if send is not None:
            return self._other(item, send, place)
        names = field_names(type(item))
        if names is None:
            raise Unsendable(f"{place}: {_refusal(item)}")
        return self._dataclass(item, names, place)

    def _bytes(self, item: Buffer, place: _Place) -> dict[str, int]:
        piece = attachment(item)
        try:
            check_sizes([piece])
        except ValueError as error:
            raise Unsendable(f"{place}: {error}") from None
        self.attachments.append(piece)
        return {"$bytes": len(self.attachments) - 1}

    def _other(self, item: Any, send: Callable[[Any], Any], place: _Place) -> Any:
        try:
            sent = send(item)
        except ValueError as error:
            raise Unsendable(f"{place}: {error}") from None
        return self._elements(sent, item, place) if type(sent) is list else sent

    def _array(self, item: Any, place: _Place) -> list[Any]:
        # What it holds, whatever a subclass says of that: so the fast way has it, too.
        base = list if isinstance(item, list) else tuple
        return self._elements(list(base.__iter__(item)), item, place)

    def _elements(self, elements: list[Any], item: Any, place: _Place) -> list[Any]:
        _enter(item, place)
        made: list[Any] = [None] * len(elements)
        # Pushed backwards, so that the first problem that is found is the first one in the value.
        for index in range(len(elements) - 1, -1, -1):
            self._todo.append((elements[index], made, index, _Place(place, f"[{index}]")))
        return made

    def _object(self, item: dict[Any, Any], place: _Place) -> dict[str, Any]:
        _enter(item, place)
        made: dict[str, Any] = {}
        todo = []
        for key, inner in dict.items(item):
            if not isinstance(key, str):
                raise Unsendable(f"{place}: {_bad_key(key)}")
            spot = _Place(place, _segment(key))
            key = _text(key, spot)
            key = f"${key}" if key.startswith("$") else key
            made[key] = None  # keeps the order, which the stack turns around
            todo.append((inner, made, key, spot))
        self._todo.extend(reversed(todo))
        return made

    def _dataclass(self, item: Any, names: tuple[str, ...], place: _Place) -> dict[str, Any]:
        _enter(item, place)
        made: dict[str, Any] = dict.fromkeys(names)
        for name in reversed(names):
            spot = _Place(place, f".{name}")
            try:
                self._todo.append((getattr(item, name), made, name, spot))
            except AttributeError as error:
                raise Unsendable(f"{spot}: the field has no value ({error})") from None
        return made


def _enter(item: Any, place: _Place) -> None:
    if place.parent is not None and place.parent.encloses(item):
        raise Unsendable(f"{place}: {a(type(item).__name__)} that contains itself cannot be sent")
    if place.depth >= NESTING_MAX:
        raise Unsendable(f"{place}: containers nested more than {NESTING_MAX} deep cannot be sent")
    place.container = item


def _segment(key: str) -> str:
    return f".{key}" if key.isidentifier() else f"[{key[:80]!a}]"


def _text(text: str, place: _Place) -> str:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise Unsendable(
            f"{place}: text with half a surrogate pair (character {error.start}) cannot be sent;"
            " where it came from bytes, send the bytes"
        ) from None
    return str.__str__(text)


def _integer(number: int, place: _Place) -> int:
    # 14,000 bits are about 4,215 digits: only then is it worth to compute the bound.
    if number.bit_length() > 14_000 and abs(number) >= 10**DIGITS_MAX:
        raise Unsendable(f"{place}: an integer of more than {DIGITS_MAX} digits cannot be sent")
    return int(number)


def _bad_key(key: Any) -> str:
    kind = type(key).__name__
    return f"{a(kind)} cannot be sent as a key: {ascii(key)[:80]}; keys are text, use str(...)"


def _refusal(item: Any) -> str:
    kind = type(item)
    module = kind.__module__
    name = kind.__name__ if module == "builtins" else f"{module}.{kind.__qualname__}"
    hint = _hint(kind)
    return f"{a(name)} cannot be sent" + (f"; {hint}" if hint else "")


def _hint(kind: type) -> str:
    if kind.__module__.split(".")[0] == "numpy":
        if kind.__name__ == "ndarray":
            return "send .tolist() for numbers, .tobytes() for bytes"
        return "send .item()"
    return next((HINTS[base.__name__] for base in kind.__mro__ if base.__name__ in HINTS), "")


def refuse(item: Any) -> Any:
    """For an encoder that meets what ``rewrite`` should have replaced."""
    raise Unsendable(_refusal(item))
