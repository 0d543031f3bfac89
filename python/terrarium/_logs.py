"""Brings the records of ``logging`` to the JVM. Imported as soon as somebody imports ``logging``,
and not before.

Handlers and levels are the adapter's to configure, with ``basicConfig``, ``dictConfig`` or by hand,
early or late. So nothing here hangs on the root logger, from which ``force=True`` would remove it:
``Logger.callHandlers`` itself sends each record once, and passes over handlers that would only
print it to the worker's console a second time. Handlers that write elsewhere run as ever.

Where the adapter has set a level, that counts. Where it has not, a logger has the level that slf4j
has for it (``Logger.getEffectiveLevel``): the worker tells the JVM which loggers it has, and the JVM
tells it their levels, again whenever they change.

Before the connection stands, and in children that a tool has forked, a record travels as a line on
standard error that begins with ``MARK``.
"""

from __future__ import annotations

import logging
import sys

from terrarium._connection import ConnectionLost
from terrarium._context import current
from terrarium._errors import report
from terrarium._protocol import LOG, LOGGERS
from terrarium._stdlib import get_ident, os
from terrarium._values import to_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from terrarium._connection import Connection
    from terrarium._runner import Runner

MESSAGE_CHARS_MAX = 64_000
EXTRAS_MAX = 32
EXTRA_CHARS_MAX = 1000
LOGGERS_MAX = 10_000
"""Loggers beyond these have the level of the nearest one above them."""
PATIENCE_SECONDS = 1.0
"""How long a record waits for a JVM that does not read, before it is dropped."""
MARK = b"\x1e"
LINE_BYTES_MAX = 8000
"""The warden cuts lines at 8 KiB."""
LINE_CHARS_KEPT = 600
"""Of either end of a message that is too long for a line; JSON may need six bytes for each."""
STANDARD = frozenset([*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"])
_bridge: Bridge | None = None


class Unset(int):
    """The root logger's level as long as nobody has set it."""


class Bridge:
    """The one of this process. Any thread."""

    def __init__(self, runner: Runner, level: int) -> None:
        self._runner = runner
        self._formatter = logging.Formatter("%(message)s")
        self._connection: Connection | None = None
        self._dropped = 0
        self._busy: set[int] = set()
        self._levels = {"": level}
        self._announced: set[str] = set()
        self.adopt(level)

    def adopt(self, level: int) -> None:
        """Belongs to this process from now on: after a zygote's fork."""
        self._pid = os.getpid()
        self._stderr = _stderr()
        self.set_levels({"": level})

    def connect(self, connection: Connection) -> None:
        """Sends by frames from now on."""
        self._connection = connection
        self._announce(sorted(self._announced))

    # ---- levels

    def set_levels(self, levels: dict[str, int]) -> None:
        """The JVM's word: the lowest level that is of interest, by logger, ``""`` for all others."""
        self._levels.update(levels)
        logging.Logger.manager._clear_cache()

    def level(self, name: str) -> int:
        """The lowest level that the JVM wants of this logger."""
        if name == "root":
            name = ""
        level = self._levels.get(name)
        if level is not None:
            return level
        if name not in self._announced and len(self._announced) < LOGGERS_MAX:
            self._announced.add(name)
            if self._connection is not None:
                self._announce([name])
        while level is None:
            name = name.rpartition(".")[0]
            level = self._levels.get(name)
        return level

    def _announce(self, names: list[str]) -> None:
        envelope = to_text({"loggers": names}).encode("utf-8", "backslashreplace")
        self._shielded(lambda: self._send(LOGGERS, 0, envelope))

    # ---- records

    def take(self, record: logging.LogRecord) -> None:
        """Sends a record once. Never raises, but for an interruption that is due. One that
        formatting another one logs is left out.
        """
        if record.levelno < self.level(record.name):
            return
        thread = get_ident()
        if thread in self._busy:
            return
        self._busy.add(thread)
        try:
            self._shielded(lambda: self._pass_on(record))
        except Exception as error:
            if not isinstance(error, ConnectionLost):
                report(error, f"a log record of {record.name} could not be sent")
        finally:
            self._busy.discard(thread)

    def _shielded(self, send: Any) -> None:
        """No frame is torn by an interruption of the main thread."""
        if get_ident() == self._runner.thread:
            with self._runner:
                send()
        else:
            send()

    def _pass_on(self, record: logging.LogRecord) -> None:
        envelope = self._envelope(record)
        if self._connection is None or os.getpid() != self._pid:
            _print(envelope)
            return
        call = current.get()
        self._send(LOG, 0 if call is None else call.id, _encoded(envelope))

    def _envelope(self, record: logging.LogRecord) -> dict[str, Any]:
        try:
            message = self._formatter.format(record)
        except Exception as error:
            message = _unformatted(record, error)
        if len(message) > MESSAGE_CHARS_MAX:
            message = message[:MESSAGE_CHARS_MAX] + f"... ({len(message)} characters)"
        if self._dropped:
            message += f" (records dropped before this one: {self._dropped})"
        envelope = {"level": _level(record.levelno), "logger": record.name, "message": message}
        extra = _extra(record)
        if extra:
            envelope["extra"] = extra
        return envelope

    def _send(self, kind: int, number: int, envelope: bytes) -> None:
        if os.getpid() != self._pid:
            return
        try:
            sent = self._connection.send_or_drop(kind, number, envelope, PATIENCE_SECONDS)
        except ConnectionLost:
            return  # whoever reads sees it too, and ends the process
        if kind == LOG:
            self._dropped = 0 if sent else self._dropped + 1

    def is_ours(self) -> bool:
        """Whether records of this process reach the JVM: not those of a child that has turned its
        standard error elsewhere.
        """
        return os.getpid() == self._pid or _stderr() == self._stderr


def _stderr() -> tuple[int, int] | None:
    try:
        found = os.fstat(2)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _print(envelope: dict[str, Any]) -> None:
    line = MARK + _encoded(envelope) + b"\n"
    if len(line) > LINE_BYTES_MAX:
        text = envelope["message"]
        if len(text) > 2 * LINE_CHARS_KEPT:
            left_out = len(text) - 2 * LINE_CHARS_KEPT
            head, tail = text[:LINE_CHARS_KEPT], text[-LINE_CHARS_KEPT:]
            text = f"{head}... {left_out} characters left out ...{tail}"
        fields = {"level": envelope["level"], "logger": envelope["logger"], "message": text}
        line = MARK + _encoded(fields) + b"\n"
    try:
        os.write(2, line)
    except OSError:
        return  # nobody is left to be told


def _encoded(envelope: dict[str, Any]) -> bytes:
    return to_text(envelope).encode("utf-8", "backslashreplace")


def _extra(record: logging.LogRecord) -> dict[str, str]:
    """What ``extra={...}``, filters and adapters have added, as texts."""
    names = [name for name in vars(record) if name not in STANDARD and isinstance(name, str)]
    return {name: _text(getattr(record, name)) for name in names[:EXTRAS_MAX]}


def _unformatted(record: logging.LogRecord, error: Exception) -> str:
    """What of it there is, where its arguments do not fit."""
    parts = f"{_text(record.msg)} with {_text(record.args)}"
    return f"{parts} ({type(error).__name__}: {_text(error)})"


def _text(value: Any) -> str:
    try:
        text = str(value)
    except Exception as error:
        return f"<no text: {type(error).__name__} in __str__>"
    return text if len(text) <= EXTRA_CHARS_MAX else text[:EXTRA_CHARS_MAX] + "..."


def _level(number: int) -> str:
    levels = (("CRITICAL", 50), ("ERROR", 40), ("WARNING", 30), ("INFO", 20), ("DEBUG", 10))
    for name, lowest in levels:
        if number >= lowest:
            return name
    return "TRACE"


def _only_prints(handler: logging.Handler) -> bool:
    """Whether it writes to the worker's own output, where the record would be a second time."""
    if isinstance(handler, logging.FileHandler):
        return False
    stream = getattr(handler, "stream", None)
    if stream is None:  # as `rich` has it
        stream = getattr(getattr(handler, "console", None), "file", None)
    if stream is None:
        return False
    if stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
        return True
    try:
        return stream.fileno() in (1, 2)
    except Exception:  # a stream of the user's own, in memory perhaps
        return False


def _get_effective_level(self: logging.Logger) -> int:
    logger: logging.Logger | None = self
    while logger is not None:
        if logger.level and not isinstance(logger.level, Unset):
            return logger.level
        logger = logger.parent
    return _bridge.level(self.name)


def _call_handlers(self: logging.Logger, record: logging.LogRecord) -> None:
    if not _bridge.is_ours():
        _pythons_own(self, record)
        return
    _bridge.take(record)
    logger: logging.Logger | None = self
    while logger is not None:
        for handler in logger.handlers:
            if record.levelno >= handler.level and not _only_prints(handler):
                handler.handle(record)
        logger = logger.parent if logger.propagate else None


_pythons_own = logging.Logger.callHandlers


def install(runner: Runner, level: int) -> Bridge:
    """Makes this process' bridge, once. ``level`` counts until the JVM says others."""
    global _bridge
    if _bridge is None:
        _bridge = Bridge(runner, level)
        if logging.root.level == logging.WARNING:  # as Python sets it
            logging.root.level = Unset(logging.WARNING)
        logging.Logger.getEffectiveLevel = _get_effective_level
        logging.Logger.callHandlers = _call_handlers
        logging.Logger.manager._clear_cache()
    return _bridge
