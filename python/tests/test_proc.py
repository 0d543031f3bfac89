"""How processes are recognised, and that only proven ones are signalled."""

from __future__ import annotations

import json
import os
import random
import re
import resource
import signal
import subprocess
import sys
import threading

import pytest
from _warden_kit import alive

from terrarium import _proc

HARD = random.SystemRandom().randrange(1 << 60, 1 << 61)


@pytest.fixture
def sleeper():
    """Starts processes that bear a mark or none; ends them."""
    started: list[subprocess.Popen] = []

    def start(soft: int | None = None, **how: object) -> subprocess.Popen:
        def mark() -> None:
            if soft is not None:
                resource.setrlimit(resource.RLIMIT_RTTIME, (soft, HARD))

        started.append(subprocess.Popen(["sleep", "1000"], preexec_fn=mark, **how))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_a_name_may_hold_parentheses_blanks_and_newlines():
    tail = b" 22 33 33 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 98765 0 0\n"
    stat = _proc.parse_stat(11, b"11 (a) R (1\n) b) S" + tail)
    assert (stat.state, stat.ppid, stat.pgid, stat.ticks) == ("S", 22, 33, 98765)
    assert not stat.dead
    assert _proc.parse_stat(11, b"11 (x) Z" + tail).dead
    assert _proc.parse_stat(11, b"11 (x) X" + tail).dead
    two_threads = tail.replace(b" 20 0 1 0 ", b" 20 0 2 0 ")
    assert not _proc.parse_stat(11, b"11 (x) Z" + two_threads).dead


def test_the_file_and_the_system_call_agree_on_the_birthmark(sleeper):
    marked, plain = sleeper(HARD - 5).pid, sleeper().pid
    for pid, expected in ((marked, (HARD, HARD - 5)), (plain, None)):
        with open(f"/proc/{pid}/limits", "rb") as file:
            assert _proc.parse_limits(file.read()) == expected
        assert _proc.birthmark(pid) == expected
    assert _proc.number_of(marked, HARD) == 5
    assert _proc.number_of(marked, HARD + 1) is None


def test_a_process_that_is_gone_has_no_stat_and_no_mark(sleeper):
    process = sleeper(HARD)
    process.kill()
    process.wait()
    assert _proc.read_stat(process.pid) is None
    assert _proc.birthmark(process.pid) is None


def test_no_free_descriptor_is_not_taken_for_no_process(sleeper, monkeypatch):
    def refuse(*_: object) -> int:
        raise OSError(24, "Too many open files")

    pid = sleeper().pid
    monkeypatch.setattr(_proc.os, "open", refuse)
    with pytest.raises(OSError, match="Too many"):
        _proc.read_stat(pid)


def test_both_ways_to_list_children_agree(sleeper):
    pids = {sleeper().pid, sleeper().pid}
    assert pids <= set(_proc.children())
    assert pids <= set(_proc.children_by_parent(os.getpid()))


def signaller(tmp_path) -> _proc.Signaller:
    return _proc.Signaller(HARD, _proc.Audit(str(tmp_path), "t35t000"))


def audit(tmp_path) -> list[dict]:
    return [json.loads(line) for line in (tmp_path / "audit.jsonl").read_text().splitlines()]


def test_a_marked_process_is_signalled_by_its_mark_and_the_line_says_so(sleeper, tmp_path):
    process = sleeper(HARD - 3)
    ticks = _proc.read_stat(process.pid).ticks
    assert signaller(tmp_path).process(process.pid, signal.SIGKILL, "test") == "sent"
    process.wait()
    (line,) = audit(tmp_path)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("time"))
    assert line == {"run": "t35t000", "by": "warden", "why": "test", "pid": process.pid,
                    "ticks": ticks, "signal": "SIGKILL", "target": "process", "proof": "birthmark",
                    "outcome": "sent"}  # fmt: skip


@pytest.mark.parametrize(
    ("status", "how"),
    [
        (3 << 8, "exited with status 3"),
        (signal.SIGKILL, "killed by SIGKILL"),
        (signal.SIGABRT, "killed by SIGABRT"),
        (signal.SIGCHLD, "killed by SIGCHLD"),
        (50, "killed by signal 50"),
    ],
)
def test_an_end_is_told_in_the_words_of_the_jvm(status, how):
    assert _proc.how_ended(status) == how


def test_a_stranger_is_never_signalled(tmp_path):
    code = (
        "import subprocess\n"
        "p = subprocess.Popen(['sleep', '1000'])\n"
        "print(p.pid, flush=True); input(); p.kill(); p.wait()"
    )
    parent = subprocess.Popen([sys.executable, "-c", code],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # fmt: skip
    stranger = int(parent.stdout.readline())
    assert signaller(tmp_path).process(stranger, signal.SIGKILL, "test") == "not ours"
    assert signaller(tmp_path).group(stranger, signal.SIGKILL, "test", 0) == "already dead"
    assert alive(stranger)
    assert audit(tmp_path)[0]["outcome"] == "not ours"
    parent.communicate("\n")


def test_a_number_that_was_given_to_another_process_is_not_signalled(sleeper, tmp_path):
    process = sleeper(HARD - 3)
    ticks = _proc.read_stat(process.pid).ticks
    assert signaller(tmp_path).process(process.pid, signal.SIGKILL, "test", ticks + 1) == "not ours"
    assert (
        signaller(tmp_path).group(process.pid, signal.SIGKILL, "test", ticks + 1) == "already dead"
    )
    assert alive(process.pid)


def test_a_number_that_a_thread_has_got_is_no_processs(tmp_path):
    end = threading.Event()
    thread = threading.Thread(target=end.wait)
    thread.start()
    try:
        assert (
            signaller(tmp_path).process(thread.native_id, signal.SIGKILL, "test") == "already dead"
        )
    finally:
        end.set()
        thread.join()


def test_a_group_is_signalled_only_through_its_own_leader(sleeper, tmp_path):
    inside = sleeper(HARD)  # in the group of the tests themselves
    ticks = _proc.read_stat(inside.pid).ticks
    assert signaller(tmp_path).group(inside.pid, signal.SIGKILL, "test", ticks) == "refused"
    leader = sleeper(HARD, start_new_session=True)
    ticks = _proc.read_stat(leader.pid).ticks
    assert signaller(tmp_path).group(leader.pid, signal.SIGKILL, "test", ticks) == "sent"
    assert leader.wait() == -signal.SIGKILL
    assert alive(inside.pid)


def test_nobody_goes_on_in_an_audit_that_somebody_else_has_set_aside(tmp_path):
    one, other = (_proc.Audit(str(tmp_path), run) for run in ("t35t000", "t35t001"))
    one.write(outcome="first")
    other.write(outcome="x" * _proc.AUDIT_BYTES_MAX)
    one.write(outcome="last")
    assert [line["outcome"] for line in audit(tmp_path)] == ["last"]


def test_the_audit_keeps_one_older_file_and_survives_a_directory_that_went_away(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(_proc, "AUDIT_BYTES_MAX", 1000)
    log = _proc.Audit(str(tmp_path), "t35t000")
    for number in range(100):
        log.write(number=number)
    assert sorted(os.listdir(tmp_path)) == ["audit.jsonl", "audit.jsonl.1"]
    assert audit(tmp_path)[-1]["number"] == 99
    assert all((tmp_path / name).stat().st_size <= 1000 for name in os.listdir(tmp_path))
    _proc.Audit(str(tmp_path / "nowhere"), "t35t000").write(number=1)
