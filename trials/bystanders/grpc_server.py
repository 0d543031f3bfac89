"""A stranger that looks like a worker of old, by its name and its arguments. Writes down each
signal that it gets.
"""

from __future__ import annotations

import signal
import sys

DIARY = sys.argv[-1]


def write(text):
    with open(DIARY, "a", encoding="ascii") as file:
        file.write(text + "\n")


for number in signal.valid_signals():
    try:
        signal.signal(number, lambda it, _: write(f"signal {it}"))
    except (OSError, ValueError):
        continue  # SIGKILL, SIGSTOP, and what the C library keeps for itself
write("ready")
while True:
    signal.pause()
