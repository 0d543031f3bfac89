"""A worker that gets into the state that it is told to, with the kind of child that it is told to."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import signal
import time

import kin

from terrarium import on_stop, tool

STATE = os.environ["TRIALS_STATE"]
KIN = os.environ["TRIALS_KIN"]


def entered():
    with open(kin.place("entered"), "w", encoding="ascii"):
        pass


def loop():
    while True:
        pass


def sleep():
    time.sleep(100_000)


def hold_interpreter():
    """In C, without a signal that could end it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    ctypes.PyDLL(None).sleep(100_000)


def match():
    re.match(r"(a+)+$", "a" * 60 + "!")


def stop():
    os.kill(os.getpid(), signal.SIGSTOP)


def ignore():
    while True:
        with contextlib.suppress(BaseException):
            time.sleep(1)


def ignore_sigterm():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    ignore()


STATES = {
    "loop": loop,
    "sleep": sleep,
    "gil": hold_interpreter,
    "re": match,
    "stopped": stop,
    "deaf": ignore_sigterm,
}


@tool
def begin():
    """Starts the child."""
    kin.start(KIN)


@tool
def enter(stubborn: bool):
    """Gets into the state; who is stubborn does not even leave it for a deadline."""
    entered()
    while True:
        try:
            STATES[STATE]()
        except BaseException:
            if not stubborn:
                raise


@tool
def echo(data: bytes):
    entered()
    return data


@tool
def pid():
    return os.getpid()


@on_stop
def leave():
    if STATE == "shutdown":
        entered()
        ignore()


if STATE == "import":
    kin.start(KIN)
    entered()
    ignore()
