"""A pool in a PID namespace: its warden is the first process there."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest
from _warden_kit import (  # noqa: F401
    Host,
    alive,
    python,
    start_hosts,
    stays,
    until,
    with_proof_kill,
    without,
)
from _worker_states import ALL, start_in_state

from terrarium import _proc
from terrarium._namespace import parse_pid
from terrarium._protocol import REPORT, SHUTDOWN

NUMBER = 1 << 32
INSIDE = {"pid_namespace": True, "number": NUMBER}
HARDEST = ("stopped", "daemon, env -i, closed descriptors", "fork chain")
PLAIN = ["unshare", "--pid", "--fork", "--mount-proc", "true"]
BY_USER = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc", "true"]
IS_ROOT = os.geteuid() == 0
# Of all rights just the one without which root cannot stand for itself in a user namespace.
UNPRIVILEGED = ["setpriv", "--bounding-set=-all,+setfcap", "--inh-caps=-all"]


def works(command: list[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


@pytest.fixture(name="inside", params=["as root", "by way of a user namespace"])
def start_inside(start, request):
    """Starts hosts whose warden lives in a PID namespace."""
    as_root = request.param == "as root"
    launcher = UNPRIVILEGED if IS_ROOT and not as_root else []
    if as_root and not (IS_ROOT and works(PLAIN)):
        pytest.skip("it takes root, with CAP_SYS_ADMIN")
    if not as_root and not works([*launcher, *BY_USER]):
        pytest.skip("user namespaces are switched off")

    def start_host(warden: list[str] | None = None) -> Host:
        host = start(config=INSIDE, launcher=launcher, warden=warden)
        host.holder_pid = _proc.read_stat(host.warden_pid).ppid
        own = os.readlink(f"/proc/{host.warden_pid}/ns/user") == os.readlink("/proc/self/ns/user")
        assert own == as_root
        return host

    return start_host


def kill_holder(host: Host) -> None:
    with_proof_kill(host.holder_pid, host.birthmark)


# ---- the numbers


def test_the_host_hears_the_numbers_outside(inside):
    host = inside()
    code = "import os\nhas_proc = os.path.exists(f'/proc/{os.getpid()}/stat')\n"
    code += "print(os.getpid(), os.getppid(), has_proc, flush=True)"
    spawned = host.spawn(1, python(code + "\nimport time; time.sleep(1000)"))
    until(lambda: host.lines(1), what="its numbers")
    pid, parent, has_proc = host.lines(1)[0].split()
    assert (parent, has_proc) == ("1", "True")
    assert int(pid) != spawned["pid"]
    assert host.bearers(1) == [spawned["pid"]]
    assert _proc.read_stat(spawned["pid"]).ticks == spawned["ticks"]
    assert host.bearers(NUMBER) == sorted([host.holder_pid, host.warden_pid])
    assert host.hello["ticks"] == _proc.read_stat(host.warden_pid).ticks
    host.kill_worker(1)
    exited, _ = host.ended(1)
    assert exited["pid"] == spawned["pid"]


def test_the_audit_has_the_numbers_outside(inside):
    host = inside()
    start_in_state(host, 1, "daemon, env -i, closed descriptors")
    worker, daemon = sorted(host.bearers(1))
    host.kill_worker(1)
    host.ended(1)
    assert {worker, daemon} <= {line["pid"] for line in host.audit()}
    assert next(line for line in host.audit() if line["pid"] == daemon)["outcome"] == "sent"


def test_inside_everybody_is_who_he_was(inside, tmp_path):
    host = inside()
    code = "import os, json\nprint(json.dumps([os.getuid(), os.getgid(), os.stat('.').st_uid]))"
    host.spawn(1, python(code), directory=str(host.directory))
    host.ended(1)
    owner = os.stat(host.directory)
    assert json.loads(host.lines(1)[0]) == [owner.st_uid, owner.st_gid, owner.st_uid]


def test_inside_nobody_sees_those_outside(inside):
    host = inside()
    code = "import os\nprint(*sorted(int(n) for n in os.listdir('/proc') if n.isdigit()))"
    host.spawn(1, python(code))
    host.ended(1)
    seen = host.lines(1)[0].split()
    assert seen[0] == "1"
    assert len(seen) == 2  # itself; the warden forks no others


def test_nobody_inside_can_end_the_warden(inside):
    host = inside()
    host.spawn(1, python("import os, signal\nos.kill(1, signal.SIGKILL)\nprint('sent')"))
    host.ended(1)
    assert host.lines(1) == ["sent"]
    assert "pid" in host.spawn(2, ["true"])


def test_a_birthmark_cannot_be_raised_inside(inside):
    """With CAP_SYS_RESOURCE outside it can, as ever; what counts is that the rights inside do not."""
    host = inside()
    code = (
        "import ctypes, resource\n"
        "libc = ctypes.CDLL(None)\n"
        "libc.unshare(0x10000000)\n"  # all rights, in a namespace of its own
        "limit = resource.RLIMIT_RTTIME\n"
        "hard = resource.getrlimit(limit)[1]\n"
        "for more in (hard + 1, resource.RLIM_INFINITY):\n"
        "    try: resource.setrlimit(limit, (hard, more)); print('raised')\n"
        "    except (ValueError, OSError): print('refused')\n"
    )
    if has_resource_right(host.warden_pid):
        pytest.skip("it has CAP_SYS_RESOURCE outside")
    host.spawn(1, python(code))
    host.ended(1)
    assert host.lines(1) == ["refused", "refused"]


def has_resource_right(pid: int) -> bool:
    if os.readlink(f"/proc/{pid}/ns/user") != os.readlink("/proc/self/ns/user"):
        return False
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
        effective = next(line for line in file if line.startswith("CapEff"))
    return bool(int(effective.split()[1], 16) >> 24 & 1)


def test_a_description_without_a_number_is_no_number():
    assert parse_pid(b"pos:\t0\nPid:\t4711\nNSpid:\t4711\t1\n") == 4711
    assert parse_pid(b"pos:\t0\nPid:\t-1\nNSpid:\t-1\n") == -1
    with pytest.raises(Exception, match="does not describe pidfds"):
        parse_pid(b"pos:\t0\n")


# ---- life and death


def test_a_dead_workers_strays_are_swept(inside):
    host = inside()
    for number, state in enumerate(HARDEST, start=1):
        start_in_state(host, number, state)
    start_in_state(host, 9, "daemon, env -i, closed descriptors")
    kept = host.bearers(9)
    for number in range(1, len(HARDEST) + 1):
        host.kill_worker(number)
        host.ended(number)
        assert not host.bearers(number)
    assert host.bearers(9) == kept


@pytest.mark.parametrize("state", ALL)
def test_nothing_is_left_when_the_host_is_killed(inside, state):
    host = inside()
    start_in_state(host, 1, state)
    host.kill()
    host.all_dead()


@pytest.mark.parametrize("state", HARDEST)
@pytest.mark.parametrize("who", ["holder_pid", "warden_pid"])
def test_nothing_is_left_when_one_of_the_two_is_killed(inside, who, state):
    host = inside()
    start_in_state(host, 1, state)
    with_proof_kill(getattr(host, who), host.birthmark)
    host.all_dead()
    assert host.warden_status() in (-signal.SIGKILL, 128 + signal.SIGKILL)


@pytest.mark.parametrize("state", HARDEST)
def test_nothing_is_left_when_host_and_holder_are_killed_together(inside, state):
    host = inside()
    start_in_state(host, 1, state)
    kill_holder(host)
    host.kill()
    host.all_dead()


@pytest.mark.parametrize("who", [["holder_pid"], ["warden_pid"], ["holder_pid", "warden_pid"]])
def test_nothing_is_left_when_they_stand_still_and_the_host_is_killed(inside, who):
    host = inside()
    start_in_state(host, 1, "fork chain")
    for each in who:
        os.kill(getattr(host, each), signal.SIGSTOP)
    host.kill()
    host.all_dead()


def test_a_shutdown_reports_what_it_killed_and_leaves_nothing(inside):
    host = inside()
    start_in_state(host, 1, "daemon, env -i, closed descriptors")
    host.send(SHUTDOWN, 0)
    assert host.frame(REPORT, 0) == {"killed": 2, "left": 0}
    assert host.warden_status() == 0
    host.all_dead()


def test_the_sockets_of_a_host_that_only_let_go_of_it_stay(inside):
    host = inside()
    host.order("close")
    host.all_dead()
    assert sorted(os.listdir(host.sockets)) == ["l", "s"]


# ---- falsification: with one link of the chain off, what follows it lives on


def test_without_the_lifeline_the_holder_survives_a_host_that_nobody_watches(inside):
    host = inside(without("lifeline"))
    os.kill(host.warden_pid, signal.SIGSTOP)  # it would notice by itself
    host.kill()
    assert stays(lambda: alive(host.holder_pid) and alive(host.warden_pid), 0.5)
    host.mop_up()


def test_without_the_death_signal_the_warden_survives_its_holder(inside):
    host = inside(without("death-signal"))
    start_in_state(host, 1, "daemon, env -i, closed descriptors")
    kill_holder(host)
    assert stays(lambda: alive(host.warden_pid) and len(host.bearers(1)) == 2, 0.5)
    host.mop_up()


# ---- where it is not to be had


def refused(directory: Path, command: str) -> tuple[int, str]:
    """What a warden says, and its status, behind a command that takes something away."""
    code = (
        "import json, os, subprocess, sys\n"
        "stat = open('/proc/self/stat').read().rpartition(')')[2].split()\n"
        "config = json.loads(sys.argv[1])\n"
        "config['host'] = {'pid': os.getpid(), 'ticks': int(stat[19])}\n"
        "done = subprocess.run(sys.argv[2:], input=json.dumps(config) + '\\n', text=True,\n"
        "                      capture_output=True)\n"
        "print(json.dumps([done.returncode, done.stderr]))\n"
    )
    config = {"run": "t35t000", "birthmark": 1 << 60, "socket": str(directory / "s"), "token": "t",
              "lifelines": str(directory / "l"), "directory": str(directory), **INSIDE}  # fmt: skip
    warden = str(Path(__file__).resolve().parent.parent / "terrarium_warden.py")
    launcher = ["unshare", "--user", "--map-root-user", "sh", "-c", f'{command} "$@"', "sh"]
    done = subprocess.run(
        [*launcher, *python(code, json.dumps(config)), *python("", "")[:3], warden],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (
            "echo 0 > /proc/sys/user/max_pid_namespaces && exec",
            "no PID namespace: No space left on device; raise user.max_user_namespaces",
        ),
        (
            "echo 0 > /proc/sys/user/max_user_namespaces && exec setpriv --bounding-set=-all",
            "no user namespace: No space left on device; raise user.max_user_namespaces",
        ),
        (
            "echo 0 > /proc/sys/user/max_mnt_namespaces && exec",
            "no mount namespace: No space left on device; raise user.max_user_namespaces",
        ),
    ],
)
def test_what_is_not_to_be_had_is_said_with_its_remedy(command, said):
    if not works(BY_USER):
        pytest.skip("user namespaces, in which to take something away, are switched off")
    with tempfile.TemporaryDirectory() as directory, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{directory}/l")
        listener.listen()
        status, text = refused(Path(directory), command)
    assert status == 3
    assert said in text
