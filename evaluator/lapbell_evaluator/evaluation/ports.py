"""What evaluation needs from rooms that it does not import."""

from collections.abc import Sequence
from typing import Protocol

from lapbell_evaluator.model import (
    Alert,
    Change,
    Evidence,
    HistoryQuery,
    Labels,
    Page,
    RawSample,
    Recipients,
    Transition,
)
from lapbell_evaluator.promql import Expr

__all__ = ["AlertDatabase", "Arrivals", "EvidenceCollector", "Expirable", "Origins"]


class Origins(Protocol):
    """Knows which samples a value was made from."""

    async def origins(self, expr: Expr, series: Sequence[Labels], time: float) -> Sequence[RawSample | None]:
        """The newest sample behind each series of the value of `expr` at `time` (Unix seconds); None if there is none.

        Raises:
            EvaluatorError: it costs too much.
        """
        ...


class Arrivals(Protocol):
    """Knows when samples arrived."""

    def received_at(self, samples: Sequence[RawSample | None]) -> Sequence[float | None]:
        """Unix seconds when each sample arrived; None where that is not known."""
        ...


class EvidenceCollector(Protocol):
    """Gathers what shows the cause of an alert."""

    async def collect(self, alert: Alert, at: float) -> Evidence:
        """The phase blame and exemplar traces for `alert` at Unix seconds `at`."""
        ...


class AlertDatabase(Protocol):
    """Keeps alerts, incidents, their history and the outbox."""

    async def commit(self, change: Change, recipients: Recipients) -> None:
        """Write a change and an outbox row for each transition and recipient, all or nothing; of an empty one, nothing.

        Raises:
            EvaluatorError: nothing was written, and nobody may be told: another evaluator has taken over, for example.
        """
        ...

    async def history(self, wanted: HistoryQuery) -> Page[Transition]:
        """A page of the transitions that are wanted, the newest first."""
        ...

    async def tidy(self, now: float) -> None:
        """Delete what is past its retention at Unix seconds `now`."""
        ...


class Expirable(Protocol):
    """Holds alerts that end by time alone."""

    async def expire(self) -> None:
        """End those whose time has come."""
        ...
