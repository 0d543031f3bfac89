"""The standard library that our modules go on using, whatever is done to everybody's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from terrarium import _cpython, _stdlib

HOME = str(Path(_stdlib.__file__).parent.parent)


def run(code: str, *arguments: str) -> str:
    text = f"import sys; sys.path.insert(0, {HOME!r})\n{code}"
    return subprocess.run(
        [sys.executable, "-c", text, *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True,
    ).stdout  # fmt: skip


def test_what_is_patched_later_does_not_reach_the_copies():
    said = run("""
from terrarium import _stdlib, _bootstrap
import os, time, select, fcntl
os.fork = os.getpid = time.sleep = select.poll = fcntl.fcntl = None
_stdlib.sleep(0)
print(_stdlib.os.getpid() > 0, _stdlib.os.fork is not None, _bootstrap._poll(), _bootstrap.fcntl.fcntl)
""")
    assert said.startswith("True True <select.poll object")
    assert "<built-in function fcntl>" in said


@pytest.mark.skipif(_cpython.PUBLIC_ONLY, reason="only `posix` still has what was patched in `os`")
def test_what_was_patched_before_does_not_reach_them_either():
    """An agent in ``sitecustomize`` that had run gevent's ``patch_all`` was here first."""
    said = run("""
import os, select, time, _thread
me = _thread.get_ident()
def broken(*_): raise RuntimeError("patched")
os.fork = os.waitpid = time.sleep = time.monotonic = select.poll = broken
_thread.get_ident = lambda: 1  # the import itself asks for it
from terrarium import _stdlib
_stdlib.sleep(0)
assert _stdlib.get_ident() == me
assert _stdlib.os.waitpid is not broken
print(_stdlib.monotonic() > 0, type(_stdlib.new_poll()).__name__)
assert time.sleep is select.poll is os.fork is broken, "the agent's are left alone"
""")
    assert said == "True poll\n"


@pytest.mark.parametrize("name", ["json", "sys", "logging", "_thread", "email", "traceback", "os"])
def test_a_module_of_the_standard_library_is_known_also_without_the_list_of_names(
    name, monkeypatch
):
    assert _stdlib.has(name)
    monkeypatch.setattr(_stdlib, "_NAMES", None)  # as it is before Python 3.10
    assert _stdlib.has(name)


@pytest.mark.parametrize("name", ["adapter", "numpy", "test", "site-packages", "tools"])
def test_other_names_are_left_alone(name, monkeypatch):
    assert not _stdlib.has(name)
    monkeypatch.setattr(_stdlib, "_NAMES", None)
    assert not _stdlib.has(name)


@pytest.mark.parametrize("at", ["first", "twice"])
def test_a_neighbour_is_passed_over_and_named(tmp_path, at):
    (tmp_path / "traceback.py").write_text("raise RuntimeError('the neighbour')")
    (tmp_path / "helper.py").write_text("value = 1")
    (tmp_path / "link").symlink_to(tmp_path)
    said = run(
        """
from terrarium import _stdlib
folder, at = sys.argv[1:]
sys.path.insert(0, folder)
if at == "twice":
    sys.path.insert(0, folder + "/link")  # from PYTHONPATH, say, and by another name
_stdlib.pass_over(folder, print)
import helper, traceback
print(helper.value, traceback.__file__)
""",
        str(tmp_path),
        at,
    )
    assert "has a file called like the module 'traceback'" in said
    assert f"1 {_stdlib.FOLDER}" in said
