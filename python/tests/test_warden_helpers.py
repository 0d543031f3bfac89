"""Helpers of a dead worker have a moment to clean up; then nothing is left of them either."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from _warden_kit import python, start_hosts, until, without  # noqa: F401

from terrarium._protocol import EXITED, REPORT, SHUTDOWN

HELPER = """
import os, sys, time
read, write = os.pipe()
if os.fork() == 0:
    os.close(write)
    os.read(read, 1)
    open(sys.argv[1], "w").close()
    os._exit(0)
print("ready", flush=True)
time.sleep(1000)
"""
TRACKER = """
import os, subprocess, sys, time
read, write = os.pipe()
cleans = "import os, sys; print('ready', flush=True); os.read(int(sys.argv[1]), 1)"
cleans += "; open(sys.argv[2], 'w').close()  # resource_" + "tracker import main"
subprocess.Popen(
    [sys.executable, "-I", "-S", "-c", cleans, str(read), sys.argv[1]],
    pass_fds=[read],
)
os.close(read)
if os.fork() == 0:
    time.sleep(1000)  # it holds the pipe as well
time.sleep(1000)
"""
SHARED = """
import signal, sys, time
from multiprocessing import shared_memory
held = shared_memory.SharedMemory(create=True, size=100_000)
print("holds", held.name, flush=True)
if sys.argv[1] == "ends":
    held.close()
    sys.exit(0)
time.sleep(1000)
"""
STUBBORN = """
import os, time
if os.fork() == 0:
    time.sleep(1000)
print("ready", flush=True)
time.sleep(1000)
"""


def test_a_helper_that_ends_with_its_pipe_cleans_up(start, tmp_path):
    """It was killed in the same moment as its worker."""
    host = start(warden=without("haste-with-helpers"))
    file = tmp_path / "clean"
    host.spawn(1, python(HELPER, str(file)))
    host.await_line(1, "ready")
    host.kill_worker(1)
    assert host.ended(1)[1] == {"strays": 0}
    assert file.exists()


@pytest.mark.parametrize("ends", ["worker", "runtime", "host"])
def test_a_tracker_cleans_up_when_the_last_holder_of_its_pipe_is_dead(start, tmp_path, ends):
    host = start(warden=without("haste-with-trackers"))
    file = tmp_path / "clean"
    host.spawn(1, python(TRACKER, str(file)))
    host.await_line(1, "ready")
    if ends == "worker":
        host.kill_worker(1)
        assert host.ended(1)[1] == {"strays": 1}
    elif ends == "runtime":
        host.send(SHUTDOWN, 0)
        assert host.frame(REPORT, 0) == {"killed": 2, "left": 0}
    else:
        host.order("end-input")  # its sockets are open: the kernel does not kill the group
        host.all_dead()
    assert file.exists()


@pytest.mark.parametrize("how", ["killed", "crashed", "ends", "runtime ends"])
def test_shared_memory_goes_with_its_worker(start, how):
    """Python's resource tracker removes it, unless it is killed with the worker."""
    host = start(warden=without("haste-with-helpers"))
    pid = host.spawn(1, python(SHARED, how))["pid"]
    until(lambda: host.lines(1), what="the name of the segment")
    segment = Path("/dev/shm", host.lines(1)[0].partition(" ")[2])
    assert how == "ends" or segment.exists()
    if how == "killed":
        host.kill_worker(1)
    elif how == "crashed":
        os.kill(pid, signal.SIGSEGV)
    if how == "runtime ends":
        host.send(SHUTDOWN, 0)
        host.frame(REPORT, 0)
    else:
        host.ended(1)
    assert not segment.exists()


def test_a_death_is_told_before_what_it_leaves_is_dead(start):
    """Callers are waiting for that word. What the worker has used is in it all the same."""
    host = start()
    host.spawn(1, python(STUBBORN))
    host.await_line(1, "ready")
    host.kill_worker(1)
    exited, cleared = host.ended(1)
    assert exited["signal"] == signal.SIGKILL
    assert exited["max_rss_kib"] > 1000
    assert cleared == {"strays": 1}
    audit = host.audit()
    told = next(at for at, line in enumerate(audit) if line["target"] == "exit")
    killed = next(at for at, line in enumerate(audit) if line["target"] == "group")
    assert told < killed


def test_others_are_taken_in_while_dead_workers_wait_for_their_helpers(start):
    """A dead worker that waits is the first dead child that the kernel shows, over and over."""
    host = start()
    for number in range(1, 21):
        host.ask(number, python(STUBBORN) if number % 2 else ["sleep", "1000"])
    for number in range(1, 21, 2):
        host.await_line(number, "ready")
    for number in range(1, 21):
        host.kill_worker(number)
    for number in range(1, 21):
        assert host.frame(EXITED, number)["signal"] == signal.SIGKILL
        host.ended(number)
    assert not host.bearers() or host.bearers() == [host.warden_pid]
