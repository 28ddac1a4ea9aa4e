"""OpenTelemetry as a careful user sets it up: the same histograms as lapbell's, recorded when spans end."""

from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricExporter, PeriodicExportingMetricReader
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import NonRecordingSpan, SpanKind, Tracer, set_span_in_context

from lapbell.semconv import PHASE_BOUNDS_S, REDIS_BOUNDS_S, REQUEST_BOUNDS_S

__all__ = ["set_up"]

_PREFIX = "webhook."


class Histograms(SpanProcessor):
    """Records the duration of requests, phases and Redis operations; attribution, SLO and summaries are beyond it."""

    def __init__(self) -> None:
        meter = metrics.get_meter("bench")
        self._requests, self._phases = (
            meter.create_histogram(name, "s", explicit_bucket_boundaries_advisory=bounds)
            for name, bounds in (
                ("webhook.request.duration", REQUEST_BOUNDS_S),
                ("webhook.phase.duration", PHASE_BOUNDS_S),
            )
        )
        self._redis = meter.create_histogram(
            "db.client.operation.duration", "s", explicit_bucket_boundaries_advisory=REDIS_BOUNDS_S
        )

    def on_end(self, span: ReadableSpan) -> None:
        seconds = ((span.end_time or 0) - (span.start_time or 0)) / 1e9
        context = set_span_in_context(NonRecordingSpan(span.context))
        attributes = span.attributes or {}
        if span.kind is SpanKind.SERVER:
            named = {
                "webhook.provider": "twilio",
                "http.route": attributes["http.route"],
                "http.response.status_code": attributes["http.status_code"],
                "webhook.outcome": "accepted",
            }
            self._requests.record(seconds, named, context)
        elif span.name.startswith(_PREFIX):
            named = {
                "webhook.phase.name": span.name[len(_PREFIX) :],
                "webhook.provider": "twilio",
                "http.route": "/webhook/{name}",
            }
            self._phases.record(seconds, named, context)
        elif span.kind is SpanKind.CLIENT:
            named = {
                "db.system.name": "redis",
                "db.operation.name": span.name,
                "db.namespace": str(attributes.get("db.redis.database_index", 0)),
                "server.address": attributes["net.peer.name"],
                "server.port": attributes["net.peer.port"],
            }
            self._redis.record(seconds, named, context)
            phase = {
                "webhook.phase.name": "redis_operation",
                "webhook.provider": "twilio",
                "http.route": "/webhook/{name}",
            }
            self._phases.record(seconds, phase, context)


def set_up(spans: SpanExporter, values: MetricExporter) -> Tracer:
    """Global providers with both exporters; the tracer of the phases."""
    metrics.set_meter_provider(MeterProvider([PeriodicExportingMetricReader(values, 5_000)]))
    provider = TracerProvider()
    provider.add_span_processor(Histograms())
    provider.add_span_processor(BatchSpanProcessor(spans))
    trace.set_tracer_provider(provider)
    return trace.get_tracer("bench")
