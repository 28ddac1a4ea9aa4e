"""`lapbell.alerts`: how many incidents are not over, by alert name, severity and state."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from lapbell import semconv
from lapbell_evaluator.model import ALERT_NAME, SEVERITY, Clock

__all__ = ["AlertCount", "AlertsMetric"]

_SCOPE: Final = InstrumentationScope("lapbell_evaluator.notify")
_STATE: Final = "state"
_NS_PER_S: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class AlertCount:
    """How many incidents of one alert name and severity are in one state."""

    alertname: str
    severity: str
    state: str
    count: int


class AlertsMetric:
    """Counts, and a zero for what there once was: a receiver would keep the last value for ever.

    Args:
        resource: the evaluator.
        clock: the time of the points.
        counts: the incidents that are not over.
    """

    def __init__(self, resource: Resource, clock: Clock, counts: Callable[[], Iterable[AlertCount]]) -> None:
        self._resource = resource
        self._clock = clock
        self._counts = counts
        self._began_ns = round(clock.now() * _NS_PER_S)
        self._seen: set[tuple[str, str, str]] = set()

    def data(self) -> MetricsData:
        """The metric as it stands, as the SDK's data."""
        now_ns = round(self._clock.now() * _NS_PER_S)
        counts = {(count.alertname, count.severity, count.state): count.count for count in self._counts()}
        self._seen |= counts.keys()
        points = [
            NumberDataPoint(
                {ALERT_NAME: key[0], SEVERITY: key[1], _STATE: key[2]}, self._began_ns, now_ns, counts.get(key, 0)
            )
            for key in sorted(self._seen)
        ]
        total = Sum(points, AggregationTemporality.CUMULATIVE, is_monotonic=False)
        metric = Metric(semconv.LAPBELL_ALERTS, "Incidents that are not over.", "{alert}", total)
        return MetricsData([ResourceMetrics(self._resource, [ScopeMetrics(_SCOPE, [metric], "")], "")])
