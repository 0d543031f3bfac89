"""The steps between fork and exec, each in a real forked child."""

from __future__ import annotations

import fcntl
import json
import os
import random
import resource
import signal
import socket
import struct
import subprocess
import sys
import time

import pytest
from _warden_kit import alive, stays, until

from terrarium import _bootstrap, _proc, _wire

HARD = random.SystemRandom().randrange(1 << 60, 1 << 61)


class Listener:
    """Stands for the JVM's lifeline socket."""

    def __init__(self, path, backlog: int = 16) -> None:
        self.path = str(path)
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(self.path)
        self.socket.listen(backlog)


@pytest.fixture
def lifelines(tmp_path):
    listener = Listener(tmp_path / "l")
    yield listener
    listener.socket.close()


@pytest.fixture
def fork():
    """Runs a function in a forked child, which then prints a JSON answer to a pipe and sleeps."""
    children: list[int] = []

    def run(action):
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                try:
                    answer = action()
                except _bootstrap.StepError as failure:
                    answer = {"failed": failure.step, "message": failure.message}
                except OSError as failure:
                    answer = {"failed": str(failure)}
                os.write(write, json.dumps(answer).encode())
                os.close(write)
                signal.pause()
            finally:
                os._exit(1)
        children.append(pid)
        os.close(write)
        with os.fdopen(read) as pipe:
            text = pipe.read()
        return pid, json.loads(text) if text else None

    yield run
    for pid in children:  # our own children, not reaped yet: the numbers are theirs
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def plan(path: str, **more: object) -> _bootstrap.Plan:
    me = (os.getpid(), _proc.read_stat(os.getpid()).ticks)
    return _bootstrap.Plan(**{"number": 7, "hard": HARD, "lifelines": path, "warden": me, **more})


def test_an_armed_child_bears_the_mark_and_leads_its_session(fork, lifelines):
    order = plan(lifelines.path)

    def action():
        _bootstrap.arm(order)
        return [os.getpid(), os.getsid(0), os.getpgrp()]

    pid, answer = fork(action)
    assert answer == [pid, pid, pid]
    assert _proc.birthmark(pid) == (HARD, HARD - 7)
    assert _proc.number_of(pid, HARD) == 7


def test_the_lifeline_blocks_has_no_timeout_and_a_copy_that_survives_exec(fork, lifelines):
    def action():
        os.setsid()
        socket.setdefaulttimeout(5)  # as an adapter may that a zygote has imported
        line = _bootstrap.connect(lifelines.path)
        copy = _bootstrap.arm_lifeline(line)
        timeout = line.getsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, 16)
        return {
            "flags": fcntl.fcntl(copy, fcntl.F_GETFL),
            "copy": copy,
            "inheritable": os.get_inheritable(copy),
            "timeout": struct.unpack("@ll", timeout),
            "signal": fcntl.fcntl(copy, fcntl.F_GETSIG),
        }

    _, answer = fork(action)
    assert answer["copy"] >= 200
    assert answer["inheritable"]
    assert answer["timeout"] == [0, 0]
    assert answer["signal"] == signal.SIGKILL
    assert answer["flags"] & os.O_ASYNC
    assert not answer["flags"] & os.O_NONBLOCK


@pytest.mark.parametrize("armed", [True, False])
def test_the_lifeline_alone_kills_when_the_other_end_closes(fork, lifelines, armed):
    def action():
        os.setsid()
        line = _bootstrap.connect(lifelines.path)
        if armed:
            _bootstrap.arm_lifeline(line)
            line.close()  # the copy is enough
        else:
            line.detach()
        return "connected"

    pid, _ = fork(action)
    lifelines.socket.accept()[0].close()
    if armed:
        until(lambda: not alive(pid), what="killed by its lifeline")
    else:
        assert stays(lambda: alive(pid), 0.3)


def test_the_lifeline_is_not_armed_by_who_does_not_lead_its_group(fork, lifelines):
    def action():
        _bootstrap.arm_lifeline(_bootstrap.connect(lifelines.path))

    _, answer = fork(action)
    assert "does not lead its group" in answer["failed"]


def test_a_lifeline_that_closed_before_it_was_armed_is_noticed(fork, lifelines):
    gate_read, gate_write = os.pipe()

    def action():
        os.setsid()
        line = _bootstrap.connect(lifelines.path)
        os.write(gate_write, b"x")
        line.recv(1, socket.MSG_PEEK)  # returns when the other end has closed
        _bootstrap.step("lifeline", _bootstrap.check_lifeline, line)

    helper = os.fork()
    if helper == 0:
        connection = lifelines.socket.accept()[0]
        os.read(gate_read, 1)
        connection.close()
        os._exit(0)
    _, answer = fork(action)
    os.waitpid(helper, 0)
    os.close(gate_read)
    os.close(gate_write)
    assert answer == {"failed": "lifeline", "message": "the JVM closed the lifeline already"}


def test_a_lifeline_that_nobody_accepts_is_given_up_after_its_bound(fork, tmp_path, monkeypatch):
    monkeypatch.setattr(_wire, "CONNECT_SECONDS_MAX", 1)
    listener = Listener(tmp_path / "full", backlog=0)
    filler = socket.socket(socket.AF_UNIX)
    filler.connect(listener.path)
    begun = time.monotonic()
    _, answer = fork(lambda: _bootstrap.connect(listener.path) and "connected")
    assert "failed" in answer
    assert 0.9 < time.monotonic() - begun < 5
    filler.close()
    listener.socket.close()


def test_a_worker_without_a_jvm_does_not_start(fork, tmp_path):
    order = plan(str(tmp_path / "nobody"))
    assert fork(lambda: _bootstrap.arm(order))[1]["failed"] == "lifeline"


def test_who_has_another_parent_than_the_warden_does_not_start(fork, lifelines):
    begun = time.monotonic()
    for stranger in ((1, 0), (os.getpid(), 1)):
        order = plan(lifelines.path, warden=stranger)
        assert fork(lambda order=order: _bootstrap.arm(order))[1]["failed"] == "parent"
    assert time.monotonic() - begun < 2


DOUBLE_FORK = (
    """
import os, signal, socket, sys
sys.path.insert(0, sys.argv[1])
from terrarium import _bootstrap, _protocol
_bootstrap.PARENT_SECONDS_MAX = _bootstrap.GATE_SECONDS_MAX = 0.5
_bootstrap.prctl(36, 1)  # the warden of this test is the subreaper
wanted = sys.argv[3]
warden = os.getpid()
go_read, go_write = os.pipe()
gate, held = os.pipe()
line, warden_end = os.pipe()
read, report = os.pipe()
if wanted == "given up":
    os.close(warden_end)
intermediate = os.fork()
if intermediate == 0:
    intermediate = os.getpid()
    if wanted != "given up":
        os.close(warden_end)
    _bootstrap.bear_mark(%d, 9)
    low = _bootstrap.connect(sys.argv[2])
    lines = (_bootstrap.readied(low), _bootstrap.readied(line))
    if os.fork() == 0:
        os.close(held)
        _bootstrap.join(lines, warden, intermediate, gate, report)
        os.write(report, _protocol.ARMED)
        signal.pause()
        os._exit(0)
    os.close(report)
    _bootstrap.prctl(1, 9)  # it may not outlive this test either
    os.read(go_read, 1)
    os._exit(0)
if wanted != "stuck":
    os.write(go_write, b"x")
for descriptor in (held, report, line):
    os.close(descriptor)
answer = os.read(read, 1000).decode()
os.kill(intermediate, 9)
os.waitpid(intermediate, 0)
print(answer.strip(), flush=True)
sys.stdin.read()
"""
    % HARD
)


@pytest.mark.parametrize(
    ("intermediate", "outcome"),
    [("late", "armed"), ("stuck", '"step":"parent"'), ("given up", '"step":"lifeline"')],
)
def test_a_child_forked_twice_waits_for_the_warden_but_not_for_ever(
    lifelines, intermediate, outcome
):
    home = os.path.dirname(os.path.dirname(_bootstrap.__file__))
    process = subprocess.Popen(
        [sys.executable, "-c", DOUBLE_FORK, home, lifelines.path, intermediate],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

    def children():
        return [pid for pid in _proc.all_pids() if _proc.number_of(pid, HARD) == 9 and alive(pid)]

    try:
        assert outcome in process.stdout.readline()
        if outcome == "armed":
            assert len(children()) == 1
        else:  # it says why before it exits
            until(lambda: not children(), what="not started, and gone")
    finally:
        process.kill()
        process.communicate()
        process.stdout.close()
    until(lambda: not children(), what="dead with the warden")


def test_signals_limits_and_the_oom_score_are_as_a_program_expects_them(fork, lifelines):
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    order = plan(lifelines.path, open_files=min(soft, 512), directory="/")

    def action():
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGPIPE):
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1, signal.SIGTERM])
        _bootstrap.settle(order)
        with open("/proc/self/status") as file:
            status = dict(line.split(":\t", 1) for line in file if ":\t" in line)
        with open("/proc/self/oom_score_adj") as file:
            score = int(file.read())
        files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        return [status["SigIgn"].strip(), status["SigBlk"].strip(), score, files, os.getcwd()]

    _, (ignored, blocked, score, files, directory) = fork(action)
    # 32 and 33 are the C library's own: nobody can set them, and a JVM's children ignore them.
    reserved = 1 << 31 | 1 << 32
    assert (int(ignored, 16) & ~reserved, int(blocked, 16)) == (0, 0)
    assert score >= 500
    assert files == min(soft, 512)
    assert directory == "/"


def test_descriptors_arrive_at_their_numbers_even_where_they_cross(fork, lifelines):
    def action():
        pipes = [os.pipe() for _ in range(3)]
        writes = [write for _, write in pipes]
        order = plan(lifelines.path, descriptors=dict(zip(reversed(writes), writes)))
        _bootstrap.place_descriptors(order)
        for target, text in zip(reversed(writes), (b"0", b"1", b"2")):
            os.write(target, text)
        return [os.read(read, 1).decode() for read, _ in pipes]

    assert fork(action)[1] == ["0", "1", "2"]
