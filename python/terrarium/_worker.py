"""A worker's life: spec, adapter, connection, calls, end.

Python starts no faster than its imports, and workers start in their hundreds: everything here uses
the C modules behind ``signal``, ``socket``, ``threading`` and ``json``, which are built in or a
single file each.
"""

from __future__ import annotations

import sys

from terrarium import _connection, _errors, _protocol, _spec, _stdlib, _wire
from terrarium._adapter import Adapter, LoadFailed, load
from terrarium._answers import Answers
from terrarium._calls import Book, Call
from terrarium._reader import Reader
from terrarium._runner import Runner, end_group, exit_status, flush, streams
from terrarium._stdlib import monotonic, os, signal, start_new_thread
from terrarium._values import to_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, NoReturn

    from terrarium._logs import Bridge
    from terrarium._loop import Loop

    Opened = tuple[_connection.Connection, Answers, bytes, float]

CAPABILITIES = ["rows"]
LOG_LEVEL = 20
"""INFO, where the spec says no other."""
EARLY_SECONDS_MAX = 5
"""The JVM waits for 10 s for a HELLO; who was forked too late for that connects anew."""
_faults: int | None = None
_stacks: int | None = None


class Worker:
    """Everything of one worker. A zygote makes it before the fork; ``run`` belongs to the main
    thread.
    """

    def __init__(self, runner: Runner) -> None:
        self.book = Book()
        self.runner = runner
        self.loop: Loop | None = None
        self.adapter: Adapter | None = None
        self.reader: Reader | None = None
        self._logs: Bridge | None = None
        self._log_level = LOG_LEVEL
        self._greeted = False
        self.draining = False

    def run(
        self,
        spec: dict[str, Any],
        loaded: Adapter | LoadFailed | None,
        opened: Opened | None = None,
    ) -> NoReturn:
        """Loads what is not ``loaded``, connects where nothing is ``opened``, works. Ends the
        process, whatever happens.
        """
        self._spec = spec
        if self._logs is not None:
            self._logs.adopt(spec.get("log_level", LOG_LEVEL))
        os.register_at_fork(after_in_child=self._after_fork)
        try:
            if opened is None or monotonic() - opened[3] > EARLY_SECONDS_MAX:
                self._open(loaded)
            else:
                self.begin(opened)
            self._import_for_memory()
            self._work()
        except SystemExit as error:  # raised by a signal handler of the user's, between calls
            self.leave(exit_status(error))
        except _connection.ConnectionLost as error:
            self.lost(error)
        except _wire.ProtocolError as error:
            self.fail(f"protocol error: {error}")
        except BaseException as error:
            _errors.report(error, "the worker failed")
        self.leave(1)

    def open_early(
        self, spec: dict[str, Any], loaded: Adapter | LoadFailed | None
    ) -> Opened | None:
        """Connects for a worker that is still to be forked: what is done here it need not do in
        memory of its own. ``None`` where something of the user's is to run first, or it does not
        work: then the worker does it.
        """
        if not isinstance(loaded, Adapter) or loaded.has_more_to_do:
            return None
        try:
            line = _wire.connect(spec["socket"])
        except OSError:
            return None
        self.adapter = loaded
        self.reader = self.reader or Reader(self)
        return self.opened(spec, _wire.lifted(line))

    def _open(self, loaded: Adapter | LoadFailed | None) -> None:
        """Everything until the first call may come."""
        failure = None
        try:
            self._load(loaded or load(self._spec["adapter"], self._spec.get("source")))
        except LoadFailed as error:
            failure = error
        if self.runner.forked:  # the adapter forked, and this is the child that came back
            flush()
            os._exit(0)
        self.begin(self.opened(self._spec, self._dial()), failure)

    def opened(self, spec: dict[str, Any], sock: Any) -> Opened:
        host = spec.get("host")
        takes_memory = _connection.may_open(host)
        connection = _connection.Connection(sock, host if takes_memory else None)
        hello = {
            "protocol": _protocol.PROTOCOL,
            "token": spec["token"],
            "language": "python",
            "version": "{}.{}.{}".format(*sys.version_info),
            "capabilities": [*CAPABILITIES, *(["memfd"] if takes_memory else [])],
        }
        tools = self.adapter.tools if self.adapter is not None else {}
        answers = Answers(connection, self.book, tools)
        return connection, answers, _envelope(hello)[1:-1], monotonic()

    def begin(self, opened: Opened, failure: LoadFailed | None = None) -> None:
        """Says ``HELLO``, and ends the process where that is to tell of a failure."""
        self.connection, self.answers, hello, _ = opened
        failure = failure or self._start_reader()
        if failure is None:
            rest = b'"tools":' + self.adapter.description
        else:
            rest = b'"failure":' + _envelope(failure.description())
        self.connection.send(_protocol.HELLO, 0, b'{%s,"pid":%d,%s}' % (hello, os.getpid(), rest))
        if failure is not None:
            flush()
            os._exit(1)
        self._greeted = True
        if self._logs is not None:
            self._logs.connect(self.connection)
        self.reader.greeted()

    def _start_reader(self) -> LoadFailed | None:
        """Before the HELLO: a worker that says that it is ready must be."""
        if self.loop is not None:
            self.loop.serve(self.book, self.answers, self.leave, self.wake, self.lost)
        self.reader = self.reader or Reader(self)
        try:
            start_new_thread(self.reader.run, ())
        except RuntimeError as error:
            text = f"{error}: the limit of threads, or of memory, is reached"
            return LoadFailed("ADAPTER_FAILED", "RuntimeError", text)
        return None

    def _load(self, loaded: Adapter | LoadFailed) -> None:
        if isinstance(loaded, LoadFailed):
            raise loaded
        self.adapter = loaded
        if self.adapter.has_async:
            from terrarium._loop import Loop

            self.loop = Loop(self.fail)
        finish = self.loop.finish if self.loop is not None else lambda coroutine: coroutine.close()
        self.adapter.start(self._spec.get("options") or {}, finish)

    def watch_logging(self, spec: dict[str, Any]) -> None:
        """Sees to it that no record is missed, whoever imports ``logging``, and when; we would not
        import it for nothing.
        """
        self._log_level = spec.get("log_level", LOG_LEVEL)
        if "logging" in sys.modules:
            self._install_logs()
        else:
            sys.meta_path.insert(0, _LoggingWatch(self._install_logs))

    def _install_logs(self) -> None:
        from terrarium import _logs

        self._logs = _logs.install(self.runner, self._log_level)
        if self._greeted:
            self._logs.connect(self.connection)

    def set_log_levels(self, levels: dict[str, int]) -> None:
        """The JVM's word, for whoever reads."""
        if self._logs is not None:
            self._logs.set_levels(levels)

    def _dial(self) -> Any:
        try:
            return _wire.lifted(_wire.connect(self._spec["socket"]))
        except OSError as error:
            _errors.complain(f"cannot connect to the JVM at {self._spec['socket']}: {error}")
            end_group()

    def _import_for_memory(self) -> None:
        """What large values and views need, and Python finds only with a descriptor: a tool may
        leave none. Behind the HELLO, so that nobody waits for it; a zygote has done it before.
        """
        if self.connection.takes_memory:
            from terrarium import _memory  # noqa: F401
        if any(tool.views for tool in self.adapter.tools.values()):
            from terrarium import _views  # noqa: F401

    def _work(self) -> None:
        """The main thread's loop."""
        while True:
            self.run_next()
            if self.draining and not len(self.book):
                self._stop()

    def run_next(self) -> None:
        """Waits for a call and runs it, or for a reason to look around."""
        call = self.reader.next_job()
        if call is not None:
            self._run(call)

    def _run(self, call: Call) -> None:
        call.parse(self.adapter.tools)
        if not self.answers.refused(call):
            self.runner.run(call, self.book, self.answers, self.leave)

    def drain(self) -> None:
        """Ends the worker once what it has taken is done. For whoever reads, who takes no more."""
        self.draining = True
        self.wake()

    def wake(self) -> None:
        """Another thread has answered a call: perhaps it was the last one."""
        if self.draining:
            self.reader.wake()

    def _stop(self) -> NoReturn:
        finish = self.loop.finish if self.loop is not None else lambda coroutine: coroutine.close()
        self.adapter.stop(finish)
        self.leave(0)

    def leave(self, status: int) -> NoReturn:
        """Ends the process as Python would, but does not wait for threads. Any thread."""
        from terrarium._leaving import leave

        leave(status)

    def fail(self, why: str) -> NoReturn:
        """Ends the process for a reason that somebody should read."""
        _errors.complain(why)
        os._exit(1)

    def lost(self, error: _connection.ConnectionLost) -> NoReturn:
        """The connection is gone: quietly where the JVM is, with a reason where user code closed
        the descriptor.
        """
        if self.runner.forked:
            os._exit(0)
        if error.host_gone:
            end_group()
        self.fail(f"the connection to the JVM was closed in this process: {error}")

    def _after_fork(self) -> None:
        self.runner.after_fork()
        if hasattr(self, "connection"):
            self.connection.abandon()


class _LoggingWatch:
    """Among the finders of modules until ``logging`` is imported; then calls ``installed``."""

    def __init__(self, installed: Callable[[], None]) -> None:
        self._installed = installed

    def find_spec(self, name: str, _path: Any = None, _target: Any = None) -> Any:
        if name != "logging":
            return None
        sys.meta_path.remove(self)
        for finder in sys.meta_path:
            find = getattr(finder, "find_spec", None)
            spec = None if find is None else find(name, None)
            if spec is not None:
                self._wrap(spec.loader)
                return spec
        return None

    def _wrap(self, loader: Any) -> None:
        execute = loader.exec_module

        def exec_module(module: Any) -> None:
            del loader.exec_module  # once only
            execute(module)
            self._installed()

        loader.exec_module = exec_module


def _envelope(found: dict[str, Any]) -> bytes:
    return to_text(found).encode("utf-8", "backslashreplace")


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
    _stdlib.pass_over(os.path.dirname(os.path.abspath(spec["adapter"])))
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
