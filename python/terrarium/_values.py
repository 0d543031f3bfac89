"""Values as JSON with attachments; "Values" in ``docs/protocol.md``.

Encoding has two ways. The fast one proves with a few C-speed passes that the value is ordinary and
leaves the rest to CPython's encoder. The slow one (``_plain``) knows all rules, finds the path of
what cannot be sent, and takes over whenever the fast one has the least doubt. So correctness lives
in one place, and speed in the other.
"""

from __future__ import annotations

from itertools import chain

from terrarium import _plain, _types
from terrarium._cpython import OrderedDict, json_encoder, json_scanner
from terrarium._plain import Unsendable, attachment, field_names
from terrarium._protocol import DIGITS_MAX, NESTING_MAX

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    from terrarium._wire import Buffer

__all__ = ["Unsendable", "decode", "encode", "parse", "to_text"]

SCALARS = frozenset({str, int, float, bool, type(None), bytes, bytearray, memoryview})
ALONE = frozenset({str, int, float, bool, type(None)})
TEXT_ONLY = frozenset({str})
BYTES = (bytes, bytearray, memoryview)
DICT_ITEMS = (dict.items, OrderedDict.items)
SEQUENCE_ITERATORS = (list.__iter__, tuple.__iter__)
SMALL_CONTAINERS = 32
"""Beyond them a look at each costs more than ``_looks_plain``, and shared ones could multiply."""


def encode(value: Any, root: str = "value") -> tuple[bytes, list[Buffer]]:
    """The envelope and the attachments of a value. Raises ``Unsendable`` (a ``TypeError``), naming
    path and type.

    ``root`` is the path's first word. Attachments are views of the user's buffers, not copies.
    """
    attachments: list[Buffer] = []
    try:
        if type(value) in ALONE or _is_small_json(value, SMALL_CONTAINERS):
            text = to_text(value)
        elif _looks_plain(value):
            text = to_text(value, _sender(attachments))
        else:
            return _encode_slowly(value, root)
        if text.count('"$') != len(attachments) or _may_hold_long_integer(text):
            return _encode_slowly(value, root)
        envelope = text.encode("utf-8")
        _plain.check_sizes(attachments)
    except (ValueError, TypeError, AttributeError, RecursionError):
        return _encode_slowly(value, root)
    return envelope, attachments


def _encode_slowly(value: Any, root: str) -> tuple[bytes, list[Buffer]]:
    plain, attachments = _plain.rewrite(value, root)
    return to_text(plain, _plain.refuse).encode("utf-8"), attachments


def _may_hold_long_integer(text: str) -> bool:
    # Interpreters with the limit have refused it already, unless the user lifted it.
    return len(text) > DIGITS_MAX and _plain.python_allows_long_integers()


def _is_small_json(value: Any, left: int) -> int:
    """Whether a value is a few lists and dictionaries of text, numbers and the like, and nothing
    else: how many more it might be, 0 where it is not.
    """
    kind = type(value)
    if kind is dict:
        if not TEXT_ONLY.issuperset(map(type, value)):
            return 0
        items = value.values()
    elif kind is list or kind is tuple:
        items = value
    else:
        return 0
    left -= 1
    if ALONE.issuperset(map(type, items)):
        return left
    for item in items:
        if type(item) not in ALONE:
            left = _is_small_json(item, left) if left > 0 else 0
    return left


def _looks_plain(value: Any) -> bool:
    """Whether all keys are text and nothing nests too deep: level by level, each with a few passes
    in C.

    A level holds every container once, so that shared ones and cycles cannot multiply.
    """
    level = [value]
    for _ in range(NESTING_MAX + 1):
        if set(map(type, level)) <= SCALARS:
            return True
        dicts, lists = [], []
        for item in {id(item): item for item in level}.values():
            kind = type(item)
            if kind is dict:
                dicts.append(item)
            elif kind is list or kind is tuple:
                lists.append(item)
            elif kind in SCALARS or isinstance(item, (str, int, float)):
                continue
            elif isinstance(item, dict):
                if kind.items not in DICT_ITEMS:
                    return False  # the encoder would ask them, and not the dictionary
                dicts.append(item)
            elif isinstance(item, (list, tuple)):
                if kind.__iter__ not in SEQUENCE_ITERATORS:
                    return False
                lists.append(item)
            elif (names := field_names(kind)) is not None:
                lists.append([getattr(item, name) for name in names])
            else:
                return False
        if dicts and not set(map(type, chain.from_iterable(dicts))) <= TEXT_ONLY:
            return False
        level = list(chain.from_iterable(chain(map(dict.values, dicts), lists)))
    return False


def _sender(attachments: list[Buffer]) -> Callable[[Any], Any]:
    """What the encoder calls for all that is not JSON."""

    def convert(item: Any) -> Any:
        if isinstance(item, BYTES):
            attachments.append(attachment(item))
            return {"$bytes": len(attachments) - 1}
        names = field_names(type(item))
        if names is None:
            raise TypeError
        return {name: getattr(item, name) for name in names}

    return convert


def to_text(value: Any, default: Callable[[Any], Any] | None = None) -> str:
    """JSON text, as small as it gets; the caller vouches that there is no cycle."""
    return (_ENCODE if default is None else json_encoder(default))(value)


_ENCODE = json_encoder(None)


def decode(envelope: bytes, attachments: list[Any]) -> Any:
    """The value of an envelope. Raises ``ValueError`` where it is none. The attachments stand in it
    as they were given.
    """
    hook = _Receiver(attachments) if b'"$' in envelope else None
    return (_SCAN if hook is None else json_scanner(hook))(envelope.decode("utf-8"))


def parse(text: str) -> Any:
    """JSON as it is, without the wire's additions. Raises ``ValueError``."""
    return _SCAN(text)


_SCAN = json_scanner(None)


class _Receiver:
    """Puts attachments where they are referred to, and takes the second ``$`` off keys."""

    def __init__(self, attachments: list[Any]) -> None:
        self._attachments = attachments

    def __call__(self, found: dict[str, Any]) -> Any:
        if not any(key.startswith("$") for key in found):
            return found
        if len(found) == 1:
            if "$bytes" in found:
                return self._bytes(found["$bytes"])
            if "$decimal" in found:
                return _types.decimal(found["$decimal"])
        for key in found:
            if key.startswith("$") and not key.startswith("$$"):
                raise ValueError(f"unknown key {key!r} in an envelope")
        return {key[1:] if key.startswith("$$") else key: item for key, item in found.items()}

    def _bytes(self, index: Any) -> Any:
        if type(index) is not int or not 0 <= index < len(self._attachments):
            raise ValueError(f"attachment {index!r} of {len(self._attachments)}")
        return self._attachments[index]
