"""Workers that are hard to get rid of: what ``terrarium demo`` leaves without a JVM.

Each tool keeps its worker busy, and some start processes of their own, the last of which has done
everything that a process can do to get away. All of them end by themselves after ``SECONDS_MAX``,
in case something does go wrong.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time

from terrarium import tool

SECONDS_MAX = 300
SLEEP = ["sleep", str(SECONDS_MAX)]


@tool
def compute() -> None:
    """Compute without a pause."""
    end = time.monotonic() + SECONDS_MAX
    while time.monotonic() < end:
        sum(number * number for number in range(10_000))


@tool
def sleep() -> None:
    """Sleep."""
    time.sleep(SECONDS_MAX)


@tool
def stubborn() -> None:
    """Ignore the polite signals, and sleep."""
    for polite in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(polite, signal.SIG_IGN)
    time.sleep(SECONDS_MAX)


@tool
def with_child() -> None:
    """Wait for a Python child."""
    subprocess.run(
        [sys.executable, "-S", "-c", f"import time; time.sleep({SECONDS_MAX})"], check=False
    )


@tool
def with_session() -> None:
    """Sleep beside a child in a session of its own: signals to our group do not reach it."""
    with subprocess.Popen(SLEEP, start_new_session=True):
        time.sleep(SECONDS_MAX)


@tool
def with_daemon() -> None:
    """Sleep beside a daemon: forked twice, own session, no environment, no descriptors."""
    daemonize = f"exec 0<&- 1>&- 2>&-; {' '.join(SLEEP)} &"
    subprocess.run(["env", "-i", "sh", "-c", daemonize], start_new_session=True, check=True)
    time.sleep(SECONDS_MAX)
