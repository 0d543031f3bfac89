"""What the warden's loop needs of ``selectors``, which brings ``collections`` and ``enum`` along: a
tenth of the time until its HELLO.
"""

from __future__ import annotations

from select import EPOLLIN, EPOLLOUT, epoll

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

EVENT_READ = 1
EVENT_WRITE = 2

_NOT_READ = ~EPOLLIN  # errors and hang-ups too are for whoever reads or writes to find
_NOT_WRITE = ~EPOLLOUT


class Key:
    """A descriptor that is watched."""

    __slots__ = ("data", "events", "fd")

    def __init__(self, fd: int, events: int, data: Any) -> None:
        self.fd = fd
        self.events = events
        self.data = data


class Selector:
    """The methods are those of ``selectors.EpollSelector``; descriptors are numbers."""

    def __init__(self) -> None:
        self._epoll = epoll()
        self._keys: dict[int, Key] = {}

    def register(self, fd: int, events: int, data: Any) -> None:
        self._epoll.register(fd, _mask(events))
        self._keys[fd] = Key(fd, events, data)

    def modify(self, fd: int, events: int, data: Any) -> None:
        self._epoll.modify(fd, _mask(events))
        self._keys[fd] = Key(fd, events, data)

    def unregister(self, fd: int) -> None:
        del self._keys[fd]
        try:
            self._epoll.unregister(fd)
        except OSError:
            return  # it was closed, which took it out

    def get_key(self, fd: int) -> Key:
        return self._keys[fd]

    def select(self, timeout: float | None) -> list[tuple[Key, int]]:
        """The descriptors that are ready; empty after ``timeout`` seconds."""
        found = self._epoll.poll(timeout, max(len(self._keys), 1))
        return [(self._keys[fd], _events(mask)) for fd, mask in found if fd in self._keys]


def _mask(events: int) -> int:
    return (EPOLLIN if events & EVENT_READ else 0) | (EPOLLOUT if events & EVENT_WRITE else 0)


def _events(mask: int) -> int:
    return (EVENT_READ if mask & _NOT_WRITE else 0) | (EVENT_WRITE if mask & _NOT_READ else 0)
