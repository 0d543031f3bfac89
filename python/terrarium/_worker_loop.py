"""A worker's life: adapter, connection, calls, end. What frames mean to it is here; who reads them is
in ``_reader``.

Python starts no faster than its imports, and workers start in their hundreds: everything here uses
the C modules behind ``signal``, ``socket``, ``threading`` and ``json`` (``_cpython``), which are
built in or a single file each.
"""

from __future__ import annotations

import sys

from terrarium import _errors, _protocol
from terrarium._adapter import Adapter, LoadFailed, load
from terrarium._answers import REASONS, Answers
from terrarium._calls import Call, CallTable
from terrarium._connection import Connection, ConnectionLost, may_open
from terrarium._protocol import KIND_ASYNC, REASON_CLOSING, REASON_DEADLINE
from terrarium._reader import Reader
from terrarium._runner import Runner, end_group, exit_status, flush
from terrarium._stdlib import monotonic, os, start_new_thread
from terrarium._values import decode, to_text
from terrarium._wire import ProtocolError, connect, lifted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, NoReturn

    from terrarium._logs import Bridge
    from terrarium._loop import Loop

    Opened = tuple[Connection, Answers, bytes, float]

CAPABILITIES = ["rows"]
LOG_LEVEL = 20
"""INFO, where the spec says no other."""
EARLY_SECONDS_MAX = 5
"""The JVM waits for 10 s for a HELLO; who was forked too late for that connects anew."""


class Worker:
    """Everything of one worker, in its own process. A zygote makes it before the fork; ``run``
    belongs to the main thread.
    """

    def __init__(self, runner: Runner) -> None:
        self.calls = CallTable()
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
        except ConnectionLost as error:
            self.lost(error)
        except ProtocolError as error:
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
            line = connect(spec["socket"])
        except OSError:
            return None
        self.adapter = loaded
        self.reader = self.reader or self._new_reader()
        return self.opened(spec, lifted(line))

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
        takes_memory = may_open(host)
        connection = Connection(sock, host if takes_memory else None)
        hello = {
            "protocol": _protocol.PROTOCOL,
            "token": spec["token"],
            "language": "python",
            "version": "{}.{}.{}".format(*sys.version_info),
            "capabilities": [*CAPABILITIES, *(["memfd"] if takes_memory else [])],
        }
        tools = self.adapter.tools if self.adapter is not None else {}
        answers = Answers(connection, self.calls, tools)
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
            self.loop.serve(self.calls, self.answers, self.leave, self.wake, self.lost)
        self.reader = self.reader or self._new_reader()
        try:
            start_new_thread(self.reader.run, ())
        except RuntimeError as error:
            text = f"{error}: the limit of threads, or of memory, is reached"
            return LoadFailed("ADAPTER_FAILED", "RuntimeError", text)
        return None

    def _new_reader(self) -> Reader:
        return Reader(self.read, self.reading_failed, always=self.loop is not None)

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

    def _dial(self) -> Any:
        try:
            return lifted(connect(self._spec["socket"]))
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
            if self.draining and not len(self.calls):
                self._stop()

    def run_next(self) -> None:
        """Waits for a call and runs it, or for a reason to look around."""
        call = self.reader.next_job()
        if call is not None:
            self._run(call)

    def _run(self, call: Call) -> None:
        call.parse(self.adapter.tools)
        if not self.answers.refused(call):
            self.runner.run(call, self.calls, self.answers, self.leave)

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

    def lost(self, error: ConnectionLost) -> NoReturn:
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

    # --- Frames, for whoever reads ---

    def reading_failed(self, error: BaseException) -> NoReturn:
        """Ends the process for what reading a frame has raised."""
        if isinstance(error, (EOFError, ConnectionError)):
            end_group()  # the JVM is gone
        if isinstance(error, ProtocolError):
            self.fail(f"protocol error: {error}")
        if isinstance(error, OSError):
            error = ConnectionLost(str(error), host_gone=False)
        if isinstance(error, ConnectionLost):
            self.lost(error)
        _errors.report(error, "the reader failed")
        self.fail("the reader failed")

    def read(self) -> Call | None:
        """Takes one frame; the call, where it is one for the main thread."""
        kind, number, envelope, attachments = self.connection.receive()
        if kind == _protocol.CALL:
            return self._call(Call(number, envelope, attachments))
        self._take(kind, number, envelope)
        return None

    def _take(self, kind: int, number: int, envelope: bytes) -> None:
        if kind == _protocol.CANCEL:
            self._cancel(number, envelope)
        elif kind == _protocol.PING:
            self.connection.send(_protocol.PONG, number)
        elif kind == _protocol.TAKEN:
            self.connection.taken(number)
        elif kind == _protocol.MEMFD:
            self.connection.lend_from(_lend_from(envelope))
        elif kind == _protocol.LEVELS:
            self._set_log_levels(_levels(envelope))
        elif kind == _protocol.DRAIN:
            self.drain()
        else:
            raise ProtocolError(f"a frame of type {kind} is not for a worker")

    def _set_log_levels(self, levels: dict[str, int]) -> None:
        if self._logs is not None:
            self._logs.set_levels(levels)

    def _call(self, call: Call) -> Call | None:
        if self.draining:
            self.answers.error(
                call.id, REASON_CLOSING, "terrarium.Cancelled", REASONS[REASON_CLOSING]
            )
            return None
        self.calls.add(call)
        if self.loop is not None:
            call.parse(self.adapter.tools)
            if call.tool is not None and call.tool.kind == KIND_ASYNC:
                self.loop.submit(call)
                return None
        return call

    def _cancel(self, number: int, envelope: bytes) -> None:
        reason = _reason(envelope)
        if reason == REASON_DEADLINE and self.calls.is_undisturbed(number):
            self._send_stacks(number)
        found = self.calls.cancel(number, reason)
        if found is None:
            return
        call, running = found
        if not running:
            self.answers.cancelled(call)
            self.wake()
        elif call.tool is not None and call.tool.kind == KIND_ASYNC:
            self.loop.cancel(call)
        else:
            self.runner.interrupt(call)

    def _send_stacks(self, number: int) -> None:
        try:
            from terrarium._stacks import stacks
        except (ImportError, OSError):
            return  # no descriptor left to import it with: the traceback of the ERROR must do

        call = self.calls.get(number)
        if call is None:
            return
        is_async = call.tool is not None and call.tool.kind == KIND_ASYNC
        first = self.loop.thread if is_async else self.runner.thread
        text = stacks(first, self.reader.thread, call.coroutine)
        envelope = to_text({"stacks": _errors.clean(text)}).encode("utf-8")
        self.calls.while_running(
            number, lambda _: self.connection.send(_protocol.STACKS, number, envelope)
        )


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


def _lend_from(envelope: bytes) -> int:
    try:
        return int(decode(envelope, [])["from"])
    except (ValueError, KeyError, TypeError) as error:
        raise ProtocolError(f"MEMFD with {envelope[:100]!r}: {error!r}") from None


def _levels(envelope: bytes) -> dict[str, int]:
    try:
        return {str(name): int(level) for name, level in decode(envelope, [])["levels"].items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ProtocolError(f"LEVELS with {envelope[:100]!r}: {error!r}") from None


def _reason(envelope: bytes) -> str:
    try:
        reason = decode(envelope, [])["reason"]
        REASONS[reason]
    except (ValueError, KeyError, TypeError) as error:
        raise ProtocolError(f"CANCEL with {envelope[:100]!r}: {error!r}") from None
    return reason
