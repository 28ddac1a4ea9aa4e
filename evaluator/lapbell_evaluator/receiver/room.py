"""How much may be under way at once."""

from types import TracebackType
from typing import Self

from lapbell_evaluator.receiver.refusal import Reason, Refusal

__all__ = ["Hold", "Room"]


class Room:
    """A budget of bytes for exports that are being read, wait, or are decoded. Used on the loop alone.

    Args:
        limit_bytes: of all of them together, as sent.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self.used_bytes = 0

    def hold(self) -> "Hold":
        """Place for one export; given back when the `with` block ends."""
        return Hold(self)

    def take(self, size: int) -> None:
        """Take bytes.

        Raises:
            Refusal: there is no room now; the sender should come again.
        """
        if self.used_bytes + size > self._limit_bytes:
            raise Refusal(
                Reason.BUSY,
                f"{self.used_bytes} bytes of exports are under way, no more than {self._limit_bytes} may be.",
                "Send again later.",
            )
        self.used_bytes += size

    def give_back(self, size: int) -> None:
        """Give bytes back."""
        self.used_bytes -= size


class Hold:
    """The place of one export, growing as its body arrives."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._size = 0

    def add(self, size: int) -> None:
        """Take more.

        Raises:
            Refusal: there is no room now.
        """
        self._room.take(size)
        self._size += size

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._room.give_back(self._size)
