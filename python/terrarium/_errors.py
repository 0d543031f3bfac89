"""Exceptions as data: type, message and the traceback that the user would see without us.

Importing ``traceback`` costs as much as the rest of a worker, so it is imported when the first
error needs it. A tool that used up all descriptors or all memory must still get its error across:
then the traceback is missing, not the answer.
"""

from __future__ import annotations

from terrarium._stdlib import OURS, os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any

TEXT_CHARS_MAX = 200_000
"""The most of a message or a traceback that travels."""


def clean(text: str) -> str:
    """The text as UTF-8 can carry it, and not longer than ``TEXT_CHARS_MAX``: the middle of a long
    one is left out.
    """
    if len(text) > TEXT_CHARS_MAX:
        half = TEXT_CHARS_MAX // 2
        text = f"{text[:half]}\n... {len(text) - 2 * half} characters left out ...\n{text[-half:]}"
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def type_name(error: BaseException) -> str:
    """``ValueError``, ``textstats.Unreadable``: with the module unless it is a builtin."""
    kind = type(error)
    module = kind.__module__
    return kind.__qualname__ if module == "builtins" else f"{module}.{kind.__qualname__}"


def message(error: BaseException) -> str:
    """The exception's text, also where its ``__str__`` fails."""
    try:
        return clean(str(error))
    except BaseException as failed:  # SystemExit in a __str__ is no reason to leave
        return f"<no text: {type(failed).__name__} in __str__>"


def describe(error: BaseException) -> dict[str, Any]:
    """``type``, ``message`` and ``traceback`` for an envelope. Raises nothing."""
    return {
        "type": clean(type_name(error)),
        "message": message(error),
        "traceback": user_traceback(error),
    }


def remedy(error: BaseException) -> str | None:
    """What helps where an import found no module; ``None`` for all else. Raises nothing."""
    if not isinstance(error, ModuleNotFoundError):
        return None
    try:
        from terrarium import _missing

        text = _missing.remedy(error)
    except BaseException:  # no descriptors left to look with, say
        return None
    return None if text is None else clean(text)


def user_traceback(error: BaseException) -> str | None:
    """What Python prints for the exception, without the runtime's own frames."""
    try:
        from traceback import format_exception

        return clean("".join(format_exception(type(error), error, user_frames(error))))
    except BaseException:
        return None


def user_frames(error: BaseException) -> TracebackType | None:
    """The exception's frames from the user's first to his last; ``None`` where all of them are
    ours.
    """
    first = error.__traceback__
    while first is not None and is_ours(first):
        first = first.tb_next
    last = step = first
    while step is not None:
        if not is_ours(step):
            last = step
        step = step.tb_next
    if last is not None:
        last.tb_next = (
            None  # the handler that raised Cancelled, a log handler: below the user's code
        )
    return first


def is_ours(step: TracebackType) -> bool:
    """Whether that frame runs the runtime's code, or the import that the runtime asked for."""
    return step.tb_frame.f_code.co_filename.startswith((OURS, "<frozen importlib"))


def report(error: BaseException, what: str) -> None:
    """Prints an exception that nobody else will hear of to the worker's log."""
    complain(f"{what}: {user_traceback(error) or message(error)}")


def complain(text: str) -> None:
    """One message on the worker's log, or nowhere if that is broken.

    Past ``sys.stderr``, whose lock a tool may hold that is stuck in printing.
    """
    try:
        os.write(2, f"terrarium: {text.rstrip()}\n".encode("utf-8", "backslashreplace"))
    except OSError:
        return  # nobody is left to be told
