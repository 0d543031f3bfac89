"""Sends ``logging``'s records as ``LOG`` frames. Imported only where the adapter has imported
``logging``.
"""

from __future__ import annotations

import logging
import os
from _thread import get_ident

from terrarium._context import current
from terrarium._errors import report
from terrarium._values import to_text
from terrarium._wire import LOG, ConnectionLost

TYPE_CHECKING = False
if TYPE_CHECKING:
    from terrarium._runner import Runner
    from terrarium._wire import Connection

MESSAGE_CHARS_MAX = 64_000
BACKLOG_RECORDS_MAX = 1000
PATIENCE_SECONDS = 1.0
"""How long a record waits for a JVM that does not read, before it is dropped."""


class FrameHandler(logging.Handler):
    """The root logger's handler. Its own lock would be lost to an interruption; the connection has
    one, and is shielded.
    """

    def __init__(self, runner: Runner) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter("%(message)s"))
        self._runner = runner
        self._pid = os.getpid()
        self._connection: Connection | None = None
        self._backlog: list[bytes] | None = []
        self._dropped = 0
        self._busy: set[int] = set()

    def createLock(self) -> None:
        """None: see the class."""
        self.lock = None

    def connect(self, connection: Connection) -> None:
        """Sends what was logged before ``HELLO``."""
        backlog, self._connection, self._backlog = self._backlog, connection, None
        for envelope in backlog or ():
            self._send(0, envelope)

    def handle(self, record: logging.LogRecord) -> bool:
        """Any thread. Never raises, but for an interruption that is due."""
        if os.getpid() != self._pid:
            if logging.lastResort and record.levelno >= logging.lastResort.level:
                logging.lastResort.handle(record)
            return True
        found = self.filter(record)
        if not found:
            return False
        if isinstance(found, logging.LogRecord):  # filters may replace it, since Python 3.12
            record = found
        if get_ident() == self._runner.thread:
            with self._runner:
                self.emit(record)
        else:
            self.emit(record)
        return True

    def emit(self, record: logging.LogRecord) -> None:
        """Formats and sends. A record that formatting another one logs is left out."""
        thread = get_ident()
        if thread in self._busy:
            return
        self._busy.add(thread)
        try:
            call = current.get()
            self._send(0 if call is None else call.id, self._envelope(record))
        except Exception as error:
            if not isinstance(error, ConnectionLost):
                report(error, f"a log record of {record.name} could not be sent")
        finally:
            self._busy.discard(thread)

    def _envelope(self, record: logging.LogRecord) -> bytes:
        message = self.format(record)
        if len(message) > MESSAGE_CHARS_MAX:
            message = message[:MESSAGE_CHARS_MAX] + f"... ({len(message)} characters)"
        if self._dropped:
            message += f" ({self._dropped} records before this one were dropped)"
        envelope = {"level": _level(record.levelno), "logger": record.name, "message": message}
        return to_text(envelope).encode("utf-8", "backslashreplace")

    def _send(self, number: int, envelope: bytes) -> None:
        if self._connection is None:
            if self._backlog is not None and len(self._backlog) < BACKLOG_RECORDS_MAX:
                self._backlog.append(envelope)
        elif self._connection.send_or_drop(LOG, number, envelope, PATIENCE_SECONDS):
            self._dropped = 0
        else:
            self._dropped += 1


def _level(number: int) -> str:
    for name, lowest in (("CRITICAL", 50), ("ERROR", 40), ("WARNING", 30), ("INFO", 20)):
        if number >= lowest:
            return name
    return "DEBUG"


def install(runner: Runner) -> FrameHandler:
    """Adds the handler to the root logger. Levels stay as the user set them."""
    handler = FrameHandler(runner)
    logging.getLogger().addHandler(handler)
    return handler
