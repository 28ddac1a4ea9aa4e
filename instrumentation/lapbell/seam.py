"""The one place where lapbell makes spans and records values.

Whoever makes a span or records a number goes through here, so a cheaper way to do either needs to change this file
alone. Before `setup()` the seam stands on OpenTelemetry's global providers, which do nothing until somebody sets them.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from opentelemetry import metrics, trace
from opentelemetry.context import Context
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.trace import Link, Span, SpanKind

from lapbell import semconv

__all__ = ["Attributes", "Observe", "Seam", "current", "install", "use"]

Attributes: TypeAlias = Mapping[str, str | int | float | bool]
Observe: TypeAlias = Callable[[CallbackOptions], Iterable[Observation]]


@dataclass(frozen=True, slots=True)
class _Definition:
    kind: Literal["histogram", "counter", "gauge", "up_down_counter"]
    unit: str
    description: str
    bounds_s: Sequence[float] | None = None


_REQUESTS: Final = semconv.REQUEST_BOUNDS_S
_DEFINITIONS: Final[Mapping[str, _Definition]] = {
    semconv.WEBHOOK_REQUEST_DURATION: _Definition(
        "histogram", "s", "Time from the request to the last chunk of its response.", _REQUESTS
    ),
    semconv.WEBHOOK_PHASE_DURATION: _Definition(
        "histogram", "s", "Time of one phase with everything inside it.", _REQUESTS
    ),
    semconv.WEBHOOK_PHASE_SELF_DURATION: _Definition(
        "histogram", "s", "Time of a request that one phase owns; the phases of a request sum to it.", _REQUESTS
    ),
    semconv.WEBHOOK_SLO_REQUESTS: _Definition("counter", "{request}", "Requests that met or missed a target."),
    semconv.DB_CLIENT_OPERATION_DURATION: _Definition(
        "histogram", "s", "Time of one Redis operation.", semconv.REDIS_BOUNDS_S
    ),
    semconv.DB_CLIENT_CONNECTION_COUNT: _Definition(
        "up_down_counter", "{connection}", "Connections of a pool, by state."
    ),
    semconv.DB_CLIENT_CONNECTION_MAX: _Definition("up_down_counter", "{connection}", "Most connections of a pool."),
    semconv.CIRCUIT_BREAKER_STATUS: _Definition("up_down_counter", "1", "1 for the state a circuit is in."),
    semconv.CIRCUIT_BREAKER_TRANSITIONS: _Definition("counter", "{transition}", "Changes of a circuit's state."),
    semconv.MESSAGING_QUEUE_MESSAGES: _Definition("gauge", "{message}", "Messages of a queue, by state."),
    semconv.MESSAGING_QUEUE_LIMIT: _Definition("gauge", "{message}", "Most messages that a queue should hold."),
    semconv.MESSAGING_QUEUE_OLDEST_MESSAGE_AGE: _Definition("gauge", "s", "Age of the oldest message of a queue."),
    semconv.MESSAGING_MESSAGE_RECEIVE_LATENCY: _Definition(
        "histogram", "s", "Time that a message spent in its queue.", _REQUESTS
    ),
    semconv.MESSAGING_PROCESS_DURATION: _Definition("histogram", "s", "Time to process one message.", _REQUESTS),
    semconv.MESSAGING_PROCESS_TIMEOUT: _Definition("gauge", "s", "Longest time that processing may take."),
    semconv.MESSAGING_WORKER_COUNT: _Definition("gauge", "{worker}", "Workers of a queue, by state."),
    semconv.SYSTEM_CPU_UTILIZATION: _Definition("gauge", "1", "Share of the machine's CPUs in use."),
    semconv.SYSTEM_MEMORY_UTILIZATION: _Definition("gauge", "1", "Share of the machine's memory in use."),
    semconv.SYSTEM_FILESYSTEM_UTILIZATION: _Definition("gauge", "1", "Share of a file system in use."),
}


class Seam:
    """Makes spans and records values by the names of `semconv`.

    Args:
        tracer: makes the spans.
        meter: makes the instruments.
        targets_s: seconds that must be bounds of the request histograms, so that shares at a target are exact.
    """

    def __init__(self, tracer: trace.Tracer, meter: metrics.Meter, targets_s: Sequence[float] = ()) -> None:
        self._tracer = tracer
        self._meter = meter
        self._requests_s = sorted({*_REQUESTS, *targets_s})
        self._histograms = {name: self._histogram(name) for name in _names("histogram")}
        self._counters = {
            name: meter.create_counter(name, _DEFINITIONS[name].unit, _DEFINITIONS[name].description)
            for name in _names("counter")
        }

    def start_span(
        self,
        name: str,
        kind: SpanKind = SpanKind.INTERNAL,
        *,
        context: Context | None = None,
        attributes: Attributes | None = None,
        links: Sequence[Link] = (),
    ) -> Span:
        """A started span; whoever asked for it ends it."""
        return self._tracer.start_span(
            name, context, kind, attributes, links, record_exception=False, set_status_on_exception=False
        )

    def record(self, name: str, value: float, attributes: Attributes, context: Context | None = None) -> None:
        """One value of a histogram; the span of `context` becomes its exemplar."""
        self._histograms[name].record(value, attributes, context)

    def count(self, name: str, amount: int, attributes: Attributes, context: Context | None = None) -> None:
        """Add to a counter."""
        self._counters[name].add(amount, attributes, context)

    def watch(self, name: str, observe: Observe) -> None:
        """Ask `observe` for the values of a gauge at every export; it must answer from memory, at once."""
        definition = _DEFINITIONS[name]
        if definition.kind == "gauge":
            self._meter.create_observable_gauge(name, [observe], definition.unit, definition.description)
        else:
            self._meter.create_observable_up_down_counter(name, [observe], definition.unit, definition.description)

    def _histogram(self, name: str) -> metrics.Histogram:
        definition = _DEFINITIONS[name]
        bounds = self._requests_s if definition.bounds_s is _REQUESTS else definition.bounds_s
        return self._meter.create_histogram(
            name, definition.unit, definition.description, explicit_bucket_boundaries_advisory=bounds
        )


def _names(kind: str) -> list[str]:
    return [name for name, definition in _DEFINITIONS.items() if definition.kind == kind]


_SCOPE: Final = "lapbell"


class _Installed:
    """Holds the seam in use: the standing one of the API until `setup()` brings its own."""

    seam: Seam | None = None


def current() -> Seam:
    """The seam in use."""
    if _Installed.seam is None:
        _Installed.seam = Seam(trace.get_tracer(_SCOPE), metrics.get_meter(_SCOPE))
    return _Installed.seam


def install(
    tracer_provider: trace.TracerProvider, meter_provider: metrics.MeterProvider, targets_s: Sequence[float]
) -> Seam:
    """Put a seam over these providers into use."""
    seam = Seam(tracer_provider.get_tracer(_SCOPE), meter_provider.get_meter(_SCOPE), targets_s)
    use(seam)
    return seam


def use(seam: Seam) -> None:
    """Put a seam into use."""
    _Installed.seam = seam
