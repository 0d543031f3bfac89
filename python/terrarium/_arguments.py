"""Makes what a parameter's annotation asks for of what the JVM sends: dataclasses, and the types of
``_types``.

Converters are prepared once, when the adapter is loaded. A tool whose annotations need none has
none, and its calls pay nothing.
"""

from __future__ import annotations

import sys

from terrarium import _types
from terrarium._registry import a
from terrarium._types import BadArgument, kind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    Converter = Callable[[Any, str], Any]


def prepare(
    parameters: list[dict[str, Any]], annotations: dict[str, Any], namespace: dict[str, Any]
):
    """A function ``(args, named) -> (args, named)``, or ``None`` where no parameter needs one."""
    maker = _Maker(namespace)
    plan = _Plan()
    for parameter in parameters:
        name = parameter["name"]
        converter = maker.converter(annotations[name]) if name in annotations else None
        if converter is not None and parameter["default"] == "None":
            converter = _optional(converter)
        plan.add(name, parameter["kind"], converter)
    return plan.convert if plan.needed else None


class _Plan:
    """Which converter belongs to which place in a call."""

    def __init__(self) -> None:
        self.needed = False
        self._positional: list[tuple[str, Converter | None]] = []
        self._named: dict[str, Converter] = {}
        self._rest: tuple[str, Converter] | None = None
        self._named_rest: Converter | None = None
        self._names: set[str] = set()

    def add(self, name: str, kind: str, converter: Converter | None) -> None:
        self._names.add(name)
        if kind.startswith("positional o"):  # "positional only", "positional or keyword"
            self._positional.append((name, converter))
        if converter is None:
            return
        self.needed = True
        if kind == "positional rest":
            self._rest = (name, converter)
        elif kind == "keyword rest":
            self._named_rest = converter
        elif kind != "positional only":
            self._named[name] = converter

    def convert(self, args: list[Any], named: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """Raises ``BadArgument``. What fits no parameter passes: Python's own message is the better
        one.
        """
        made = list(args)
        for index, value in enumerate(args):
            if index < len(self._positional):
                name, converter = self._positional[index]
                path = name
            elif self._rest:
                name, converter = self._rest
                path = f"{name}[{index - len(self._positional)}]"
            else:
                break
            if converter is not None:
                made[index] = converter(value, path)
        return made, {name: self._convert_named(name, value) for name, value in named.items()}

    def _convert_named(self, name: str, value: Any) -> Any:
        converter = self._named.get(name)
        if converter is None and name not in self._names:
            converter = self._named_rest
        return value if converter is None else converter(value, name)


class _Maker:
    """Makes converters from annotations; ``None`` for those that need none."""

    def __init__(self, namespace: dict[str, Any]) -> None:
        self._namespace = namespace
        self._known: dict[type, _Dataclass] = {}

    def converter(
        self, annotation: Any, namespace: dict[str, Any] | None = None
    ) -> Converter | None:
        namespace = self._namespace if namespace is None else namespace
        annotation = _resolve(annotation, namespace)
        if isinstance(annotation, type) and hasattr(annotation, "__dataclass_fields__"):
            return self._dataclass(annotation)
        arguments = getattr(annotation, "__args__", None) or ()
        if hasattr(annotation, "__metadata__"):  # Annotated[D, ...]
            return self.converter(annotation.__origin__, namespace)
        origin = getattr(annotation, "__origin__", None)
        if _is_union(annotation, origin):
            return _union(arguments, [self.converter(each, namespace) for each in arguments])
        if isinstance(annotation, type) and not isinstance(origin, type):
            return _types.reader(annotation)
        if not isinstance(origin, type):
            return None
        if issubclass(dict, origin) and len(arguments) == 2:
            return _values_of(self.converter(arguments[1], namespace))
        if issubclass(list, origin) and len(arguments) == 1:
            return _elements_of(self.converter(arguments[0], namespace), list)
        if origin in (set, frozenset):
            return _elements_of(self.converter(arguments[0], namespace) or _same, origin)
        if origin is tuple and len(arguments) == 2 and arguments[1] is Ellipsis:
            return _elements_of(self.converter(arguments[0], namespace) or _same, tuple)
        if origin is tuple and arguments and arguments != ((),):
            return _tuple_of([self.converter(each, namespace) or _same for each in arguments])
        return None

    def _dataclass(self, kind: type) -> Converter:
        if kind not in self._known:
            # Noted before its fields are looked at: a tree's node has children of its own type.
            self._known[kind] = _Dataclass(kind)
            self._known[kind].learn(self)
        return self._known[kind]


class _Dataclass:
    """Builds one dataclass from an object with its fields."""

    def __init__(self, kind: type) -> None:
        self._kind = kind
        self._required: set[str] = set()
        self._accepted: dict[str, Converter | None] = {}
        self._computed: set[str] = set()

    def learn(self, maker: _Maker) -> None:
        from dataclasses import MISSING, fields

        namespace = vars(sys.modules.get(self._kind.__module__, sys))
        for field in fields(self._kind):
            if not field.init:
                self._computed.add(field.name)  # part of what is sent, so it may come back
                continue
            self._accepted[field.name] = maker.converter(field.type, namespace)
            if field.default is MISSING and field.default_factory is MISSING:
                self._required.add(field.name)
        for name in _init_only(self._kind):
            self._accepted[name] = None

    def __call__(self, value: Any, path: str) -> Any:
        if isinstance(value, self._kind):
            return value
        if not isinstance(value, dict):
            raise BadArgument(
                f"{path}: {a(self._kind.__name__)} is built from an object, not {kind(value)}"
            )
        unknown = [
            name for name in value if name not in self._accepted and name not in self._computed
        ]
        if unknown:
            known = ", ".join(self._accepted) or "none"
            raise BadArgument(
                f"{path}.{unknown[0]}: {a(self._kind.__name__)} has no such field; it has {known}"
            )
        missing = [name for name in self._accepted if name in self._required and name not in value]
        if missing:
            raise BadArgument(f"{path}.{missing[0]}: missing; {a(self._kind.__name__)} needs it")
        return self._kind(**self._fields(value, path))

    def _fields(self, value: dict[str, Any], path: str) -> dict[str, Any]:
        made = {}
        for name, inner in value.items():
            if name in self._accepted:
                converter = self._accepted[name]
                made[name] = inner if converter is None else converter(inner, f"{path}.{name}")
        return made


def _init_only(kind: type) -> list[str]:
    return [
        name
        for name, field in kind.__dataclass_fields__.items()  # type: ignore[attr-defined]
        if getattr(field._field_type, "name", "") == "_FIELD_INITVAR"
    ]


def _is_union(annotation: Any, origin: Any) -> bool:
    # typing.Union, or the type of ``A | B``; recognised by name, since typing may not be imported.
    names = (
        getattr(origin, "_name", None),
        type(annotation).__name__,
        type(annotation).__qualname__,
    )
    return "Union" in names or "UnionType" in names or str(origin) == "typing.Union"


def _optional(converter: Converter) -> Converter:
    return lambda value, path: None if value is None else converter(value, path)


def _same(value: Any, _path: str) -> Any:
    return value


def _union(members: tuple[Any, ...], converters: list[Converter | None]) -> Converter | None:
    """A value that is of a member's type as it came stays as it is; else the first member that fits
    makes it. Where some member is unknown here, what fits none of the others passes.
    """
    choices = [converter for converter in converters if converter is not None]
    if not choices:
        return None
    as_they_come = tuple(
        member
        for member, converter in zip(members, converters)
        if converter is None and isinstance(member, type)
    )
    strict = all(
        converter is not None or member is type(None)
        for member, converter in zip(members, converters)
    )

    def convert(value: Any, path: str) -> Any:
        if value is None or type(value) in as_they_come:
            return value
        for choice in choices[:-1]:
            try:
                return choice(value, path)
            except BadArgument:
                continue
        try:
            return choices[-1](value, path)
        except BadArgument:
            if strict or isinstance(value, (dict, list)):
                raise
            return value

    return convert


def _elements_of(converter: Converter | None, into: type) -> Converter | None:
    if converter is None:
        return None

    def convert(value: Any, path: str) -> Any:
        if not isinstance(value, (list, tuple)):
            raise BadArgument(f"{path}: a list is needed, not {kind(value)}")
        made = [converter(item, f"{path}[{index}]") for index, item in enumerate(value)]
        try:
            return into(made)
        except TypeError as error:  # a set of what cannot be in one
            raise BadArgument(f"{path}: no {into.__name__}: {error}") from None

    return convert


def _tuple_of(converters: list[Converter]) -> Converter:
    def convert(value: Any, path: str) -> Any:
        if not isinstance(value, (list, tuple)) or len(value) != len(converters):
            found = f"{len(value)}" if isinstance(value, (list, tuple)) else kind(value)
            raise BadArgument(f"{path}: a list of {len(converters)} is needed, not {found}")
        pairs = enumerate(zip(converters, value))
        return tuple(make(item, f"{path}[{index}]") for index, (make, item) in pairs)

    return convert


def _values_of(converter: Converter | None) -> Converter | None:
    if converter is None:
        return None

    def convert(value: Any, path: str) -> Any:
        if not isinstance(value, dict):
            raise BadArgument(f"{path}: an object is needed, not {kind(value)}")
        return {name: converter(item, f"{path}.{name}") for name, item in value.items()}

    return convert


def _resolve(annotation: Any, namespace: dict[str, Any]) -> Any:
    """What an annotation's text means; the text itself where it cannot be known (``TYPE_CHECKING``
    imports).
    """
    text = getattr(annotation, "__forward_arg__", annotation)
    if not isinstance(text, str):
        return annotation
    try:
        return eval(text, dict(namespace))
    except TypeError:
        return _resolve_alternatives(text, namespace)
    except Exception:
        return annotation


def _resolve_alternatives(text: str, namespace: dict[str, Any]) -> Any:
    """``D | None`` before Python 3.10, where only the annotation's text may be written so."""
    if "|" not in text or "[" in text:
        return text
    from typing import Union

    members = [_resolve(member.strip(), namespace) for member in text.split("|")]
    if any(isinstance(member, str) for member in members):
        return text
    return Union[tuple(members)]
