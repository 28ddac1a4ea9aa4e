"""What a query answers."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from lapbell_evaluator.model.histogram import Histogram
from lapbell_evaluator.model.labels import Labels

__all__ = ["QueryResult", "RangeResult", "RangeSeries", "RawSample", "Sample", "ValueKind"]


class ValueKind(StrEnum):
    """PromQL's four kinds of values, by the names of Prometheus' HTTP API."""

    SCALAR = "scalar"
    VECTOR = "vector"
    MATRIX = "matrix"
    STRING = "string"


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of one series at one instant.

    Attributes:
        labels: the series, sorted; includes `__name__` only where PromQL keeps it.
        time: Unix seconds.
        value: may be NaN or infinite; NaN where `histogram` is the value.
        histogram: a native histogram, if that is the value.
    """

    labels: Labels
    time: float
    value: float
    histogram: Histogram | None = None


class RawSample(NamedTuple):
    """One sample as it is stored: which, not how much. A tuple, because there may be tens of thousands at once.

    Attributes:
        labels: of its series, the name among them.
        time: Unix seconds.
    """

    labels: Labels
    time: float


@dataclass(frozen=True, slots=True)
class RangeSeries:
    """One series of a range query: `points` are (Unix seconds, value), oldest first, `histograms` likewise."""

    labels: Labels
    points: tuple[tuple[float, float], ...]
    histograms: tuple[tuple[float, Histogram], ...] = ()


@dataclass(frozen=True, slots=True)
class QueryResult:
    """The answer to an instant query.

    Attributes:
        samples: one per series; a scalar is one sample without labels.
        warnings: what the engine wants a person to know, each with its position.
        infos: what may be a mistake in the query, each with its position.
        kind: what the expression is.
        series: the raw samples, if `kind` is a matrix.
        text: the value, if `kind` is a string.
    """

    samples: tuple[Sample, ...]
    warnings: tuple[str, ...] = ()
    infos: tuple[str, ...] = ()
    kind: ValueKind = ValueKind.VECTOR
    series: tuple[RangeSeries, ...] = ()
    text: str = ""


@dataclass(frozen=True, slots=True)
class RangeResult:
    """The answer to a range query.

    Attributes:
        series: sorted by labels.
        warnings: as in `QueryResult`.
        infos: as in `QueryResult`.
    """

    series: tuple[RangeSeries, ...]
    warnings: tuple[str, ...] = ()
    infos: tuple[str, ...] = ()
