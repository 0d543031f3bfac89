"""The interruption at every single bytecode: stronger than any number of races."""

from __future__ import annotations

import signal
import sys

import pytest

from terrarium import Cancelled
from terrarium._calls import Call, CallTable
from terrarium._runner import Runner
from terrarium._tools import Tool


class Answers:
    """Notes how calls end."""

    def __init__(self, calls: CallTable) -> None:
        self._calls = calls
        self.seen: list[tuple[int, object, BaseException | None, bool]] = []

    def ended(self, call: Call, value: object, error: BaseException | None) -> None:
        assert self._calls.finish(call)
        self.seen.append((call.id, value, error, call.struck))
        self._calls.forget(call)


class StrikeAt:
    """A trace function that lets the handler look after so many bytecodes of the runner, the call
    and the tool.
    """

    def __init__(self, runner: Runner, calls: CallTable, number: int, bytecodes: int) -> None:
        self._runner, self._calls, self._number = runner, calls, number
        self._left = bytecodes

    def __call__(self, frame, event, _argument):
        if frame.f_code.co_name not in ("run", "_invoke", "invoke", "works", "fails", "swallows"):
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            self._left -= 1
            if self._left == 0:
                self._calls.cancel(self._number, "cancelled")
                self._runner._on_signal()
        return self

    @property
    def happened(self) -> bool:
        return self._left <= 0


def works():
    total = 0
    for i in range(2):
        total += i
    return total


def fails():
    raise ValueError("the tool's own")


def swallows():
    try:
        total = works()
    except Cancelled:
        total = -1
    return total


@pytest.fixture
def runner():
    before = signal.getsignal(signal.SIGURG)
    yield Runner()
    signal.signal(signal.SIGURG, before)


def make_call(calls: CallTable, number: int, function) -> Call:
    call = Call(number, b'{"tool": "t"}', [])
    call.parse({"t": Tool(function, "t", False)})
    calls.add(call)
    return call


def never(status: int) -> None:
    raise AssertionError(status)


@pytest.mark.parametrize("function", [works, fails, swallows])
def test_wherever_it_strikes_there_is_one_answer_and_the_next_call_is_safe(runner, function):
    strikes = 0
    for bytecodes in range(1, 10_000):
        calls = CallTable()
        answers = Answers(calls)
        call = make_call(calls, 1, function)
        strike = StrikeAt(runner, calls, 1, bytecodes)
        sys._getframe().f_trace_opcodes = True  # Python 3.12 looks once, when tracing begins
        tracing = sys.gettrace()
        sys.settrace(strike)
        try:
            runner.run(call, calls, answers, never)
        finally:
            sys.settrace(tracing)
        assert len(answers.seen) <= 1
        if not answers.seen:
            assert call.reason  # cancelled before it began: whoever cancels answers
        elif answers.seen[0][3]:
            strikes += 1
            error = answers.seen[0][2]
            assert isinstance(error, Cancelled) or function is swallows
        assert runner._armed is None
        runner.run(make_call(calls, 2, works), calls, answers, never)
        assert answers.seen[-1] == (2, 1, None, False)
        if not strike.happened:
            break
    else:
        pytest.fail("the call has no end")
    assert strikes > 20


def test_a_shield_puts_the_interruption_off_to_its_end(runner):
    calls = CallTable()
    answers = Answers(calls)
    reached = []

    def shielded():
        with runner:
            with runner:
                calls.cancel(1, "cancelled")
                runner._on_signal()
                reached.append("inside")
            reached.append("between")
        reached.append("after")

    runner.run(make_call(calls, 1, shielded), calls, answers, never)
    assert reached == ["inside", "between"]
    assert isinstance(answers.seen[0][2], Cancelled)
