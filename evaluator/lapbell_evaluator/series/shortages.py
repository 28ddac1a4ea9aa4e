"""Who went without a series, or lost one, because there was too little room."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from lapbell import semconv
from lapbell_evaluator.model import Reading, ReadingKind, labels
from lapbell_evaluator.series.pool import Shortage

__all__ = ["Loss", "Shortages"]

_JOBS_NAMED: Final = 100
_METRICS_NAMED: Final = 3
_OTHERS: Final = "(other jobs)"


@dataclass(slots=True)
class Loss:
    """What one job lost for one reason.

    Attributes:
        cut: series that it had.
        refused: how often a new one was refused; a sender that sends it again is refused again.
        metrics: some of theirs.
    """

    cut: int = 0
    refused: int = 0
    metrics: set[str] = field(default_factory=set)


class Shortages:
    """Counts since the start, and the losses of each job since they were last taken."""

    def __init__(self) -> None:
        self._losses: dict[tuple[Shortage, str], Loss] = {}
        self._cut: Counter[Shortage] = Counter()
        self._refused: Counter[Shortage] = Counter()

    def cut(self, shortage: Shortage, job: str, metric: str) -> None:
        """A job lost a series of a metric to another job."""
        self._cut[shortage] += 1
        self._loss(shortage, job, metric).cut += 1

    def refused(self, shortage: Shortage, job: str, metric: str) -> None:
        """A job did not get a series of a metric."""
        self._refused[shortage] += 1
        self._loss(shortage, job, metric).refused += 1

    def taken(self) -> dict[tuple[Shortage, str], Loss]:
        """The losses since the last call, by reason and job."""
        losses, self._losses = self._losses, {}
        return losses

    def readings(self) -> tuple[Reading, ...]:
        """How many series were cut and refused since the start, by the setting that bounds them."""
        return tuple(
            Reading(
                name,
                ReadingKind.COUNTER,
                "{series}",
                counts[shortage],
                text,
                labels({semconv.LAPBELL_REASON: shortage.value}),
            )
            for name, counts, text in (
                (semconv.LAPBELL_SERIES_CUT, self._cut, "Series that a job lost to jobs that had fewer."),
                (semconv.LAPBELL_SERIES_REFUSED, self._refused, "How often a new series was refused."),
            )
            for shortage in Shortage
        )

    def _loss(self, shortage: Shortage, job: str, metric: str) -> Loss:
        key = (shortage, job)
        if key not in self._losses and len(self._losses) >= _JOBS_NAMED:
            key = (shortage, _OTHERS)
        loss = self._losses.setdefault(key, Loss())
        if len(loss.metrics) < _METRICS_NAMED:
            loss.metrics.add(metric)
        return loss
