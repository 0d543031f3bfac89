"""Everything that can go wrong in a tool, on purpose: for the example on errors."""

from __future__ import annotations

import os
import signal
import sys
import time

from terrarium import tool


@tool
def parse_age(text: str) -> int:
    """Turn a text into an age, or raise ``ValueError``."""
    age = int(text)
    if not 0 <= age <= 150:
        raise ValueError(f"nobody is {age} years old")
    return age


@tool
def hang() -> None:
    """Never return."""
    while True:
        time.sleep(0.01)


@tool
def crash() -> None:
    """Say a last word and die as if native code had gone wrong."""
    print("about to crash", file=sys.stderr, flush=True)
    os.kill(os.getpid(), signal.SIGSEGV)
    time.sleep(10)


@tool
def work(seconds: float) -> float:
    """Be busy for a while."""
    time.sleep(seconds)
    return seconds
