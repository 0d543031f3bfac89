"""The read lock passes between the main thread and the reader: nothing is lost, doubled or late."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time

import pytest
from _worker_kit import PATIENCE_SECONDS

from terrarium import _protocol

ADAPTER = """
import logging, os, signal, time
from terrarium import tool, on_stop

log = logging.getLogger("test")

@tool
def echo(value):
    return value

@tool
def slow(value, seconds=0.03):
    time.sleep(seconds)
    return value

@tool
def busy(value, seconds=0.03):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass
    return value

@tool
def hang():
    log.warning("started")
    time.sleep(600)

@tool
def spin():
    log.warning("started")
    while True:
        pass

@tool
def fork():
    child = os.fork()
    if child == 0:
        return "the child's"
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

@tool
def on_signal(error):
    def handler(*_):
        log.warning("signal")
        if error:
            raise {"SystemExit": SystemExit(7), "EOFError": EOFError(), "OSError": OSError(9, "x"),
                   "ConnectionError": ConnectionError("the user's"),
                   "ValueError": ValueError("the user's")}[error]
    signal.signal(signal.SIGUSR1, handler)

@on_stop
def stop():
    log.warning("stopping")
    path = os.environ.get("STOP_WAITS_FOR")
    if path:
        open(path).read()
"""


def main_reads(worker) -> None:
    """Leaves the worker idle, the main thread waiting for the next frame."""
    for _ in range(2):  # the first one may still find the reader leading
        worker.call("echo", 1)


def reader_reads(worker) -> None:
    """Leaves the worker idle, the reader waiting for the next frame: it took over in a call."""
    number = worker.begin("hang")
    worker.logged("started")
    worker.ping()  # nobody but the reader can answer that
    worker.cancel(number)
    assert worker.answer(number).value["kind"] == "cancelled"


READERS = pytest.mark.parametrize("who_reads", [main_reads, reader_reads])


def test_calls_fast_and_slow_with_cancels_everywhere_have_one_answer_each(start):
    worker = start(ADAPTER)
    rng = random.Random(4711)
    hits = calls = 0
    for _ in range(400):
        expected, pings = {}, 0
        for _ in range(rng.randrange(1, 9)):
            tool = rng.choices(["echo", "slow", "busy"], [30, 1, 1])[0]
            number = worker.begin(tool, calls)
            expected[number] = calls
            calls += 1
            if rng.random() < 0.3:
                reason = rng.choice(["cancelled", "closing"])
                worker.cancel(rng.choice(list(expected)), reason)
            if rng.random() < 0.3:
                worker.send(_protocol.PING, 1)
                pings += 1
        while expected or pings:
            frame = worker.receive()
            if frame.kind == _protocol.PONG:
                pings -= 1
                continue
            value = expected.pop(frame.id)
            if frame.kind == _protocol.ERROR:
                assert frame.value["kind"] in ("cancelled", "closing"), frame
                hits += 1
            else:
                assert frame.value == value
    assert hits
    worker.ping()
    assert worker.drain() == 0
    assert worker.errors() == ""


def test_calls_are_answered_in_their_order_across_hand_overs(start):
    worker = start(ADAPTER)
    batch = 50
    for _ in range(60):
        numbers = [worker.begin("echo", i) for i in range(batch)]
        numbers.append(worker.begin("slow", batch))
        numbers += [worker.begin("echo", i) for i in range(batch + 1, 2 * batch)]
        for i, number in enumerate(numbers):
            assert worker.answer(number).value == i
    worker.ping()


@pytest.mark.parametrize("tool", ["hang", "spin"])
@READERS
def test_a_ping_and_a_cancel_are_heard_while_a_tool_runs(start, who_reads, tool):
    worker = start(ADAPTER)
    for _ in range(10):
        who_reads(worker)
        number = worker.begin(tool)
        worker.logged("started")
        worker.ping()
        queued = worker.begin("echo", 2)
        worker.ping()
        worker.cancel(queued)
        assert "before the tool was started" in worker.answer(queued).value["message"]
        worker.cancel(number)
        assert worker.answer(number).value["kind"] == "cancelled"


@READERS
def test_a_cancel_right_behind_its_call_is_heard(start, who_reads):
    worker = start(ADAPTER)
    for _ in range(10):
        who_reads(worker)
        number = worker.begin("hang")
        worker.cancel(number)
        frame = worker.receive()
        while frame.kind == _protocol.LOG:
            frame = worker.receive()
        assert (frame.id, frame.value["kind"]) == (number, "cancelled")


@READERS
def test_a_drain_of_an_idle_worker_ends_it(start, who_reads):
    worker = start(ADAPTER)
    who_reads(worker)
    assert worker.drain() == 0
    assert worker.logs[-1].value["message"] == "stopping"


@READERS
def test_a_drain_behind_calls_lets_them_end(start, who_reads):
    worker = start(ADAPTER)
    who_reads(worker)
    numbers = [worker.begin(tool, 1) for tool in ("echo", "slow", "echo", "busy", "echo")]
    worker.send(_protocol.DRAIN, 0, {})
    for number in numbers:
        assert worker.answer(number).value == 1
    assert worker.ended() == 0


@READERS
def test_a_drain_while_one_runs_and_others_wait(start, who_reads):
    worker = start(ADAPTER)
    who_reads(worker)
    running = worker.begin("hang")
    worker.logged("started")
    waiting = [worker.begin("echo", 1) for _ in range(3)]
    worker.send(_protocol.DRAIN, 0, {})
    late = worker.begin("echo", 1)
    assert worker.answer(late).value["kind"] == "closing"
    worker.cancel(waiting[1], "closing")
    assert worker.answer(waiting[1]).value["kind"] == "closing"
    worker.cancel(running, "closing")
    assert worker.answer(running).value["kind"] == "closing"
    assert worker.answer(waiting[0]).value == 1
    assert worker.answer(waiting[2]).value == 1
    assert worker.ended() == 0


@READERS
def test_frames_are_read_while_the_adapter_stops(start, tmp_path, who_reads):
    fifo = str(tmp_path / "fifo")
    os.mkfifo(fifo)
    worker = start(ADAPTER, environment={"STOP_WAITS_FOR": fifo})
    who_reads(worker)
    worker.send(_protocol.DRAIN, 0, {})
    worker.logged("stopping")
    worker.ping()
    late = worker.begin("echo", 1)
    assert worker.answer(late).value["kind"] == "closing"
    with open(fifo, "w"):
        pass
    assert worker.ended() == 0


@READERS
def test_the_connection_s_end_ends_a_worker_whoever_reads(start, who_reads):
    worker = start(ADAPTER)
    who_reads(worker)
    worker.connection.close()
    assert worker.process.wait(PATIENCE_SECONDS) == -signal.SIGKILL
    assert worker.errors() == ""


@READERS
def test_a_tool_may_fork_whoever_reads(start, who_reads):
    worker = start(ADAPTER)
    for _ in range(5):
        who_reads(worker)
        assert worker.call("fork") == 0
    worker.ping()
    assert worker.drain() == 0


@READERS
def test_a_signal_handler_of_the_user_s_runs_between_calls(start, who_reads):
    worker = start(ADAPTER)
    worker.call("on_signal", None)
    for _ in range(5):
        who_reads(worker)
        await_sleep(worker.process.pid)
        worker.process.send_signal(signal.SIGUSR1)
        worker.logged("signal")
    assert worker.call("echo", 1) == 1


@READERS
@pytest.mark.parametrize(
    "error", ["SystemExit", "EOFError", "OSError", "ConnectionError", "ValueError"]
)
def test_what_a_handler_raises_between_calls_ends_the_worker(start, who_reads, error):
    worker = start(ADAPTER)
    worker.call("on_signal", error)
    who_reads(worker)
    await_sleep(worker.process.pid)
    worker.process.send_signal(signal.SIGUSR1)
    if error == "SystemExit":
        assert worker.ended() == 7
    else:
        assert worker.ended() == 1
        assert "the worker failed" in worker.errors()
        assert error in worker.errors()


@READERS
def test_an_idle_worker_does_not_wake_up(start, who_reads):
    worker = start(ADAPTER)
    who_reads(worker)
    pid = worker.process.pid
    for task in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(FileNotFoundError):  # a thread that has ended since
            await_sleep(pid, task, 0.5)
    assert worker.call("echo", 1) == 1


def await_sleep(pid: int, task: int | str | None = None, seconds: float = 0.02) -> None:
    """Waits until a thread, the main one by default, sleeps so long without waking up. One that
    waits for the interpreter's lock wakes up every 5 ms.
    """
    path = f"/proc/{pid}/task/{task or pid}/status"
    deadline = time.monotonic() + PATIENCE_SECONDS
    before = None
    while before != (before := state(path)) or "S (sleeping)" not in before[0]:
        assert time.monotonic() < deadline
        time.sleep(seconds)  # what is measured


def state(path: str) -> list[str]:
    with open(path) as file:
        return [line for line in file if line.startswith(("State", "voluntary"))]
