"""Memory files: what a worker takes, what it shows to tools, what it lends."""

from __future__ import annotations

import fcntl
import gc
import json
import os
import struct

import pytest

from terrarium import _memory, _values, _views
from terrarium._connection import may_open
from terrarium._memory import F_ADD_SEALS, F_SEAL_SHRINK, Borrowed, Lender
from terrarium._protocol import CALL, ERROR, IN_MEMORY, MEMFD, RESULT
from terrarium._tools import Tool
from terrarium._wire import HEADER, ProtocolError

F_SEAL_WRITE = 8


@pytest.fixture(autouse=True)
def no_descriptor_is_left():
    gc.collect()
    before = set(os.listdir("/proc/self/fd"))
    yield
    gc.collect()
    assert set(os.listdir("/proc/self/fd")) == before


@pytest.fixture
def made():
    """Makes memory files as the JVM does."""
    descriptors = []

    def make(content: bytes, name: str = "terrarium", seals: int = F_SEAL_SHRINK) -> int:
        descriptor = os.memfd_create(name, 3)
        descriptors.append(descriptor)
        os.write(descriptor, content)
        fcntl.fcntl(descriptor, F_ADD_SEALS, seals)
        return descriptor

    yield make
    for descriptor in descriptors:
        os.close(descriptor)


F_SEAL_WRITE = 8


def borrow(descriptor: int, size: int) -> Borrowed:
    return Borrowed(os.getpid(), descriptor, size)


def test_what_is_borrowed_is_read(made):
    descriptor = made(b"abcdef")
    assert borrow(descriptor, 6).read() == b"abcdef"
    assert borrow(descriptor, 4).read() == b"abcd"


def test_what_is_borrowed_and_never_read_is_closed_with_the_last_reference(made):
    borrow(made(b"abcdef"), 6)


@pytest.mark.parametrize(
    ("name", "seals", "size"),
    [
        ("another", F_SEAL_SHRINK, 6),
        ("terrarium", F_SEAL_WRITE, 6),
        ("terrarium", F_SEAL_SHRINK, 7),
    ],
)
def test_memory_that_is_not_as_agreed_is_a_protocol_error(made, name, seals, size):
    with pytest.raises(ProtocolError, match="no memory of"):
        borrow(made(b"abcdef", name, seals), size)


def test_a_descriptor_that_is_no_memory_is_a_protocol_error():
    reading, writing = os.pipe()
    for descriptor in (reading, 999_999):
        with pytest.raises(ProtocolError, match="no memory of"):
            borrow(descriptor, 1)
    os.close(reading)
    os.close(writing)


def test_a_view_shows_the_memory_itself_until_it_ends(made):
    descriptor = made(b"abcdef")
    view = borrow(descriptor, 6).view()
    assert view.shown.readonly
    os.pwrite(descriptor, b"X", 0)
    assert bytes(view.shown) == b"Xbcdef"
    assert view.end()
    with pytest.raises(ValueError, match="released memoryview"):
        view.shown[0]
    assert os.pwrite(descriptor, b"Y", 0) == 1  # for the next call


def test_a_view_says_that_something_is_kept_of_it(made):
    view = borrow(made(b"abcdef"), 6).view()
    kept = view.shown[2:4]
    assert not view.end()
    assert bytes(kept) == b"cd"


def described(function):
    return Tool(function, None, False)


def settled(function, args, named=None):
    return _views.settle(described(function), args, named or {})


def test_annotations_decide_what_becomes_a_view():
    def tool(a: memoryview, b, *rest: bytes, c: dict[str, memoryview], **more: memoryview):
        """Never called."""

    args, named, views = settled(
        tool, [b"1", b"2", b"3", b"4"], {"c": {"x": [b"5"], "y": 6}, "d": b"7", "b": b"8"}
    )
    assert [type(each) for each in args] == [memoryview, bytes, bytes, bytes]
    assert type(named["c"]["x"][0]) is memoryview
    assert named["c"]["y"] == 6
    assert type(named["d"]) is memoryview
    assert type(named["b"]) is bytes
    assert [bytes(view.shown) for view in views] == [b"1", b"5", b"7"]


def test_more_arguments_than_parameters_are_left_to_python():
    assert settled(lambda: None, [b"1"], {"x": b"2"})[:2] == ([b"1"], {"x": b"2"})


def test_what_is_small_or_not_for_calls_travels_in_the_frame():
    lender = Lender(4)
    assert lender.lend(1, [b"abc", b""]) == ([3, 0], [b"abc", b""])


def lent(lender: Lender, number: int, content) -> int:
    table, parts = lender.lend(number, [content])
    assert table == [len(content) | IN_MEMORY]
    return int.from_bytes(parts[0], "big")


def test_what_is_lent_can_be_borrowed_and_is_used_again_when_it_was_taken():
    lender = Lender(4)
    first = lent(lender, 1, b"abcdef")
    second = lent(lender, 2, bytearray(b"ghij"))
    assert borrow(first, 6).read() == b"abcdef"
    assert borrow(second, 4).read() == b"ghij"
    lender.taken(1)
    lender.taken(1)
    lender.taken(77)
    assert lent(lender, 3, memoryview(b"klmnopqrst")) == first
    assert borrow(first, 10).read() == b"klmnopqrst"
    lender.close()


def test_a_file_that_somebody_sealed_is_given_up():
    lender = Lender(4)
    first = lent(lender, 1, b"abcdef")
    fcntl.fcntl(first, F_ADD_SEALS, F_SEAL_WRITE)
    lender.taken(1)
    second = lent(lender, 2, b"ghijkl")
    assert borrow(second, 6).read() == b"ghijkl"
    lender.close()


@pytest.mark.parametrize("size", [5, 2 * _memory.CHUNK_BYTES + 3])
def test_a_file_is_written_again_with_more_and_with_less(size):
    lender = Lender(4)
    numbers = set()
    for each in (size, size - 1, size, size + 2, size + 1):
        content = os.urandom(each)
        numbers.add(lent(lender, 1, content))
        assert borrow(*numbers, each).read() == content
        lender.taken(1)
    assert len(numbers) == 1
    lender.close()


def test_a_descriptor_that_user_code_closed_and_used_again_is_never_written(tmp_path):
    lender = Lender(4)
    first = lent(lender, 1, b"abcdef")
    lender.taken(1)
    os.close(first)
    mine = os.open(tmp_path / "mine", os.O_CREAT | os.O_RDWR)
    os.dup2(mine, first)
    second = lent(lender, 2, b"ghijkl")
    assert second != first
    assert os.fstat(mine).st_size == 0
    lender.close()
    os.close(mine)
    os.close(first)


def test_no_more_is_kept_than_the_limit(monkeypatch):
    monkeypatch.setattr(_memory, "IDLE_BYTES_MAX", 10)
    lender = Lender(4)
    for number in range(3):
        lent(lender, number, b"abcdef")
    for number in range(3):
        lender.taken(number)
    assert len(lender._idle) == 1
    lender.close()


def test_without_memory_files_all_travels_in_the_frame(monkeypatch):
    def refused(*_):
        raise PermissionError(13, "refused")

    monkeypatch.setattr(_memory.os, "memfd_create", refused)
    assert Lender(4).lend(1, [b"abcdef"]) == ([6], [b"abcdef"])


def test_where_memory_files_cannot_be_sealed_all_travels_in_the_frame(monkeypatch):
    def refused(*_):
        raise OSError(22, "no seals here")

    monkeypatch.setattr(_memory, "fcntl", refused)
    assert Lender(4).lend(1, [b"abcdef"]) == ([6], [b"abcdef"])


def test_access_to_the_jvm_is_asked_for(monkeypatch):
    assert may_open(os.getpid())
    assert not may_open(None)
    assert not may_open(2**22 + 1)
    monkeypatch.setenv("TERRARIUM_MEMFD", "off")
    assert not may_open(os.getpid())


def test_attachments_stand_in_a_value_as_they_were_given():
    marker = object()
    assert _values.decode(b'[{"$bytes":0}]', [marker])[0] is marker


WITHOUT_DESCRIPTORS = """
    import os, resource
    from terrarium import tool
    files = []
    @tool
    def use_up():
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(map(int, os.listdir("/proc/self/fd"))), hard))
        try:
            while True:
                files.append(os.dup(1))
        except OSError:
            return len(files) > 0
    @tool
    def free(count=None):
        while files and count != 0:
            os.close(files.pop())
            count = count and count - 1
    @tool
    def size(value):
        return len(value)
    @tool
    def make(size):
        return bytes(size)
"""
VIEWER = """
    @tool
    def look(value: memoryview):
        return [type(value).__name__, value.readonly, bytes(value[:3]).decode()]
"""


def call_in_memory(worker, tool: str, descriptor: int, size: int):
    """The answer to a call whose only argument is in a memory file."""
    number = next(worker._numbers)
    envelope = json.dumps({"tool": tool, "args": [{"$bytes": 0}]}).encode()
    body = struct.pack(">I", size | IN_MEMORY) + envelope + struct.pack(">I", descriptor)
    worker.send_raw(HEADER.pack(len(body), CALL, 0, 1, number) + body)
    return worker.answer(number)


ASYNC = """
    @tool
    async def later(value):
        return len(value)
"""


@pytest.mark.parametrize(
    ("more", "tool"), [("", "size"), (VIEWER, "size"), (VIEWER, "look"), (ASYNC, "later")]
)
def test_a_worker_without_descriptors_refuses_what_is_in_memory_and_lives(start, made, more, tool):
    worker = start(WITHOUT_DESCRIPTORS + more, host=os.getpid())
    descriptor = made(b"abc" * 1000)
    assert worker.call("use_up")
    refused = call_in_memory(worker, tool, descriptor, 3000)
    assert refused.kind == ERROR
    assert (refused.value["kind"], refused.value["type"]) == ("tool", "OSError")
    assert refused.value["message"] == (
        "an argument of 3000 bytes cannot be opened in this worker,"
        " so that the tool was not entered: Too many open files"
    )
    assert worker.call("size", "four") == 4
    worker.call("free")
    assert call_in_memory(worker, "size", descriptor, 3000).value == 3000
    assert worker.drain() == 0


def test_a_view_that_cannot_be_mapped_is_a_copy(start, made):
    worker = start(WITHOUT_DESCRIPTORS + VIEWER, host=os.getpid())
    descriptor = made(b"abcdef")
    assert worker.call("use_up")
    worker.call("free", 1)  # for the file; a mapping takes another
    assert call_in_memory(worker, "look", descriptor, 6).value == ["memoryview", True, "abc"]


def test_a_worker_without_descriptors_shows_small_values(start):
    worker = start(WITHOUT_DESCRIPTORS + VIEWER)
    assert worker.call("use_up")
    frame = worker.answer(worker.begin("look", {"$bytes": 0}, attachments=[b"abcdef"]))
    assert frame.value == ["memoryview", True, "abc"]


def test_a_worker_without_descriptors_sends_its_results_in_frames(start):
    worker = start(WITHOUT_DESCRIPTORS, host=os.getpid())
    worker.send(MEMFD, 0, {"from": 1000})
    assert worker.call("use_up")
    frame = worker.answer(worker.begin("make", 3000))
    assert frame.kind == RESULT, frame
    assert [len(each) for each in frame.attachments] == [3000]
