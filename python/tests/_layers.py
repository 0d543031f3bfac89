"""The layers of defence that live in Python, each with a switch.

Only tests can do this: a layer is proved by what happens with all the others off, and with it off
as well. A process switches off what is its own: the warden, a zygote, a worker.
"""

from __future__ import annotations

import fcntl
import os
import stat

EVERYTHING = ("groups", "scan", "children", "strays", "lifeline", "line", "death-signal")
"""What ends the processes of a warden, with or without the JVM."""

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def switch_off(layers: list[str]) -> None:
    for layer in layers:
        _SWITCHES[layer]()
    _unarm({"lifeline", "line"} & set(layers))
    refused = {"death-signal": _PR_SET_PDEATHSIG, "subreaper": _PR_SET_CHILD_SUBREAPER}
    _refuse({refused[layer] for layer in layers if layer in refused})


def _no_groups() -> None:
    """Nobody signals a whole group, or its leader, with whom that begins."""
    from terrarium import _proc, _warden_helpers

    _proc.Signaller.group = lambda *_: _proc.Signaller.SENT
    _warden_helpers.Helpers.kill = lambda *_: None


def _no_haste_with_helpers() -> None:
    """They have as long as they need, on a busy machine too."""
    from terrarium import _warden_helpers

    _warden_helpers.HELPER_SECONDS = 20.0


def _no_haste_with_trackers() -> None:
    from terrarium import _warden_helpers

    _warden_helpers.TRACKER_SECONDS = 20.0


def _no_signals() -> None:
    """Nobody signals anybody."""
    from terrarium import _proc

    _no_groups()
    _proc.Signaller.process = lambda *_: _proc.Signaller.GONE


def _no_scan() -> None:
    """Nobody is known by the birthmark."""
    from terrarium import _proc

    _proc.number_of = lambda pid, hard: None


def _no_children() -> None:
    """The warden does not know whom it has adopted."""
    from terrarium import _proc

    _proc.children = list


def _no_children_file() -> None:
    from terrarium import _proc

    _proc.children = lambda: _proc.children_by_parent(os.getpid())


def _no_strays() -> None:
    """What a dead worker left behind is nobody's business."""
    from terrarium import _warden_sweep

    _warden_sweep.Sweep._kill_stray = lambda self, pid: None


def _no_end() -> None:
    """The warden does nothing when the JVM is gone."""
    from terrarium import _warden_loop

    _warden_loop.Warden.end_all = lambda self, why: None


def _no_loop() -> None:
    """The warden fails as soon as it is asked for something that it does not know."""
    from terrarium import _warden_loop

    def fail(self, text):  # type: ignore[no-untyped-def]
        raise RuntimeError(text)

    _warden_loop.Warden._say = fail


def _no_drain() -> None:
    """A worker does not listen when it is asked to end."""
    from terrarium import _worker_loop

    _worker_loop.Worker.drain = lambda self: None


def _no_cgroup() -> None:
    """Nobody writes `cgroup.kill`."""
    from terrarium import _warden_bounds

    _warden_bounds.Cgroups.kill = lambda *_: []


def _unarm(off: set[str]) -> None:
    """The lifeline to the JVM is a socket, the line to the warden a pipe: each is kept, and nothing
    happens when it closes.
    """
    from terrarium import _bootstrap

    armed = _bootstrap.readied

    def readied(line):  # type: ignore[no-untyped-def]
        number = line if isinstance(line, int) else line.fileno()
        name = "lifeline" if stat.S_ISSOCK(os.fstat(number).st_mode) else "line"
        if name in off:
            return fcntl.fcntl(number, fcntl.F_DUPFD, _bootstrap.LIFELINE_FD_MIN)
        return armed(line)

    _bootstrap.readied = readied


def _refuse(options: set[int]) -> None:
    from terrarium import _bootstrap

    prctl = _bootstrap.prctl
    _bootstrap.prctl = lambda option, value: None if option in options else prctl(option, value)


_SWITCHES = {
    "groups": _no_groups,
    "signals": _no_signals,
    "scan": _no_scan,
    "haste-with-helpers": _no_haste_with_helpers,
    "haste-with-trackers": _no_haste_with_trackers,
    "children": _no_children,
    "children-file": _no_children_file,
    "strays": _no_strays,
    "end": _no_end,
    "loop": _no_loop,
    "drain": _no_drain,
    "cgroup": _no_cgroup,
    "lifeline": lambda: None,
    "line": lambda: None,
    "death-signal": lambda: None,
    "subreaper": lambda: None,
}
