"""What the store holds at most, and what it holds."""

from dataclasses import dataclass

__all__ = ["Limits", "Stats"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What the store holds at most.

    Attributes:
        series: of all metrics.
        series_per_metric: of one.
        retention_ms: how long samples are kept behind the newest: the longest window in use and the lookback.
        late_ms: how far behind the newest sample of the store a late one may be.
        coalesce_ms: a sample within so many milliseconds of the beginning of its series' last one takes its place.
    """

    series: int = 100_000
    series_per_metric: int = 10_000
    retention_ms: int = 15 * 60_000
    late_ms: int = 5 * 60_000
    coalesce_ms: int = 1_000


@dataclass(frozen=True, slots=True)
class Stats:
    """The store's state in numbers.

    Attributes:
        series: held now.
        metrics: names held now.
        samples: held now, room for them not counted.
        bytes: of the tables that hold samples.
        refused_series: how often a series was refused for the cardinality limit.
        refused_samples: samples of such series.
        evicted_series: series that ended and left.
    """

    series: int
    metrics: int
    samples: int
    bytes: int
    refused_series: int
    refused_samples: int
    evicted_series: int
