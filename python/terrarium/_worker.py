"""How a worker's process begins: its spec, its output, its signals. Then it works, or is a zygote."""

from __future__ import annotations

import sys

from terrarium import _errors, _spec, _stdlib, _wire
from terrarium._runner import Runner, streams
from terrarium._stdlib import os, signal
from terrarium._worker_loop import Worker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

_faults: int | None = None
_stacks: int | None = None


def prepare(spec: dict[str, Any]) -> None:
    """Output that arrives line by line, stacks on request, and signals that say what they did."""
    for stream in streams():
        try:
            stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)
        except Exception:
            continue  # an agent's own, which is not one of Python's: it prints as it likes
    # A SIGINT in the middle of our own code would be a KeyboardInterrupt there: let it end the
    # process as a signal.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    # Libraries that read the command line should not meet ours.
    sys.argv = [spec["adapter"]]
    try:
        _prepare_faults(spec.get("stacks_fd"))
    except (OSError, ValueError, RuntimeError) as error:
        _errors.complain(f"no stacks on request: {error}")


def _prepare_faults(stacks: int | None) -> None:
    import faulthandler

    global _faults, _stacks
    _faults, _stacks = _wire.move_up(os.dup(2)), stacks
    faulthandler.enable(file=_faults, all_threads=True)
    if stacks is not None:
        os.set_inheritable(stacks, False)
        faulthandler.register(signal.SIGWINCH, file=stacks, all_threads=True, chain=False)


def renew_faults() -> None:
    """In a zygote's child: what faulthandler writes goes into its own pipes."""
    if _faults is not None:
        os.dup2(2, _faults, inheritable=False)
    if _stacks is not None:
        os.set_inheritable(_stacks, False)


def main() -> NoReturn:
    """What ``terrarium_worker.py`` runs."""
    try:
        spec = _spec.read_own()
    except (OSError, ValueError) as error:
        _errors.complain(f"no spec at descriptor 0: {error}")
        os._exit(1)
    _stdlib.pass_over(os.path.dirname(os.path.abspath(spec["adapter"])), _errors.complain)
    prepare(spec)
    worker = Worker(Runner())
    worker.watch_logging(spec)
    if "orders_fd" not in spec:
        worker.run(spec, None)
    from terrarium._zygote import Zygote

    # The names stay: to free what they stand for a worker would have to write all over it.
    zygote = Zygote(spec, worker)
    own_spec, loaded, opened = zygote.serve(renew_faults)  # from here on in each worker
    worker.run(own_spec, loaded, opened)
