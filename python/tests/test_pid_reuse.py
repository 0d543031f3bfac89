"""A number that is given out again carries no signal with it, in no way that the warden sends one.

Each path is tried a hundred times: the process that is meant dies, and a stranger gets its number,
at the worst moment there is.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys

import pytest
from _strangers import ours, set_last, why_not
from _warden_kit import HERE, alive, start_hosts  # noqa: F401

from terrarium import _proc, _warden_end, _warden_sweep
from terrarium._protocol import DUMP, DUMPED, KILL

TIMES = 100
WORKER = 5
HARD = random.SystemRandom().randrange(1 << 60, 1 << 61)
REFUSED_HERE = why_not()

needs_numbers = pytest.mark.skipif(bool(REFUSED_HERE), reason=REFUSED_HERE or "it can be done")


class Strangers:
    """They get the numbers of others, and must not get their signals."""

    def __init__(self) -> None:
        self.pids: list[int] = []
        self.forks = 0
        self._parent = subprocess.Popen(
            [sys.executable, str(HERE / "_strangers.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._parent.stdout.readline() == "ready\n"

    def at(self, pid: int) -> None:
        """A stranger gets this number, which must be free."""
        self.order(pid)
        self.arrived(pid)

    def order(self, pid: int) -> None:
        """As `at`, without waiting: the number may still be taken."""
        self._parent.stdin.write(f"at {pid}\n")
        self._parent.stdin.flush()

    def arrived(self, pid: int) -> None:
        """Now it has it; or somebody else on this machine was quicker."""
        forks = int(self._parent.stdout.readline())
        self.forks += forks
        if forks:
            self.pids.append(pid)

    def all_live(self) -> bool:
        print(f"{len(self.pids)} numbers given away by {self.forks} forks")
        return len(self.pids) > TIMES / 2 and all(alive(pid) for pid in self.pids)

    def close(self) -> None:
        self._parent.communicate()


@pytest.fixture(name="strangers")
def start_strangers():
    strangers = Strangers()
    yield strangers
    strangers.close()


@pytest.fixture(name="signaller")
def make_signaller(tmp_path) -> _proc.Signaller:
    return _proc.Signaller(HARD, _proc.Audit(str(tmp_path), "t35t000"))


def victim() -> int:
    """A process of worker 5, and our child: its number is free when we say so."""
    return ours(HARD, WORKER)


def bury(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


class Replaced:
    """Has a stranger take the number of each victim, when asked to for the first time."""

    def __init__(self, strangers: Strangers, victims: set[int]) -> None:
        self.strangers = strangers
        self.victims = victims

    def now(self, pid: int) -> None:
        if pid in self.victims:
            self.victims.remove(pid)
            bury(pid)
            self.strangers.at(pid)


def before_it_is_opened(monkeypatch, pid: int, replaced: Replaced) -> None:
    replaced.now(pid)


def when_it_is_opened(monkeypatch, pid: int, replaced: Replaced) -> None:
    pidfd_open = _proc.pidfd_open

    def opened(number: int) -> int:
        pidfd = pidfd_open(number)
        replaced.now(number)
        return pidfd

    monkeypatch.setattr(_proc, "pidfd_open", opened)


def when_it_is_proved(monkeypatch, pid: int, replaced: Replaced) -> None:
    send = _proc._pidfd_send_signal

    def sent(pidfd: int, sig: int) -> None:
        replaced.now(pid)
        send(pidfd, sig)

    monkeypatch.setattr(_proc, "_pidfd_send_signal", sent)


@needs_numbers
@pytest.mark.parametrize("moment", [before_it_is_opened, when_it_is_opened, when_it_is_proved])
def test_a_process_that_is_signalled(monkeypatch, strangers, signaller, moment):
    while len(strangers.pids) < TIMES:
        with monkeypatch.context() as patch:
            pid = victim()
            moment(patch, pid, Replaced(strangers, {pid}))
            outcome = signaller.process(pid, signal.SIGKILL, "test")
            assert outcome in ("already dead", "not ours")
    assert strangers.all_live()


@needs_numbers
def test_a_process_that_is_signalled_with_the_ticks_of_its_start(strangers, signaller):
    while len(strangers.pids) < TIMES:
        pid = victim()
        ticks = _proc.read_stat(pid).ticks
        Replaced(strangers, {pid}).now(pid)
        assert signaller.process(pid, signal.SIGKILL, "test", ticks) in ("already dead", "not ours")
    assert strangers.all_live()


@needs_numbers
def test_a_group_whose_leader_is_signalled(strangers, signaller):
    while len(strangers.pids) < TIMES:
        pid = victim()
        ticks = _proc.read_stat(pid).ticks
        Replaced(strangers, {pid}).now(pid)
        assert signaller.group(pid, signal.SIGKILL, "test", ticks) == "already dead"
    assert strangers.all_live()


@needs_numbers
def test_a_dead_leader_keeps_its_number_until_it_is_reaped(signaller):
    pid = victim()
    ticks = _proc.read_stat(pid).ticks
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    for _ in range(TIMES):
        set_last(pid - 1)
        other = os.fork()
        if other == 0:
            os._exit(0)
        os.waitpid(other, 0)
        assert other != pid
    assert signaller.group(pid, signal.SIGKILL, "test", ticks) == "sent"
    os.waitpid(pid, 0)


@pytest.fixture(name="victims")
def start_victims(monkeypatch, strangers) -> set[int]:
    """A hundred. Each is replaced as soon as somebody has read its mark."""
    victims = {victim() for _ in range(TIMES)}
    replaced = Replaced(strangers, victims)
    number_of = _proc.number_of

    def read(pid: int, hard: int) -> int | None:
        number = number_of(pid, hard)
        replaced.now(pid)
        return number

    monkeypatch.setattr(_proc, "number_of", read)
    return victims


@needs_numbers
def test_strays_of_a_dead_worker_that_are_swept(strangers, signaller, victims):
    cleared: dict[int, int] = {}
    sweep = _warden_sweep.Sweep(HARD, signaller, cleared.__setitem__, lambda: False)
    sweep.worker_died(WORKER, set())
    while not cleared:
        sweep.step(float("inf"))
    assert not victims
    assert cleared == {WORKER: 0}
    assert strangers.all_live()


@needs_numbers
def test_everything_below_a_warden_at_its_end(monkeypatch, strangers, signaller, victims):
    monkeypatch.setattr(_proc, "children", list)  # those are ours to reap: their numbers stay
    end = _warden_end.End(HARD, signaller, "test", -1, lambda _: False)
    end._round()
    assert not victims
    assert end.killed == 0
    assert strangers.all_live()


@needs_numbers
def test_workers_that_are_killed_when_they_have_just_died(start, strangers):
    host = start()
    number = 0
    while len(strangers.pids) < TIMES:
        number += 1
        pid = host.spawn(number, ["true"])["pid"]
        strangers.order(pid)  # who tries for it from now on
        for _ in range(5):
            host.send(KILL, number, {"why": "test"})
        strangers.arrived(pid)
        host.send(KILL, number, {"why": "test"})
        host.send(DUMP, number)
        host.frame(DUMPED, number)  # after all that was asked before
    assert strangers.all_live()


@pytest.mark.skipif(not REFUSED_HERE, reason="done above: numbers can be forced here")
def test_all_of_it_in_a_pid_namespace_of_its_own():
    # With a shell as the first process there, which takes in what loses its parent.
    unshare = ["unshare", "-Ur", "-pf", "--mount-proc", "--kill-child", "sh", "-c", '"$@"; exit $?']
    if (
        not shutil.which("unshare")
        or subprocess.run([*unshare, "sh", "true"], check=False).returncode
    ):
        pytest.skip(f"{REFUSED_HERE}; and no namespace can be made")
    pytest_there = ["sh", sys.executable, "-m", "pytest", "-s", __file__]
    assert subprocess.run([*unshare, *pytest_there], check=False).returncode == 0
