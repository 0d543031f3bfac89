"""How workers end by themselves: exit handlers run, whatever else there is to be waited for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from terrarium import _leaving

HOME = str(Path(_leaving.__file__).parent.parent)

HANDLER = """
import atexit
atexit.register(print, "the exit handler ran")
"""
"""Registered before anything of the standard library has registered one: it runs after all of them."""
PROCESS_POOL = """
from concurrent.futures import ProcessPoolExecutor
from terrarium import tool

executor = ProcessPoolExecutor(2)

@tool
def absolute(n):
    return list(executor.map(abs, [n]))[0]

@tool
def leave(n):
    absolute(n)
    raise SystemExit(7)
"""


def run(code: str) -> str:
    """In an interpreter of its own."""
    text = f"import sys; sys.path.insert(0, {HOME!r})\n{code}"
    return subprocess.run(
        [sys.executable, "-c", text], stdout=subprocess.PIPE, text=True, check=True
    ).stdout


def test_a_worker_that_owns_a_process_pool_ends_when_it_is_asked_to(start):
    """The exit handler of ``multiprocessing`` waited for the pool's processes, which nobody had told
    to end: Python does that before, in a callback that was left out.
    """
    worker = start(HANDLER + PROCESS_POOL)
    assert worker.call("absolute", -3) == 3
    assert worker.drain() == 0
    assert worker.output() == "the exit handler ran\n"
    assert worker.errors() == ""


def test_sys_exit_in_a_tool_ends_a_process_pool_too(start):
    worker = start(HANDLER + PROCESS_POOL)
    worker.begin("leave", 1)
    assert worker.ended() == 7
    assert worker.output() == "the exit handler ran\n"


def test_exit_handlers_run_though_a_pool_of_threads_is_busy_for_ever(start):
    worker = start(
        HANDLER
        + """
import threading
from concurrent.futures import ThreadPoolExecutor
from terrarium import tool

executor = ThreadPoolExecutor(1)
started = threading.Event()

def hang():
    started.set()
    threading.Event().wait()

@tool
def begin():
    executor.submit(hang)
    started.wait()
"""
    )
    worker.call("begin")
    assert worker.drain() == 0
    assert worker.output() == "the exit handler ran\n"
    assert "have not ended within 1.0 s" in worker.errors()


def test_exit_handlers_run_though_a_child_process_goes_on_for_ever(start):
    """Python itself waits for children that are no daemons as long as they run."""
    worker = start(
        HANDLER
        + """
import multiprocessing, os
from terrarium import tool

READ, WRITE = os.pipe()

def until_the_worker_is_gone():
    os.close(WRITE)
    os.read(READ, 1)

@tool
def begin():
    multiprocessing.get_context("fork").Process(target=until_the_worker_is_gone).start()
"""
    )
    worker.call("begin")
    assert worker.drain() == 0
    assert worker.output() == "the exit handler ran\n"


def test_a_callback_that_fails_keeps_no_other_from_running(start):
    worker = start(
        HANDLER
        + """
import threading
from terrarium import tool

threading._register_atexit(print, "first registered, last called")
threading._register_atexit(lambda: 1 / 0)

@tool
def nothing():
    pass
"""
    )
    assert worker.drain() == 0
    assert worker.output() == "first registered, last called\nthe exit handler ran\n"
    assert "ZeroDivisionError" in worker.errors()


ZYGOTE = """
import atexit, logging, multiprocessing.util, os, tempfile, weakref
from terrarium import _leaving

class Noisy(logging.Handler):
    def flush(self):
        print(WHO, "flushes its log", flush=True)

def note(what):
    print(WHO, "ends", what, flush=True)

class Thing:
    pass

WHO = "zygote"
directory = tempfile.TemporaryDirectory()
thing = Thing()
weakref.finalize(thing, note, "a thing of the import")
atexit.register(note, "what the import began")
atexit.register(tempfile.TemporaryDirectory().cleanup)  # nothing else refers to it
noisy = Noisy()
imported = _leaving.Imported()
pid = os.fork()
if pid == 0:
    WHO = "worker"
    _leaving.disown_children()
    own = Thing()
    weakref.finalize(own, note, "a thing of its own")
    multiprocessing.util.Finalize(None, note, ("what it shares",), exitpriority=1)
    atexit.register(note, "what it began")
    _leaving.leave(3)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), os.path.exists(directory.name), flush=True)
_leaving.leave(0)
"""


def test_what_the_import_registered_is_left_to_the_zygote():
    """The first worker that ended removed the temporary directory from which all others read."""
    assert run(ZYGOTE).splitlines() == [
        "worker ends what it began",
        "worker ends what it shares",
        "worker ends a thing of its own",
        "worker flushes its log",
        "3 True",
        "zygote ends what the import began",
        "zygote ends a thing of the import",
        "zygote flushes its log",
    ]


def test_a_worker_has_trackers_and_children_of_its_own():
    """It would wait for children of the import at its end, or end them; and what it shares would be
    left as long as the zygote lives.
    """
    said = run("""
import multiprocessing, os, time
from multiprocessing import process, resource_tracker
from terrarium import _leaving

resource_tracker.ensure_running()
tracker = resource_tracker._resource_tracker._pid
read, write = os.pipe()

def until_the_zygote_is_gone():
    os.close(write)
    os.read(read, 1)

child = multiprocessing.get_context("fork").Process(target=until_the_zygote_is_gone)
child.start()
imported = _leaving.Imported()
pid = os.fork()
if pid == 0:
    os.close(write)
    _leaving.disown_children()
    resource_tracker.ensure_running()
    own = resource_tracker._resource_tracker._pid
    print(multiprocessing.active_children(), own != tracker, flush=True)
    _leaving.leave(0)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), child.is_alive(), flush=True)
os.close(write)
child.join()
""")
    assert said == "[] True\n0 True\n"
