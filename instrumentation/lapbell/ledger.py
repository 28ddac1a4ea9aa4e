"""Histograms and counters as plain numbers: several times cheaper to record than the SDK's, exported beside them.

Most of what an SDK instrument costs goes into hashing attributes that are the same in every request. Here a value finds
its series by the tuple of its attributes as they come, and series are made equal when they are collected.
"""

import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, Generic, TypeAlias, TypeVar

from opentelemetry.sdk.metrics import Exemplar
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Histogram,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    Sum,
)
from opentelemetry.trace import SpanContext

from lapbell.instruments import DEFINITIONS, Attributes, bounds_s, names
from lapbell.process import process

__all__ = ["Ledger"]

MOST_SERIES: Final = 2_000
"""Series of one metric, as in the SDK; what is beyond them shares one."""
_MOST_KEYS: Final = 4 * MOST_SERIES
"""The same attributes in another order are another key of the same series."""
_OVERFLOW: Final = (("otel.metric.overflow", True),)

T = TypeVar("T")
Key: TypeAlias = tuple[tuple[str, str | int | float | bool], ...]


@dataclass(slots=True)
class _Series:
    """One histogram.

    Attributes:
        counts: values by bucket; bucket i holds what is above bound i-1 and not above bound i.
        exemplars: the last value of each bucket whose span is exported: the value, Unix nanoseconds, the span.
    """

    attributes: Attributes
    start_ns: int
    counts: list[int]
    sum: float = 0.0
    min: float = float("inf")
    max: float = float("-inf")
    exemplars: dict[int, tuple[float, int, SpanContext]] = field(default_factory=dict)


@dataclass(slots=True)
class _Count:
    """One counter."""

    attributes: Attributes
    start_ns: int
    value: int = 0


class _Family(Generic[T]):
    """The series of one metric.

    Args:
        make: a series at zero.
    """

    def __init__(self, make: Callable[[Attributes], T]) -> None:
        self._make = make
        self._by_attributes: dict[Key, T] = {}
        self.by_key: dict[Key, T] = {}

    @property
    def series(self) -> Iterable[T]:
        """Each series once."""
        return self._by_attributes.values()

    def add(self, key: Key) -> T:
        """The series of a key that is not known yet."""
        attributes = tuple(sorted(key))
        if attributes not in self._by_attributes and len(self._by_attributes) >= MOST_SERIES:
            attributes = _OVERFLOW
        series = self._by_attributes.get(attributes)
        if series is None:
            series = self._by_attributes[attributes] = self._make(dict(attributes))
        if len(self.by_key) < _MOST_KEYS:
            self.by_key[key] = series
        return series


class Ledger:
    """Keeps cumulative histograms and counters of this process.

    Args:
        targets_s: seconds that must be bounds of the request histograms.
        with_exemplars: whether to keep which spans the values are about.
    """

    def __init__(self, targets_s: Sequence[float], *, with_exemplars: bool = True) -> None:
        self._bounds = {name: bounds_s(name, targets_s) for name in names("histogram")}
        self._with_exemplars = with_exemplars
        self.clear()
        process.register(renew_after_fork=self.clear)

    def clear(self) -> None:
        """Begin at zero, as a child does after a fork."""
        self._lock = threading.Lock()
        self._histograms = {name: _Family(self._histogram(len(bounds) + 1)) for name, bounds in self._bounds.items()}
        self._counters = {
            name: _Family(lambda attributes: _Count(attributes, time.time_ns())) for name in names("counter")
        }

    def record(
        self, name: str, value: float, attributes: Attributes, exemplar: SpanContext | None, times: int = 1
    ) -> None:
        """One value of a histogram, and the span that it is about; `times` that value."""
        key = tuple(attributes.items())
        bucket = bisect_left(self._bounds[name], value)
        family = self._histograms[name]
        with self._lock:
            series = family.by_key.get(key) or family.add(key)
            series.counts[bucket] += times
            series.sum += value * times
            if value < series.min:
                series.min = value
            if value > series.max:
                series.max = value
            if exemplar is not None and self._with_exemplars:
                series.exemplars[bucket] = (value, time.time_ns(), exemplar)

    def count(self, name: str, amount: int, attributes: Attributes) -> None:
        """Add to a counter."""
        key = tuple(attributes.items())
        family = self._counters[name]
        with self._lock:
            (family.by_key.get(key) or family.add(key)).value += amount

    def collect(self) -> list[Metric]:
        """Everything so far, in the SDK's own form; exemplars leave once."""
        now_ns = time.time_ns()
        with self._lock:
            histograms = {
                name: [_histogram_point(series, self._bounds[name], now_ns) for series in family.series]
                for name, family in self._histograms.items()
            }
            counters = {
                name: [
                    NumberDataPoint(count.attributes, count.start_ns, now_ns, count.value) for count in family.series
                ]
                for name, family in self._counters.items()
            }
        cumulative = AggregationTemporality.CUMULATIVE
        return [
            *(_metric(name, Histogram(points, cumulative)) for name, points in histograms.items() if points),
            *(_metric(name, Sum(points, cumulative, is_monotonic=True)) for name, points in counters.items() if points),
        ]

    @staticmethod
    def _histogram(buckets: int) -> Callable[[Attributes], _Series]:
        return lambda attributes: _Series(attributes, time.time_ns(), [0] * buckets)


def _histogram_point(series: _Series, bounds: Sequence[float], now_ns: int) -> HistogramDataPoint:
    exemplars = [
        Exemplar({}, value, at_ns, context.span_id, context.trace_id)
        for value, at_ns, context in series.exemplars.values()
    ]
    series.exemplars.clear()
    return HistogramDataPoint(
        series.attributes,
        series.start_ns,
        now_ns,
        sum(series.counts),
        series.sum,
        tuple(series.counts),
        bounds,
        series.min,
        series.max,
        exemplars,
    )


def _metric(name: str, data: Histogram | Sum) -> Metric:
    return Metric(name, DEFINITIONS[name].description, DEFINITIONS[name].unit, data)
