"""The warden's end of a zygote: orders go out with the descriptors of the workers to be, and never
block; what becomes of them is told later, by the pipes of the workers to be.
"""

from __future__ import annotations

import os

from terrarium._cpython import Struct, deque, socket
from terrarium._protocol import END, ORDER_BYTES_MAX
from terrarium._values import parse, to_text


class OrderSender:
    """The warden's end of a socket of whole messages. `theirs` is the zygote's, a descriptor to be
    closed here.
    """

    def __init__(self, opened: list[int]) -> None:
        self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.theirs = theirs.detach()
        opened.append(self.theirs)
        self._ours.setblocking(False)
        self._waiting: deque[tuple[bytes, list[int]]] = deque()
        self.ended = False
        self.over = False  # it forks nobody any more; that it has ended it still has to say

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
        """Sends what the socket takes. What a zygote that is on its way out does not take waits for
        its death: refused at once, it would be ordered again at once, until that is known.
        """
        while self._waiting:
            message, descriptors = self._waiting[0]
            try:
                numbers = Struct(f"{len(descriptors)}i").pack(*descriptors)
                rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, numbers)] if descriptors else []
                self._ours.sendmsg([message], rights, socket.MSG_NOSIGNAL)
            except OSError:
                return
            self._waiting.popleft()
            close_all(descriptors)

    def receive(self) -> dict | None:
        """What the zygote says; None where it has said nothing, or nonsense, or is gone (`ended`)."""
        try:
            try:
                data = self._ours.recv(ORDER_BYTES_MAX)
            except ConnectionResetError:
                # It ended with orders unread: the kernel says so first, and then what it had said.
                data = self._ours.recv(ORDER_BYTES_MAX)
            self.ended = not data
            said = parse(data.decode("utf-8"))
        except (BlockingIOError, InterruptedError, ValueError):
            return None
        except OSError:
            self.ended = True
            return None
        return said if isinstance(said, dict) else None

    def drop(self) -> None:
        """Nobody will take what still waits."""
        for _, descriptors in self._waiting:
            close_all(descriptors)
        self._waiting.clear()

    def end(self) -> None:
        """Asks it to end: there is nothing more to come. A mere end of the socket would tell of the
        warden's death.
        """
        self.over = True
        self.drop()
        self._waiting.append((END, []))
        self.flush()

    def close(self) -> None:
        self.drop()
        self._ours.close()


def close_all(descriptors: list[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
