"""What the warden does for a living JVM."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from _warden_kit import (
    WARDEN,
    Host,
    alive,
    python,
    start_hosts,  # noqa: F401
    stays,
    until,
    without,
)
from _worker_states import SCRUBBED_DAEMON, start_in_state

from terrarium import _proc
from terrarium._protocol import (
    DUMP,
    DUMPED,
    EXITED,
    KILL,
    OUTPUT,
    REPORT,
    SHUTDOWN,
    SIGNAL,
    SPAWN_FAILED,
)


def test_it_says_who_it_is(start):
    host = start()
    stat = _proc.read_stat(host.warden_pid)
    assert host.hello["ticks"] == stat.ticks
    assert host.hello["token"] == "secret"
    assert _proc.birthmark(host.warden_pid) == (host.birthmark, host.birthmark)
    assert os.getsid(host.warden_pid) == host.warden_pid


def test_a_worker_gets_its_spec_its_environment_and_its_directory(start, tmp_path):
    host = start()
    code = (
        "import os, json\n"
        "print(json.dumps([json.loads(os.read(0, 9999)), dict(os.environ), os.getcwd()]))"
    )
    host.spawn(
        1, python(code), set={"ADDED": "grün"}, unset=["HOME"], directory=str(tmp_path),
        spec={"token": "t", "options": {"a": 1}},
    )  # fmt: skip
    host.ended(1)
    spec, environment, directory = json.loads(host.lines(1)[0])
    assert spec == {"token": "t", "options": {"a": 1}, "stacks_fd": 201}
    assert environment["ADDED"] == "grün"
    assert "HOME" not in environment
    assert environment["PATH"] == os.environ["PATH"]
    assert directory == str(tmp_path)


def test_a_worker_inherits_only_its_own_descriptors(start):
    host = start()
    code = (
        "import os, stat, json\n"
        "fds = [int(n) for n in os.listdir('/proc/self/fd')]\n"
        "def kind(fd):\n"
        "    try: return stat.S_IFMT(os.fstat(fd).st_mode)\n"
        "    except OSError: return None\n"
        "print(json.dumps({fd: kind(fd) for fd in fds if kind(fd)}))"
    )
    host.spawn(1, python(code))
    host.ended(1)
    kinds = {int(fd): kind for fd, kind in json.loads(host.lines(1)[0]).items()}
    assert kinds.keys() - {0, 1, 2, 201} == {fd for fd in kinds if fd == 200 or fd > 201}
    lifelines = [fd for fd in kinds if kinds[fd] == 0o140000]
    assert len(lifelines) == 1
    assert lifelines[0] >= 200


@pytest.mark.parametrize(
    ("how", "step", "word"),
    [
        ({"argv": ["/nowhere/python"]}, "exec", "/nowhere/python"),
        ({"directory": "/nowhere"}, "directory", "/nowhere"),
        ({"argv": []}, "request", "argv"),
        ({"via": "zygote", "zygote": 4711}, "zygote", "4711"),
        ({"role": "queen"}, "request", "queen"),
    ],
)
def test_a_worker_that_cannot_start_is_said_with_the_step(start, how, step, word):
    host = start()
    failed = host.spawn(1, **{"argv": ["true"], **how})
    assert failed["step"] == step
    assert word in failed["message"]
    assert "pid" in host.spawn(2, ["true"])


def test_a_worker_whose_lifeline_is_refused_does_not_start(start):
    host = start()
    (host.sockets / "l").unlink()
    failed = host.spawn(1, ["true"])
    assert (failed["step"], failed["errno"]) == ("lifeline", 2)


def test_a_number_is_good_for_one_worker_only(start):
    host = start()
    host.spawn(1, ["sleep", "1000"])
    host.ask(1, ["true"])
    failed = host.first(1, 67)["envelope"]
    assert "used already" in failed["message"]
    assert len(host.bearers(1)) == 1


def test_frames_for_unknown_workers_harm_nobody(start):
    host = start()
    host.spawn(1, ["true"])
    host.ended(1)
    for number in (1, 99):
        host.kill_worker(number)
        host.send(SIGNAL, number, {"signal": 15, "why": "x"})
        host.send(DUMP, number)
        assert host.frame(DUMPED, number) == {"stacks": ""}
    host.send(SIGNAL, 1, {"signal": "many"})
    assert "pid" in host.spawn(2, ["true"])


def test_a_word_that_finds_no_room_on_the_disk_costs_nobody_his_life(start):
    host = start(stderr="/dev/full")
    pid = host.spawn(1, ["sleep", "1000"])["pid"]
    host.kill_worker(99)  # which is not known: the warden says so
    host.ask(1, ["true"])  # and that this number is taken
    assert "used already" in host.frame(SPAWN_FAILED, 1)["message"]
    assert "pid" in host.spawn(2, ["true"])
    assert alive(pid)


def test_a_warden_that_fails_ends_everything_though_it_cannot_say_why(start):
    host = start(warden=without("loop"), stderr="/dev/full")
    host.spawn(1, python(SCRUBBED_DAEMON))
    host.await_line(1, "ready")
    host.kill_worker(99)
    host.all_dead()


def test_an_exit_carries_status_resources_and_the_last_lines_of_stderr(start):
    host = start()
    code = (
        "import sys\n"
        "for i in range(80): print('line', i, file=sys.stderr)\n"
        "sys.stderr.write('no newline'); sys.exit(3)"
    )
    host.spawn(1, python(code))
    exited, cleared = host.ended(1)
    assert (exited["code"], exited["signal"], exited["core"]) == (3, None, False)
    assert exited["stderr"].split("\n") == [f"line {i}" for i in range(31, 80)] + ["no newline"]
    assert exited["max_rss_kib"] > 1000
    assert exited["cpu_ms"] > 0
    assert cleared == {"strays": 0}
    assert host.lines(1, "stderr")[-1] == "no newline"


def test_a_signal_reaches_the_whole_group_and_is_not_ignored(start):
    host = start()
    host.spawn(1, ["/bin/sh", "-c", "sleep 1000 & echo ready; sleep 1000"])
    host.await_line(1, "ready")
    host.send(SIGNAL, 1, {"signal": signal.SIGTERM, "why": "test"})
    assert host.ended(1)[0]["signal"] == signal.SIGTERM
    assert not host.bearers(1)


def test_a_signal_for_a_worker_that_is_still_starting_arrives(start):
    host = start()
    host.ask(1, ["sleep", "1000"])
    host.send(SIGNAL, 1, {"signal": signal.SIGTERM, "why": "test"})
    assert host.ended(1)[0]["signal"] == signal.SIGTERM


def test_a_kill_right_after_the_spawn_leaves_nothing(start):
    host = start()
    for number in range(1, 21):
        host.ask(number, ["sleep", "1000"])
        host.send(KILL, number, {"why": "test"})
    for number in range(1, 21):
        assert host.ended(number)[0]["signal"] == signal.SIGKILL


def test_a_neighbours_children_survive_when_one_worker_is_killed(start):
    host = start()
    for number in (1, 2):
        start_in_state(host, number, "daemon, env -i, closed descriptors")
    before = host.bearers(2)
    host.kill_worker(1)
    host.ended(1)
    assert len(before) == 2
    assert stays(lambda: host.bearers(2) == before, 0.3)


def test_a_dead_workers_grandchild_that_holds_its_pipes_delays_nothing(start):
    host = start()
    host.spawn(1, ["/bin/sh", "-c", "setsid sleep 1000 & echo bye; exit 7"])
    begun = time.monotonic()
    exited, cleared = host.ended(1)
    assert exited["code"] == 7
    assert cleared["strays"] == 1
    assert time.monotonic() - begun < 2
    assert host.lines(1) == ["bye"]


def test_a_fork_chain_that_outlives_its_worker_is_beaten(start):
    host = start()
    start_in_state(host, 1, "fork chain")
    host.kill_worker(1)
    host.ended(1)
    assert stays(lambda: not host.bearers(1), 0.3)


def test_fifty_deaths_at_once_are_all_reported_and_cleared(start):
    host = start()
    for number in range(1, 51):
        host.ask(number, ["/bin/sh", "-c", "setsid sleep 1000 & echo ready; wait"])
    for number in range(1, 51):
        host.await_line(number, "ready")
    begun = time.monotonic()
    for number in range(1, 51):
        host.kill_worker(number)
    for number in range(1, 51):
        assert host.ended(number)[1]["strays"] >= 1
    print(f"50 deaths cleared in {(time.monotonic() - begun) * 1000:.0f} ms")


# ---- output


def test_output_is_split_into_lines_and_pieces_and_repaired(start):
    host = start()
    code = "import os\nos.write(1, b'a\\xffb\\n' + 'ü'.encode() * 10000 + b'\\nend\\n\\nrest')"
    host.spawn(1, python(code))
    host.ended(1)
    lines = host.lines(1)
    assert lines[0] == "a\ufffdb"
    assert "".join(lines[1:-3]) == "ü" * 10000
    assert max(len(line.encode()) for line in lines) <= 8192
    assert lines[-3:] == ["end", "", "rest"]


def test_the_last_64_kib_of_a_worker_are_on_disk(start):
    host = start()
    code = "for i in range(30000): print('line number', i)"
    host.spawn(1, python(code))
    host.ended(1)
    log = host.directory / "logs" / "a-1.log"
    older = log.with_name("a-1.log.1")
    kept = (older.read_bytes() if older.exists() else b"") + (
        log.read_bytes() if log.exists() else b""
    )
    everything = "".join(f"line number {i}\n" for i in range(30000)).encode()
    assert everything.endswith(kept)
    assert 64 << 10 <= len(kept) <= 256 << 10


FLOOD = """
import os, time
block = (b'x' * 79 + b'\\n') * 800
begun = time.monotonic()
for _ in range(820): os.write(1, block)
os.write(2, b'%.3f\\n' % (time.monotonic() - begun))
"""


def test_a_flood_does_not_block_the_worker_while_the_host_does_not_read(start):
    host = start()
    host.order("mute")
    host.ask(1, python(FLOOD))
    until(lambda: host.bearers(1), what="the worker")
    until(lambda: not host.bearers(1), 30, "the flood over")
    host.order("hear")
    seconds = float(host.ended(1)[0]["stderr"])
    print(f"{820 * 64000 / seconds / 1e6:.0f} MB/s")
    outputs = [f["envelope"] for f in host.frames if f.get("type") == OUTPUT]
    dropped = sum(e["dropped"] for e in outputs if e["stream"] == "stdout")
    assert dropped > 0
    assert len(host.lines(1)) + dropped == 820 * 800


def test_a_flood_does_not_starve_the_neighbours(start):
    host = start()
    flood = "import os\nwhile True: os.write(1, (b'x' * 79 + b'\\n') * 800)"
    for number in (1, 2, 3):
        host.ask(number, python(flood))
    until(lambda: host.lines(3), what="a flood")
    host.spawn(9, ["echo", "through"])
    host.ended(9)
    assert host.lines(9) == ["through"] or any(
        f["envelope"]["dropped"] for f in host.frames if f.get("type") == OUTPUT and f["id"] == 9
    )


# ---- stacks

REGISTERED = """
import faulthandler, json, os, signal, time
fd = json.loads(os.read(0, 9999))['stacks_fd']
faulthandler.register(signal.SIGWINCH, file=fd, all_threads=True)
def inner():
    print('ready', flush=True)
    time.sleep(1000)
inner()
"""


def test_stacks_arrive_by_signal(start):
    host = start()
    host.spawn(1, python(REGISTERED))
    host.await_line(1, "ready")
    host.send(DUMP, 1)
    assert "in inner" in host.frame(DUMPED, 1)["stacks"]


def test_a_program_without_a_handler_dumps_nothing_and_lives(start):
    host = start()
    pid = host.spawn(1, ["sleep", "1000"])["pid"]
    host.send(DUMP, 1)
    assert host.frame(DUMPED, 1) == {"stacks": ""}
    assert alive(pid)


# ---- shutdown and start


def test_shutdown_of_an_empty_warden_had_to_kill_nothing(start):
    host = start()
    host.spawn(1, ["true"])
    host.ended(1)
    host.send(SHUTDOWN, 0)
    assert host.frame(REPORT, 0) == {"killed": 0, "left": 0}
    assert host.warden_status() == 0
    assert host.sockets.exists()


def test_shutdown_kills_what_is_left_and_counts_it(start):
    host = start()
    start_in_state(host, 1, "child in its own session")
    start_in_state(host, 2, "idle")
    host.send(SHUTDOWN, 0)
    assert host.frame(REPORT, 0) == {"killed": 3, "left": 0}
    assert host.ended(1)[0]["signal"] == signal.SIGKILL
    assert host.frames.index({"type": REPORT, "id": 0, "envelope": {"killed": 3, "left": 0}}) > max(
        i for i, f in enumerate(host.frames) if f.get("type") in (EXITED, OUTPUT)
    )
    assert host.warden_status() == 0


@pytest.mark.parametrize("data", ["ff" * 16, "00000000410100000000000000000001",
                                  "0000000441000000000000000000000166666666"])  # fmt: skip
def test_a_host_that_does_not_speak_the_protocol_counts_as_gone(start, data):
    host = start()
    start_in_state(host, 1, "idle")
    host.order("raw", data=data)
    host.all_dead()
    assert "protocol error" in host.said()


def test_it_refuses_a_host_that_is_not_its_parent():
    for wrong in ({"pid": os.getpid()}, {"ticks": 1}, {"pid": 2**22 + 1}):
        host = Host(host=wrong)
        try:
            assert host.warden_status() == 1
            assert "host" in host.said()
        finally:
            host.kill()
            host.discard()


def test_it_refuses_to_start_where_a_smaller_limit_leaves_no_room(tmp_path):
    code = (
        "import os, resource, sys\n"
        "resource.setrlimit(resource.RLIMIT_RTTIME, (1000000, 1000000))\n"
        "os.execv(sys.executable, [sys.executable, '-I', '-S', *sys.argv[1:]])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *WARDEN, "--snakepit-run-id", "t35t000"],
        input=json.dumps({"birthmark": 1 << 60}) + "\n",
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "RLIMIT_RTTIME has the hard limit 1000000" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="makes a PID namespace")
def test_it_refuses_a_proc_of_another_pid_namespace():
    """Its numbers are others': a stranger was killed as a child of ours."""
    host = {"pid": 1, "ticks": 1}
    config = {"host": host, "birthmark": (1 << 60) + 12345}
    warden = subprocess.run(
        ["unshare", "--pid", "--fork", sys.executable, "-I", "-S", *WARDEN],
        input=json.dumps(config) + "\n",
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert warden.returncode == 1
    assert "/proc belongs to another PID namespace" in warden.stderr
    assert "--mount-proc" in warden.stderr


def test_it_ends_quietly_where_no_configuration_comes():
    done = subprocess.run([sys.executable, "-I", "-S", *WARDEN], input=b"", capture_output=True)
    assert done.returncode == 1
    assert b"ended before the configuration" in done.stderr
