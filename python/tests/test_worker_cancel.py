"""Interruptions: each call ends once, with the right word, and never the wrong call."""

from __future__ import annotations

import signal

import pytest

from terrarium import _protocol

ADAPTER = '''
import asyncio, linecache, logging, signal, sys, threading, time
from terrarium import tool, context, Cancelled, DeadlineExceeded

log = logging.getLogger("test")
seen = []

@tool
def spin():
    log.warning("started")
    while True:
        pass

@tool
def sleep(seconds):
    announce()
    time.sleep(seconds)

@tool
def sleep_through_one(seconds):
    """Stands for the moment between Python's last look and the system call, in which an
    interruption ends neither.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGURG})
    log.warning("started")
    signal.sigwait({signal.SIGURG})
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGURG})
    time.sleep(seconds)

def announce():
    """Says so when the main thread is where it sleeps, and not still on its way."""
    main = threading.main_thread().ident
    def look():
        line = ""
        while "time.sleep(seconds)" not in line:
            frame = sys._current_frames()[main]
            line = linecache.getline(frame.f_code.co_filename, frame.f_lineno)
        log.warning("started")
    threading.Thread(target=look, daemon=True).start()

@tool
def add(a, b):
    return a + b

@tool
def swallow():
    try:
        log.warning("started")
        time.sleep(60)
    except Cancelled as error:
        seen.append([type(error).__name__, str(error), context.cancelled])
    return "went on"

@tool
def swallow_exceptions_only():
    while True:
        try:
            log.warning("started")
            time.sleep(60)
        except Exception:
            pass

@tool
def other_error():
    try:
        log.warning("started")
        time.sleep(60)
    finally:
        raise ValueError("while cleaning up")

@tool
def exit_on_cancel():
    try:
        log.warning("started")
        time.sleep(60)
    except Cancelled:
        raise SystemExit(7)

@tool
def log_for_ever():
    log.warning("started")
    while True:
        log.warning("again")

@tool
def what_was_seen():
    return seen

@tool
async def wait(seconds):
    # Said when this task waits, and not before.
    asyncio.get_running_loop().call_soon(log.warning, "started")
    await inner(seconds)

async def inner(seconds):
    await asyncio.sleep(seconds)

@tool
async def swallow_async():
    log.warning("started")
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        return "went on"

@tool
async def async_add(a, b):
    return a + b
'''


@pytest.mark.parametrize(
    ("tool", "args"),
    [
        ("spin", []),
        ("sleep", [60]),
        ("swallow", []),
        ("swallow_exceptions_only", []),
        ("other_error", []),
        ("wait", [60]),
        ("swallow_async", []),
    ],
)
@pytest.mark.parametrize("reason", ["cancelled", "deadline", "closing"])
def test_a_running_call_ends_with_one_error_of_the_reason(start, tool, args, reason):
    worker = start(ADAPTER)
    number = worker.begin(tool, *args)
    worker.logged("started")
    worker.cancel(number, reason)
    if reason == "deadline":
        stacks = worker.receive()
        assert (stacks.kind, stacks.id) == (_protocol.STACKS, number)
    frame = worker.answer(number)
    assert frame.kind == _protocol.ERROR
    assert frame.value["kind"] == reason
    assert worker.call("add", 1, 2) == 3
    worker.ping()
    assert worker.drain() == 0
    assert worker.errors() == ""


def test_the_error_says_where_the_tool_was(start):
    worker = start(ADAPTER)
    number = worker.begin("sleep", 60)
    worker.logged("started")
    worker.cancel(number)
    error = worker.answer(number).value
    assert error["type"] == "terrarium.Cancelled"
    assert error["message"] == "the call was cancelled"
    assert "time.sleep(seconds)" in error["traceback"]
    assert "terrarium/_" not in error["traceback"]


def test_a_deadline_without_descriptors_costs_its_stacks_only(start):
    worker = start("""
        import logging, os, resource, time
        from terrarium import tool
        @tool
        def use_up_and_sleep():
            logging.warning("the first one imports what all need")
            most = max(map(int, os.listdir("/proc/self/fd")))
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
            files = []
            try:
                while True:
                    files.append(os.dup(1))
            except OSError:
                logging.warning("started")
                time.sleep(600)
        @tool
        def fine():
            return "fine"
    """)
    number = worker.begin("use_up_and_sleep", deadline=60_000)
    worker.logged("started")
    worker.cancel(number, "deadline")
    assert worker.answer(number).value["kind"] == "deadline"
    assert worker.call("fine") == "fine"


def test_a_deadline_raises_its_own_class_and_sets_cancelled(start):
    worker = start(ADAPTER)
    number = worker.begin("swallow")
    worker.logged("started")
    worker.cancel(number, "deadline")
    assert worker.receive().kind == _protocol.STACKS
    assert "ran to its end" in worker.answer(number).value["message"]
    assert worker.call("what_was_seen") == [
        ["DeadlineExceeded", "the call's deadline passed", True]
    ]


def test_stacks_name_the_line_and_leave_our_reader_out(start):
    worker = start(ADAPTER)
    number = worker.begin("sleep", 60)
    worker.logged("started")
    worker.cancel(number, "deadline")
    text = worker.receive().value["stacks"]
    assert text.startswith("Thread MainThread (most recent call last):\n")
    assert ", in sleep\n    time.sleep(seconds)\n" in text
    assert "terrarium-loop" in text
    assert "_reader.py" not in text
    assert worker.answer(number).value["kind"] == "deadline"


def test_stacks_of_a_waiting_async_tool_show_what_it_waits_for(start):
    worker = start(ADAPTER)
    number = worker.begin("wait", 60)
    worker.logged("started")
    worker.cancel(number, "deadline")
    text = worker.receive().value["stacks"]
    assert text.startswith("The call (async, most recent call last):\n")
    assert ", in wait\n    await inner(seconds)\n" in text
    assert ", in inner\n    await asyncio.sleep(seconds)\n" in text
    assert text.index("terrarium-loop") < text.index("MainThread")
    assert worker.answer(number).value["kind"] == "deadline"


def test_a_call_is_withdrawn_before_its_turn_and_no_later(start):
    worker = start(ADAPTER)
    first = worker.begin("sleep", 60)
    worker.logged("started")
    second = worker.begin("add", 1, 2)
    third = worker.begin("add", 3, 4)
    worker.cancel(second, "withdrawn")
    worker.cancel(first, "withdrawn")  # runs: goes on
    frame = worker.answer(second)
    assert frame.kind == _protocol.ERROR
    assert frame.value["kind"] == "withdrawn"
    worker.cancel(first)
    assert worker.answer(first).value["kind"] == "cancelled"
    assert worker.answer(third).value == 7
    worker.cancel(third, "withdrawn")  # is over: nothing happens
    worker.ping()
    assert worker.drain() == 0
    assert worker.errors() == ""


def test_a_call_that_waits_is_answered_at_once_and_never_runs(start):
    worker = start(ADAPTER)
    first = worker.begin("sleep", 60)
    worker.logged("started")
    second = worker.begin("swallow")
    worker.cancel(second, "deadline")
    frame = worker.answer(second)
    assert frame.value["kind"] == "deadline"
    assert "before the tool was started" in frame.value["message"]
    worker.cancel(first)
    assert worker.answer(first).value["kind"] == "cancelled"
    assert worker.call("what_was_seen") == []


def test_a_late_or_unknown_or_second_cancel_is_ignored(start):
    worker = start(ADAPTER)
    number = worker.begin("add", 1, 2)
    assert worker.answer(number).value == 3
    worker.cancel(number)
    worker.cancel(4711, "deadline")
    running = worker.begin("swallow")
    worker.logged("started")
    worker.cancel(number)
    worker.cancel(running)
    worker.cancel(running, "deadline")
    assert worker.answer(running).value["kind"] == "cancelled"
    assert worker.call("add", 1, 2) == 3
    assert worker.call("what_was_seen") == [["Cancelled", "the call was cancelled", True]]


def test_an_interruption_that_the_system_call_missed_is_repeated(start):
    """A cancel that came just before a tool's ``time.sleep`` was lost, and the sleep went on."""
    worker = start(ADAPTER)
    number = worker.begin("sleep_through_one", 1000)
    worker.logged("started")
    worker.cancel(number)
    assert worker.answer(number).value["kind"] == "cancelled"


def test_a_signal_without_a_cancel_harms_nobody(start):
    worker = start(ADAPTER)
    for _ in range(50):
        worker.process.send_signal(signal.SIGURG)
        assert worker.call("add", 1, 2) == 3


@pytest.mark.parametrize("tool", ["add", "async_add"])
def test_cancels_that_race_with_results_leave_one_answer_each(start, tool):
    """Thousands of them, so that they land between all the bytecodes around a call."""
    worker = start(ADAPTER)
    outcomes = set()
    for i in range(3000):
        number = worker.begin(tool, i, 1)
        worker.cancel(number, ("cancelled", "closing")[i % 2])
        frame = worker.answer(number)
        if frame.kind == _protocol.ERROR:
            assert frame.value["kind"] in ("cancelled", "closing")
        else:
            assert frame.value == i + 1
        outcomes.add(frame.kind)
    worker.ping()
    assert worker.call(tool, 1, 2) == 3
    assert worker.drain() == 0
    assert worker.errors() == ""


def test_cancels_sent_later_and_later_hit_their_call_or_none(start):
    worker = start(ADAPTER)
    hits = 0
    for i in range(1500):
        number = worker.begin("add", i, 1)
        following = worker.begin("add", i, 2)
        for _ in range(i % 40):
            worker.send(_protocol.PING, 1)
        worker.cancel(number)
        answers = {}
        pongs = 0
        while len(answers) < 2 or pongs < i % 40:
            frame = worker.receive()
            if frame.kind == _protocol.PONG:
                pongs += 1
            else:
                assert frame.id not in answers
                answers[frame.id] = frame
        assert answers[following].value == i + 2
        hits += answers[number].kind == _protocol.ERROR
    assert worker.drain() == 0
    assert worker.errors() == ""


def test_a_tool_that_logs_all_the_time_never_tears_a_frame(start):
    worker = start(ADAPTER)
    for _ in range(100):
        number = worker.begin("log_for_ever")
        worker.logged("started")
        worker.cancel(number)
        assert worker.answer(number).value["kind"] == "cancelled"
    assert worker.call("add", 1, 2) == 3
    assert worker.drain() == 0
    assert worker.errors() == ""


def test_sys_exit_in_the_cleanup_of_a_cancelled_call_ends_the_worker(start):
    worker = start(ADAPTER)
    number = worker.begin("exit_on_cancel")
    worker.logged("started")
    worker.cancel(number)
    assert worker.ended() == 7


def test_an_async_call_does_not_wait_for_a_plain_one(start):
    worker = start(ADAPTER)
    number = worker.begin("sleep", 60)
    worker.logged("started")
    assert worker.call("async_add", 1, 2) == 3
    worker.cancel(number)
    assert worker.answer(number).value["kind"] == "cancelled"


def test_async_calls_run_together_and_are_cancelled_one_by_one(start):
    worker = start(ADAPTER)
    numbers = [worker.begin("wait", 60) for _ in range(50)]
    for _ in numbers:
        worker.logged("started")
    for number in reversed(numbers):
        worker.cancel(number, "closing")
        assert worker.answer(number).value["kind"] == "closing"
    assert worker.fails("wait")["kind"] == "bad-argument"
