"""What a query answers."""

from dataclasses import dataclass

from lapbell_evaluator.model.labels import Labels

__all__ = ["QueryResult", "RangeSeries", "Sample"]


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of one series at one instant.

    Attributes:
        labels: the series, sorted; includes `__name__` only where PromQL keeps it.
        time: Unix seconds.
        value: may be NaN or infinite.
    """

    labels: Labels
    time: float
    value: float


@dataclass(frozen=True, slots=True)
class RangeSeries:
    """One series of a range query: `points` are (Unix seconds, value), oldest first."""

    labels: Labels
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class QueryResult:
    """The answer to an instant query.

    Attributes:
        samples: one per series; a scalar is one sample without labels.
        warnings: what the engine wants a person to know, each with its position.
    """

    samples: tuple[Sample, ...]
    warnings: tuple[str, ...] = ()
