"""What a zygote does by itself; forking is tested with a warden and a JVM."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import types
from pathlib import Path

import pytest
from _warden_kit import alive, start_hosts, until  # noqa: F401

from terrarium import _leftovers, _spec, _zygote
from terrarium._protocol import ZYGOTE_READY
from terrarium._warden_workers import WorkerProcess

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


def test_torch_draws_new_numbers_where_it_was_imported(monkeypatch):
    seeded = []
    fake = types.ModuleType("torch")
    monkeypatch.setitem(sys.modules, "torch", fake)
    _zygote.reseed()  # while it is imported it has no generator yet
    fake.default_generator = types.SimpleNamespace(seed=lambda: seeded.append(os.getpid()))
    _zygote.reseed()
    assert seeded == [os.getpid()]


def test_threads_are_named_as_python_names_them():
    end = threading.Event()
    thread = threading.Thread(target=end.wait, name="left over")
    thread.start()
    try:
        assert {"MainThread", "left over"} <= {name for name, _ in _leftovers.threads()}
    finally:
        end.set()
        thread.join()


def test_a_thread_that_python_does_not_know_has_the_kernels_name():
    said = run("""
from _thread import allocate_lock, start_new_thread
from terrarium import _leftovers
lock = allocate_lock(); lock.acquire()
start_new_thread(lock.acquire, ())
print(_leftovers.threads())
""")
    assert said.count(", False)") == 1  # `threading` was never imported


def test_a_rehearsal_leaves_nothing_behind():
    said = run("""
import os
from terrarium._runner import Runner
from terrarium import _leftovers, _rehearsal
runner = Runner()
before = os.listdir("/proc/self/fd")
_rehearsal.rehearse(runner)
print(os.listdir("/proc/self/fd") == before, len(_leftovers.threads()))
""")
    assert said == "True 1\n"


def test_the_place_of_the_name_in_the_command_line_is_found():
    code = f"""
import sys; sys.path.insert(0, {HOME!r})
from terrarium import _bootstrap, _zygote
address, size = _zygote.name_at("a-zygote.1")
_bootstrap.overwrite(address, b"a-1".ljust(size, b"\\0"))
print(open("/proc/self/cmdline").read().split("\\0"), _zygote.name_at("nobody"))
"""
    command = [sys.executable, "-c", code, "--worker", "a-zygote.1"]
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
        worker = WorkerProcess.__new__(WorkerProcess)
        worker.pid, worker.zygote, worker.report = 0, 7, report
        assert worker.read_pid()
        assert worker.pid == os.getpid()
        assert worker.failure() == {"step": "parent", "errno": 3, "message": "gone"}


def test_why_a_zygote_ends_is_heard_also_where_it_has_ended_by_then(start):
    """It says what is in the way of a fork and ends. A warden that was slower than that heard only
    that there were orders it had not taken, and three more zygotes imported in vain.
    """
    host = start()
    adapter, go = host.directory / "adapter.py", host.directory / "go"
    adapter.write_text(f"""
import os, threading, time
while not os.path.exists({str(go)!r}):
    time.sleep(0.01)
threading.Thread(target=threading.Event().wait, name="left", daemon=True).start()
""")
    socket = str(host.sockets / "s")
    spec = {"token": "none", "socket": socket, "adapter": str(adapter), "worker": "a-zygote.1"}
    argv = [sys.executable, f"{HOME}/terrarium_worker.py", "--worker", "a-zygote.1"]
    zygote = host.spawn(9, argv, worker="a-zygote.1", role="zygote", spec=spec)
    host.ask(1, argv, via="zygote", zygote=9, spec=spec)
    host.spawn(2, [sys.executable, "-c", ""])  # so the order before it is in the zygote's socket
    os.kill(host.warden_pid, signal.SIGSTOP)
    try:
        go.touch()
        until(lambda: not alive(zygote["pid"], zygote["ticks"]), 30, "the zygote ends")
    finally:
        os.kill(host.warden_pid, signal.SIGCONT)
    assert "left" in host.frame(ZYGOTE_READY, 9)["threads"]
