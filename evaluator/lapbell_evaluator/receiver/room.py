"""How much may be under way at once."""

from types import TracebackType
from typing import Self

from lapbell_evaluator.receiver.limits import Limits
from lapbell_evaluator.receiver.refusal import Reason, Refusal
from lapbell_evaluator.server import Sender, Shares

__all__ = ["Hold", "Room"]


class Room:
    """A budget of exports that are being read, wait, or are decoded, and of their bytes. Used on the loop alone.

    Args:
        limits: of all of them together, and of each sender.
    """

    def __init__(self, limits: Limits) -> None:
        self._exports = Shares(limits.senders, limits.senders_each)
        self._bytes = Shares(limits.in_flight_bytes, limits.in_flight_bytes_each)

    @property
    def used_bytes(self) -> int:
        """Bytes under way."""
        return self._bytes.used

    def hold(self, sender: Sender) -> "Hold":
        """Place for one export in a `with` block; given back when it ends.

        Raises:
            Refusal: on entering, there is no place for this sender now; it should come again.
        """
        return Hold(self, sender)

    def enter(self, sender: Sender) -> None:
        """Take the place of one export.

        Raises:
            Refusal: there is none for this sender now.
        """
        if not self._exports.take(sender):
            raise Refusal(
                Reason.BUSY,
                f"{self._exports.used} exports are under way; no more than {self._exports.limit} may be, "
                f"of one sender no more than {self._exports.each}.",
                "Send again later.",
            )

    def take(self, sender: Sender, size: int) -> None:
        """Take bytes.

        Raises:
            Refusal: there is no room for this sender now; it should come again.
        """
        if not self._bytes.take(sender, size):
            raise Refusal(
                Reason.BUSY,
                f"{self._bytes.used} bytes of exports are under way; no more than {self._bytes.limit} may be, "
                f"of one sender no more than {self._bytes.each}.",
                "Send again later.",
            )

    def leave(self, sender: Sender, size: int) -> None:
        """Give the place of one export and its bytes back."""
        self._exports.give_back(sender)
        self._bytes.give_back(sender, size)


class Hold:
    """The place of one export, growing as its body arrives."""

    def __init__(self, room: Room, sender: Sender) -> None:
        self._room = room
        self._sender = sender
        self._size = 0

    def add(self, size: int) -> None:
        """Take more.

        Raises:
            Refusal: there is no room now.
        """
        self._room.take(self._sender, size)
        self._size += size

    def __enter__(self) -> Self:
        self._room.enter(self._sender)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._room.leave(self._sender, self._size)
