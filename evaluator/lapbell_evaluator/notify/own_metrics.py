"""What the evaluator says about itself, as OTLP metrics."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from typing import Final

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Metric,
    MetricExportResult,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from lapbell_evaluator.model import Clock, Reading, ReadingKind
from lapbell_evaluator.notify.otlp import SERVICE, Destination, metric_exporter

__all__ = ["OwnMetrics"]

_INTERVAL_S: Final = 30.0
_NS_PER_S: Final = 1_000_000_000
_SCOPE: Final = InstrumentationScope("lapbell_evaluator")
_log: Final = logging.getLogger(__name__)


class OwnMetrics:
    """Sends readings every 30 s, by the standard exporter.

    Args:
        destination: where to; never one of the evaluator's own gates.
        clock: the time of the points.
        readings: what there is to say.
    """

    def __init__(self, destination: Destination, clock: Clock, readings: Callable[[], Iterable[Reading]]) -> None:
        self._exporter = metric_exporter(destination)
        self._clock = clock
        self._readings = readings
        self._started_ns = round(clock.now() * _NS_PER_S)
        self._resource = Resource.create({SERVICE_NAME: SERVICE})
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="lapbell-own-metrics")

    async def run(self) -> None:
        """Export until cancelled; a failed export is logged, and the next one has everything again."""
        while True:
            await asyncio.sleep(_INTERVAL_S)
            await self.send()

    async def send(self) -> None:
        """Send the readings as they stand."""
        metrics = self.data()
        result = await asyncio.get_running_loop().run_in_executor(self._thread, self._exporter.export, metrics)
        if result is not MetricExportResult.SUCCESS:
            _log.warning("The evaluator's own metrics did not reach export.endpoint; they are sent again.")

    async def close(self) -> None:
        """End the exporter within two seconds."""
        await asyncio.to_thread(self._exporter.shutdown, 2_000)
        self._thread.shutdown(wait=False)

    def data(self) -> MetricsData:
        """The readings as the SDK's data."""
        now_ns = round(self._clock.now() * _NS_PER_S)
        by_name = sorted(self._readings(), key=lambda reading: reading.name)
        metrics = [self._metric([*readings], now_ns) for _, readings in groupby(by_name, lambda reading: reading.name)]
        return MetricsData([ResourceMetrics(self._resource, [ScopeMetrics(_SCOPE, metrics, "")], "")])

    def _metric(self, readings: Sequence[Reading], now_ns: int) -> Metric:
        first = readings[0]
        points = [
            NumberDataPoint(dict(reading.attributes), self._started_ns, now_ns, reading.value) for reading in readings
        ]
        if first.kind is ReadingKind.COUNTER:
            return Metric(first.name, first.help, first.unit, Sum(points, AggregationTemporality.CUMULATIVE, True))
        return Metric(first.name, first.help, first.unit, Gauge(points))
