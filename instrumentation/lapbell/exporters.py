"""The standard OTLP exporters, by the standard variables, with time limits that let a process stop."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from opentelemetry.sdk.metrics.export import ConsoleMetricExporter, MetricExporter

from lapbell import faults
from lapbell.errors import LapbellError
from lapbell.faults import contained
from lapbell.in_time import in_time
from lapbell.privacy import without_personal_data
from lapbell.process import ForkSafeLock, process
from lapbell.reader import Preferences
from lapbell.tracing import BatchSpanProcessor, ConsoleSpanExporter, ReadableSpan, SpanExporter, SpanExportResult

__all__ = ["PrivateSpanExporter", "SpanBatches", "metric_exporter", "preferences", "span_exporter"]

SPAN_DELAY_MS: Final = 1_000.0
SPANS_QUEUED: Final = 2_048
SPANS_PER_EXPORT: Final = 128
"""Encoding a batch holds the interpreter: with the SDK's 512 spans one request in a hundred waits twice as long."""
_INSTALL: Final = "pip install 'lapbell[otlp]'"
_CHATTY: Final = (
    "opentelemetry.exporter.otlp.proto.http",
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
    "opentelemetry.exporter.otlp.proto.http.metric_exporter",
    "opentelemetry.exporter.otlp.proto.grpc.exporter",
    "opentelemetry.exporter.http.transport",
    "opentelemetry.sdk.trace.export",
)
_FULL: Final = "opentelemetry.sdk._shared_internal"
"""Warns of every single span that does not fit the queue, on the app's own threads."""


class PrivateSpanExporter(SpanExporter):
    """Sends spans without personal data, through an exporter of the process's own.

    Args:
        build: makes the exporter; called again in every process, because connections and locks do not survive a fork.

    Attributes:
        refused: spans that were not taken.
    """

    def __init__(self, build: Callable[[], SpanExporter]) -> None:
        self.refused = 0
        self._build = build
        self._exporter: SpanExporter | None = None
        self._inherited: SpanExporter | None = None
        self._exporting = ForkSafeLock()
        process.register(renew_after_fork=self._renew)

    def _renew(self) -> None:
        # Not closed, not even forgotten: a connection that another process owns must not be touched.
        self._inherited, self._exporter = self._exporter, None

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send copies of the spans; whatever the exporter raises or answers stays here."""
        result = SpanExportResult.FAILURE
        with contained("span export"), self._exporting:
            if self._exporter is None:
                self._exporter = self._build()
            result = self._exporter.export([without_personal_data(span) for span in spans])
        if result is not SpanExportResult.SUCCESS:
            self.refused += len(spans)
            faults.report(
                "spans lost", f"{len(spans)} spans were not taken; those that the queue cannot hold are dropped"
            )
            return SpanExportResult.FAILURE
        return result

    def shutdown(self) -> None:
        """Stop sending."""
        if self._exporter is not None:
            with contained("span exporter shutdown"):
                self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Whether what the exporter keeps itself was sent; it sends at once, so most keep nothing."""
        is_sent = self._exporter is None
        if self._exporter is not None:
            with contained("span exporter flush"):
                is_sent = bool(self._exporter.force_flush(timeout_millis))
        return is_sent


class SpanBatches(BatchSpanProcessor):
    """The SDK's batches, with a `force_flush` that keeps to its time limit and answers whether the spans were taken.

    Args:
        exporter: takes the spans.
        environment: where the `OTEL_BSP_*` variables are read, which are sensible; without them spans leave after a
            second at the latest, 128 at a time. A batch is not larger than the queue.
    """

    def __init__(self, exporter: PrivateSpanExporter, environment: Mapping[str, str]) -> None:
        most_queued = int(environment.get("OTEL_BSP_MAX_QUEUE_SIZE") or SPANS_QUEUED)
        super().__init__(
            exporter,
            max_queue_size=most_queued,
            schedule_delay_millis=float(environment.get("OTEL_BSP_SCHEDULE_DELAY") or SPAN_DELAY_MS),
            max_export_batch_size=min(
                most_queued, int(environment.get("OTEL_BSP_MAX_EXPORT_BATCH_SIZE") or SPANS_PER_EXPORT)
            ),
        )
        self._private = exporter

    def force_flush(self, timeout_millis: int | None = 30_000) -> bool:
        """Export what waits, and wait for it no longer than `timeout_millis`; whether all was taken in time."""
        refused = self._private.refused
        timeout_s = (30_000 if timeout_millis is None else timeout_millis) / 1_000
        is_done = in_time("lapbell-flush", super().force_flush, timeout_s)
        return is_done and self._private.refused == refused


def span_exporter(environment: Mapping[str, str]) -> Callable[[], SpanExporter] | None:
    """What makes the span exporter that the environment asks for, None if it asks for none.

    Raises:
        LapbellError: the environment names an exporter or a protocol that does not exist, or that is not installed.
    """
    match _chosen(environment, "TRACES"):
        case "none":
            return None
        case "console":
            return ConsoleSpanExporter
        case "grpc":
            try:
                from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import (  # noqa: PLC0415 - an extra
                    OTLPSpanExporter as GrpcSpanExporter,
                )
            except ImportError as missing:
                raise LapbellError(f"OTLP over gRPC is not installed: {_INSTALL}") from missing
            return GrpcSpanExporter
        case _:
            try:
                from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415 - an extra
                    OTLPSpanExporter,
                )
            except ImportError as missing:
                raise LapbellError(f"OTLP over HTTP is not installed: {_INSTALL}") from missing
            return OTLPSpanExporter


def metric_exporter(environment: Mapping[str, str]) -> Callable[[], MetricExporter] | None:
    """What makes the metric exporter that the environment asks for, None if it asks for none.

    Raises:
        LapbellError: the environment names an exporter or a protocol that does not exist, or that is not installed.
    """
    match _chosen(environment, "METRICS"):
        case "none":
            return None
        case "console":
            return ConsoleMetricExporter
        case "grpc":
            try:
                from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import (  # noqa: PLC0415 - an extra
                    OTLPMetricExporter as GrpcMetricExporter,
                )
            except ImportError as missing:
                raise LapbellError(f"OTLP over gRPC is not installed: {_INSTALL}") from missing
            return GrpcMetricExporter
        case _:
            try:
                from opentelemetry.exporter.otlp.proto.http.metric_exporter import (  # noqa: PLC0415 - an extra
                    OTLPMetricExporter,
                )
            except ImportError as missing:
                raise LapbellError(f"OTLP over HTTP is not installed: {_INSTALL}") from missing
            return OTLPMetricExporter


def preferences(environment: Mapping[str, str]) -> Preferences:
    """Temporality and histogram aggregation that the standard variables ask for; both protocols read the same ones."""
    if _chosen(environment, "METRICS") in {"none", "console"}:
        return Preferences()
    # Asked of an HTTP exporter, which opens nothing: a gRPC channel made before a fork would not survive it.
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter  # noqa: PLC0415 - an extra

    exporter = OTLPMetricExporter()
    preferences = Preferences(exporter._preferred_temporality or {}, exporter._preferred_aggregation or {})  # noqa: SLF001 - as SDK readers do
    exporter.shutdown()
    return preferences


def quieten() -> None:
    """Let each message of the exporters through once a minute: a dead collector must not fill the app's log."""
    for name in _CHATTY:
        logger = logging.getLogger(name)
        if not any(isinstance(other, _OnceAMinute) for other in logger.filters):
            logger.addFilter(_OnceAMinute())
    logging.getLogger(_FULL).setLevel(logging.ERROR)


class _OnceAMinute(logging.Filter):
    """Passes the first of the records of one place in the code, and the next one after a minute."""

    def __init__(self) -> None:
        super().__init__()
        self._next: dict[tuple[str, int], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is written."""
        place, now = (record.pathname, record.lineno), time.monotonic()
        if now < self._next.get(place, now):
            return False
        self._next[place] = now + faults.PERIOD_S
        return True


def _chosen(environment: Mapping[str, str], signal: str) -> str:
    """One of `none`, `console`, `grpc` and `http/protobuf`."""
    exporter = environment.get(f"OTEL_{signal}_EXPORTER", "otlp").strip().lower() or "otlp"
    if exporter in {"none", "console"}:
        return exporter
    if exporter not in {"otlp", "otlp_proto_grpc", "otlp_proto_http"}:
        raise LapbellError(f"OTEL_{signal}_EXPORTER is {exporter!r}: lapbell knows otlp, console and none")
    common = environment.get("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
    protocol = environment.get(f"OTEL_EXPORTER_OTLP_{signal}_PROTOCOL", common).strip().lower()
    named = {"otlp_proto_grpc": "grpc", "otlp_proto_http": "http/protobuf"}.get(exporter, protocol or "http/protobuf")
    if named not in {"grpc", "http/protobuf"}:
        raise LapbellError(f"OTEL_EXPORTER_OTLP_PROTOCOL is {named!r}: lapbell knows grpc and http/protobuf")
    return named
