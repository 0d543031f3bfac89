"""What all threads are doing, as text.

Written without ``traceback``: the reader thread calls this while a tool may keep the interpreter
busy, and each file that an import opens would then cost it another 5 ms of waiting.
"""

from __future__ import annotations

import sys

from terrarium._stdlib import OURS, os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any

MAIN = os.path.join(os.path.dirname(os.path.dirname(OURS)), "terrarium_worker.py")

FRAMES_MAX = 100
SOURCE_BYTES_MAX = 4 * 2**20


def stacks(first: int, leave_out: int, coroutine: Any = None) -> str:
    """The stacks of all threads but one, ``first``'s first; most recent call last, as Python prints
    them.

    ``coroutine`` is an async tool that waits: its frames are on no thread's stack.
    """
    sources: dict[str, list[bytes]] = {}
    parts = []
    waiting = _coroutine_frames(coroutine)
    if waiting:
        parts.append(_format("The call (async, most recent call last):", waiting, sources))
    frames = sys._current_frames()
    names = _thread_names()
    for ident in sorted(frames, key=lambda ident: (ident != first, ident)):
        if ident != leave_out:
            title = f"Thread {names.get(ident, ident)} (most recent call last):"
            parts.append(_format(title, _chain(frames[ident]), sources))
    return "\n".join(parts)


def _thread_names() -> dict[int, str]:
    """Read without ``threading.enumerate``, whose lock the interrupted thread may hold."""
    threading = sys.modules.get("threading")
    threads = dict(getattr(threading, "_active", {}))
    return {ident: thread.name for ident, thread in threads.items()}


def _chain(frame: FrameType | None) -> list[tuple[FrameType, int]]:
    """From the outermost to the innermost, without the runtime's frames that lead to the user's."""
    found = []
    while frame is not None:
        found.append((frame, frame.f_lineno or 0))
        frame = frame.f_back
    found.reverse()
    theirs = (at for at, (frame, _) in enumerate(found) if not _is_ours(frame))
    return found[next(theirs, 0) :]


def _is_ours(frame: FrameType) -> bool:
    return frame.f_code.co_filename.startswith((OURS, MAIN))


def _coroutine_frames(coroutine: Any) -> list[tuple[FrameType, int]]:
    """Along what each coroutine waits for. A coroutine that runs right now is on its thread's stack
    instead.
    """
    found: list[tuple[FrameType, int]] = []
    while coroutine is not None and len(found) < 2 * FRAMES_MAX:
        frame = getattr(coroutine, "cr_frame", None) or getattr(coroutine, "gi_frame", None)
        if frame is None or getattr(coroutine, "cr_running", False):
            break
        found.append((frame, frame.f_lineno or 0))
        coroutine = getattr(coroutine, "cr_await", None) or getattr(coroutine, "gi_yieldfrom", None)
    return found


def _format(
    title: str, frames: list[tuple[FrameType, int]], sources: dict[str, list[bytes]]
) -> str:
    lines = [title]
    left_out = max(0, len(frames) - FRAMES_MAX)
    if left_out:
        lines.append(f"  ... frames left out: {left_out} ...")
    for frame, number in frames[left_out:]:
        code = frame.f_code
        lines.append(f'  File "{code.co_filename}", line {number}, in {code.co_name}')
        source = _line(code.co_filename, number, sources)
        if source:
            lines.append(f"    {source}")
    return "\n".join(lines) + "\n"


def _line(path: str, number: int, sources: dict[str, list[bytes]]) -> str:
    if path not in sources:
        try:
            with open(path, "rb") as file:
                sources[path] = file.read(SOURCE_BYTES_MAX).split(b"\n")
        except (OSError, ValueError):
            sources[path] = []
    lines = sources[path]
    return lines[number - 1].decode("utf-8", "replace").strip() if 0 < number <= len(lines) else ""
