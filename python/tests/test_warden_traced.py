"""A dead worker that somebody traces stays a zombie, which the warden cannot collect: that costs
nobody else anything, and keeps no end from being reached.
"""

from __future__ import annotations

import subprocess
import sys

import pytest
from _warden_kit import (
    alive,
    start_hosts,  # noqa: F401
    stays,
    until,
)

from terrarium import _proc
from terrarium._protocol import EXITED, PING, PONG, REPORT, SHUTDOWN, SPAWN_FAILED

TRACER = """
import ctypes, signal, sys
ptrace = ctypes.CDLL(None).ptrace
ptrace.restype = ctypes.c_long
if ptrace(ctypes.c_long(0x4206), ctypes.c_long(int(sys.argv[1])), None, None) == 0:
    print("seized", flush=True)
    signal.pause()
"""


class Tracer:
    def __init__(self, pid: int) -> None:
        command = [sys.executable, "-c", TRACER, str(pid)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        if self.process.stdout.readline() != "seized\n":
            self.let_go()
            pytest.skip("tracing is not allowed here (kernel.yama.ptrace_scope)")

    def let_go(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture(name="traced")
def traced_worker(start):
    """A host with worker 1, which is dead and held by a tracer."""
    host = start()
    pid = host.spawn(1, ["sleep", "1000"])["pid"]
    tracer = Tracer(pid)
    host.kill_worker(1)
    until(lambda: _proc.read_stat(pid).state == "Z", what="a zombie")
    yield host, tracer
    tracer.let_go()


def test_it_answers_when_it_is_asked(start):
    host = start()
    host.send(PING, 0)
    assert host.frame(PONG, 0) == {}


def test_who_has_died_is_told_before_the_answer(start):
    host = start()
    pid = host.spawn(1, ["sleep", "1000"])["pid"]
    host.kill_worker(1)
    until(lambda: not alive(pid))
    host.send(PING, 0)
    host.frame(PONG, 0)
    kinds = [frame.get("type") for frame in host.frames]
    assert kinds.index(EXITED) < kinds.index(PONG)


def test_it_answers_and_serves_the_others_while_a_zombie_is_held(traced):
    host, tracer = traced
    host.send(PING, 0)
    assert host.frame(PONG, 0) == {}
    host.spawn(2, ["true"])
    host.ended(2)
    assert not any(frame.get("type") == EXITED and frame["id"] == 1 for frame in host.frames)
    tracer.let_go()
    assert host.ended(1)[0]["signal"] == 9


def test_a_shutdown_reports_nothing_left_while_a_zombie_is_held(traced):
    host, _ = traced
    host.send(SHUTDOWN, 0)
    assert host.frame(REPORT, 0) == {"killed": 0, "left": 0}
    assert host.warden_status() == 0


def test_a_warden_without_its_host_ends_although_a_zombie_is_held(traced):
    host, _ = traced
    pid = host.spawn(2, ["sleep", "1000"])["pid"]
    host.kill()
    host.all_dead()
    assert not alive(pid)


def test_a_living_child_is_not_taken_for_a_zombie_that_is_held(traced):
    host, _ = traced
    code = "import os, time\nos.fork() or time.sleep(1000)\ntime.sleep(1000)"
    pid = host.spawn(2, [sys.executable, "-c", code])["pid"]
    host.send(SHUTDOWN, 0)
    report = host.frame(REPORT, 0)
    assert report["left"] == 0
    assert report["killed"] >= 1
    assert not alive(pid)


def test_what_was_ordered_from_a_zygote_that_is_held_comes_back(start):
    host = start()
    pid = host.spawn(1, ["sleep", "1000"], role="zygote")["pid"]
    tracer = Tracer(pid)
    try:
        host.ask(2, [], via="zygote", zygote=1)
        host.kill_worker(1)
        assert host.frame(SPAWN_FAILED, 2)["step"] == "zygote"
        assert host.spawn(3, [], via="zygote", zygote=1)["step"] == "zygote"
        assert stays(lambda: _proc.read_stat(pid).state == "Z", 0.1)
    finally:
        tracer.let_go()
    host.ended(1)
