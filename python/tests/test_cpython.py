"""CPython's private modules: used in one place, and replaced by public ones where they are not."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from terrarium import _cpython

HOME = Path(_cpython.__file__).parent.parent
SWITCH = "TERRARIUM_PRIVATE_MODULES"
ADAPTER = """
    import sys
    from terrarium import tool
    @tool
    def used():
        from terrarium import _cpython
        return [_cpython.signal.__name__, _cpython.socket.__name__, "json" in sys.modules]
"""


def sources() -> list[Path]:
    files = [*HOME.glob("terrarium/*.py"), *HOME.glob("*.py")]
    assert len(files) > 40
    return files


def imported(tree: ast.AST) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "__import__":
            names.update(each.value for each in node.args if isinstance(each, ast.Constant))
    return names


def is_private(name: str) -> bool:
    return name == "posix" or (name.startswith("_") and name != "__future__")


def test_one_module_imports_private_modules_of_cpython():
    using = {
        path.name
        for path in sources()
        if any(map(is_private, imported(ast.parse(path.read_text("utf-8")))))
    }
    assert using == {"_cpython.py"}


def used_of(module: str) -> set[str]:
    """What our files use of a module that may be the private or the public one."""
    return {
        node.attr
        for path in sources()
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == module
    }


@pytest.mark.parametrize("name", ["signal", "socket"])
def test_the_public_module_has_all_that_we_use_of_the_private_one(name):
    used = used_of(name) - {"pidfd_send_signal"}  # not everywhere, and asked for before
    assert len(used) > 5
    for module in _cpython._MODULES[name]:
        assert used <= set(dir(_cpython._found(module, None))), module


@pytest.mark.parametrize("name", sorted(_cpython._NAMES))
def test_both_modules_have_the_name(name):
    private, public = _cpython._NAMES[name]
    assert _cpython._found(private, name) is not None
    assert _cpython._found(public, name) is not None


@pytest.mark.parametrize("private", ["_no_such_module", "_signal"])
def test_what_the_private_module_lacks_comes_from_the_public_one(private):
    from queue import Empty

    assert _cpython._first(private, "queue", attribute="Empty") is Empty


@pytest.mark.parametrize("name", ["no_such_name", "__path__"])
def test_other_names_are_none_of_ours(name):
    assert not hasattr(_cpython, name)


def spoilt(accelerator: str | None):
    module = None
    if accelerator is not None:
        module = type(sys)("_json")
        exec(accelerator, module.__dict__)
    return module


@pytest.mark.parametrize(
    "accelerator",
    [
        None,
        "def make_encoder(): pass",
        "encode_basestring = make_scanner = None\ndef make_encoder(): pass",
        "encode_basestring = None; make_scanner = make_encoder = lambda *_: lambda *_: (0, 0)",
    ],
)
def test_json_works_without_its_accelerator_and_with_a_strange_one(monkeypatch, accelerator):
    monkeypatch.setitem(sys.modules, "_json", spoilt(accelerator))
    monkeypatch.setattr(_cpython, "PUBLIC_ONLY", False)
    encoder, scanner = _cpython._json()
    assert encoder(None)({"ä": [1, 1.5, None]}) == '{"ä":[1,1.5,null]}'
    assert encoder(lambda _: "x")([{1}]) == '["x"]'
    assert scanner(None)(' [1, {"a": NaN}]')[0] == 1
    assert scanner(len)('[{"a": 1}]') == [1]
    with pytest.raises(ValueError, match=r".*"):
        scanner(None)("[1] 2")


PUBLIC = ["signal", "socket", True]
PRIVATE = ["_signal", "_socket", False]


def used_by_a_worker(start, **environment: str) -> list[object]:
    return start(ADAPTER, environment=environment).call("used")


def test_a_worker_without_private_modules_works(start):
    assert used_by_a_worker(start, **{SWITCH: "off"}) == PUBLIC


def test_a_worker_has_the_private_modules_by_itself(start):
    assert used_by_a_worker(start, **{SWITCH: ""}) == PRIVATE


def test_the_build_runs_this_very_process_and_its_workers_in_the_same_way(start):
    assert used_by_a_worker(start) == (PUBLIC if _cpython.PUBLIC_ONLY else PRIVATE)
    assert (os.environ.get(SWITCH) == "off") == _cpython.PUBLIC_ONLY


HEAVY = {"collections", "enum", "functools", "json", "re", "selectors"}


@pytest.mark.parametrize("switch", ["", "off"])
def test_only_a_warden_without_private_modules_loads_the_large_ones(switch):
    code = (
        f"import sys; sys.path.insert(0, {str(HOME)!r})\n"
        "from terrarium_warden import _bare_package; _bare_package()\n"
        "import terrarium._warden; print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code],
        env={**os.environ, SWITCH: switch}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert HEAVY & set(done.stdout.split()) == (HEAVY if switch else set())
