"""The open connections of one HTTP gate."""

from collections import defaultdict
from typing import Protocol

__all__ = ["Connections", "Evictable"]


class Evictable(Protocol):
    """A connection as far as its place is concerned."""

    @property
    def peer(self) -> str:
        """The address of the other side, without port."""
        ...

    def evict(self) -> None:
        """Close now."""
        ...


class Connections:
    """Who has a place, and who loses it when there are too many.

    Idle are connections without a request under way: kept alive, silent, or halfway through a head. They cost little
    and are kept; under pressure the one that waits longest goes first.

    Args:
        limit: of all addresses.
        each: of one address.
    """

    def __init__(self, limit: int, each: int) -> None:
        self._limit = limit
        self._each = each
        self._open: dict[str, set[Evictable]] = defaultdict(set)
        self._idle: dict[str, dict[Evictable, None]] = defaultdict(dict)  # the longest idle first
        self.count = 0

    def admit(self, connection: Evictable) -> bool:
        """Give a new connection a place, if need be another one's; False if every other one is at work."""
        if len(self._open[connection.peer]) >= self._each and not self._evict(connection.peer):
            return False
        if self.count >= self._limit and not self._evict(max(self._idle, key=self._idle_of, default=connection.peer)):
            return False
        self._open[connection.peer].add(connection)
        self.count += 1
        self.idle(connection)
        return True

    def idle(self, connection: Evictable) -> None:
        """The connection has no request under way."""
        if connection in self._open.get(connection.peer, ()):
            self._idle[connection.peer][connection] = None

    def busy(self, connection: Evictable) -> None:
        """The connection has a request under way."""
        if connection.peer in self._idle:
            self._idle[connection.peer].pop(connection, None)
            if not self._idle[connection.peer]:
                del self._idle[connection.peer]

    def remove(self, connection: Evictable) -> None:
        """The connection is closed."""
        self.busy(connection)
        if connection in self._open.get(connection.peer, ()):
            self._open[connection.peer].remove(connection)
            self.count -= 1
            if not self._open[connection.peer]:
                del self._open[connection.peer]

    def _evict(self, peer: str) -> bool:
        connection = next(iter(self._idle.get(peer, ())), None)
        if connection is None:
            return False
        self.remove(connection)
        connection.evict()
        return True

    def _idle_of(self, peer: str) -> int:
        return len(self._idle[peer])
