"""How a worker ends by itself, and at last its zygote: step by step as a Python program does, but
without waiting for ever.

1. The callbacks of ``threading._register_atexit``: there pools of threads and of processes end what
   they have started (``concurrent.futures``, loky). Python calls them before it joins its threads;
   here nobody joins the user's.
2. The exit handlers: ``atexit``, and through it ``weakref.finalize``, ``multiprocessing`` and
   ``logging``. In a worker that a zygote has forked only those that the worker itself has
   registered: what the import registered is the zygote's (``Imported``).
3. What was printed is sent on, and the process ends.
"""

from __future__ import annotations

import sys

from terrarium import _errors
from terrarium._runner import flush
from terrarium._stdlib import allocate_lock, atexit, monotonic, os, start_new_thread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

OTHERS_SECONDS_MAX = 1.0
"""For the threads of pools, and then for child processes, to be done with what they do."""
CHILDREN_SECONDS_MIN = 0.1
"""What the children have of it where the threads have used it up."""
_TRACKERS = (
    "multiprocessing.resource_tracker",
    "loky.backend.resource_tracker",
    "joblib.externals.loky.backend.resource_tracker",
)
_status = 0


def leave(status: int) -> NoReturn:
    """Ends the process as Python would, but waits for nobody's threads. Any thread."""
    global _status
    _status = status
    deadline = monotonic() + OTHERS_SECONDS_MAX
    _end_pools(deadline)
    _bound_joins(deadline)
    try:
        atexit._run_exitfuncs()
    except BaseException as error:
        _errors.report(error, "at exit")
    _end()


def _end() -> NoReturn:
    flush()
    os._exit(_status)


def _end_pools(deadline: float) -> None:
    """A pool of threads waits until they have done all that they have got, so somebody else calls
    it, and goes on alone where that takes too long.
    """
    callbacks = list(getattr(sys.modules.get("threading"), "_threading_atexits", ()))
    if not callbacks:
        return
    done = allocate_lock()
    done.acquire()
    try:
        start_new_thread(_call_all, (callbacks[::-1], done))
    except RuntimeError:  # the limit of threads is reached
        _call_all(callbacks[::-1], done)
    if not done.acquire(timeout=max(0.0, deadline - monotonic())):
        _errors.complain(
            f"at exit: pools of threads or processes have not ended within {OTHERS_SECONDS_MAX} s;"
            " the exit handlers run without them"
        )


def _call_all(callbacks: list[Any], done: Any) -> None:
    for callback in callbacks:
        try:
            callback()
        except BaseException as error:
            _errors.report(error, "at exit")
    done.release()


def _bound_joins(deadline: float) -> None:
    """``multiprocessing`` has an exit handler that waits for child processes as long as they run:
    those that were registered before it would never have their turn. The children die with us.
    """
    process = sys.modules.get("multiprocessing.process")
    util = sys.modules.get("multiprocessing.util")
    if process is None or util is None:
        return
    join = process.BaseProcess.join

    def join_in_time(self: Any, timeout: float | None = None) -> None:
        if timeout is None and util._exiting:
            timeout = max(CHILDREN_SECONDS_MIN, deadline - monotonic())
        join(self, timeout)

    process.BaseProcess.join = join_in_time


class Imported:
    """What the import has registered for the end of the process: a temporary directory, say, from
    which all workers read. It belongs to the end of the zygote, and runs once there.

    Made in the zygote when it has imported. Exit handlers run last registered first: so in a worker
    the one that is registered here runs when all the worker's own have run, and ends the process in
    front of the others. To take those out would free what they refer to, and that may be enough to
    delete the directory.

    Some of them keep house for all that a process has: those a worker runs, too, for its own.
    """

    def __init__(self) -> None:
        self._zygote = os.getpid()
        weakref = sys.modules.get("weakref")
        finalize: Any = getattr(weakref, "finalize", None)
        # False: it is registered in front of us by whoever needs it first.
        self._finalize = finalize if getattr(finalize, "_registered_with_atexit", False) else None
        registry = getattr(self._finalize, "_registry", ())
        self._finalizers = [each for each in registry if each.atexit]
        self._multiprocessing = sys.modules.get("multiprocessing.util")
        self._logging = sys.modules.get("logging")
        atexit.register(self._stop_here)

    def _stop_here(self) -> None:
        if os.getpid() == self._zygote:
            return
        for step in (self._end_processes, self._finalize_own, self._end_logging):
            try:
                step()
            except BaseException as error:
                _errors.report(error, "at exit")
        _end()

    def _end_processes(self) -> None:
        if self._multiprocessing is not None:
            self._multiprocessing._exit_function()

    def _finalize_own(self) -> None:
        for each in self._finalizers:
            each.atexit = False
        if self._finalize is not None:
            self._finalize._exitfunc()

    def _end_logging(self) -> None:
        if self._logging is not None:
            self._logging.shutdown()


def disown_children() -> None:
    """In a child of the zygote: the child processes that the import has started are the zygote's.

    ``multiprocessing`` does the same in those that it forks itself. It does not give them trackers
    of their own, but a worker's shared memory is to go with the worker.
    """
    process = sys.modules.get("multiprocessing.process")
    if process is not None:
        process._children = set()
    for name in _TRACKERS:
        tracker = getattr(sys.modules.get(name), "_resource_tracker", None)
        _let_go(tracker, "_fd", "_pid")
    server = getattr(sys.modules.get("multiprocessing.forkserver"), "_forkserver", None)
    _let_go(server, "_forkserver_alive_fd", "_forkserver_pid")
    if server is not None:
        server._forkserver_address = None


def _let_go(owner: Any, descriptor: str, pid: str) -> None:
    number = getattr(owner, descriptor, None)
    if number is None:
        return
    os.close(number)
    setattr(owner, descriptor, None)
    setattr(owner, pid, None)
