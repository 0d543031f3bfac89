"""Types that JSON has no word for, in both directions: "Values" in ``docs/guide.md`` has the table.

The modules of these types are never imported here: an adapter that has such a type has imported
its module, and the others must not pay for it. So types are recognised by module and name.
"""

from __future__ import annotations

import sys

from terrarium._protocol import DIGITS_MAX
from terrarium._registry import a

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    Converter = Callable[[Any, str], Any]

EXPONENT_MAX = 2**31 - 1
"""A ``BigDecimal``'s scale has 32 bits."""


class BadArgument(TypeError):
    """What was sent does not fit the annotation; the message names the path."""


def kind(value: Any) -> str:
    """What a value is, for messages."""
    return "null" if value is None else a(type(value).__name__)


def _key(base: type) -> tuple[str, str]:
    return base.__module__.partition(".")[0], base.__name__  # 3.13 has `pathlib._local`


# ---- from Python


def sender(item: Any) -> Callable[[Any], Any] | None:
    """What makes JSON values of such an item; ``None`` where it is none of these types. What it
    returns raises ``ValueError`` for the few that cannot be sent.
    """
    for base in type(item).__mro__:
        found = _SENDERS.get(_key(base))
        if found is not None:
            return found
    return None


def _send_time(item: Any) -> str:
    text = item.isoformat()
    if text == "NaT":  # pandas', which calls itself a datetime
        raise ValueError("NaT is no point in time; send None")
    return text


def _send_timedelta(item: Any) -> str:
    micros = (item.days * 86_400 + item.seconds) * 1_000_000 + item.microseconds
    seconds, rest = divmod(abs(micros), 1_000_000)
    sign = "-" if micros < 0 else ""
    return f"PT{sign}{seconds}.{rest:06d}S" if rest else f"PT{sign}{seconds}S"


def _send_decimal(item: Any) -> dict[str, str]:
    _, digits, exponent = item.as_tuple()
    if isinstance(exponent, str):
        raise ValueError(f"{item} is no BigDecimal in Java; send float({str(item)!r})")
    if len(digits) > DIGITS_MAX:
        raise ValueError(f"a Decimal of more than {DIGITS_MAX} digits cannot be sent")
    if not -EXPONENT_MAX < exponent < EXPONENT_MAX:
        raise ValueError(f"the exponent of {item} is past the range of a BigDecimal in Java")
    return {"$decimal": str(item)}


def _send_enum(item: Any) -> str:
    if item.name is None or "|" in item.name:  # of an enum.Flag
        raise ValueError(f"{item!r} has no name of its own; send .value")
    return item.name


_SENDERS: dict[tuple[str, str], Callable[[Any], Any]] = {
    ("datetime", "datetime"): _send_time,
    ("datetime", "date"): _send_time,
    ("datetime", "time"): _send_time,
    ("datetime", "timedelta"): _send_timedelta,
    ("decimal", "Decimal"): _send_decimal,
    ("uuid", "UUID"): str,
    ("pathlib", "PurePath"): str,
    ("enum", "Enum"): _send_enum,
    ("builtins", "set"): list,
    ("builtins", "frozenset"): list,
}


# ---- from the JVM


def reader(annotation: type) -> Converter | None:
    """Makes items of that type; ``None`` where JSON has it already, or nobody can."""
    for base in annotation.__mro__:
        make = _READERS.get(_key(base))
        if make is not None:
            return make(annotation)
    return None


def _of_text(wanted: type, parse: Callable[[str], Any]) -> Converter:
    """From text; what is one already passes."""

    def convert(value: Any, path: str) -> Any:
        if isinstance(value, wanted):
            return value
        if not isinstance(value, str):
            raise BadArgument(f"{path}: {a(wanted.__name__)} is made from text, not {kind(value)}")
        try:
            return parse(value)
        except (ValueError, ArithmeticError, TypeError) as error:
            raise BadArgument(
                f"{path}: {value[:80]!r} is no {wanted.__name__}: {error or type(error).__name__}"
            ) from None

    return convert


def _iso(text: str) -> str:
    """ISO text of Java's as Python 3.9 reads it: no ``Z``, no region, six digits of a second or
    none. Raises ``ValueError`` where digits would be lost.
    """
    text = text.partition("[")[0]
    text = f"{text[:-1]}+00:00" if text.endswith("Z") else text
    head, point, tail = text.partition(".")
    if not point:
        return text
    digits = len(tail) - len(tail.lstrip("0123456789"))
    fraction, zone = tail[:digits], tail[digits:]
    if fraction[6:].strip("0"):
        raise ValueError("Python has microseconds, and these are nanoseconds")
    return f"{head}.{fraction[:6]:0<6}{zone}"


def _read_time(wanted: Any) -> Converter:
    def parse(text: str) -> Any:
        year = text[: text.find("-", 1)]
        if year == "0000" or (year[:1] in ("+", "-") and year[1:].isdigit()):
            raise ValueError(f"the year {year} is outside Python's range, 1 to 9999")
        return wanted.fromisoformat(_iso(text))

    return _of_text(wanted, parse)


def _read_timedelta(wanted: Any) -> Converter:
    def parse(text: str) -> Any:
        """``PT49H1M-2.5S``: each unit of a ``java.time.Duration`` may have a sign of its own."""
        sign, rest = (-1, text[1:]) if text.startswith("-") else (1, text)
        days, _, time = rest[1:].partition("T")
        if not rest.startswith("P") or not (days or time):
            raise ValueError("a duration looks like PT1H30M")
        micros, number = 0, ""
        for letter in days + time:
            if letter in _MICROS:
                micros += _scaled(number, _MICROS[letter])
                number = ""
            else:
                number += letter
        if number:
            raise ValueError("a duration looks like PT1H30M")
        try:
            return wanted(microseconds=sign * micros)
        except OverflowError:
            raise ValueError("Python's timedelta holds up to 999999999 days") from None

    return _of_text(wanted, parse)


_MICROS = {"D": 86_400_000_000, "H": 3_600_000_000, "M": 60_000_000, "S": 1_000_000}


def _scaled(number: str, unit: int) -> int:
    whole, _, fraction = number.partition(".")
    if fraction[6:].strip("0"):
        raise ValueError("Python has microseconds, and these are nanoseconds")
    part = int(f"{fraction[:6]:0<6}") * unit // 1_000_000
    return int(whole) * unit + (-part if whole.startswith("-") else part)


def _read_decimal(wanted: Any) -> Converter:
    def parse(text: str) -> Any:
        try:
            return wanted(text)
        except ArithmeticError:  # whose words are the names of classes
            raise ValueError(
                "one looks like 12.5 or 1E+3, with an exponent of up to 18 digits"
            ) from None

    from_text = _of_text(wanted, parse)

    def convert(value: Any, path: str) -> Any:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return wanted(repr(value))  # the digits that stood in the JSON
        return from_text(value, path)

    return convert


def _read_enum(wanted: Any) -> Converter:
    def convert(value: Any, path: str) -> Any:
        if isinstance(value, wanted):
            return value
        if isinstance(value, str) and value in wanted.__members__:
            return wanted[value]
        try:
            return wanted(value)
        except ValueError:
            raise BadArgument(
                f"{path}: {str(value)[:80]!r} is no {wanted.__name__}; {_members(wanted)}"
            ) from None

    return convert


def _members(wanted: Any) -> str:
    names = list(wanted.__members__)
    shown = ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
    return f"it has {shown}"


def _read_collection(wanted: Any) -> Converter:
    make = getattr(wanted, "_make", wanted)  # of a named tuple

    def convert(value: Any, path: str) -> Any:
        if isinstance(value, wanted):
            return value
        if not isinstance(value, (list, tuple)):
            raise BadArgument(
                f"{path}: {a(wanted.__name__)} is made from a list, not {kind(value)}"
            )
        try:
            return make(value)
        except TypeError as error:
            raise BadArgument(f"{path}: no {wanted.__name__}: {error}") from None

    return convert


_READERS: dict[tuple[str, str], Callable[[Any], Converter]] = {
    ("datetime", "datetime"): _read_time,
    ("datetime", "date"): _read_time,
    ("datetime", "time"): _read_time,
    ("datetime", "timedelta"): _read_timedelta,
    ("decimal", "Decimal"): _read_decimal,
    ("uuid", "UUID"): lambda wanted: _of_text(wanted, wanted),
    ("pathlib", "PurePath"): lambda wanted: _of_text(wanted, wanted),
    ("enum", "Enum"): _read_enum,
    ("builtins", "set"): _read_collection,
    ("builtins", "frozenset"): _read_collection,
    ("builtins", "tuple"): _read_collection,
}


def decimal(text: Any) -> Any:
    """What ``{"$decimal": text}`` stands for. Raises ``ValueError``."""
    if not isinstance(text, str):
        raise ValueError(f"a decimal is sent as text, not as {kind(text)}")
    module = sys.modules.get("decimal")
    if module is None:
        import decimal as module
    try:
        return module.Decimal(text)
    except ArithmeticError:
        raise ValueError(f"no decimal: {text[:80]!r}") from None
