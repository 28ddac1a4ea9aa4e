"""Deltas that were not taken: they join the next export, so that no count is lost and none is sent twice.

A cumulative value that is not taken is in the next one anyway. A delta is not: whoever drops it has lost it, and
whoever sends it beside the next one sends two points of one series in one export. So the points of a series become one,
from the start of the first to the end of the last. Where a receiver took an export and its answer was lost, nobody can
tell: what it took is sent again, as by every exporter that tries again.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    ExponentialHistogram,
    ExponentialHistogramDataPoint,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)

from lapbell.exponential import merged_exponential

__all__ = ["Unsent", "merged_point"]

MOST_POINTS: Final = 20_000
"""Kept at most; series that come on top of them are lost, and counted."""

Point: TypeAlias = NumberDataPoint | HistogramDataPoint | ExponentialHistogramDataPoint
Series: TypeAlias = Mapping[tuple[object, ...], Point]


@dataclass(frozen=True, slots=True)
class _Home:
    """What names a metric: where it comes from, and what it is."""

    resource: Any
    resource_schema: str
    scope: Any
    scope_schema: str
    name: str
    unit: str | None
    kind: type


class Unsent:
    """The deltas of exports that failed.

    Attributes:
        failures: exports in a row that were not taken.
        refusals: how often it was refused by itself while other exports were taken.
        lost: points that found no room since they were last asked for.
    """

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Nothing waits any more."""
        self.failures = 0
        self.refusals = 0
        self.lost = 0
        self._points: dict[_Home, dict[tuple[object, ...], Point]] = {}
        self._metrics: dict[_Home, Metric] = {}

    @property
    def count(self) -> int:
        """How many points wait."""
        return sum(len(series) for series in self._points.values())

    def keep(self, data: MetricsData) -> None:
        """Take in the deltas of an export that failed; what is no delta needs no keeping."""
        self.failures += 1
        left = MOST_POINTS - self.count
        for home, metric in _metrics_of(data):
            if not _is_delta(metric):
                continue
            self._metrics[home] = metric
            series = self._points.setdefault(home, {})
            for point in metric.data.data_points:
                key = _key(point)
                earlier = series.get(key)
                if earlier is None and left <= 0:
                    self.lost += 1
                    continue
                left -= earlier is None
                series[key] = point if earlier is None else merged_point(earlier, point)

    def with_next(self, data: MetricsData | None) -> MetricsData | None:
        """The next export with all that waits."""
        if not self._points:
            return data
        joined = Unsent()
        joined._points = {home: dict(series) for home, series in self._points.items()}
        joined._metrics = dict(self._metrics)
        if data is not None:
            joined.keep(data)
        others = [] if data is None else [(home, metric) for home, metric in _metrics_of(data) if not _is_delta(metric)]
        return _data([*joined._waiting(), *others])

    def alone(self) -> MetricsData:
        """All that waits, for an export of its own."""
        return _data(self._waiting())

    def _waiting(self) -> list[tuple[_Home, Metric]]:
        waiting = ((home, metric, self._points[home]) for home, metric in self._metrics.items())
        return [(home, _with_points(metric, [*series.values()])) for home, metric, series in waiting if series]


def _metrics_of(data: MetricsData) -> list[tuple[_Home, Metric]]:
    return [
        (
            _Home(
                of.resource, of.schema_url, in_.scope, in_.schema_url, metric.name, metric.unit, metric.data.__class__
            ),
            metric,
        )
        for of in data.resource_metrics
        for in_ in of.scope_metrics
        for metric in in_.metrics
    ]


def _data(metrics: Sequence[tuple[_Home, Metric]]) -> MetricsData:
    """Grouped as an exporter wants it: one entry for each resource, and in it one for each scope."""
    grouped: dict[tuple[Any, str], dict[tuple[Any, str], list[Metric]]] = {}
    for home, metric in metrics:
        scopes = grouped.setdefault((home.resource, home.resource_schema), {})
        scopes.setdefault((home.scope, home.scope_schema), []).append(metric)
    return MetricsData(
        [
            ResourceMetrics(
                resource, [ScopeMetrics(scope, of_scope, schema) for (scope, schema), of_scope in scopes.items()], url
            )
            for (resource, url), scopes in grouped.items()
        ]
    )


def _is_delta(metric: Metric) -> bool:
    data, delta = metric.data, AggregationTemporality.DELTA
    return isinstance(data, Sum | Histogram | ExponentialHistogram) and data.aggregation_temporality is delta


def _with_points(metric: Metric, points: Sequence[Point]) -> Metric:
    data: Any = metric.data  # of any kind: its points are of the same
    return dataclasses.replace(metric, data=dataclasses.replace(data, data_points=points))


def _key(point: Point) -> tuple[object, ...]:
    """What names a series of a metric; histograms of other bounds can't be added, so they are another one."""
    bounds = tuple(point.explicit_bounds) if isinstance(point, HistogramDataPoint) else ()
    return (frozenset((point.attributes or {}).items()), bounds)


def merged_point(earlier: Point, later: Point) -> Point:
    """One point for the time of both."""
    exemplars = later.exemplars or earlier.exemplars
    if isinstance(earlier, NumberDataPoint) and isinstance(later, NumberDataPoint):
        start_ns = earlier.start_time_unix_nano
        return NumberDataPoint(later.attributes, start_ns, later.time_unix_nano, earlier.value + later.value, exemplars)
    if isinstance(earlier, HistogramDataPoint) and isinstance(later, HistogramDataPoint):
        counts = [one + other for one, other in zip(earlier.bucket_counts, later.bucket_counts, strict=True)]
        return dataclasses.replace(
            later,
            start_time_unix_nano=earlier.start_time_unix_nano,
            count=earlier.count + later.count,
            sum=earlier.sum + later.sum,
            bucket_counts=counts,
            min=min(earlier.min, later.min),
            max=max(earlier.max, later.max),
            exemplars=exemplars,
        )
    if isinstance(earlier, ExponentialHistogramDataPoint) and isinstance(later, ExponentialHistogramDataPoint):
        return merged_exponential(earlier, later)
    raise TypeError(f"{type(earlier).__name__} and {type(later).__name__} are of different metrics")
