"""How each peer is set up: all spans kept and handed to an exporter that throws them away."""

import contextlib
import importlib.util
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import redis
from fastapi import FastAPI
from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult, MetricsData
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from rivals.app import Phase, build_app

__all__ = ["KINDS", "NullMetricExporter", "NullSpanExporter", "Rival", "is_installed"]


@dataclass(frozen=True, slots=True)
class Rival:
    """One way to watch the app.

    Attributes:
        title: in the table.
        build: the app, watched.
        needs: the module that must be importable.
        environment: variables of its process.
    """

    title: str
    build: Callable[[redis.Redis], Any]
    needs: str
    environment: Mapping[str, str] = field(default_factory=dict)


def is_installed(rival: Rival) -> bool:
    """Whether it can be compared here."""
    try:
        return importlib.util.find_spec(rival.needs) is not None
    except ModuleNotFoundError:
        return False


class NullSpanExporter(SpanExporter):
    """Throws spans away."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        pass

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return True


class NullMetricExporter(MetricExporter):
    """Throws metrics away."""

    def export(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any) -> MetricExportResult:
        return MetricExportResult.SUCCESS

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        pass

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        return True


def _app(client: redis.Redis, phase: Phase, *, native: bool = False) -> FastAPI:
    app = FastAPI() if native else FastAPI(telemetry={"tracing": False, "metrics": False, "logs": False})
    build_app(app, phase, client)
    return app


def _bare(client: redis.Redis) -> FastAPI:
    return _app(client, lambda _name: contextlib.nullcontext())


def _lapbell_alone(client: redis.Redis) -> Any:
    return _lapbell(client, event_loop=False)


def _lapbell(client: redis.Redis, *, event_loop: bool = True) -> Any:
    import lapbell

    app = _app(client, lapbell.phase, native=True)
    lapbell.setup(
        app,
        provider="twilio",
        redis=True,
        event_loop=event_loop,
        span_exporter=NullSpanExporter,
        metric_exporter=NullMetricExporter,
    )
    return app


def _contrib(client: redis.Redis) -> Any:
    """OpenTelemetry's own instrumentation, with the histograms that lapbell has, recorded in the usual way."""
    from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
    from opentelemetry.instrumentation.redis import RedisInstrumentor

    from rivals.contrib import set_up

    tracer = set_up(NullSpanExporter(), NullMetricExporter())
    app = _app(client, lambda name: tracer.start_as_current_span(f"webhook.{name}"))
    FastAPIInstrumentor.instrument_app(app)
    RedisInstrumentor().instrument()
    return app


def _logfire(client: redis.Redis) -> Any:
    import logfire
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    logfire.configure(
        send_to_logfire=False,
        console=False,
        additional_span_processors=[BatchSpanProcessor(NullSpanExporter())],
        metrics=logfire.MetricsOptions(additional_readers=[PeriodicExportingMetricReader(NullMetricExporter(), 5_000)]),
    )
    app = _app(client, lambda name: logfire.span(f"webhook.{name}"))
    logfire.instrument_fastapi(app)
    logfire.instrument_redis()
    return app


def _sentry(client: redis.Redis) -> Any:
    import sentry_sdk
    from sentry_sdk.transport import Transport

    class NullTransport(Transport):  # type: ignore[misc] # without the extra `bench` there is no class to see
        """Throws envelopes away."""

        def capture_envelope(self, envelope: Any) -> None:
            pass

    sentry_sdk.init("http://key@127.0.0.1:9/1", transport=NullTransport, traces_sample_rate=1.0)
    return _app(client, lambda name: sentry_sdk.start_span(op=f"webhook.{name}", name=name))


def _ddtrace(client: redis.Redis) -> Any:
    import ddtrace
    from ddtrace.trace import tracer

    ddtrace.patch(fastapi=True, starlette=True, redis=True)
    return _app(client, lambda name: tracer.trace(f"webhook.{name}"))


_NO_AGENT: Final = {
    "DD_TRACE_AGENT_URL": "http://127.0.0.1:9",
    "DD_INSTRUMENTATION_TELEMETRY_ENABLED": "false",
    "DD_REMOTE_CONFIGURATION_ENABLED": "false",
    "DD_TRACE_LOG_STREAM_HANDLER": "false",
}

KINDS: Final[Mapping[str, Rival]] = {
    "bare": Rival("no instrumentation", _bare, "fastapi"),
    "lapbell": Rival("lapbell", _lapbell, "lapbell"),
    "no-loop": Rival("- without event loop", _lapbell_alone, "lapbell"),
    "contrib": Rival("OpenTelemetry contrib", _contrib, "opentelemetry.instrumentation.fastapi"),
    "logfire": Rival("Logfire", _logfire, "logfire"),
    "sentry": Rival("Sentry", _sentry, "sentry_sdk"),
    "ddtrace": Rival("Datadog ddtrace", _ddtrace, "ddtrace", _NO_AGENT),
}
