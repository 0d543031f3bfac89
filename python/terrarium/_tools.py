"""Tools as they are described to the JVM, read from the function's code object.

``inspect`` knows more, and costs more than the whole worker: it is asked only about what is no
plain function.
"""

from __future__ import annotations

from terrarium import _arguments
from terrarium._protocol import KIND_ASYNC, KIND_GENERATOR, KIND_PLAIN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

DEFAULT_CHARS_MAX = 200
DOC_CHARS_MAX = 16_384
REST, KEYWORD_REST = 0x04, 0x08
CO_GENERATOR, CO_COROUTINE, CO_ASYNC_GENERATOR = 0x20, 0x80, 0x200
KINDS = (
    "positional only",
    "positional or keyword",
    "positional rest",
    "keyword only",
    "keyword rest",
)
"""In the order of ``inspect``'s kinds."""


class Tool:
    """One tool: the function, what the JVM is told of it, and how its arguments are converted
    (usually not at all).
    """

    __slots__ = (
        "convert",
        "doc",
        "function",
        "idempotent",
        "kind",
        "name",
        "parameters",
        "returns",
        "views",
    )

    def __init__(self, function: Callable[..., Any], name: str | None, idempotent: bool) -> None:
        self.function = function
        self.name = name or _name(function)
        self.idempotent = idempotent
        self.kind = _kind(function)
        self.doc = _doc(function)
        annotations = annotations_of(function)
        module = getattr(function, "__module__", None)
        self.parameters = parameters_of(function, annotations)
        # Their bytes are shown, not copied.
        self.views = frozenset(
            each["name"] for each in self.parameters if "memoryview" in (each["type"] or "")
        )
        self.returns = (
            annotation_text(annotations["return"], module) if "return" in annotations else None
        )
        self.convert = _arguments.prepare(
            self.parameters, annotations, getattr(innermost(function), "__globals__", {})
        )

    def description(self) -> dict[str, Any]:
        """The tool in ``HELLO``."""
        return {
            "name": self.name,
            "doc": self.doc,
            "kind": self.kind,
            "idempotent": self.idempotent,
            "returns": self.returns,
            "parameters": self.parameters,
        }

    def where(self) -> str:
        """The function's name and place, for messages."""
        code = getattr(innermost(self.function), "__code__", None)
        name = getattr(self.function, "__qualname__", _name(self.function))
        return f"{name} ({code.co_filename}:{code.co_firstlineno})" if code else name

    def accepts(self, args: list[Any], named: dict[str, Any]) -> bool:
        """Whether the arguments fit the signature. Slow; for telling apart two ``TypeError``s."""
        from inspect import signature

        try:
            signature(self.function).bind(*args, **named)
        except TypeError:
            return False
        except ValueError:
            return True  # no signature to be had
        return True


def _name(function: Any) -> str:
    function = getattr(function, "func", function)
    return getattr(function, "__name__", None) or type(function).__name__


def innermost(function: Any) -> Any:
    """The function that a decorator, a ``partial``, a bound method or a callable object ends in."""
    for _ in range(100):
        for attribute in ("__wrapped__", "func", "__func__"):
            inner = getattr(function, attribute, None)
            if callable(inner):
                function = inner
                break
        else:
            break
    if not hasattr(function, "__code__") and not isinstance(function, type):
        call = type(function).__call__
        return call if hasattr(call, "__code__") else function
    return function


def _kind(function: Any) -> str:
    """What calling it gives. A plain wrapper around a coroutine function is a plain function that
    returns a coroutine.
    """
    if hasattr(function, "_is_coroutine_mark") or hasattr(function, "_is_coroutine_marker"):
        return KIND_ASYNC
    outer = function
    while hasattr(outer, "func") and not hasattr(outer, "__code__"):
        outer = outer.func
    if (
        not hasattr(outer, "__code__")
        and not hasattr(outer, "__func__")
        and not isinstance(outer, type)
    ):
        outer = type(outer).__call__
    flags = getattr(getattr(outer, "__code__", None), "co_flags", 0)
    if flags & (CO_GENERATOR | CO_ASYNC_GENERATOR):
        return KIND_GENERATOR
    return KIND_ASYNC if flags & CO_COROUTINE else KIND_PLAIN


def _doc(function: Any) -> str | None:
    doc = getattr(function, "__doc__", None)
    if not isinstance(doc, str) or not doc.strip():
        return None
    return _dedent(doc)[:DOC_CHARS_MAX].encode("utf-8", "backslashreplace").decode("utf-8")


def _dedent(doc: str) -> str:
    """As ``inspect.cleandoc``: the first line stripped, the others without what all of them are
    indented by.
    """
    first, *rest = doc.expandtabs().strip("\n").splitlines()
    indents = [len(line) - len(line.lstrip()) for line in rest if line.strip()]
    indent = min(indents, default=0)
    return "\n".join([first.strip(), *(line[indent:].rstrip() for line in rest)]).strip()


def annotations_of(function: Any) -> dict[str, Any]:
    """The annotations, as text where they cannot be evaluated."""
    inner = innermost(function)
    try:
        return dict(getattr(inner, "__annotations__", None) or {})
    except Exception:
        # Python 3.14 evaluates them now, and a name may be known to type checkers only.
        from annotationlib import Format, get_annotations

        return dict(get_annotations(inner, format=Format.STRING))


def annotation_text(annotation: Any, module: str | None) -> str:
    """The annotation as it would be written."""
    if isinstance(annotation, str):
        return annotation
    if annotation is None:
        return "None"
    if isinstance(annotation, type) and not hasattr(annotation, "__origin__"):
        if annotation.__module__ in ("builtins", module):
            return annotation.__qualname__
        return f"{annotation.__module__}.{annotation.__qualname__}"
    text = _safe_repr(annotation).replace("typing.", "")
    return text.replace(f"{module}.", "") if module else text


def _safe_repr(value: Any) -> str:
    try:
        text = repr(value)
    except Exception:
        text = f"<{type(value).__name__}>"
    if len(text) > DEFAULT_CHARS_MAX:
        text = text[: DEFAULT_CHARS_MAX - 3] + "..."
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def parameters_of(function: Any, annotations: dict[str, Any]) -> list[dict[str, Any]]:
    """What ``HELLO`` says of the parameters. One ``*args: Any`` and ``**kwargs`` where nobody
    knows.
    """
    plain = type(function).__name__ == "function"
    if plain and not hasattr(function, "__wrapped__") and not hasattr(function, "__signature__"):
        found = _from_code(function)
    else:
        found = _from_inspect(function)
    module = getattr(function, "__module__", None)
    return [
        {
            "name": name,
            "kind": kind,
            "type": annotation_text(annotations[name], module) if name in annotations else None,
            "required": required,
            "default": default,
        }
        for name, kind, required, default in found
    ]


def _from_code(function: Any) -> list[tuple[str, str, bool, str | None]]:
    code = function.__code__
    only, count, keywords = code.co_posonlyargcount, code.co_argcount, code.co_kwonlyargcount
    names = code.co_varnames
    defaults = function.__defaults__ or ()
    keyword_defaults = function.__kwdefaults__ or {}
    found = []
    for index in range(count):
        given = index - (count - len(defaults))
        default = _safe_repr(defaults[given]) if given >= 0 else None
        found.append((names[index], KINDS[0 if index < only else 1], given < 0, default))
    last = count + keywords
    if code.co_flags & REST:
        found.append((names[last], KINDS[2], False, None))
        last += 1
    for name in names[count : count + keywords]:
        given_one = name in keyword_defaults
        default = _safe_repr(keyword_defaults[name]) if given_one else None
        found.append((name, KINDS[3], not given_one, default))
    if code.co_flags & KEYWORD_REST:
        found.append((names[last], KINDS[4], False, None))
    return found


def _from_inspect(function: Any) -> list[tuple[str, str, bool, str | None]]:
    from inspect import signature

    try:
        parameters = list(signature(function).parameters.values())
    except (TypeError, ValueError):
        return [("args", KINDS[2], False, None), ("kwargs", KINDS[4], False, None)]
    found = []
    for each in parameters:
        has_default = each.default is not each.empty
        kind = KINDS[int(each.kind)]
        default = _safe_repr(each.default) if has_default else None
        found.append((each.name, kind, not has_default and "rest" not in kind, default))
    return found
