"""The worker's byte code: compiled by the first start, used by the next, never older than the
source.

A worker without its spec ends right after its imports, which is all that is needed here.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PYTHON = Path(__file__).parents[1]


@pytest.fixture
def home(tmp_path):
    """The files as the JVM unpacks them."""
    return Path(shutil.copytree(PYTHON, tmp_path / "home", ignore=_no_byte_code))


def _no_byte_code(_folder, names):
    return [name for name in names if name in ("__pycache__", "tests")]


def _begin(home, **more):
    environment = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", **more}
    command = [sys.executable, str(home / "terrarium_worker.py")]
    return subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


def _start(home, **more):
    return _begin(home, **more).communicate(timeout=30)[1]


def _compiled(home):
    return {path.name.split(".")[0]: path for path in home.rglob("*.pyc")}


def test_the_first_start_compiles_what_workers_ever_import(home):
    _start(home)
    names = set(_compiled(home))
    assert {"_worker", "_connection", "_adapter", "_loop", "_logs", "_stacks"} <= names


def test_the_next_start_uses_it(home):
    _start(home)
    before = {path: path.stat().st_mtime_ns for path in home.rglob("*.pyc")}
    talk = _start(home, PYTHONVERBOSE="1")
    assert f"code object from '{_compiled(home)['_worker']}'" in talk
    assert "# wrote" not in talk
    assert {path: path.stat().st_mtime_ns for path in home.rglob("*.pyc")} == before


def test_a_changed_source_is_what_runs(home):
    _start(home)
    with open(home / "terrarium" / "_worker.py", "a", encoding="utf-8") as file:
        file.write("\nraise SystemExit('changed')\n")
    assert "changed" in _start(home)


def test_byte_code_that_was_spoilt_is_made_anew(home):
    _start(home)
    right = _start(home)
    _compiled(home)["_worker"].write_bytes(b"interrupted")
    assert _start(home) == right


def test_a_folder_that_cannot_be_written_is_no_reason_not_to_start(home):
    right = _start(home)
    shutil.rmtree(home / "terrarium" / "__pycache__")
    # A file where the folder should be: root, too, can write nothing there.
    (home / "terrarium" / "__pycache__").touch()
    assert _start(home) == right


def test_several_first_starts_at_once_agree(home):
    workers = [_begin(home) for _ in range(4)]
    talk = {worker.communicate(timeout=30)[1] for worker in workers}
    assert talk == {_start(home)}
    assert not [path for path in home.rglob("__pycache__/*") if path.suffix != ".pyc"]


def test_the_users_modules_get_none_against_his_word(home, tmp_path):
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(
        "import atexit\natexit.register(lambda: __import__('late'))\n", encoding="utf-8"
    )
    (tmp_path / "site" / "late.py").write_text("print('here')\n", encoding="utf-8")
    _start(home, PYTHONPATH=str(tmp_path / "site"))
    assert _compiled(home)
    assert not _compiled(tmp_path / "site")
