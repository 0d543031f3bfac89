"""Nothing escapes: whoever dies, in whatever state the workers are."""

from __future__ import annotations

import os
import signal
import socket
import time

import pytest
from _warden_kit import alive, python, start_hosts, stays, until, without  # noqa: F401
from _worker_states import ALL, start_in_state

from terrarium import _proc
from terrarium._protocol import EXITED, SPAWNED

# A stray that left the group lives on where nothing but PDEATHSIG is left; the JVM sweeps it.
KEPT_BY_GROUP = [name for name in ALL if name not in (
    "child in its own session", "daemon, env -i, closed descriptors",
    "daemon without its first thread", "fork chain")]  # fmt: skip


@pytest.mark.parametrize("state", ALL)
def test_nothing_is_left_when_the_host_is_killed(start, state):
    host = start()
    start_in_state(host, 1, state)
    host.kill()
    host.all_dead()


@pytest.mark.parametrize("state", ALL)
def test_nothing_is_left_of_a_worker_that_is_killed(start, state):
    host = start()
    start_in_state(host, 1, state)
    host.kill_worker(1)
    exited, cleared = host.ended(1)
    assert exited["signal"] == signal.SIGKILL
    assert not host.bearers(1)
    assert cleared["strays"] >= (0 if state in ("idle", "gil held in C", "stopped",
                                                "SIGTERM ignored") else 1)  # fmt: skip


UNMARKED_DAEMON = """
import os, resource, sys, time
if os.fork() == 0:
    os.setsid()
    resource.setrlimit(resource.RLIMIT_RTTIME, (1000000, 1000000))
    with open(sys.argv[1] + '~', 'w') as file:
        file.write(str(os.getpid()))
    os.rename(sys.argv[1] + '~', sys.argv[1])
print('ready', flush=True)
time.sleep(1000)
"""


def test_who_has_taken_off_his_mark_ends_with_the_host(start, tmp_path):
    """He is not found when his worker dies: nothing says that he was that worker's."""
    host = start()
    file = tmp_path / "pid"
    assert "pid" in host.spawn(1, python(UNMARKED_DAEMON, str(file)))
    host.await_line(1, "ready")
    until(file.exists, what="the daemon's number")
    pid = int(file.read_text())
    ticks = _proc.read_stat(pid).ticks
    assert _proc.number_of(pid, host.birthmark) is None
    host.kill_worker(1)
    host.ended(1)
    assert alive(pid, ticks)
    host.kill()
    until(lambda: not alive(pid, ticks), what="the daemon dead")


@pytest.mark.parametrize("state", KEPT_BY_GROUP)
def test_no_leader_is_left_when_the_warden_is_killed(start, state):
    host = start()
    pid = host.spawn(1, python(ALL[state]))["pid"]
    host.await_line(1, "ready")
    host.kill_warden()
    until(lambda: pid not in host.bearers(), what="the leader dead by PDEATHSIG")
    host.mop_up()


@pytest.mark.parametrize("state", KEPT_BY_GROUP)
def test_nothing_is_left_when_host_and_warden_are_killed_together(start, state):
    host = start()
    start_in_state(host, 1, state)
    host.kill_warden()
    host.kill()
    host.all_dead()


def test_without_the_children_file_nothing_is_left_either(start):
    host = start(warden=without("children-file"))
    start_in_state(host, 1, "fork chain")
    start_in_state(host, 2, "daemon, env -i, closed descriptors")
    host.kill()
    host.all_dead()


def test_a_hundred_workers_with_two_hundred_children_die_with_their_host(start):
    host = start()
    for number in range(1, 101):
        host.ask(number, ["/bin/sh", "-c", "sleep 1000 & setsid sleep 1000 & echo ready; wait"])
    until(lambda: len(host.bearers()) >= 301, 60, "all running")
    host.kill()
    begun = time.monotonic()
    host.all_dead()
    print(f"all dead after {(time.monotonic() - begun) * 1000:.0f} ms")
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize("how", ["close", "end-input"])
def test_a_host_that_lets_go_of_the_warden_counts_as_gone(start, how):
    host = start()
    start_in_state(host, 1, "child in its own session")
    host.order(how)
    host.all_dead()
    assert host.warden_status() == 0


def test_the_sockets_of_a_dead_host_are_removed_and_nothing_else(start):
    host, other = start(), start()
    (other.sockets / "somebody-elses").touch()
    with socket.socket(socket.AF_UNIX) as third:
        third.bind(str(host.sockets / "c"))
    host.kill()
    other.kill()
    until(lambda: not host.sockets.exists(), what="the directory removed")
    until(lambda: os.listdir(other.sockets) == ["somebody-elses"], what="only sockets removed")


def test_a_stopped_host_kills_nothing(start):
    host = start()
    start_in_state(host, 1, "child in its own session")
    before = host.bearers()
    os.kill(host.process.pid, signal.SIGSTOP)
    assert stays(lambda: host.bearers() == before, 1.0)
    os.kill(host.process.pid, signal.SIGCONT)


def test_a_second_host_side_by_side_is_untouched(start):
    dead, living = start(), start()
    for host in (dead, living):
        start_in_state(host, 1, "child in its own session")
        start_in_state(host, 2, "daemon, env -i, closed descriptors")
    before = living.bearers()
    dead.kill()
    dead.all_dead()
    assert living.bearers() == before


def test_signals_that_end_other_programs_do_not_end_the_warden(start):
    host = start()
    for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
        os.kill(host.warden_pid, sig)
    assert "pid" in host.spawn(1, ["true"])


def test_every_kill_has_its_proof_in_the_audit(start):
    host = start()
    start_in_state(host, 1, "daemon, env -i, closed descriptors")
    leader = host.frame(SPAWNED, 1)["pid"]
    adopted = [pid for pid in host.bearers(1) if _proc.read_stat(pid).ppid == host.warden_pid]
    strays = [pid for pid in adopted if pid != leader]
    host.kill_worker(1)
    host.ended(1)
    lines = {line["pid"]: line for line in host.audit() if line["target"] == "process"}
    daemon = next(pid for pid in strays if pid in lines)
    assert lines[daemon]["proof"] == "birthmark"
    assert lines[daemon]["outcome"] == "sent"
    assert lines[daemon]["why"] == "stray of dead worker 1"


def test_a_death_that_the_kernel_ordered_is_in_the_audit_as_an_exit(start):
    host = start()
    pid = host.spawn(1, ["sleep", "1000"])["pid"]
    host.order("close-lifelines")
    host.frame(EXITED, 1)
    (line,) = (line for line in host.audit() if line["target"] == "exit")
    assert (line["worker"], line["pid"], line["how"]) == ("a-1", pid, "killed by SIGKILL")
    assert not [line for line in host.audit() if line["target"] == "process"]
