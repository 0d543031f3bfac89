"""Calls, answers, errors."""

from __future__ import annotations

import threading

from terrarium import _protocol

ADAPTER = '''
import dataclasses, enum, time
from typing import Optional
from terrarium import tool, context

@dataclasses.dataclass
class Point:
    x: int
    y: int = 0

@tool
def add(a: int, b: int = 1) -> int:
    """Add two numbers.

    Any two.
    """
    return a + b

@tool(name="same", idempotent=True)
def echo(value=None):
    return value

@tool
def fail(text):
    raise LookupError(text)

@tool
def fail_with(kind):
    raise {"exit": SystemExit, "interrupt": KeyboardInterrupt, "close": GeneratorExit,
           "stop": StopIteration, "memory": MemoryError}[kind]("why")

@tool
def wrong_type():
    return len(5)

@tool
def unsendable():
    return {"items": [1, {"when": range(2)}]}

@tool
def blob(size):
    return {"deep": [{"here": b"x" * size}, memoryview(b"abcd")[1:3], bytearray(b"!")]}

@tool
def reversed_bytes(data):
    return data["all"][0][::-1]

@tool
def move(point: Point, others: Optional[list[Point]] = None):
    return [type(point).__name__, point, others]

@tool
def about_me():
    session = [context.session_id, context.session]
    return [context.call_id, *session, context.cancelled, context.remaining()]

@tool
def stream(n):
    yield from range(n)

class BadText(Exception):
    def __str__(self):
        raise RuntimeError

@tool
def bad_text():
    raise BadText

class ExitingText(Exception):
    def __str__(self):
        raise SystemExit(4)

@tool
def exiting_text():
    raise ExitingText

@tool
def surrogate():
    raise ValueError("half \\ud800")

@tool
def recurse(n=0):
    return recurse(n + 1)

@tool
def chained():
    try:
        fail("inner")
    except LookupError as error:
        raise ValueError("outer") from error
'''


def test_hello_describes_the_tools(start):
    worker = start(ADAPTER)
    hello = worker.hello.value
    assert worker.hello.kind == _protocol.HELLO
    assert hello["protocol"] == 1
    assert hello["token"] == "secret"
    assert hello["pid"] == worker.process.pid
    assert hello["language"] == "python"
    assert hello["capabilities"] == ["rows"]
    assert hello["tools"][0] == {
        "name": "add",
        "doc": "Add two numbers.\n\nAny two.",
        "kind": "plain",
        "idempotent": False,
        "returns": "int",
        "parameters": [
            {
                "name": "a",
                "kind": "positional or keyword",
                "type": "int",
                "required": True,
                "default": None,
            },
            {
                "name": "b",
                "kind": "positional or keyword",
                "type": "int",
                "required": False,
                "default": "1",
            },
        ],
    }
    assert [tool["name"] for tool in hello["tools"][:2]] == ["add", "same"]
    assert hello["tools"][1]["idempotent"] is True
    assert {tool["name"]: tool["kind"] for tool in hello["tools"]}["stream"] == "generator"


def test_calls_are_answered_with_results(start):
    worker = start(ADAPTER)
    assert worker.call("add", 2, 3) == 5
    assert worker.call("add", a=2) == 3
    assert worker.call("add", 2, b=5) == 7
    assert worker.call("same", {"a": [1, None, True, "x"]}) == {"a": [1, None, True, "x"]}
    assert worker.call("same") is None


def test_a_call_may_leave_out_args_and_named(start):
    worker = start(ADAPTER)
    worker.send(_protocol.CALL, 9, {"tool": "same"})
    assert worker.answer(9).value is None


def test_bytes_travel_as_attachments_at_any_depth(start):
    worker = start(ADAPTER)
    frame = worker.answer(worker.begin("blob", 3_000_000))
    assert frame.value == {"deep": [{"here": {"$bytes": 0}}, {"$bytes": 1}, {"$bytes": 2}]}
    assert frame.attachments == [b"x" * 3_000_000, b"bc", b"!"]
    big = bytes(range(256)) * 20_000
    number = worker.begin("reversed_bytes", {"all": [{"$bytes": 0}]}, attachments=[big])
    frame = worker.answer(number)
    assert frame.value == {"$bytes": 0}
    assert frame.attachments == [big[::-1]]


def test_keys_with_a_dollar_are_escaped_both_ways(start):
    worker = start(ADAPTER)
    assert worker.call("same", {"$$ref": 1, "a": "$"}) == {"$$ref": 1, "a": "$"}


def test_what_a_tool_raises_is_an_error_without_our_frames(start):
    worker = start(ADAPTER)
    error = worker.fails("fail", "no such word")
    assert error["kind"] == "tool"
    assert error["type"] == "LookupError"
    assert error["message"] == "no such word"
    assert error["traceback"].startswith("Traceback (most recent call last):\n")
    assert f'File "{worker.adapter}", line' in error["traceback"]
    assert "raise LookupError(text)" in error["traceback"]
    assert "terrarium/_" not in error["traceback"]
    assert error["nearest"] is None


def test_a_chain_of_exceptions_arrives_whole(start):
    traceback = start(ADAPTER).fails("chained")["traceback"]
    assert "LookupError: inner" in traceback
    assert "direct cause" in traceback
    assert "terrarium/_" not in traceback


def test_base_exceptions_of_a_tool_are_errors_and_the_worker_goes_on(start):
    worker = start(ADAPTER)
    assert worker.fails("fail_with", "interrupt")["type"] == "KeyboardInterrupt"
    assert worker.fails("fail_with", "close")["type"] == "GeneratorExit"
    assert worker.fails("fail_with", "stop")["type"] == "StopIteration"
    assert worker.fails("fail_with", "memory")["type"] == "MemoryError"
    assert worker.fails("recurse")["type"] == "RecursionError"
    assert worker.call("add", 1, 1) == 2


def test_exceptions_without_a_proper_text_still_arrive(start):
    worker = start(ADAPTER)
    assert worker.fails("bad_text")["type"] == "adapter.BadText"
    error = worker.fails("exiting_text")
    assert (error["type"], error["message"]) == (
        "adapter.ExitingText",
        "<no text: SystemExit in __str__>",
    )
    assert worker.fails("surrogate")["message"] == "half \\ud800"


def test_an_unknown_tool_is_named_with_its_nearest(start):
    worker = start(ADAPTER)
    error = worker.fails("ad")
    assert (error["kind"], error["nearest"]) == ("unknown-tool", "add")
    assert worker.fails("zzzzzzzz")["nearest"] is None


def test_arguments_that_do_not_fit_are_told_in_pythons_words(start):
    worker = start(ADAPTER)
    error = worker.fails("add")
    assert error["kind"] == "bad-argument"
    assert error["message"] == "add() missing 1 required positional argument: 'a'"
    assert worker.fails("add", 1, 2, 3)["kind"] == "bad-argument"
    assert "unexpected keyword argument 'c'" in worker.fails("add", 1, c=2)["message"]


def test_a_type_error_inside_a_tool_is_the_tools(start):
    error = start(ADAPTER).fails("wrong_type")
    assert (error["kind"], error["type"]) == ("tool", "TypeError")


def test_a_result_that_cannot_be_sent_is_named_with_its_path(start):
    worker = start(ADAPTER)
    error = worker.fails("unsendable")
    assert error["kind"] == "value"
    assert error["message"].startswith("value.items[1].when: a range cannot be sent")
    assert worker.call("add", 1, 1) == 2


def test_dataclasses_are_built_from_objects_and_sent_as_objects(start):
    worker = start(ADAPTER)
    found = worker.call("move", {"x": 1}, others=[{"x": 2, "y": 3}])
    assert found == ["Point", {"x": 1, "y": 0}, [{"x": 2, "y": 3}]]
    error = worker.fails("move", {"x": 1, "z": 2})
    assert error["kind"] == "bad-argument"
    assert error["message"].startswith("point.z: a Point has no such field")
    assert worker.fails("move", {"x": 1}, [{"y": 1}])["message"].startswith("others[0].x: missing")


def test_a_generator_cannot_be_called_yet(start):
    worker = start(ADAPTER)
    error = worker.fails("stream", 3)
    assert error["kind"] == "value"
    assert "return a list" in error["message"]
    assert worker.drain() == 0


def test_the_context_knows_the_call(start):
    worker = start(ADAPTER)
    number = worker.begin("about_me", deadline=60_000)
    call_id, session_id, session, cancelled, remaining = worker.answer(number).value
    assert (call_id, session_id, session, cancelled) == (number, None, None, False)
    assert 30 < remaining <= 60
    assert worker.call("about_me")[4] is None


def test_the_deadline_of_a_call_in_a_row_counts_from_its_turn(start):
    worker = start("""
        import time
        from terrarium import context, tool
        @tool
        def sleep_longer_than(remaining):
            while context.remaining() > remaining:
                time.sleep(0.01)
        @tool
        def remaining():
            return context.remaining()
    """)
    first = worker.begin("sleep_longer_than", 50.0, turn=52_000)
    second = worker.begin("remaining", turn=52_000)
    worker.answer(first)
    assert 50.0 < worker.answer(second).value <= 52.0


def test_a_ping_is_answered_while_a_tool_runs_and_calls_run_in_order(start):
    worker = start("""
        import logging
        from terrarium import tool
        order = []
        @tool
        def wait(path):
            logging.warning("started")
            order.append("wait")
            open(path).read()
            return order
        @tool
        def note(name):
            order.append(name)
    """)
    import os

    fifo = str(worker.directory / "fifo")
    os.mkfifo(fifo)
    first = worker.begin("wait", fifo)
    worker.logged("started")
    second = worker.begin("note", "second")
    worker.ping()
    with open(fifo, "w"):
        pass
    assert worker.answer(first).value == ["wait"]
    assert worker.answer(second).kind == _protocol.RESULT


def test_many_small_calls_in_one_go_are_all_answered(start):
    worker = start(ADAPTER)
    numbers = []
    sender = threading.Thread(
        target=lambda: numbers.extend(worker.begin("add", i, i) for i in range(2000))
    )
    sender.start()
    for i in range(2000):
        frame = worker.receive()
        assert frame.value == 2 * i
    sender.join()


def test_what_a_tool_prints_arrives_line_by_line_and_does_not_disturb(start):
    worker = start("""
        import sys
        from terrarium import tool
        @tool
        def flood(n):
            for i in range(n):
                print("line", i)
            print("half \\ud800", end="")
            return sys.stdin.read()
    """)
    assert worker.call("flood", 50_000) == ""
    assert worker.output().splitlines()[49_999] == "line 49999"
    assert worker.drain() == 0
    assert worker.output().endswith("half \\ud800")


def test_a_wrapped_tool_tells_its_own_signature(start):
    worker = start("""
        import functools
        from terrarium import tool
        def traced(function):
            @functools.wraps(function)
            def wrapper(*args, **named):
                return function(*args, **named)
            return wrapper
        @tool
        @traced
        def add(a: int, b: int = 2) -> int:
            return a + b
        tool(functools.partial(add, 5), name="five")
        tool(max)
    """)
    names = [each["name"] for each in worker.hello.value["tools"][0]["parameters"]]
    assert names == ["a", "b"]
    assert worker.fails("add")["kind"] == "bad-argument"
    assert worker.fails("add", "x")["kind"] == "tool"
    assert worker.call("five", 1) == 6
    assert worker.call("max", [1, 3, 2]) == 3
