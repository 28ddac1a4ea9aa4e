"""What is told: a target per kind of receiver, and the sender that it makes."""

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Protocol, Self

from lapbell_evaluator.model import Clock, Notice, Notification
from lapbell_evaluator.notify.delivery import Receiver

__all__ = ["MessageSender", "Target"]


class MessageSender(Receiver, Protocol):
    """Sends messages while it is entered."""

    async def __aenter__(self) -> Self:
        """Be ready to send; raises EvaluatorError if it can't be."""
        ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """End what is open."""
        ...


class Target(Protocol):
    """Where the messages of one receiver go; two that are equal need not be told apart."""

    def sender(self, clock: Clock, notification: Callable[[Sequence[Notice]], Notification]) -> MessageSender:
        """What sends to it.

        Args:
            clock: the time.
            notification: the message of some notices.
        """
        ...
