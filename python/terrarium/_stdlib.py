"""The standard library as our modules go on using it once code of the user's is in the process.

Agents and adapters put other things into it: gevent replaces ``os.fork``, ``select.poll`` and
``time.sleep``, tracers wrap what they trace, and a ``random.py`` beside an adapter would be taken for
the real one. So what we still need by then is bound here: copies that nobody else has, modules made
anew where somebody was here before us, and a finder that passes over the adapter's folder.
"""

from __future__ import annotations

import atexit as _atexit
import os as _os
import sys
import time

from terrarium import _cpython
from terrarium._cpython import BuiltinImporter, PathFinder, module_from_spec

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Iterator
    from types import ModuleType
    from typing import Any, Callable

_NAMES: frozenset[str] | None = getattr(sys, "stdlib_module_names", None)  # since Python 3.10
OURS = _os.path.dirname(_os.path.abspath(__file__)) + _os.sep
"""The folder of the runtime's own modules."""
FOLDER = _os.path.dirname(_os.__file__)
_FOLDERS = [FOLDER, _os.path.join(FOLDER, "lib-dynload")]


def copy(module: ModuleType) -> Any:
    """The module with all its names, but with a namespace that is ours alone."""
    mine = type(module)(module.__name__)
    mine.__dict__.update(module.__dict__)
    return mine


def copies(*modules: ModuleType) -> Iterator[Any]:
    return map(copy, modules)


def genuine(module: ModuleType, *functions: str) -> Any:
    """The module if these functions are its own, else another one that was made like it."""
    own = (getattr(getattr(module, name, None), "__self__", None) is module for name in functions)
    return module if all(own) else _made_anew(module)


def _made_anew(module: ModuleType) -> Any:
    name = module.__name__
    spec = BuiltinImporter.find_spec(name) or PathFinder.find_spec(name, _FOLDERS)
    if spec is None or spec.loader is None:
        return module
    before = dict(module.__dict__)
    try:
        mine = module_from_spec(spec)
        spec.loader.exec_module(mine)
        if mine is not module:
            return mine
        # Before Python 3.10 there is only one of some: the import has filled it anew.
        mine = copy(module)
        module.__dict__.update(before)
        return mine
    finally:
        sys.modules[name] = module


if not TYPE_CHECKING:
    os = copy(_os)
    os.__dict__.update(
        (name, value) for name, value in vars(_cpython.posix).items() if callable(value)
    )

atexit = copy(_atexit)
signal = copy(_cpython.signal)
_time = genuine(time, "monotonic", "sleep")
monotonic, sleep = _time.monotonic, _time.sleep
_thread = genuine(_cpython.thread, "allocate_lock", "get_ident", "start_new_thread")
allocate_lock, get_ident = _thread.allocate_lock, _thread.get_ident
start_new_thread = _thread.start_new_thread


def new_poll() -> Any:
    """A ``select.poll()``; imported late, since hardly any worker needs it."""
    import select

    return genuine(select, "poll").poll()


def has(name: str) -> bool:
    """Whether the standard library has a module of that name."""
    if _NAMES is not None:
        return name in _NAMES
    return name in sys.builtin_module_names or (name != "test" and _is_module(name, _FOLDERS))


def _is_module(name: str, folders: list[str]) -> bool:
    spec = PathFinder.find_spec(name, folders)
    return spec is not None and spec.loader is not None  # else a folder with other files


class _Finder:
    """Finds what is called like a module of the standard library, but never in one of ``folders``.

    That a script's folder comes first is Python's rule, and so it stays for all other names. Here
    what a neighbouring file would break is not only the adapter, but whoever runs it.
    """

    def __init__(self) -> None:
        self.complain: Callable[[str], None] = lambda _: None
        self.folders: set[str] = set()
        self._said: set[str] = set()
        self._real: dict[str, str] = {}

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:  # noqa: ARG002
        if path is not None or not has(name):
            return None
        entries = [(entry, self._resolve(entry)) for entry in sys.path if isinstance(entry, str)]
        found = PathFinder.find_spec(
            name, [entry for entry, real in entries if real not in self.folders]
        )
        if found is not None and found.loader is not None:
            self._warn(name, [real for _, real in entries if real in self.folders])
            return found
        return None  # this interpreter was built without it

    def _resolve(self, entry: str) -> str:
        if entry not in self._real:
            self._real[entry] = os.path.realpath(entry)
        return self._real[entry]

    def _warn(self, name: str, folders: list[str]) -> None:
        if name not in self._said and _is_module(name, folders):
            self._said.add(name)
            self.complain(
                f"{folders[0]} has a file called like the module {name!r} of the standard library;"
                f" it is never imported as {name!r}: give it another name"
            )


_finder = _Finder()


def pass_over(folder: str, complain: Callable[[str], None]) -> None:
    """From now on no file in that folder is taken for a module of the standard library; one that
    could be is named to ``complain``, once.
    """
    _finder.complain = complain
    _finder.folders.add(os.path.realpath(folder))
    if _finder not in sys.meta_path:
        at = sys.meta_path.index(PathFinder) if PathFinder in sys.meta_path else 0
        sys.meta_path.insert(at, _finder)
