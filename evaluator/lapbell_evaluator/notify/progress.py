"""How delivery to one receiver goes, for the evaluator's own metrics."""

from typing import Final

from lapbell import semconv
from lapbell_evaluator.model import Clock, Reading, ReadingKind

__all__ = ["Progress"]

_FAILING_HELP: Final = "Seconds since which a receiver takes nothing; 0 while it does."
_DELIVERED_HELP: Final = "Notices that a receiver took."
_REFUSED_HELP: Final = "Notices that a receiver refused for ever: they became dead letters."
_DEAD_LETTERS_HELP: Final = "Dead letters of a receiver that are kept."


class Progress:
    """Counts what one receiver took, and since when it takes nothing.

    Args:
        receiver: its name.
        clock: the time.

    Attributes:
        dead_letters: how many are kept.
    """

    def __init__(self, receiver: str, clock: Clock) -> None:
        self._attributes = ((semconv.LAPBELL_ALERT_RECEIVER, receiver),)
        self._clock = clock
        self._failing_since: float | None = None
        self._delivered = 0
        self._refused = 0
        self.dead_letters = 0

    def took(self, count: int) -> None:
        """The receiver took so many."""
        self._failing_since = None
        self._delivered += count

    def refused(self, count: int) -> None:
        """It refused so many for ever, which it can only do while it answers."""
        self._failing_since = None
        self._refused += count

    def failed(self) -> None:
        """It took nothing."""
        self._failing_since = self._clock.now() if self._failing_since is None else self._failing_since

    @property
    def is_idle(self) -> bool:
        """Whether nothing was sent so far."""
        return self._failing_since is None and not self._delivered and not self._refused

    @property
    def failing_s(self) -> float:
        """Seconds since which it takes nothing; 0 while it does."""
        return 0.0 if self._failing_since is None else self._clock.now() - self._failing_since

    def readings(self) -> tuple[Reading, ...]:
        """What is known of the receiver."""
        failing, delivered = semconv.LAPBELL_DELIVERY_FAILING_TIME, semconv.LAPBELL_DELIVERY_DELIVERED
        refused, dead_letters = semconv.LAPBELL_DELIVERY_REFUSED, semconv.LAPBELL_DELIVERY_DEAD_LETTERS
        own = self._attributes
        return (
            Reading(failing, ReadingKind.GAUGE, "s", self.failing_s, _FAILING_HELP, own),
            Reading(delivered, ReadingKind.COUNTER, "{notice}", self._delivered, _DELIVERED_HELP, own),
            Reading(refused, ReadingKind.COUNTER, "{notice}", self._refused, _REFUSED_HELP, own),
            Reading(dead_letters, ReadingKind.GAUGE, "{notice}", self.dead_letters, _DEAD_LETTERS_HELP, own),
        )
