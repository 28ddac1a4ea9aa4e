"""OTLP as a receiver: transitions as log records, alerts as a metric."""

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final, Self

from google.protobuf.message import DecodeError
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.sdk.resources import SERVICE_NAME, Resource

from lapbell_evaluator.model import Clock, Muter, Notice
from lapbell_evaluator.notify.alerts_metric import AlertCount, AlertsMetric
from lapbell_evaluator.notify.connecting import client_of
from lapbell_evaluator.notify.errors import DeliveryError, PartlyRefusedError, RefusedError
from lapbell_evaluator.notify.otlp_client import Destination, Signal
from lapbell_evaluator.notify.records import record
from lapbell_evaluator.notify.text import one_line

__all__ = ["SERVICE", "OtlpReceiver"]

_METRIC_INTERVAL_S: Final = 5.0
SERVICE: Final = "lapbell-evaluator"
_log: Final = logging.getLogger(__name__)


class OtlpReceiver:
    """Sends notices as log records; while it is entered as a context, the metric of alerts every 5 s as well.

    Args:
        destination: where to.
        clock: the time that records were observed.
        counts: the incidents that are not over, asked for at each export of the metric.
        muter: gives what says which alerts are silenced or inhibited now.
        signals: what is sent of logs and metrics.
    """

    def __init__(
        self,
        destination: Destination,
        clock: Clock,
        counts: Callable[[], Iterable[AlertCount]],
        muter: Callable[[], Muter],
        signals: Collection[Signal] = frozenset(Signal),
    ) -> None:
        self._clock = clock
        self._resource = Resource.create({SERVICE_NAME: SERVICE})
        self._client = client_of(destination, clock)
        self._metric = AlertsMetric(self._resource, clock, counts)
        self._muter = muter
        self._signals = signals
        self._rounds: asyncio.Task[None] | None = None
        self._is_metric_failing = False

    async def send(self, notices: Sequence[Notice]) -> None:
        """Send log records, then the metric as it stands.

        Raises:
            DeliveryError: the endpoint did not take the records; the kind of error says what that means for them.
        """
        answer = b""
        if Signal.LOGS in self._signals:
            payload = await asyncio.to_thread(self._encoded, notices, self._muter())
            answer = await self._client.export(Signal.LOGS, payload)
        await self._send_metric()
        _check_whole(answer, len(notices))

    async def close(self) -> None:
        """End the connections within seconds, whether the endpoint answers or not."""
        if self._rounds is not None:
            self._rounds.cancel()
        await self._client.close()

    async def __aenter__(self) -> Self:
        self._rounds = asyncio.create_task(self._send_metric_again())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _encoded(self, notices: Sequence[Notice], muter: Muter) -> bytes:
        observed_at = self._clock.now()
        try:
            records = [
                record(notice.transition, self._resource, observed_at, muter(notice.transition.incident.labels))
                for notice in notices
            ]
            return encode_logs(records).SerializeToString()
        except Exception as error:
            raise RefusedError(f"A log record can't be encoded: {one_line(repr(error))}", status="encoding") from error

    async def _send_metric_again(self) -> None:
        while True:
            await asyncio.sleep(_METRIC_INTERVAL_S)
            await self._send_metric()

    async def _send_metric(self) -> None:
        """Send the metric; what fails is logged when it begins to fail, and everything is sent again."""
        if Signal.METRICS not in self._signals:
            return
        try:
            await self._client.export(Signal.METRICS, encode_metrics(self._metric.data()).SerializeToString())
            self._is_metric_failing = False
        except DeliveryError as error:
            if not self._is_metric_failing:
                _log.warning("The metric of alerts was not taken: %s", error)
            self._is_metric_failing = True


def _check_whole(answer: bytes, count: int) -> None:
    """Raise unless everything was taken; an answer that is no message says nothing else."""
    try:
        partial = ExportLogsServiceResponse.FromString(answer).partial_success
    except DecodeError:
        return
    if partial.rejected_log_records > 0:
        rejected = min(partial.rejected_log_records, count)
        message = f"The endpoint rejected {rejected} of {count} records: {one_line(partial.error_message)}"
        raise PartlyRefusedError(message, rejected, status="partial_success")
