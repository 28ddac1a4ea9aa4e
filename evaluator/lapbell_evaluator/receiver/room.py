"""How much may be under way at once."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from lapbell_evaluator.receiver.limits import Limits
from lapbell_evaluator.receiver.refusal import Reason, Refusal
from lapbell_evaluator.server import Sender, Shares

__all__ = ["Hold", "Room"]


class Room:
    """A budget of exports that are being read, wait, or are decoded, and of their bytes. Any thread may use it.

    Args:
        limits: of all of them together, and of each sender.
    """

    def __init__(self, limits: Limits) -> None:
        self._lock = threading.Lock()
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

    @contextmanager
    def beside(self, sender: Sender, size: int) -> Iterator[None]:
        """Room for bytes that an export needs for a while beside those that it came with: it is being unpacked.

        Raises:
            Refusal: there is none for this sender now.
        """
        self.take(sender, size)
        try:
            yield
        finally:
            self.give_back(sender, size)

    def enter(self, sender: Sender) -> None:
        """Take the place of one export.

        Raises:
            Refusal: there is none for this sender now.
        """
        with self._lock:
            has_place = self._exports.take(sender)
        if not has_place:
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
        with self._lock:
            has_room = self._bytes.take(sender, size)
        if not has_room:
            raise Refusal(
                Reason.BUSY,
                f"{self._bytes.used} bytes of exports are under way; no more than {self._bytes.limit} may be, "
                f"of one sender no more than {self._bytes.each}.",
                "Send again later.",
            )

    def leave(self, sender: Sender, size: int) -> None:
        """Give the place of one export and its bytes back."""
        with self._lock:
            self._exports.give_back(sender)
            self._bytes.give_back(sender, size)

    def give_back(self, sender: Sender, size: int) -> None:
        """Give bytes back."""
        with self._lock:
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
