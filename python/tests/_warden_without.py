"""A warden with some of its layers switched off: _warden_without.py LAYER,LAYER

Only tests can do this: a layer is proved by what happens with all the others off, and with it off
as well.
"""

from __future__ import annotations

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from terrarium_warden import _bare_package

_bare_package()

from terrarium import _bootstrap, _proc, _warden, _warden_bounds  # noqa: E402


def switch_off(layer: str) -> None:
    if layer == "scan":
        _proc.number_of = lambda pid, hard: None
    elif layer == "groups":
        _proc.Signaller.group = lambda *_: _proc.Signaller.SENT
    elif layer == "children":
        _proc.children = list
    elif layer == "children-file":
        _proc.children = lambda: _proc.children_by_parent(os.getpid())
    elif layer == "lifeline":
        _bootstrap.arm_lifeline = lambda lifeline: os.dup(2)
    elif layer == "cgroup":
        _warden_bounds.Cgroups.kill = lambda *_: []
    elif layer == "death-signal":
        _bootstrap.prctl = lambda option, value: None
        _warden._bootstrap.prctl = _bootstrap.prctl
    else:
        raise ValueError(layer)


if __name__ == "__main__":
    real_prctl = _bootstrap.prctl
    for name in sys.argv[1].split(","):
        switch_off(name)
    if "death-signal" in sys.argv[1]:
        real_prctl(_warden._PR_SET_CHILD_SUBREAPER, 1)
    sys.exit(_warden.main())
