"""Cgroups and limits of workers that the warden starts by exec; those that a zygote forks are
tested with a JVM.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from _layers import EVERYTHING
from _warden_kit import alive, python, start_hosts, stays, until, without  # noqa: F401
from _worker_states import SCRUBBED_DAEMON

from terrarium import _proc
from terrarium._protocol import REPORT, SHUTDOWN


def own_cgroup() -> str | None:
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        mounts = [line.split()[4] for line in file if " - cgroup2 " in line]
    with open("/proc/self/cgroup", encoding="utf-8") as file:
        paths = [line.strip()[3:] for line in file if line.startswith("0::")]
    return os.path.normpath(mounts[0] + paths[0]) if mounts and paths else None


def cgroup_of(pid: int) -> str:
    with open(f"/proc/{pid}/cgroup", encoding="utf-8") as file:
        return next(line.strip()[3:] for line in file if line.startswith("0::"))


@pytest.fixture(name="tree")
def make_tree():
    """What the JVM makes. To be named before `start`, for it goes after the hosts."""
    base = own_cgroup()
    if base is None or not os.access(base, os.W_OK):
        pytest.skip("needs cgroups of version 2 that this user can write")
    path = os.path.join(base, f"terrarium-t{os.getpid()}x{time.monotonic_ns()}")
    os.mkdir(path)
    yield path
    if os.path.isdir(path):
        left = [each for each, _, _ in os.walk(path, topdown=False)]
        for each in left:
            until(lambda each=each: "populated 0" in read(each, "cgroup.events"), 5, each)
            os.rmdir(each)


def read(*path: str) -> str:
    with open(os.path.join(*path), encoding="utf-8") as file:
        return file.read()


def inside(tree: str, **files: str) -> dict:
    return {"cgroup": {"tree": tree, "files": files}}


# ---- cgroups


def test_a_worker_and_what_it_starts_are_in_its_leaf_before_any_code_of_theirs(tree, start):
    host = start()
    code = "print(open('/proc/self/cgroup').read().split('0::')[1].split()[0], flush=True)\n"
    host.spawn(7, python(code + SCRUBBED_DAEMON), **inside(tree))
    host.await_line(7, "ready")
    leaf = f"/{os.path.basename(tree)}/7"
    assert host.lines(7)[0].endswith(leaf)
    assert [cgroup_of(pid)[-len(leaf) :] for pid in host.bearers(7)] == [leaf, leaf]
    assert cgroup_of(host.warden_pid) == cgroup_of(os.getpid())


def test_a_leaf_goes_with_its_worker(tree, start):
    host = start()
    host.spawn(1, ["true"], **inside(tree))
    host.ended(1)
    assert not os.path.exists(os.path.join(tree, "1"))
    assert os.path.isdir(tree)


def test_a_leaf_goes_with_a_worker_that_did_not_start(tree, start):
    host = start()
    failed = host.spawn(1, ["/nowhere/python"], **inside(tree))
    assert failed["step"] == "exec"
    until(lambda: not os.path.exists(os.path.join(tree, "1")), what="the leaf gone")


def test_a_cgroup_that_cannot_be_made_is_said_and_nothing_is_started(tree, start):
    host = start()
    failed = host.spawn(1, ["true"], **inside(tree + "-not"))
    assert (failed["step"], failed["errno"]) == ("cgroup", 2)
    assert tree + "-not/1" in failed["message"]
    assert "pid" in host.spawn(2, ["true"])


def test_a_limit_of_a_cgroup_that_is_not_to_be_had_is_said_and_the_leaf_goes(tree, start):
    host = start()
    failed = host.spawn(1, ["true"], **inside(tree, **{"no.such": "1"}))
    assert failed["step"] == "cgroup"
    assert "no.such" in failed["message"]
    assert not os.path.exists(os.path.join(tree, "1"))


def test_what_can_be_limited_is(tree, start):
    host = start()
    host.spawn(1, ["sleep", "1000"], **inside(tree, **{"cgroup.max.descendants": "3"}))
    assert read(tree, "1", "cgroup.max.descendants") == "3\n"


def test_every_kill_by_cgroup_has_its_line_in_the_audit(tree, start):
    host = start()
    worker = host.spawn(1, python(SCRUBBED_DAEMON), **inside(tree))["pid"]
    host.await_line(1, "ready")
    daemon = next(pid for pid in host.bearers(1) if pid != worker)
    host.kill_worker(1)
    assert host.ended(1)[1]["strays"] == 1
    lines = [line for line in host.audit() if line.get("proof") == "cgroup"]
    assert [line["pid"] for line in lines] == [daemon]
    assert lines[0]["why"] == "what dead worker 1 left"
    assert lines[0]["signal"] == "SIGKILL"
    assert (lines[0]["target"], lines[0]["outcome"]) == ("cgroup", "sent")


def test_shutdown_leaves_no_cgroup_and_counts_each_process_once(tree, start):
    host = start()
    host.spawn(1, python(SCRUBBED_DAEMON), **inside(tree))
    host.await_line(1, "ready")
    host.send(SHUTDOWN, 0)
    assert host.frame(REPORT, 0) == {"killed": 2, "left": 0}
    assert not os.path.exists(tree)


def test_no_cgroup_is_left_when_the_host_is_killed(tree, start):
    host = start()
    for number in range(1, 6):
        host.spawn(number, python(SCRUBBED_DAEMON), **inside(tree))
        host.await_line(number, "ready")
    host.kill()
    host.all_dead()
    until(lambda: not os.path.exists(tree), what="the tree removed")


# ---- falsification: the layer alone, and without it too


def test_the_cgroup_alone_ends_everything_when_the_host_is_killed(tree, start):
    host = start(warden=without(*EVERYTHING))
    host.spawn(1, python(SCRUBBED_DAEMON), **inside(tree))
    host.await_line(1, "ready")
    host.kill()
    host.all_dead()


def test_the_cgroup_alone_ends_what_a_dead_worker_left(tree, start):
    host = start(warden=without(*EVERYTHING))
    worker = host.spawn(1, python(SCRUBBED_DAEMON), **inside(tree))["pid"]
    host.await_line(1, "ready")
    end(host, worker)
    until(lambda: not host.bearers(1), what="the daemon dead")


def end(host, worker: int) -> None:
    """SIGKILL to a worker of this test's own, by a handle."""
    pidfd = _proc.pidfd_open(worker)
    assert _proc.number_of(worker, host.birthmark) is not None
    _proc._pidfd_send_signal(pidfd, signal.SIGKILL)
    os.close(pidfd)


def test_with_the_cgroup_off_too_all_survive_the_host(tree, start):
    host = start(warden=without(*EVERYTHING, "cgroup"))
    host.spawn(1, python(SCRUBBED_DAEMON), **inside(tree))
    host.await_line(1, "ready")
    before = host.bearers(1)
    host.kill()
    assert len(before) == 2
    assert stays(lambda: host.bearers(1) == before, 0.5)
    host.mop_up()


def test_with_the_cgroup_off_too_a_daemon_survives_its_worker(tree, start):
    host = start(warden=without(*EVERYTHING, "cgroup"))
    worker = host.spawn(1, python(SCRUBBED_DAEMON), **inside(tree))["pid"]
    host.await_line(1, "ready")
    daemon = next(pid for pid in host.bearers(1) if pid != worker)
    end(host, worker)
    until(lambda: not alive(worker), what="the worker dead")
    assert stays(lambda: host.bearers(1) == [daemon], 0.5)
    host.mop_up()


# ---- limits of a process

SHOW = """
import json, resource
print(json.dumps([resource.getrlimit(getattr(resource, name)) for name in (
    "RLIMIT_AS", "RLIMIT_NOFILE", "RLIMIT_CPU", "RLIMIT_RTTIME")]))
"""


def test_a_worker_has_its_limits_and_the_warden_has_not(start):
    host = start()
    limits = {"address_space": 1 << 32, "open_files": 300, "cpu_seconds": 7}
    host.spawn(5, python(SHOW), limits=limits)
    host.ended(5)
    space, files, cpu, mark = json.loads(host.lines(5)[0])
    assert space == [1 << 32, 1 << 32]
    assert files == [300, 300]
    assert cpu == [7, 8]
    assert mark == [host.birthmark - 5, host.birthmark]
    host.spawn(6, python(SHOW))
    host.ended(6)
    assert json.loads(host.lines(6)[0])[1][1] > 300


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ({"open_files": 1 << 40}, "openFiles of 1099511627776 is above the hard limit of"),
        ({"gold": 7}, "'gold': 7 is no limit"),
        ({"open_files": "7"}, "'open_files': '7' is no limit"),
        ({"cpu_seconds": 0}, "'cpu_seconds': 0 is no limit"),
    ],
)
def test_a_limit_that_is_not_to_be_had_is_said_before_anything_starts(start, limits, said):
    host = start()
    failed = host.spawn(1, ["true"], limits=limits)
    assert failed["step"] == "limits"
    assert said in failed["message"]


def test_who_uses_up_its_cpu_time_dies_of_it_and_is_told(start):
    host = start()
    host.spawn(1, python("while True: pass"), limits={"cpu_seconds": 1})
    exited = host.ended(1)[0]
    assert exited["signal"] == signal.SIGXCPU
    assert exited["limit"] == "its cpuTime of 1 s is used up"


def test_who_ignores_that_is_killed_and_told(start):
    host = start()
    code = "import signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True: pass"
    host.spawn(1, python(code), limits={"cpu_seconds": 1})
    exited = host.ended(1)[0]
    assert exited["signal"] == signal.SIGKILL
    assert exited["limit"] == "its cpuTime of 1 s is used up"


def test_who_dies_of_something_else_is_told_of_no_limit(start):
    host = start()
    host.spawn(1, ["sleep", "1000"], limits={"cpu_seconds": 1})
    host.kill_worker(1)
    assert "limit" not in host.ended(1)[0]
    code = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    host.spawn(2, python(code), limits={"cpu_seconds": 1})
    assert "cpuTime" not in host.ended(2)[0]["limit"]


def test_who_asks_for_nothing_imports_nothing_of_it():
    home = str(Path(_proc.__file__).parent.parent)
    code = (
        f"import sys; sys.path.insert(0, {home!r})\n"
        "from terrarium import _warden, _worker, _zygote\n"
        "print([name for name in sys.modules if 'limits' in name or 'bounds' in name])"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True
    ).stdout
    assert said == "[]\n"
