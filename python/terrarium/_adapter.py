"""Loads an adapter, and names what goes wrong by what it is."""

from __future__ import annotations

import sys

from terrarium import _errors, _registry, _stdlib
from terrarium._cpython import module_from_spec, spec_from_file_location
from terrarium._protocol import KIND_ASYNC
from terrarium._stdlib import os
from terrarium._tools import DOC_CHARS_MAX, Tool
from terrarium._values import to_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any, Callable


DESCRIPTION_BYTES_MAX = 2**20 - 2**12
"""What a ``HELLO`` has room for, beside its other fields."""


class LoadFailed(Exception):
    """The adapter cannot be used. ``reason`` is one of the protocol's words."""

    def __init__(
        self, reason: str, kind: str | None, message: str, traceback: str | None = None
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.kind = kind
        self.traceback = traceback

    @classmethod
    def of(cls, reason: str, error: BaseException, message: str | None = None) -> LoadFailed:
        """With the type, text and traceback of what the adapter raised."""
        found = _errors.describe(error)
        remedy = _errors.remedy(error)
        text = message or found["message"] + (f"; {remedy}" if remedy else "")
        return cls(reason, found["type"], text, found["traceback"])

    def description(self) -> dict[str, Any]:
        """The ``failure`` in ``HELLO``."""
        return {
            "reason": self.reason,
            "type": self.kind,
            "message": _errors.clean(str(self)),
            "traceback": self.traceback,
        }


class Adapter:
    """A loaded adapter: its module, its tools by name, and what runs at start and stop."""

    def __init__(self, module: ModuleType, registry: _registry.Registry) -> None:
        self.module = module
        self.tools: dict[str, Tool] = {}
        self._hooks = registry.hooks
        for function, name, idempotent in registry.tools:
            self._add(Tool(function, name, idempotent))
        hooks = {hook: Tool(hook, None, False) for each in self._hooks.values() for hook in each}
        self.has_async = KIND_ASYNC in [
            tool.kind for tool in [*self.tools.values(), *hooks.values()]
        ]
        """Whether an event loop is needed."""
        self.has_more_to_do = self.has_async or bool(self._hooks["start"])
        """Whether more than loading it makes a worker ready."""
        self._wants_options = {hook: _takes_one(tool) for hook, tool in hooks.items()}
        self.description = self._describe()
        """The tools as JSON, for ``HELLO``; made once in a zygote."""

    def _describe(self) -> bytes:
        text = _tools_text(self.tools, DOC_CHARS_MAX)
        if len(text) > DESCRIPTION_BYTES_MAX:  # a novel in each docstring
            text = _tools_text(self.tools, 200)
        if len(text) > DESCRIPTION_BYTES_MAX:
            message = f"{len(self.tools)} tools take {len(text)} bytes to describe, more than"
            message += f" {DESCRIPTION_BYTES_MAX}"
            raise LoadFailed("ADAPTER_FAILED", None, message)
        return text

    def _add(self, tool: Tool) -> None:
        other = self.tools.setdefault(tool.name, tool)
        if other.function is not tool.function:
            message = f"two tools are called {tool.name!r}: {other.where()} and {tool.where()}"
            raise LoadFailed("ADAPTER_FAILED", None, message)

    def start(self, options: dict[str, Any], finish: Callable[[Any], Any]) -> None:
        """Runs ``@on_start``; ``finish`` gets what a function returned if it is a coroutine. Raises
        ``LoadFailed``.
        """
        for hook in self._hooks["start"]:
            try:
                result = hook(options) if self._wants_options[hook] else hook()
                if hasattr(result, "cr_frame"):
                    finish(result)
            except SystemExit as error:
                message = f"@on_start called sys.exit({_exit_text(error)})"
                raise LoadFailed.of("ON_START_FAILED", error, message) from None
            except BaseException as error:
                raise LoadFailed.of("ON_START_FAILED", error) from None

    def stop(self, finish: Callable[[Any], Any]) -> None:
        """Runs ``@on_stop``, last registered first. One that fails is reported and does not stop
        the others.
        """
        for hook in reversed(self._hooks["stop"]):
            try:
                result = hook()
                if hasattr(result, "cr_frame"):
                    finish(result)
            except BaseException as error:
                _errors.report(error, "@on_stop failed")


def load(path: str, text: str | None = None) -> Adapter:
    """Imports a ``.py`` file, or a directory with ``__init__.py``, as the module of its name.
    Raises ``LoadFailed``.

    ``text`` is what the file held, in hexadecimal, when the pool was started. It counts where the
    file has been changed since: all workers of a pool run the same code.
    """
    path = os.path.abspath(path)
    if os.path.basename(path) == "__init__.py":
        path = os.path.dirname(path)
    pinned = None if text is None else bytes.fromhex(text)
    source = _source(path, pinned)
    name = os.path.splitext(os.path.basename(path))[0] if source == path else os.path.basename(path)
    above = _packages_above(path)
    if name in sys.modules or (not above and _stdlib.has(name)):
        message = f"{path}: there is a module {name!r} already; give the adapter another name"
        raise LoadFailed("ADAPTER_FAILED", None, message)
    _add_to_path(os.path.dirname(path))
    if above:
        _add_to_path(_folder_of(path, above))
    registry = _registry.begin()
    try:
        module = _import(name, source, path if source != path else None, pinned, above)
        adapter = Adapter(module, registry)
    finally:
        _registry.end()
    if not adapter.tools:
        message = f"{path} has no tools; mark functions with @tool (from terrarium import tool)"
        raise LoadFailed("NO_TOOLS", None, message)
    return adapter


def _source(path: str, pinned: bytes | None) -> str:
    """The file to compile."""
    source = os.path.join(path, "__init__.py") if os.path.isdir(path) else path
    if pinned is not None:
        return source
    try:
        with open(source, "rb"):
            return source
    except (FileNotFoundError, NotADirectoryError):
        missing = f"{path}: no such file"
        if source != path:
            missing = f"{path} is a directory without __init__.py"
        raise LoadFailed("ADAPTER_MISSING", "FileNotFoundError", missing) from None
    except OSError as error:
        raise _unreadable(source, error) from None


def _unreadable(source: str, error: OSError) -> LoadFailed:
    message = f"{source}: {error.strerror or error}"
    return LoadFailed("ADAPTER_UNREADABLE", type(error).__name__, message)


def _packages_above(path: str) -> list[str]:
    """The packages that the adapter lies in, outermost first: those folders, one in another, that
    have an `__init__.py`. None where the outermost has a name that is taken: it would hide the other.
    """
    names: list[str] = []
    folder = os.path.dirname(path)
    while os.path.isfile(os.path.join(folder, "__init__.py")):
        folder, name = os.path.split(folder)
        if not name.isidentifier():
            break
        names.insert(0, name)
    taken = names and (names[0] in sys.modules or _stdlib.has(names[0]))
    return [] if taken else names


def _folder_of(path: str, packages: list[str]) -> str:
    folder = os.path.dirname(path)
    for _ in packages:
        folder = os.path.dirname(folder)
    return folder


def _add_to_path(directory: str) -> None:
    """After our own directory, so that a folder of the user's that is called ``terrarium`` hides
    nothing.
    """
    _stdlib.pass_over(directory, _errors.complain)
    if directory not in sys.path:
        ours = os.path.dirname(_stdlib.OURS.rstrip(os.sep))
        sys.path.insert(1 if sys.path[:1] == [ours] else 0, directory)


def _import(
    name: str, source: str, directory: str | None, pinned: bytes | None, above: list[str]
) -> ModuleType:
    """``above``: the packages that it is in, which are imported before, as Python does."""
    try:
        parent = _import_packages(above)
    except BaseException as error:
        raise _failure(error) from None
    full = ".".join([*above, name])
    if full in sys.modules:  # its package has imported it
        return sys.modules[full]
    module = _execute(full, source, directory, pinned)
    if parent is not None:
        setattr(parent, name, module)
    return module


def _import_packages(names: list[str]) -> ModuleType | None:
    """The innermost of them."""
    if not names:
        return None
    full = ".".join(names)
    __import__(full)
    return sys.modules[full]


def _execute(name: str, source: str, directory: str | None, pinned: bytes | None) -> ModuleType:
    spec = spec_from_file_location(
        name, source, submodule_search_locations=[directory] if directory else None
    )
    if spec is None or spec.loader is None:
        message = f"{source}: an adapter is a .py file, or a directory with __init__.py"
        raise LoadFailed("ADAPTER_UNREADABLE", None, message)
    module = module_from_spec(spec)
    sys.modules[name] = module
    try:
        exec(_compile(spec.loader, name, source, pinned), module.__dict__)
    except BaseException as error:
        failure = _failure(error)  # which asks whether a package is there
        sys.modules.pop(name, None)
        raise failure from None
    return sys.modules.get(name, module)


def _compile(loader: Any, name: str, source: str, pinned: bytes | None) -> Any:
    try:
        if pinned is not None and _content(source) != pinned:
            return compile(pinned, source, "exec", dont_inherit=True)
        return loader.get_code(name)
    except OSError as error:
        raise _unreadable(source, error) from None
    except SyntaxError:
        raise
    except ValueError as error:  # null bytes, before Python 3.12
        raise SyntaxError(f"{error}", (source, 1, 0, "")) from None


def _content(source: str) -> bytes | None:
    try:
        with open(source, "rb") as file:
            return file.read()
    except OSError:
        return None


def _failure(error: BaseException) -> LoadFailed:
    """The word for what an adapter's import raised."""
    if isinstance(error, LoadFailed):
        return error
    if isinstance(error, SyntaxError):
        message = f"{error.msg} ({error.filename}, line {error.lineno})"
        return LoadFailed.of("ADAPTER_SYNTAX", error, message)
    if isinstance(error, ImportError):
        return LoadFailed.of("ADAPTER_IMPORT", error)
    if isinstance(error, SystemExit):
        message = f"the adapter called sys.exit({_exit_text(error)}) while it was imported"
        return LoadFailed.of("ADAPTER_EXITED", error, message)
    return LoadFailed.of("ADAPTER_FAILED", error)


def _exit_text(error: SystemExit) -> str:
    return "" if error.code is None else repr(error.code)


def _takes_one(hook: Tool) -> bool:
    """Whether an ``@on_start`` function wants the options."""
    return any(parameter["kind"].startswith("positional") for parameter in hook.parameters)


def _tools_text(tools: dict[str, Tool], doc_chars: int) -> bytes:
    described = [tool.description() for tool in tools.values()]
    for each in described:
        if each["doc"] is not None and len(each["doc"]) > doc_chars:
            each["doc"] = each["doc"].partition("\n")[0][:doc_chars]
    return to_text(described).encode("utf-8", "backslashreplace")
