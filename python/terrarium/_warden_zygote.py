"""The warden's end of a zygote: orders go out with the descriptors of the workers to be, and never
block.
"""

from __future__ import annotations

import _socket as socket
import os
import struct
from _collections import deque

from terrarium._values import parse, to_text

MESSAGE_BYTES_MAX = 65_536


class Orders:
    """A socket of whole messages. `theirs` is the zygote's end, a descriptor to be closed here."""

    def __init__(self, opened: list[int]) -> None:
        self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.theirs = theirs.detach()
        opened.append(self.theirs)
        self._ours.setblocking(False)
        self._waiting: deque[tuple[bytes, list[int]]] = deque()
        self.ended = False

    def fileno(self) -> int:
        return self._ours.fileno()

    @property
    def waiting(self) -> bool:
        return bool(self._waiting)

    def put(self, order: dict, descriptors: list[int]) -> None:
        """Sends an order, or queues it. The descriptors are closed once it is sent."""
        self._waiting.append((to_text(order).encode("utf-8", "surrogatepass"), descriptors))
        self.flush()

    def flush(self) -> None:
        """Sends what the socket takes. A zygote that is gone is its death's business, not ours."""
        while self._waiting:
            message, descriptors = self._waiting[0]
            try:
                numbers = struct.pack(f"{len(descriptors)}i", *descriptors)
                rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, numbers)
                self._ours.sendmsg([message], [rights], socket.MSG_NOSIGNAL)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                pass
            self._waiting.popleft()
            close_all(descriptors)

    def receive(self) -> dict | None:
        """What the zygote says; None where it has said nothing, or nonsense, or is gone (`ended`)."""
        try:
            data = self._ours.recv(MESSAGE_BYTES_MAX)
            self.ended = not data
            said = parse(data.decode("utf-8"))
        except (BlockingIOError, InterruptedError, ValueError):
            return None
        except OSError:
            self.ended = True
            return None
        return said if isinstance(said, dict) else None

    def close(self) -> None:
        for _, descriptors in self._waiting:
            close_all(descriptors)
        self._waiting.clear()
        self._ours.close()


def close_all(descriptors: list[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
