"""The SDK's providers: one of each per process, set once; what stands on them comes and goes with `setup()`."""

import os
import threading
import time
from collections.abc import Sequence
from typing import Final

from opentelemetry import metrics, trace
from opentelemetry.context import Context
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader
from opentelemetry.sdk.metrics.view import View
from opentelemetry.sdk.resources import Resource

from lapbell import faults, semconv
from lapbell.errors import LapbellError
from lapbell.faults import contained
from lapbell.gauges import Gauges
from lapbell.process import process
from lapbell.seam import SCOPE
from lapbell.tracing import (
    ReadableSpan,
    Sampler,
    Span,
    SpanProcessor,
    TracerProvider,
    new_tracer_provider,
    update_resource,
)

__all__ = ["Providers", "obtain"]

_RECORDS_ALL: Final = "AlwaysRecord"
_SHUTDOWN_MS: Final = 2_000


class Providers:
    """The process's providers, and the places where a pipeline is put in.

    Args:
        tracer_provider: makes the spans.
        meter_provider: makes the metrics.
        own_tracing: whether the tracer provider is lapbell's, so that lapbell exports the spans.
        own_metrics: whether the meter provider is lapbell's, so that lapbell exports the metrics.
        readers: the user's, of a meter provider that is lapbell's.
        views: the user's, of a meter provider that is lapbell's.
    """

    def __init__(
        self,
        tracer_provider: TracerProvider,
        meter_provider: MeterProvider,
        *,
        own_tracing: bool,
        own_metrics: bool,
        readers: Sequence[MetricReader] = (),
        views: Sequence[View] = (),
    ) -> None:
        self.own_tracing = own_tracing
        self.own_metrics = own_metrics
        self.readers = tuple(readers)
        self.views = tuple(views)
        self.tracer_provider = tracer_provider
        self.meter_provider = meter_provider
        self.tracer = tracer_provider.get_tracer(SCOPE)
        self.meter = meter_provider.get_meter(SCOPE)
        self.gauges = Gauges(self.meter)
        self.switch = _Switch()
        tracer_provider.add_span_processor(self.switch)
        process.register(renew_after_fork=self._renew, at_exit=self._shutdown if own_metrics else None)

    def flush_metrics(self, timeout_s: float) -> bool:
        """Export all metrics, and let the user's readers collect them; whether all were taken in time."""
        return not self.own_metrics or self.meter_provider.force_flush(timeout_s * 1_000)

    def flush_readers(self, timeout_s: float) -> None:
        """Let the user's readers collect what was measured last."""
        for reader in self.readers:
            with contained("metric flush"):
                reader.force_flush(timeout_s * 1_000)

    def _shutdown(self) -> None:
        self.meter_provider.shutdown(timeout_millis=_SHUTDOWN_MS)

    def _renew(self) -> None:
        """Give the SDK's metrics new locks, and let them begin at zero: the SDK renews neither by itself."""
        own = Resource({semconv.PROCESS_PID: os.getpid()})
        if self.own_tracing:
            update_resource(self.tracer_provider, own)
        if self.own_metrics:
            self.meter_provider._update_resource(own)  # noqa: SLF001 - as the SDK does after a fork
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

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Export what waits; whether it was taken in time."""
        return self.target is None or self.target.force_flush(timeout_millis)

    def shutdown(self) -> None:
        """Export what waits, and no span that ends later."""
        if self.target is not None:
            self.target.shutdown()


class PipelineMeterProvider(MeterProvider):
    """The SDK's provider, which flushes and shuts down also the readers that were added after it was made.

    The SDK forgets those, and lapbell's own comes and goes with `setup()`.
    """

    _is_over = False

    def add_metric_reader(self, metric_reader: MetricReader) -> None:
        """Collect for this reader too."""
        super().add_metric_reader(metric_reader)
        self._metric_readers = (*self._metric_readers, metric_reader)

    def remove_metric_reader(self, metric_reader: MetricReader) -> None:
        """Collect for this reader no longer, and shut it down."""
        self._metric_readers = tuple(reader for reader in self._metric_readers if reader is not metric_reader)
        super().remove_metric_reader(metric_reader)

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """Let every reader collect and export; whether all of it was taken within `timeout_millis`."""
        deadline, all_taken = time.monotonic() + timeout_millis / 1_000, True
        for reader in self._metric_readers:
            is_taken = False
            with contained("metric flush"):
                is_taken = bool(reader.force_flush(max(0.0, deadline - time.monotonic()) * 1_000))
            all_taken &= is_taken
        return all_taken

    def shutdown(self, timeout_millis: float = 30_000) -> None:
        """Let every reader export once more and end; again does nothing."""
        if not self._is_over:
            self._is_over = True
            with contained("metric reader shutdown"):
                super().shutdown(timeout_millis)


def obtain(
    sampler: Sampler, resource: Resource, readers: Sequence[MetricReader] = (), views: Sequence[View] = ()
) -> Providers:
    """The process's providers: those that are set already, else new ones, which become the global ones.

    Args:
        sampler: of a new tracer provider.
        resource: of new providers.
        readers: of a new meter provider.
        views: of a new meter provider.

    Raises:
        LapbellError: a provider is set that is not the SDK's, so nothing can be attached to it; or the meter provider
            stands already, so that readers and views can't be given to it.
    """
    providers = process.find(Providers)
    if providers is None:
        tracer_provider, own_tracing = _tracer_provider(sampler, resource)
        meter_provider, own_metrics = _meter_provider(resource, readers, views)
        providers = Providers(
            tracer_provider,
            meter_provider,
            own_tracing=own_tracing,
            own_metrics=own_metrics,
            readers=readers,
            views=views,
        )
        process.put(Providers, providers)
    elif (readers or views) and (tuple(readers), tuple(views)) != (providers.readers, providers.views):
        raise LapbellError("readers and views belong to the first lapbell.setup() of a process: give them to that one")
    return providers


def _tracer_provider(sampler: Sampler, resource: Resource) -> tuple[TracerProvider, bool]:
    provider = trace.get_tracer_provider()
    if isinstance(provider, TracerProvider):
        described = provider.sampler.get_description()
        if _RECORDS_ALL not in described:
            faults.report(
                "set-up",
                f"the tracer provider that was set before uses the sampler {described}, so metrics count sampled traces"
                " only: set OTEL_TRACES_SAMPLER=lapbell, or give your TracerProvider lapbell.sampler(ratio)",
            )
        return provider, False
    if not isinstance(provider, trace.ProxyTracerProvider):
        raise LapbellError(
            f"the global tracer provider is a {type(provider).__qualname__}, which takes no span processors:"
            " call lapbell.setup() before it is set, or use OpenTelemetry's own TracerProvider"
        )
    built = new_tracer_provider(sampler, resource)
    trace.set_tracer_provider(built)
    return built, True


def _meter_provider(
    resource: Resource, readers: Sequence[MetricReader], views: Sequence[View]
) -> tuple[MeterProvider, bool]:
    provider = metrics.get_meter_provider()
    if isinstance(provider, MeterProvider):
        if readers or views:
            raise LapbellError(
                "your app has set a MeterProvider of its own, which sees every metric of lapbell:"
                " give readers and views to it instead of lapbell.setup()"
            )
        return provider, False
    built = PipelineMeterProvider(readers, resource, shutdown_on_exit=False, views=views)
    metrics.set_meter_provider(built)
    return built, True
