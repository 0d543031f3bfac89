"""What a zygote does by itself; forking is tested with a warden and a JVM."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import types
from pathlib import Path

import pytest

from terrarium import _spec, _zygote
from terrarium._warden_workers import Worker

HOME = str(Path(_zygote.__file__).parent.parent)


def run(code: str) -> str:
    """In an interpreter of its own: it changes signal handlers."""
    text = f"import sys; sys.path.insert(0, {HOME!r})\n{code}"
    return subprocess.run(
        [sys.executable, "-c", text], stdout=subprocess.PIPE, text=True, check=True
    ).stdout


def test_numpy_draws_new_numbers_where_it_was_imported(monkeypatch):
    seeded = []
    fake = types.ModuleType("numpy.random")
    fake.seed = lambda: seeded.append(os.getpid())
    _zygote.reseed()
    monkeypatch.setitem(sys.modules, "numpy.random", fake)
    _zygote.reseed()
    assert seeded == [os.getpid()]


def test_threads_are_named_as_python_names_them():
    end = threading.Event()
    thread = threading.Thread(target=end.wait, name="left over")
    thread.start()
    try:
        assert {"MainThread", "left over"} <= set(_zygote.thread_names())
    finally:
        end.set()
        thread.join()


def test_a_thread_that_python_does_not_know_has_the_kernels_name():
    said = run("""
from _thread import allocate_lock, start_new_thread
from terrarium import _zygote
lock = allocate_lock(); lock.acquire()
start_new_thread(lock.acquire, ())
print(_zygote.thread_names())
""")
    assert said.count("(no thread of Python's)") == 2  # `threading` was never imported


def test_a_rehearsal_leaves_nothing_behind():
    said = run("""
import os
from terrarium._runner import Runner
from terrarium import _rehearsal, _zygote
runner = Runner()
before = os.listdir("/proc/self/fd")
_rehearsal.rehearse(runner)
print(os.listdir("/proc/self/fd") == before, len(_zygote.thread_names()))
""")
    assert said == "True 1\n"


def test_the_place_of_the_name_in_the_command_line_is_found():
    code = f"""
import sys; sys.path.insert(0, {HOME!r})
from terrarium import _bootstrap, _zygote
address, size = _zygote.name_at("a-zygote-1")
_bootstrap.overwrite(address, b"a-1".ljust(size, b"\\0"))
print(open("/proc/self/cmdline").read().split("\\0"), _zygote.name_at("nobody"))
"""
    command = [sys.executable, "-c", code, "--worker", "a-zygote-1"]
    said = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    assert "'--worker', 'a-1', ''" in said
    assert said.endswith("None\n")


@pytest.mark.parametrize(
    "text", ["", "[]", '{"token": "t", "socket": "s"}', '{"token": 1, "socket": "", "adapter": ""}']
)
def test_a_spec_that_is_none_is_refused(text):
    read, write = os.pipe()
    os.write(write, text.encode())
    os.close(write)
    with pytest.raises(ValueError):
        _spec.read(read)


def test_a_spec_of_another_protocol_is_refused_with_both_versions():
    read, write = os.pipe()
    os.write(write, b'{"token": "t", "socket": "s", "adapter": "a", "protocol": [7]}')
    os.close(write)
    with pytest.raises(ValueError, match=r"protocol \[7\], this worker 1"):
        _spec.read(read)


def test_a_pid_is_found_before_and_after_what_the_worker_itself_reports():
    why = b'{"step":"parent","errno":3,"message":"gone"}\n'
    pid = b'{"pid":%d}\n' % os.getpid()
    for report in (pid + why, why + pid):
        worker = Worker.__new__(Worker)
        worker.pid, worker.zygote, worker.report = 0, 7, report
        assert worker.read_pid()
        assert worker.pid == os.getpid()
        assert worker.failure() == {"step": "parent", "errno": 3, "message": "gone"}
