"""A worker whose calls are short, long, or fail."""

from __future__ import annotations

import time

from terrarium import tool


@tool
def echo(value):
    return value


@tool
def nap(seconds: float):
    time.sleep(seconds)
    return seconds


@tool
def fail(message: str):
    raise ValueError(message)
