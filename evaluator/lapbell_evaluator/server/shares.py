"""A budget that no sender, and no identity on many machines, can use up alone."""

from collections import Counter
from dataclasses import dataclass
from typing import Final

__all__ = ["Sender", "Shares"]

_RESERVE: Final = 8


@dataclass(frozen=True, slots=True)
class Sender:
    """Who holds something.

    Attributes:
        identity: the name of its identity, empty if unknown.
        peer: its address, without port.
    """

    identity: str
    peer: str


class Shares:
    """Counts what is held, in all, by each identity and by each sender. Used on the loop alone.

    Args:
        limit: of all together; the last eighth of it is refused to an identity that holds the rest.
        each: of one identity at one address.
    """

    def __init__(self, limit: int, each: int) -> None:
        self.limit = limit
        self.each = min(each, limit)
        self.used = 0
        self._by_sender: Counter[Sender] = Counter()
        self._by_identity: Counter[str] = Counter()

    def take(self, sender: Sender, amount: int = 1) -> bool:
        """Take some, or nothing and answer False: there is no room for this sender now."""
        if (
            self.used + amount > self.limit
            or self._by_sender[sender] + amount > self.each
            or self._by_identity[sender.identity] + amount > self.limit - self.limit // _RESERVE
        ):
            self._forget(sender)
            return False
        self.used += amount
        self._by_sender[sender] += amount
        self._by_identity[sender.identity] += amount
        return True

    def give_back(self, sender: Sender, amount: int = 1) -> None:
        """Give some back."""
        self.used -= amount
        self._by_sender[sender] -= amount
        self._by_identity[sender.identity] -= amount
        self._forget(sender)

    def _forget(self, sender: Sender) -> None:
        """Who holds nothing takes no memory."""
        if not self._by_sender[sender]:
            del self._by_sender[sender]
        if not self._by_identity[sender.identity]:
            del self._by_identity[sender.identity]
