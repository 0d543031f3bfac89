"""Each layer of defence alone leaves nothing of what it is for; without it as well all of it stays.

For workers that the warden starts by exec, and for those that a zygote forks.
"""

from __future__ import annotations

import os
import sys
from typing import Callable, NamedTuple

import pytest
from _layers import EVERYTHING
from _warden_kit import (
    HERE,
    Host,
    python,
    start_hosts,  # noqa: F401
    stays,
    until,
    with_proof_kill,
    without,
)
from _worker_states import CHILD_IN_GROUP, IDLE, SCRUBBED_DAEMON

ZYGOTE = 9
OF_A_WORKER = ("lifeline", "line", "death-signal")
"""The switches that are in the worker's own process."""

ADAPTER = """
from terrarium import on_start, tool

@tool
def nothing():
    pass

@on_start  # before it connects to anybody: it would notice nothing
def begin():
    exec({program!r}, {{}})
"""


def kill_host(host: Host, leader: int) -> None:
    host.kill()


def kill_warden(host: Host, leader: int) -> None:
    host.kill_warden()


def kill_leader(host: Host, leader: int) -> None:
    with_proof_kill(leader, host.birthmark)


def order_its_end(host: Host, leader: int) -> None:
    host.kill_worker(1)


class Proof(NamedTuple):
    """What a layer is for: a program, and what happens to it."""

    layer: str
    program: str
    happens: Callable[[Host, int], None]
    rests_on: tuple[str, ...] = ()


PROOFS = [
    Proof("groups", CHILD_IN_GROUP, order_its_end),
    Proof("groups", CHILD_IN_GROUP, kill_leader),
    Proof("groups", CHILD_IN_GROUP, kill_host),
    Proof("strays", SCRUBBED_DAEMON, kill_leader, rests_on=("scan",)),
    Proof("scan", SCRUBBED_DAEMON, kill_host),
    Proof("children", SCRUBBED_DAEMON, kill_host),
    Proof("lifeline", CHILD_IN_GROUP, kill_host),
    Proof("line", CHILD_IN_GROUP, kill_warden),
    Proof("death-signal", IDLE, kill_warden),
]
EACH = pytest.mark.parametrize(
    "proof", PROOFS, ids=[f"{proof.layer}-{proof.happens.__name__}" for proof in PROOFS]
)
BOTH_WAYS = pytest.mark.parametrize("way", ["exec", "zygote"])


@BOTH_WAYS
@EACH
def test_a_layer_alone_leaves_nothing(start, proof, way):
    on = (proof.layer, *proof.rests_on)
    off = [layer for layer in EVERYTHING if layer not in on]
    host = start(warden=without(*off))
    leader = begin(host, way, proof.program, off)
    proof.happens(host, leader)
    until(lambda: not host.bearers(1), what=f"nothing left: {host.bearers(1)}")
    end(host)


@BOTH_WAYS
@EACH
def test_without_that_layer_too_all_of_it_stays(start, proof, way):
    off = [layer for layer in EVERYTHING if layer not in proof.rests_on]
    host = start(warden=without(*off))
    leader = begin(host, way, proof.program, off)
    before = host.bearers(1)
    proof.happens(host, leader)
    expected = [pid for pid in before if proof.happens is not kill_leader or pid != leader]
    until(lambda: host.bearers(1) == expected, what=f"{expected} left: {host.bearers(1)}")
    assert stays(lambda: host.bearers(1) == expected, 0.3)
    assert expected
    end(host)


def test_without_the_role_of_the_subreaper_a_daemon_is_not_among_the_children(start):
    off = [layer for layer in EVERYTHING if layer != "children"]
    host = start(warden=without(*off, "subreaper"))
    leader = begin(host, "exec", SCRUBBED_DAEMON, off)
    (daemon,) = set(host.bearers(1)) - {leader}
    host.kill()
    until(lambda: host.bearers(1) == [daemon], what="the leader dead, which is a child")
    assert stays(lambda: host.bearers(1) == [daemon], 0.3)
    end(host)


def begin(host: Host, way: str, program: str, off: list[str]) -> int:
    """Worker 1, with children and all; its pid."""
    if way == "exec":
        pid = host.spawn(1, python(program))["pid"]
    else:
        pid = forked(host, program, [layer for layer in off if layer in OF_A_WORKER])
    host.await_line(1, "ready")
    return pid


def forked(host: Host, program: str, off: list[str]) -> int:
    adapter = host.directory / "adapter.py"
    adapter.write_text(ADAPTER.format(program=program))
    spec = {"token": "none", "socket": str(host.sockets / "s"), "adapter": str(adapter)}
    name = "a-zygote.1"
    argv = [sys.executable, os.fspath(HERE / "_worker_without.py"), ",".join(off), "--worker", name]
    host.ask(ZYGOTE, argv, worker=name, role="zygote", spec={**spec, "worker": name})
    order = {"via": "zygote", "zygote": ZYGOTE, "spec": {**spec, "worker": "a-1"}}
    reply = host.spawn(1, argv, **order)
    assert "pid" in reply, (reply, host.lines(ZYGOTE, "stderr"))
    return reply["pid"]


def end(host: Host) -> None:
    """What stayed is ended by the test."""
    host.kill()
    until(lambda: not host.mop_up(), what="all dead")
