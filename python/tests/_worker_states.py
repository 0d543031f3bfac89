"""Programs that are hard to kill, each for its own reason.

They print `ready` when they are what they claim.
"""

from __future__ import annotations

import sys

from _warden_kit import python

IDLE = "print('ready', flush=True)\nimport time; time.sleep(1000)"
GIL_HELD_IN_C = """
import ctypes
print('ready', flush=True)
ctypes.PyDLL(None).sleep(1000)
"""
STOPPED = "import os, signal\nprint('ready', flush=True)\nos.kill(os.getpid(), signal.SIGSTOP)"
TERM_IGNORED = """
import signal, time
for s in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(s, signal.SIG_IGN)
print('ready', flush=True)
time.sleep(1000)
"""
CHILD_IN_GROUP = """
import os, time
if os.fork() == 0:
    time.sleep(1000)
print('ready', flush=True)
time.sleep(1000)
"""
CHILD_IN_SESSION = """
import os, time
read, write = os.pipe()
if os.fork() == 0:
    os.setsid()
    os.write(write, b'x')
    time.sleep(1000)
os.read(read, 1)
print('ready', flush=True)
time.sleep(1000)
"""
SCRUBBED_DAEMON = f"""
import os, time
read, write = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork():
        os._exit(0)
    os.set_inheritable(write, True)
    code = "import os, time; os.write(%d, b'x'); os.closerange(0, 1000); time.sleep(1000)" % write
    os.execve({sys.executable!r}, [{sys.executable!r}, '-I', '-S', '-c', code], {{}})
os.wait()
os.read(read, 1)
print('ready', flush=True)
time.sleep(1000)
"""
HEADLESS_DAEMON = """
import ctypes, os, threading, time
read, write = os.pipe()
if os.fork() == 0:
    os.setsid()
    threading.Thread(target=time.sleep, args=(1000,)).start()
    os.write(write, b'x')
    ctypes.CDLL(None).pthread_exit(None)  # of the first thread: it looks like a zombie from now on
os.read(read, 1)
print('ready', flush=True)
time.sleep(1000)
"""
FORK_CHAIN = """
import os, time
if os.fork() == 0:
    os.closerange(0, 1000)
    while True:
        if os.fork():
            os._exit(0)
        os.setsid()
os.wait()
time.sleep(0.05)
os.write(1, b'ready\\n')
time.sleep(1000)
"""

ALL = {
    "idle": IDLE,
    "gil held in C": GIL_HELD_IN_C,
    "stopped": STOPPED,
    "SIGTERM ignored": TERM_IGNORED,
    "child in its group": CHILD_IN_GROUP,
    "child in its own session": CHILD_IN_SESSION,
    "daemon, env -i, closed descriptors": SCRUBBED_DAEMON,
    "daemon without its first thread": HEADLESS_DAEMON,
    "fork chain": FORK_CHAIN,
}


def start_in_state(host, number: int, name: str) -> None:
    assert "pid" in host.spawn(number, python(ALL[name]))
    host.await_line(number, "ready")
