"""Which of the notices that wait are sent now, and together."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Final, Protocol

from lapbell_evaluator.model import Notice

__all__ = ["InOrder", "Selection", "Waiting", "message_key"]

_BATCH: Final = 100
_IDLE_S: Final = 60.0
_KEY_DIGITS: Final = 32


class Selection(Protocol):
    """Chooses what one receiver is sent next.

    Attributes:
        is_message: whether what is chosen is one message for people: it may have arrived, and is not taken apart then.
    """

    is_message: bool

    async def begin(self) -> None:
        """Look at everything anew: delivery begins, or begins again after an error."""
        ...

    async def next(self) -> Sequence[Notice]:
        """The notices of the next message, in order; none if nothing is due."""
        ...

    def took(self, notices: Sequence[Notice], at: float) -> None:
        """The receiver has taken them at Unix seconds."""
        ...

    def refused(self, notices: Sequence[Notice]) -> None:
        """The receiver will never take them."""
        ...

    def set_aside(self, notices: Sequence[Notice]) -> None:
        """They are not chosen again before `begin`."""
        ...

    def wait_s(self) -> float:
        """Seconds after which something may be due by time alone."""
        ...


class Waiting(Protocol):
    """Where notices wait."""

    async def pending(self, receiver: str, limit: int) -> tuple[Notice, ...]:
        """The notices that the receiver has not taken yet and may still take, the oldest first."""
        ...


class InOrder:
    """Everything, in the order in which it was written, a hundred at once: for machines.

    Args:
        receiver: its name.
        outbox: where notices wait.
    """

    is_message = False

    def __init__(self, receiver: str, outbox: Waiting) -> None:
        self._receiver = receiver
        self._outbox = outbox

    async def begin(self) -> None:
        """Nothing is remembered."""

    async def next(self) -> Sequence[Notice]:
        """The oldest that wait."""
        return await self._outbox.pending(self._receiver, _BATCH)

    def took(self, notices: Sequence[Notice], at: float) -> None:
        """Nothing is remembered."""

    def refused(self, notices: Sequence[Notice]) -> None:
        """Nothing is remembered."""

    def set_aside(self, notices: Sequence[Notice]) -> None:
        """Nothing is remembered: what is not taken is asked for again, and keeps what follows waiting."""

    def wait_s(self) -> float:
        """A lost wake-up may delay a notice by a minute, never lose it."""
        return _IDLE_S


def message_key(notices: Sequence[Notice]) -> str:
    """The key of the message that holds these notices: the same for the same ones until the receiver has taken them."""
    parts = [f"{notice.receiver}\0{notice.transition.id}\0{notice.sent_at}" for notice in notices]
    return sha256("\0".join(parts).encode()).hexdigest()[:_KEY_DIGITS]
