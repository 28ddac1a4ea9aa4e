"""How near the series in memory are to their limits."""

from dataclasses import dataclass

from lapbell import semconv
from lapbell_evaluator.model import Reading, ReadingKind, labels
from lapbell_evaluator.series.limits import Limits

__all__ = ["Fullness"]


@dataclass(frozen=True, slots=True)
class Fullness:
    """Series in memory, and what they may come to; samples of series beyond a limit are refused.

    Attributes:
        series: of all metrics.
        fullest: the metric with the most series; empty if there is none.
        series_of_fullest: its series.
        unread: series of metrics that no rule reads.
        limits: what they are held to.
    """

    series: int
    fullest: str
    series_of_fullest: int
    unread: int
    limits: Limits

    def readings(self) -> tuple[Reading, ...]:
        """All of it as gauges."""
        fullest = labels({semconv.LAPBELL_SERIES_METRIC: self.fullest})
        return (
            _gauge(semconv.LAPBELL_SERIES_HELD, self.series, "Series in memory."),
            _gauge(semconv.LAPBELL_SERIES_LIMIT, self.limits.series, "Series that memory holds at most."),
            Reading(
                semconv.LAPBELL_SERIES_OF_FULLEST_METRIC,
                ReadingKind.GAUGE,
                "{series}",
                self.series_of_fullest,
                "Series of the metric that has the most.",
                fullest,
            ),
            _gauge(
                semconv.LAPBELL_SERIES_LIMIT_PER_METRIC,
                self.limits.series_per_metric,
                "Series that one metric may have at most.",
            ),
            _gauge(semconv.LAPBELL_SERIES_UNREAD, self.unread, "Series of metrics that no rule reads or records."),
            _gauge(
                semconv.LAPBELL_SERIES_LIMIT_UNREAD,
                self.limits.series - self.limits.reserved,
                "Series that metrics may have at most that no rule reads or records.",
            ),
        )


def _gauge(name: str, value: int, text: str) -> Reading:
    return Reading(name, ReadingKind.GAUGE, "{series}", value, text)
