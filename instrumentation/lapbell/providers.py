"""The SDK's providers: one of each per process, set once.

What stands on them comes and goes with `setup()`, and is whole again after a fork.
"""

import atexit
import contextlib
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Final, Protocol

from opentelemetry import metrics, trace
from opentelemetry.context import Context
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import Sampler

from lapbell import faults
from lapbell.errors import LapbellError
from lapbell.gauges import Gauges, Source
from lapbell.observations import Observer
from lapbell.processor import WebhookProcessor
from lapbell.reader import PacedReader
from lapbell.seam import SCOPE

__all__ = ["Background", "Pipeline", "Providers", "obtain", "standing_pipeline"]

SHUTDOWN_S: Final = 2.5
FLUSH_S: Final = 2.0
_AFTER_A_FAILED_FLUSH_S: Final = 0.5
"""Who did not answer a moment ago is not waited for in full again: flush and shutdown together keep to `SHUTDOWN_S`."""
_BEFORE_FORK_S: Final = 1.0
_REPLACED_S: Final = 0.5
_RECORDS_ALL: Final = "AlwaysRecord"


class Background(Protocol):
    """Something with a thread of its own."""

    def start(self) -> None:
        """Start the thread; again in the child after a fork."""
        ...

    def stop(self) -> None:
        """Let the thread end, without waiting for it."""
        ...


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
        self.standing: Pipeline | None = None
        tracer_provider.add_span_processor(self.switch)


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


class Pipeline:
    """Everything between the providers and the wire, for as long as one `setup()` stands.

    Args:
        providers: the process's.
        processor: derives the metrics, and exports.
        reader: exports the metrics.
        backgrounds: started and stopped with it.
        sources: of gauges, added and removed with it.
    """

    def __init__(
        self,
        providers: Providers,
        processor: WebhookProcessor,
        reader: PacedReader,
        backgrounds: Sequence[Background],
        sources: Sequence[Source],
    ) -> None:
        self._providers = providers
        self._processor = processor
        self._reader = reader
        self._backgrounds = tuple(backgrounds)
        self._sources = tuple(sources)
        self._stands = False
        self._holds = False
        self._flush_failed = False
        self._close = threading.Event()
        self._closed = threading.Event()

    def start(self) -> None:
        """Put it between the providers and the wire."""
        if self._providers.standing is not None:
            self._providers.standing.shutdown(_REPLACED_S)
        self._providers.standing = self
        for source in self._sources:
            self._providers.gauges.add(source)
        self._providers.meter_provider.add_metric_reader(self._reader)
        self._providers.switch.target = self._processor
        self._stands = True
        self._start_threads()
        atexit.register(self.shutdown)
        _survive_forks(self)

    @contextlib.contextmanager
    def observed_by(self, observer: Observer) -> Iterator[None]:
        """Let somebody see every measurement while a block runs."""
        self._processor.observers = (*self._processor.observers, observer)
        try:
            yield
        finally:
            self._processor.observers = tuple(each for each in self._processor.observers if each is not observer)

    @contextlib.contextmanager
    def seen_through(self, wrap: Callable[[SpanProcessor], SpanProcessor]) -> Iterator[None]:
        """Put something between the spans and the processor while a block runs."""
        self._providers.switch.target = wrap(self._processor)
        try:
            yield
        finally:
            self._providers.switch.target = self._processor if self._stands else None

    def flush(self, timeout_s: float = FLUSH_S) -> None:
        """Export what waits and go on, after `timeout_s` even if the collector does not answer."""
        if not self._stands:
            return
        deadline = time.monotonic() + timeout_s
        exports = [
            threading.Thread(name="lapbell-flush", target=target, daemon=True)
            for target in (self._processor.force_flush, self._reader.force_flush)
        ]
        for export in exports:
            export.start()
        for export in exports:
            export.join(max(0.0, deadline - time.monotonic()))
        self._flush_failed = any(export.is_alive() for export in exports)

    def shutdown(self, timeout_s: float = SHUTDOWN_S) -> None:
        """Export what waits and stop, within `timeout_s` even if the collector does not answer; again does nothing."""
        if not self._stands:
            return
        self._stands = False
        atexit.unregister(self.shutdown)
        if self._flush_failed:
            timeout_s = min(timeout_s, _AFTER_A_FAILED_FLUSH_S)
        deadline = time.monotonic() + timeout_s
        for background in self._backgrounds:
            background.stop()
        self._close.set()
        self._reader.close()
        self._closed.wait(timeout_s)
        self._reader.join(max(0.0, deadline - time.monotonic()))
        self._providers.switch.target = None
        self._providers.standing = None
        for source in self._sources:
            self._providers.gauges.remove(source)
        self._providers.meter_provider.remove_metric_reader(self._reader)

    def before_fork(self) -> None:
        """Let no export be halfway when the process forks: its locks would stay held in the child."""
        self._holds = self._stands and self._reader.hold(_BEFORE_FORK_S)

    def after_fork_in_parent(self) -> None:
        """Go on."""
        if self._holds:
            self._reader.release()

    def after_fork_in_child(self) -> None:
        """Begin with empty totals and fresh threads; the parent's totals are the parent's to report."""
        if not self._stands:
            return
        self._reader.start()
        self._providers.meter_provider.remove_metric_reader(self._reader)
        self._providers.meter_provider.add_metric_reader(self._reader)
        self._close, self._closed = threading.Event(), threading.Event()
        self._start_threads()

    def _start_threads(self) -> None:
        self._reader.start()
        # Stopping may wait on a collector that does not answer, and no thread can be made while the interpreter exits.
        threading.Thread(name="lapbell-shutdown", target=self._shut_processor_down, daemon=True).start()
        for background in self._backgrounds:
            background.start()

    def _shut_processor_down(self) -> None:
        close, closed = self._close, self._closed
        close.wait()
        self._processor.shutdown()
        closed.set()


def standing_pipeline() -> Pipeline | None:
    """What the last `setup()` has put in place, None if nothing stands."""
    return _Process.providers.standing if _Process.providers is not None else None


def obtain(sampler: Sampler, resource: Resource) -> Providers:
    """The process's providers: those that are set already, else new ones, which become the global ones.

    Args:
        sampler: of a new tracer provider.
        resource: of new providers.

    Raises:
        LapbellError: a provider is set that is not the SDK's, so nothing can be attached to it.
    """
    if _Process.providers is None:
        tracer_provider, own_tracing = _tracer_provider(sampler, resource)
        meter_provider, own_metrics = _meter_provider(resource)
        _Process.providers = Providers(
            tracer_provider, meter_provider, own_tracing=own_tracing, own_metrics=own_metrics
        )
    return _Process.providers


class _Process:
    """Holds the one set of providers of this process."""

    providers: Providers | None = None


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


def _survive_forks(pipeline: Pipeline) -> None:
    standing = weakref.ref(pipeline)

    def call(method: Callable[[Pipeline], None]) -> None:
        target = standing()
        if target is not None:
            method(target)

    os.register_at_fork(
        before=lambda: call(Pipeline.before_fork),
        after_in_parent=lambda: call(Pipeline.after_fork_in_parent),
        after_in_child=lambda: call(Pipeline.after_fork_in_child),
    )
