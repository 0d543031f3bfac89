"""Builds dataclasses from the objects that the JVM sends, where a parameter's annotation asks for
one.

Converters are prepared once, when the adapter is loaded. An adapter without dataclasses (the module
``dataclasses`` was never imported) has none, and its calls pay nothing.
"""

from __future__ import annotations

import sys

from terrarium._registry import a

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    Converter = Callable[[Any, str], Any]


class BadArgument(TypeError):
    """What was sent does not fit the annotation; the message names the path."""


def prepare(
    parameters: list[dict[str, Any]], annotations: dict[str, Any], namespace: dict[str, Any]
):
    """A function ``(args, named) -> (args, named)``, or ``None`` where no parameter needs one."""
    if "dataclasses" not in sys.modules:
        return None
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
            return _union([self.converter(each, namespace) for each in arguments])
        if not isinstance(origin, type):
            return None
        if issubclass(dict, origin) and len(arguments) == 2:
            return _values_of(self.converter(arguments[1], namespace))
        if issubclass(list, origin) and len(arguments) == 1:
            return _elements_of(self.converter(arguments[0], namespace), list)
        if origin is tuple and len(arguments) == 2 and arguments[1] is Ellipsis:
            return _elements_of(self.converter(arguments[0], namespace), tuple)
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
                f"{path}: {a(self._kind.__name__)} is built from an object, not {_kind(value)}"
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


def _kind(value: Any) -> str:
    return "null" if value is None else a(type(value).__name__)


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


def _union(converters: list[Converter | None]) -> Converter | None:
    """The first member that fits builds the value; scalars pass as they are."""
    choices = [converter for converter in converters if converter is not None]
    if not choices:
        return None

    def convert(value: Any, path: str) -> Any:
        if not isinstance(value, (dict, list)):
            return value
        for choice in choices[:-1]:
            try:
                return choice(value, path)
            except BadArgument:
                continue
        return choices[-1](value, path)

    return convert


def _elements_of(converter: Converter | None, kind: type) -> Converter | None:
    if converter is None:
        return None

    def convert(value: Any, path: str) -> Any:
        if not isinstance(value, (list, tuple)):
            raise BadArgument(f"{path}: a list is needed, not {_kind(value)}")
        return kind([converter(item, f"{path}[{index}]") for index, item in enumerate(value)])

    return convert


def _values_of(converter: Converter | None) -> Converter | None:
    if converter is None:
        return None

    def convert(value: Any, path: str) -> Any:
        if not isinstance(value, dict):
            raise BadArgument(f"{path}: an object is needed, not {_kind(value)}")
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
