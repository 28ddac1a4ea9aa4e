"""What the evaluator says about itself, as OTLP metrics."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import Final

from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from lapbell_evaluator.model import Clock, Reading, ReadingKind
from lapbell_evaluator.notify.connecting import client_of
from lapbell_evaluator.notify.errors import DeliveryError
from lapbell_evaluator.notify.otlp import SERVICE
from lapbell_evaluator.notify.otlp_client import Destination, Signal

__all__ = ["OwnMetrics"]

_INTERVAL_S: Final = 30.0
_NS_PER_S: Final = 1_000_000_000
_SCOPE: Final = InstrumentationScope("lapbell_evaluator")
_log: Final = logging.getLogger(__name__)


class OwnMetrics:
    """Sends readings every 30 s.

    Args:
        destination: where to; never one of the evaluator's own gates.
        clock: the time of the points.
        readings: what there is to say.
    """

    def __init__(self, destination: Destination, clock: Clock, readings: Callable[[], Iterable[Reading]]) -> None:
        self._client = client_of(destination, clock)
        self._clock = clock
        self._readings = readings
        self._started_ns = round(clock.now() * _NS_PER_S)
        self._resource = Resource.create({SERVICE_NAME: SERVICE})

    async def run(self) -> None:
        """Export until cancelled; a failed export is logged, and the next one has everything again."""
        while True:
            await asyncio.sleep(_INTERVAL_S)
            await self.send()

    async def send(self) -> None:
        """Send the readings as they stand."""
        payload = encode_metrics(self.data()).SerializeToString()
        try:
            await self._client.export(Signal.METRICS, payload)
        except DeliveryError as error:
            _log.warning("The evaluator's own metrics were not taken, and are sent again: %s", error)

    async def close(self) -> None:
        """End the connections."""
        await self._client.close()

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
