"""How the modules hang together: nobody imports in a circle, and few may send signals."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import terrarium

HOME = Path(terrarium.__file__).parent
FILES = sorted([*HOME.glob("*.py"), *HOME.parent.glob("terrarium_*.py")])

# ---- imports


def imports(source: str, modules: set[str]) -> set[str]:
    """The modules of ours that a text imports: at its top, inside functions, and for types only.

    That a module's package is imported before it does not count: the warden has none.
    """
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module == "terrarium":
            names = {alias.name for alias in node.names}
            found |= (names & modules) or {"__init__"}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").partition("terrarium.")[2])
        elif isinstance(node, ast.Import):
            found |= {alias.name.partition("terrarium.")[2] for alias in node.names}
    return found & modules


def cycles(graph: dict[str, set[str]]) -> list[list[str]]:
    """The groups of modules that reach each other."""
    reached = {name: set(uses) for name, uses in graph.items()}
    for through in graph:
        for uses in reached.values():
            if through in uses:
                uses |= reached[through]
    together = {
        tuple(
            sorted(other for other in reached if other in reached[name] and name in reached[other])
        )
        for name in graph
        if name in reached[name]
    }
    return sorted(map(list, together))


def graph_of(sources: dict[str, str]) -> dict[str, set[str]]:
    return {name: imports(source, set(sources)) for name, source in sources.items()}


def test_no_module_imports_itself_by_way_of_others():
    graph = graph_of({path.stem: path.read_text("utf-8") for path in FILES})
    assert len(graph) > 40
    assert graph["_worker"] >= {"_worker_loop", "_zygote"}
    assert cycles(graph) == []


@pytest.mark.parametrize(
    "way",
    [
        "from terrarium import _a",
        "from terrarium._a import name",
        "import terrarium._a",
        "def late():\n    from terrarium import _a",
        "if TYPE_CHECKING:\n    from terrarium._a import Name",
    ],
)
def test_a_cycle_is_found_wherever_the_import_stands(way):
    circle = {"_a": "from terrarium import _b", "_b": "from terrarium._c import x", "_c": way}
    assert cycles(graph_of({**circle, "_d": "from terrarium import _a"})) == [["_a", "_b", "_c"]]
    assert cycles(graph_of({**circle, "_c": ""})) == []


# ---- signals

SENDERS = {
    # `Signaller`: a process by its pidfd once it is proved to be ours, a group by its pinned leader.
    "_proc": {"killpg", "pidfd_send_signal"},
    # A worker to itself: its main thread, to interrupt a tool, and its own group, at its end.
    "_runner": {"killpg", "pthread_kill"},
    # A cgroup that holds nothing but ours.
    "_warden_bounds": {"cgroup.kill"},
}
"""Who sends signals, and how. Others could not tell a stranger from one of ours."""

CALLS = {"kill", "killpg", "pidfd_send_signal", "pthread_kill", "raise_signal", "tgkill", "tkill"}
OWNERS = {"os", "_os", "posix", "signal", "_libc", "libc"}
ALWAYS = CALLS - {"kill"}
"""Whoever they are called on; `kill` is also what methods of ours are called."""


def signals_sent(source: str) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and node.attr in CALLS:
            owner = node.value.id if isinstance(node.value, ast.Name) else ""
            found |= {node.attr} if owner in OWNERS or node.attr in ALWAYS else set()
        elif isinstance(node, (ast.ImportFrom, ast.Import)):
            found |= {alias.name for alias in node.names} & (CALLS | {"subprocess"})
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found |= {node.value} & (ALWAYS | {"cgroup.kill"})
    return found


def test_nobody_but_those_who_verify_sends_signals():
    sending = {path.stem: signals_sent(path.read_text("utf-8")) for path in FILES}
    assert {name: how for name, how in sending.items() if how} == SENDERS


@pytest.mark.parametrize(
    "source",
    [
        "os.kill(pid, 9)",
        "def end():\n    from os import kill",
        "getattr(os, 'killpg')(pid, 9)",
        "signal.raise_signal(9)",
        "import subprocess",
        "open(leaf + '/' + 'cgroup.kill')",
    ],
)
def test_a_signal_is_found_however_it_is_sent(source):
    assert signals_sent(source)
