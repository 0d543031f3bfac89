"""Gives back what it gets."""

import os
import sys
import time

from terrarium import tool


@tool
def echo(value=None, *rest, key: str = "k", **named):
    """Give the value back.

    Whatever it is.
    """
    return value


@tool
def describe(value) -> str:
    """Say what arrived, as Python writes it."""
    return repr(value)


@tool
def odd():
    """Give back what JSON has no words for."""
    return {
        "numbers": [float("nan"), float("inf"), float("-inf"), 1.5],
        "bytes": b"abc",
        "big": 10**4000,
        "lookalike": {"$bytes": "x"},
        "reference": {"$ref": 1},
        "text": "f\u00fcr \u65e5\u672c",
    }


@tool
def fail(message: str):
    """Raise."""
    raise ValueError(message)


@tool
def hang():
    """Never return."""
    while True:
        time.sleep(0.01)


@tool
def die():
    """Leave without a word to anybody but stderr."""
    print("last words", file=sys.stderr, flush=True)
    os._exit(3)
