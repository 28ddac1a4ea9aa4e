"""The SDK's providers: one of each per process, set once; what stands on them comes and goes with `setup()`."""

import threading
from typing import Final

from opentelemetry import metrics, trace
from opentelemetry.context import Context
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import Sampler

from lapbell import faults
from lapbell.errors import LapbellError
from lapbell.gauges import Gauges
from lapbell.process import process
from lapbell.seam import SCOPE

__all__ = ["Providers", "obtain"]

_RECORDS_ALL: Final = "AlwaysRecord"


class Providers:
    """The process's providers, and the places where a pipeline is put in.

    Args:
        tracer_provider: makes the spans.
        meter_provider: makes the metrics.
        own_tracing: whether the tracer provider is lapbell's, so that lapbell exports the spans.
        own_metrics: whether the meter provider is lapbell's, so that lapbell exports the metrics.
    """

    def __init__(
        self,
        tracer_provider: TracerProvider,
        meter_provider: MeterProvider,
        *,
        own_tracing: bool,
        own_metrics: bool,
    ) -> None:
        self.own_tracing = own_tracing
        self.own_metrics = own_metrics
        self.tracer_provider = tracer_provider
        self.meter_provider = meter_provider
        self.tracer = tracer_provider.get_tracer(SCOPE)
        self.meter = meter_provider.get_meter(SCOPE)
        self.gauges = Gauges(self.meter)
        self.switch = _Switch()
        tracer_provider.add_span_processor(self.switch)
        process.register(renew_after_fork=self._renew)

    def _renew(self) -> None:
        """Give the SDK's metrics new locks, and let them begin at zero: the SDK renews neither by itself."""
        consumer = self.meter_provider._measurement_consumer  # noqa: SLF001 - what the SDK leaves held at a fork
        consumer._lock = threading.Lock()  # noqa: SLF001 - as above
        for reader in list(consumer._reader_storages):  # noqa: SLF001 - as above
            consumer.add_metric_reader(reader)
        for meter in list(self.meter_provider._meters.values()):  # noqa: SLF001 - as above
            meter._instrument_registration_lock = threading.Lock()  # noqa: SLF001 - as above


class _Switch(SpanProcessor):
    """Passes spans to the pipeline that stands at the moment: a provider's processors cannot be taken out again."""

    def __init__(self) -> None:
        self.target: SpanProcessor | None = None

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Pass on."""
        if self.target is not None:
            self.target.on_start(span, parent_context)

    def on_end(self, span: ReadableSpan) -> None:
        """Pass on."""
        if self.target is not None:
            self.target.on_end(span)


def obtain(sampler: Sampler, resource: Resource) -> Providers:
    """The process's providers: those that are set already, else new ones, which become the global ones.

    Args:
        sampler: of a new tracer provider.
        resource: of new providers.

    Raises:
        LapbellError: a provider is set that is not the SDK's, so nothing can be attached to it.
    """
    standing = process.find(Providers)
    if standing is None:
        tracer_provider, own_tracing = _tracer_provider(sampler, resource)
        meter_provider, own_metrics = _meter_provider(resource)
        standing = Providers(tracer_provider, meter_provider, own_tracing=own_tracing, own_metrics=own_metrics)
        process.put(Providers, standing)
    return standing


def _tracer_provider(sampler: Sampler, resource: Resource) -> tuple[TracerProvider, bool]:
    standing = trace.get_tracer_provider()
    if isinstance(standing, TracerProvider):
        described = standing.sampler.get_description()
        if _RECORDS_ALL not in described:
            faults.report(
                "set-up",
                f"the tracer provider that was set before uses the sampler {described}, so metrics count sampled traces"
                " only: set OTEL_TRACES_SAMPLER=lapbell, or give your TracerProvider lapbell.sampler(ratio)",
            )
        return standing, False
    if not isinstance(standing, trace.ProxyTracerProvider):
        raise LapbellError(
            f"the global tracer provider is a {type(standing).__qualname__}, which takes no span processors:"
            " call lapbell.setup() before it is set, or use OpenTelemetry's own TracerProvider"
        )
    built = TracerProvider(sampler, resource, shutdown_on_exit=False)
    trace.set_tracer_provider(built)
    return built, True


def _meter_provider(resource: Resource) -> tuple[MeterProvider, bool]:
    standing = metrics.get_meter_provider()
    if isinstance(standing, MeterProvider):
        return standing, False
    built = MeterProvider(resource=resource, shutdown_on_exit=False)
    metrics.set_meter_provider(built)
    return built, True
