"""Byte code of our own modules, where the environment tells Python to write none.

Python's own machinery does the work, so what holds for any module holds here: a file appears by one
rename, has the interpreter's version in its name, counts only for the source of its time and size,
and where it cannot be written nothing happens.
"""

from __future__ import annotations

import os

from terrarium._cpython import SourceFileLoader, cache_from_source

LATER = (
    "_leaving",
    "_leftovers",
    "_limits",
    "_logs",
    "_loop",
    "_memory",
    "_missing",
    "_rehearsal",
    "_stacks",
    "_views",
    "_zygote",
)
"""What a worker imports when it is past its start, and the user's word counts again."""


def keep_the_rest() -> None:
    """Compiles what is not compiled yet, once per interpreter; does not run it."""
    folder = os.path.dirname(__file__)
    if not os.access(folder, os.W_OK):
        return  # it would be compiled at each start, for nothing
    for name in LATER:
        path = os.path.join(folder, name + ".py")
        if not os.path.exists(cache_from_source(path)):
            SourceFileLoader(f"terrarium.{name}", path).get_code(f"terrarium.{name}")
