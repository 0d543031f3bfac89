"""Gives wanted numbers to new processes: what the kernel may do at any moment, done on purpose.

The parent of the processes in tests of pid reuse, in Python and in Java, so that they are nobody's
children who has to do with us. Orders are lines on standard input, and each is answered by one:

    ours HARD NUMBER    a process of the run HARD that ignores SIGTERM; its pid
    at PID              a stranger with this number; after how many forks, 0 where it could not be had
    replace PID         ends the process that has this number, one of the above, and then as `at`

The first line says `ready`, or why numbers cannot be had here. Each process leads a group of its
own; all of them end with this program.
"""

from __future__ import annotations

import os
import resource
import signal
import sys

LAST_PID = "/proc/sys/kernel/ns_last_pid"
PID_MAX = "/proc/sys/kernel/pid_max"
FORKS_MAX = 300
"""Others fork at the same time, and take the number away: for a moment, or for good."""
GAP = 30
"""Left out behind the numbers that others have got while this program took one."""
PID_MIN = 300
"""Below that the kernel does not go when it begins anew."""

children: set[int] = set()


def why_not() -> str:
    """Empty where numbers can be had."""
    try:
        set_last(max(number(LAST_PID), PID_MIN))
    except OSError as failure:
        return f"{LAST_PID} cannot be written: {failure.strerror}"
    return ""


def number(path: str) -> int:
    with open(path, encoding="ascii") as file:
        return int(file.read())


def set_last(pid: int) -> None:
    with open(LAST_PID, "w", encoding="ascii") as file:
        file.write(str(pid))


def ours(hard: int, number: int) -> int:
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_RTTIME, (hard - number, hard))
        os.write(write, b"x")
        wait_for_the_end()
    children.add(pid)
    os.close(write)
    os.read(read, 1)
    os.close(read)
    return pid


def at(wanted: int) -> int:
    for forks in range(1, FORKS_MAX):
        before = number(LAST_PID)
        set_last(wanted - 1)
        pid = os.fork()
        if pid == 0:
            os.setsid()
            wait_for_the_end()
        # Or all others on this machine would get numbers that were just given up: a test beside this
        # one that looks whether a worker is another by now would see its old number.
        after = max(before + GAP, wanted)
        set_last(after if after < number(PID_MAX) else PID_MIN)
        children.add(pid)
        if pid == wanted:
            return forks
        end(pid)
    return 0


def replace(pid: int) -> int:
    end(pid)
    return at(pid)


def end(pid: int) -> None:
    """Until we have reaped it nobody else has its number."""
    children.remove(pid)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def wait_for_the_end() -> None:
    while True:
        signal.pause()


def main() -> None:
    print(why_not() or "ready", flush=True)
    orders = {"ours": ours, "at": at, "replace": replace}
    try:
        for line in sys.stdin:
            word, *numbers = line.split()
            print(orders[word](*map(int, numbers)), flush=True)
    finally:
        for pid in list(children):
            end(pid)


if __name__ == "__main__":
    main()
