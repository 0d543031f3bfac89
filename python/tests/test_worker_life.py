"""How workers start and end, and what user code may do to them without breaking the promise."""

from __future__ import annotations

import json
import os
import signal
import struct
import subprocess
import sys
import time

import pytest
from _worker_kit import PATIENCE_SECONDS, SCRIPT

from terrarium import _cpython, _proc, _protocol

PLAIN = """
import logging, time
from terrarium import tool

@tool
def add(a, b):
    return a + b

@tool
def hang():
    logging.warning("started")
    time.sleep(600)
"""


def test_sys_exit_in_a_tool_ends_the_worker_with_that_status(start):
    source = """
        import sys, atexit
        from terrarium import tool
        atexit.register(print, "at exit")
        @tool
        def leave(code):
            print("before", end=" ")
            sys.exit(code)
    """
    for number, (code, status) in enumerate([(3, 3), (None, 0), ("why", 1), (256 + 4, 4)]):
        worker = start(source, f"adapter{number}.py")
        worker.begin("leave", code)
        assert worker.ended() == status
        assert worker.output() == "before at exit\n"
        assert worker.errors() == ("terrarium: why\n" if code == "why" else "")


def test_sys_exit_in_an_async_tool_ends_the_worker_too(start):
    worker = start("""
        import sys
        from terrarium import tool
        @tool
        async def leave():
            sys.exit(5)
    """)
    worker.begin("leave")
    assert worker.ended() == 5


def test_os_exit_and_a_crash_are_what_they_are(start):
    source = """
        import os, ctypes
        from terrarium import tool
        @tool
        def leave():
            os._exit(9)
        @tool
        def crash():
            ctypes.string_at(0)
    """
    worker = start(source)
    worker.begin("leave")
    assert worker.ended() == 9
    worker = start(source, "other.py")
    worker.begin("crash")
    assert worker.ended() == -signal.SIGSEGV
    assert "Segmentation fault" in worker.errors()
    assert ", line 8 in crash" in worker.errors() or "in crash" in worker.errors()


def test_the_connection_s_end_ends_the_worker_quietly(start):
    worker = start(PLAIN)
    worker.connection.close()
    assert worker.process.wait(PATIENCE_SECONDS) == -signal.SIGKILL
    worker = start(PLAIN, "busy.py")
    worker.begin("hang")
    worker.logged("started")
    worker.connection.close()
    assert worker.process.wait(PATIENCE_SECONDS) == -signal.SIGKILL
    assert worker.errors() == ""


def test_the_connection_s_end_ends_what_a_tool_has_started(start):
    """Seen once in thirty, where JVM and warden were killed together: the worker was quicker than
    its lifelines, left, and took them along.
    """
    worker = start(
        """
import subprocess
from terrarium import tool

@tool
def child():
    return subprocess.Popen(["sleep", "1000"]).pid
"""
    )
    child = worker.call("child")
    worker.connection.close()
    worker.process.wait(PATIENCE_SECONDS)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (stat := _proc.read_stat(child)) is not None and not stat.dead:
        assert time.monotonic() < deadline
        time.sleep(0.002)


def test_drain_lets_the_running_calls_end_and_stops_in_reverse(start):
    worker = start(
        """
        import asyncio, atexit, logging, threading, time
        from terrarium import tool, on_start, on_stop
        gate = threading.Event()
        @on_start
        def first():
            print("start 1")
        @on_start
        async def second(options):
            print("start 2", options, threading.current_thread().name)
        @on_stop
        def stop_first():
            print("stop 1")
        @on_stop
        def stop_bad():
            raise ValueError("on purpose")
        @on_stop
        async def stop_last():
            print("stop last")
        @tool
        def wait():
            logging.warning("started")
            gate.wait()
            return "done"
        @tool
        async def wait_async():
            logging.warning("async started")
            while not gate.is_set():
                await asyncio.sleep(0.001)
            await asyncio.sleep(0.05)
            return b"x" * 2_000_000
        @tool
        async def open_gate():
            gate.set()
        @tool
        def user_thread():
            threading.Thread(target=time.sleep, args=(600,)).start()
            atexit.register(print, "at exit")
    """,
        options={"a": 1},
    )
    worker.call("user_thread")
    plain = worker.begin("wait")
    worker.logged("started")
    slow = worker.begin("wait_async")
    worker.logged("async started")
    opened = worker.begin("open_gate")
    worker.send(_protocol.DRAIN, 0, {})
    late = worker.begin("wait")
    frames = {}
    while len(frames) < 4:
        frame = worker.receive()
        frames[frame.id] = frame
    assert frames[plain].value == "done"
    assert len(frames[slow].attachments[0]) == 2_000_000
    assert frames[opened].kind == _protocol.RESULT
    assert frames[late].value["kind"] == "closing"
    assert worker.ended() == 0
    assert worker.output().splitlines() == [
        "start 1",
        "start 2 {'a': 1} terrarium-loop",
        "stop last",
        "stop 1",
        "at exit",
    ]
    assert "ValueError: on purpose" in worker.errors()
    assert "terrarium/_" not in worker.errors()


def test_a_call_can_be_cancelled_while_draining(start):
    worker = start(PLAIN)
    number = worker.begin("hang")
    worker.logged("started")
    worker.send(_protocol.DRAIN, 0, {})
    worker.cancel(number, "closing")
    assert worker.answer(number).value["kind"] == "closing"
    assert worker.ended() == 0


def test_a_broken_stdout_neither_kills_nor_prints_at_the_end(start):
    reading, writing = os.pipe()
    worker = start(
        """
        import sys
        from terrarium import tool
        @tool
        def talk():
            sys.stdout.write("half a line")
        """,
        stdout=writing,
    )
    os.close(writing)
    os.close(reading)
    assert worker.call("talk") is None
    assert worker.drain() == 0
    assert worker.errors() == ""


def test_user_code_may_close_the_first_descriptors(start):
    worker = start("""
        import os
        from terrarium import tool
        @tool
        def close():
            os.closerange(0, 200)
        @tool
        def add(a, b):
            return a + b
    """)
    assert worker.call("close") is None
    assert worker.call("add", 1, 2) == 3
    assert worker.fails("sub")["kind"] == "unknown-tool"
    assert worker.drain() == 0


@pytest.mark.parametrize("kind", ["", "async "])
def test_user_code_that_closes_all_descriptors_ends_the_worker(start, kind):
    worker = start(f"""
        import os
        from terrarium import tool
        @tool
        {kind}def close():
            os.closerange(3, 65536)
    """)
    worker.begin("close")
    assert worker.process.wait(PATIENCE_SECONDS) != 0
    assert "was closed in this process" in worker.errors()


def test_errors_arrive_also_when_no_descriptor_is_left(start):
    worker = start("""
        import os, resource
        from terrarium import tool
        @tool
        def use_up():
            soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
            files = []
            while True:
                files.append(os.dup(1))
    """)
    error = worker.fails("use_up")
    assert error["kind"] == "tool"
    assert error["type"] == "OSError"


def test_standard_input_is_empty_and_the_command_line_is_the_adapters(start):
    worker = start("""
        import sys
        from terrarium import tool
        @tool
        def facts():
            return [sys.stdin.read(), sys.argv]
    """)
    assert worker.call("facts") == ["", [str(worker.adapter)]]


def test_descriptors_are_high_and_not_inherited_by_commands(start):
    worker = start("""
        import os, subprocess, sys
        from terrarium import tool
        @tool
        def descriptors():
            mine = sorted(int(name) for name in os.listdir("/proc/self/fd"))
            code = "import os; print(sorted(int(n) for n in os.listdir('/proc/self/fd')))"
            command = [sys.executable, "-c", code]
            theirs = subprocess.run(command, capture_output=True, close_fds=False)
            return [mine, theirs.stdout.decode()]
    """)
    stacks = worker.stacks_fd
    mine, theirs = worker.call("descriptors")
    assert set(mine) - {0, 1, 2, stacks} <= {3, *range(200, 210)}  # 3: the directory that is listed
    assert len([fd for fd in mine if fd >= 200]) == 2  # the connection, and stderr for faults
    assert theirs.strip() == "[0, 1, 2, 3]"


def test_sigwinch_prints_the_stacks(start):
    worker = start(PLAIN)
    number = worker.begin("hang")
    worker.logged("started")
    worker.process.send_signal(signal.SIGWINCH)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while "in hang" not in worker.stacks.read_text():
        assert time.monotonic() < deadline
    worker.cancel(number)
    assert worker.answer(number).value["kind"] == "cancelled"


def test_sigint_and_sigterm_end_the_worker_as_signals(start):
    for number in (signal.SIGINT, signal.SIGTERM):
        worker = start(PLAIN, f"adapter{int(number)}.py")
        worker.process.send_signal(number)
        assert worker.ended() == -number
        assert worker.errors() == ""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing_works_inside_a_tool(start, method):
    worker = start(
        """
        import logging, multiprocessing
        from terrarium import tool
        logging.warning("import")
        def square(n):
            logging.getLogger("child").error("in a child")
            return n * n
        @tool
        def squares(method, numbers):
            context = multiprocessing.get_context(method)
            with context.Pool(2) as pool:
                found = pool.map(square, numbers)
            process = context.Process(target=square, args=(1,))
            process.start()
            process.join()
            return [found, process.exitcode]
        """,
        name="crowd.py",
    )
    assert worker.call("squares", method, [1, 2, 3]) == [[1, 4, 9], 0]
    assert worker.call("squares", method, [4]) == [[16], 0]
    assert worker.drain() == 0
    assert "Traceback" not in worker.errors()


def test_a_forked_child_that_comes_back_from_a_tool_answers_nothing(start):
    worker = start("""
        import os, logging
        from terrarium import tool
        @tool
        def fork(fail):
            child = os.fork()
            if child == 0:
                logging.error("only on the child's stderr")
                if fail:
                    raise ValueError("in the child")
                return "child"
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        @tool
        async def fork_async():
            child = os.fork()
            return child and os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    """)
    assert worker.call("fork", False) == 0
    assert worker.call("fork", True) == 1
    assert worker.call("fork_async") == 0
    assert worker.logs == []
    assert "ValueError: in the child" in worker.errors()
    worker.ping()
    assert worker.drain() == 0


@pytest.mark.parametrize(
    "data",
    [
        struct.pack(">IBBHQ", 0, 99, 0, 0, 0),
        struct.pack(">IBBHQ", 0, 7, 0, 0, 0),
        struct.pack(">IBBHQ", 0, 14, 1, 0, 0),
        struct.pack(">IBBHQ", 2**32 - 1, 2, 0, 0, 0),
        struct.pack(">IBBHQ", 4, 2, 0, 2, 0),
        struct.pack(">IBBHQ", 9, 2, 0, 1, 0) + struct.pack(">I", 9) + b"12345",
        struct.pack(">IBBHQ", 3, 2, 0, 0, 1) + b"{]}",
        struct.pack(">IBBHQ", 2, 2, 0, 0, 1) + b"[]",
        struct.pack(">IBBHQ", 2, 5, 0, 0, 1) + b"{}",
    ],
)
def test_a_protocol_error_ends_the_worker_with_its_reason(start, data):
    worker = start(PLAIN)
    worker.send_raw(data)
    assert worker.ended() == 1
    assert worker.errors().startswith("terrarium: protocol error: ")


@pytest.mark.skipif(_cpython.PUBLIC_ONLY, reason="the public modules are large")
def test_a_worker_imports_little(start):
    worker = start("""
        import sys
        from terrarium import tool
        @tool
        def modules():
            return sorted(sys.modules)
    """)
    loaded = set(worker.call("modules"))
    code = "import sys; print(*sys.modules)"
    bare = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    more = {name for name in loaded - set(bare.stdout.split()) if not name.startswith("terrarium")}
    heavy = "asyncio dataclasses difflib inspect json logging re socket threading traceback typing"
    assert not more & set(heavy.split())


@pytest.mark.parametrize("agent", ["gc.enable()", "gc.disable()"])
def test_a_start_without_garbage_collection_leaves_it_as_it_was(start, tmp_path, agent):
    (tmp_path / "sitecustomize.py").write_text(f"import gc; {agent}", encoding="utf-8")
    adapter = """
        import gc
        from terrarium import tool
        found = [gc.isenabled(), gc.get_freeze_count() > 1000]
        @tool
        def collection():
            return found
    """
    worker = start(adapter, environment={"PYTHONPATH": str(tmp_path)})
    assert worker.call("collection") == [agent == "gc.enable()", True]


def test_without_a_spec_the_script_says_so():
    done = subprocess.run(
        [sys.executable, str(SCRIPT)], input=b"{}", capture_output=True, timeout=PATIENCE_SECONDS
    )
    assert done.returncode == 1
    assert done.stderr == b"terrarium: no spec at descriptor 0: no 'token' in the spec\n"
    spec = {"protocol": [2], "token": "t", "socket": "s", "adapter": "a"}
    done = subprocess.run(
        [sys.executable, str(SCRIPT)],
        input=json.dumps(spec).encode(),
        capture_output=True,
        timeout=PATIENCE_SECONDS,
    )
    assert b"the JVM speaks protocol [2], this worker 1" in done.stderr
