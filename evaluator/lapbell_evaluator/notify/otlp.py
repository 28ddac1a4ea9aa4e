"""OTLP as a receiver: transitions as log records, alerts as a metric, by the standard exporters."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, Literal, Self

from opentelemetry.exporter.otlp.proto.grpc import _log_exporter as grpc_logs
from opentelemetry.exporter.otlp.proto.grpc import metric_exporter as grpc_metrics
from opentelemetry.exporter.otlp.proto.http import _log_exporter as http_logs
from opentelemetry.exporter.otlp.proto.http import metric_exporter as http_metrics
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricExporter, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import SERVICE_NAME, Resource

from lapbell import semconv
from lapbell_evaluator.model import ALERT_NAME, SEVERITY, Clock, Muter, Notice
from lapbell_evaluator.notify.errors import DeliveryError
from lapbell_evaluator.notify.records import record

__all__ = ["SERVICE", "AlertCount", "Destination", "OtlpReceiver", "metric_exporter"]

_METRIC_INTERVAL_MS: Final = 5_000.0
_STATE: Final = "state"
SERVICE: Final = "lapbell-evaluator"


@dataclass(frozen=True, slots=True)
class Destination:
    """Where OTLP goes.

    Attributes:
        endpoint: for gRPC the URL of the server; for HTTP the URL that `/v1/logs` is added to.
        protocol: as `OTEL_EXPORTER_OTLP_PROTOCOL` names it.
        headers: sent with each request.
        timeout_s: for one request, with the exporter's own retries.
    """

    endpoint: str
    protocol: Literal["grpc", "http/protobuf"] = "grpc"
    headers: tuple[tuple[str, str], ...] = ()
    timeout_s: float = 5.0


@dataclass(frozen=True, slots=True)
class AlertCount:
    """How many incidents of one alert name and severity are in one state."""

    alertname: str
    severity: str
    state: str
    count: int


class OtlpReceiver:
    """Sends notices as log records and counts alerts in a metric.

    Args:
        destination: where to.
        clock: the time that records were observed.
        counts: the incidents that are not over, asked for at each export of the metric, from another thread.
        muter: gives what says which alerts are silenced or inhibited now.
    """

    def __init__(
        self,
        destination: Destination,
        clock: Clock,
        counts: Callable[[], Iterable[AlertCount]],
        muter: Callable[[], Muter],
    ) -> None:
        self._clock = clock
        self._resource = Resource.create({SERVICE_NAME: SERVICE})
        self._logs = _log_exporter(destination)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="lapbell-otlp")
        self._reader = PeriodicExportingMetricReader(
            metric_exporter(destination), _METRIC_INTERVAL_MS, destination.timeout_s * 1000
        )
        self._meters = MeterProvider([self._reader], self._resource, shutdown_on_exit=False)
        self._counts = counts
        self._muter = muter
        self._seen: set[tuple[str, str, str]] = set()
        self._meters.get_meter("lapbell_evaluator.notify").create_observable_up_down_counter(
            semconv.LAPBELL_ALERTS,
            callbacks=[self._observe],
            unit="{alert}",
            description="Incidents that are not over.",
        )

    async def send(self, notices: Sequence[Notice]) -> None:
        """Send log records, then the metric as it stands.

        Raises:
            DeliveryError: the endpoint did not take the records.
        """
        observed_at = self._clock.now()
        muter = self._muter()
        records = [
            record(notice.transition, self._resource, observed_at, muter(notice.transition.incident.labels))
            for notice in notices
        ]
        loop = asyncio.get_running_loop()
        result = await loop.run_in_executor(self._thread, self._logs.export, records)
        if result is not LogRecordExportResult.SUCCESS:
            raise DeliveryError("The OTLP endpoint did not take the log records; the log says why.")
        await loop.run_in_executor(self._thread, self._reader.collect)

    async def close(self) -> None:
        """End the exporters within seconds, whether the endpoint answers or not."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, self._close)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _close(self) -> None:
        self._logs.shutdown()  # type: ignore[no-untyped-call]  # the SDK's base class has no annotations here
        self._meters.shutdown(timeout_millis=2_000)
        self._thread.shutdown(wait=True)

    def _observe(self, _options: CallbackOptions) -> Iterable[Observation]:
        """Counts, and a zero for what there once was: a receiver would keep the last value for ever."""
        now = {(count.alertname, count.severity, count.state): count.count for count in self._counts()}
        self._seen |= now.keys()
        return [
            Observation(now.get(key, 0), {ALERT_NAME: key[0], SEVERITY: key[1], _STATE: key[2]})
            for key in sorted(self._seen)
        ]


def _log_exporter(to: Destination) -> LogRecordExporter:
    if to.protocol == "grpc":
        return grpc_logs.OTLPLogExporter(endpoint=to.endpoint, headers=_grpc_headers(to), timeout=to.timeout_s)
    return http_logs.OTLPLogExporter(
        endpoint=f"{to.endpoint.rstrip('/')}/v1/logs", headers=dict(to.headers), timeout=to.timeout_s
    )


def metric_exporter(to: Destination) -> MetricExporter:
    """The standard exporter of metrics."""
    if to.protocol == "grpc":
        return grpc_metrics.OTLPMetricExporter(endpoint=to.endpoint, headers=_grpc_headers(to), timeout=to.timeout_s)
    return http_metrics.OTLPMetricExporter(
        endpoint=f"{to.endpoint.rstrip('/')}/v1/metrics", headers=dict(to.headers), timeout=to.timeout_s
    )


def _grpc_headers(to: Destination) -> tuple[tuple[str, str], ...]:
    """Lower case, as gRPC wants metadata keys."""
    return tuple((name.lower(), value) for name, value in to.headers)
