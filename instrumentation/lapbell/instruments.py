"""What each of our metrics is, and how the SDK keeps them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol, TypeAlias

from opentelemetry import metrics
from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, NonRecordingSpan, SpanContext, set_span_in_context

from lapbell import semconv

__all__ = ["DEFINITIONS", "Attributes", "Recorder", "SdkRecorder", "bounds_s", "names"]

Attributes: TypeAlias = Mapping[str, str | int | float | bool]
Kind = Literal["histogram", "counter", "gauge", "up_down_counter"]


@dataclass(frozen=True, slots=True)
class Definition:
    """One metric.

    Attributes:
        kind: how it is kept.
        unit: as OpenTelemetry writes it.
        description: one sentence.
        bounds_s: of a histogram, seconds.
    """

    kind: Kind
    unit: str
    description: str
    bounds_s: Sequence[float] = ()


class Recorder(Protocol):
    """Keeps histograms and counters."""

    def record(
        self, name: str, value: float, attributes: Attributes, exemplar: SpanContext | None, times: int = 1
    ) -> None:
        """One value of a histogram, and the span that it is about; `times` that value."""
        ...

    def count(self, name: str, amount: int, attributes: Attributes) -> None:
        """Add to a counter."""
        ...


_NO_SPAN: Final = set_span_in_context(INVALID_SPAN, Context())
"""A context without a span; the SDK takes the current one for an empty context."""
_REQUESTS: Final = semconv.REQUEST_BOUNDS_S
_PHASES: Final = semconv.PHASE_BOUNDS_S
DEFINITIONS: Final[Mapping[str, Definition]] = {
    semconv.WEBHOOK_REQUEST_DURATION: Definition(
        "histogram", "s", "Time from the request to the last chunk of its response.", _REQUESTS
    ),
    semconv.WEBHOOK_PHASE_DURATION: Definition(
        "histogram", "s", "Time of one phase with everything inside it.", _PHASES
    ),
    semconv.WEBHOOK_PHASE_SELF_DURATION: Definition(
        "histogram", "s", "Time of a request that one phase owns; the phases of a request sum to it.", _PHASES
    ),
    semconv.WEBHOOK_SLO_REQUESTS: Definition("counter", "{request}", "Requests that met or missed a target."),
    semconv.HTTP_SERVER_ACTIVE_REQUESTS: Definition(
        "up_down_counter", "{request}", "Requests that run, where nobody else counts them."
    ),
    semconv.WEBHOOK_ACTIVE_REQUESTS: Definition("gauge", "{request}", "Webhooks that run."),
    semconv.WEBHOOK_ACTIVE_REQUEST_OLDEST_AGE: Definition("gauge", "s", "Age of the webhook that has run longest."),
    semconv.WEBHOOK_UNANSWERED_REQUEST_OLDEST_AGE: Definition(
        "gauge", "s", "Age of the webhook that has run longest without a response begun."
    ),
    semconv.WEBHOOK_ACTIVE_REQUESTS_OVERDUE: Definition(
        "gauge",
        "{request}",
        "Webhooks that run without a response begun, past the requirement, or past their deadline.",
    ),
    semconv.EVENT_LOOP_LAG: Definition(
        "histogram", "s", "How late the event loop does what is due.", semconv.REDIS_BOUNDS_S
    ),
    semconv.EVENT_LOOP_BLOCKED: Definition(
        "gauge",
        "s",
        "Longest time in the last 30 s that a line of the app kept the event loop from running, also if it still does.",
    ),
    semconv.DB_CLIENT_OPERATION_DURATION: Definition(
        "histogram", "s", "Time of one Redis operation.", semconv.REDIS_BOUNDS_S
    ),
    semconv.DB_CLIENT_CONNECTION_COUNT: Definition(
        "up_down_counter", "{connection}", "Connections of a pool, by state."
    ),
    semconv.DB_CLIENT_CONNECTION_MAX: Definition("up_down_counter", "{connection}", "Most connections of a pool."),
    semconv.CIRCUIT_BREAKER_STATUS: Definition("up_down_counter", "1", "1 for the state a circuit is in."),
    semconv.CIRCUIT_BREAKER_TRANSITIONS: Definition("counter", "{transition}", "Changes of a circuit's state."),
    semconv.MESSAGING_QUEUE_MESSAGES: Definition("gauge", "{message}", "Messages of a queue, by state."),
    semconv.MESSAGING_QUEUE_LIMIT: Definition("gauge", "{message}", "Most messages that a queue should hold."),
    semconv.MESSAGING_QUEUE_OLDEST_MESSAGE_AGE: Definition("gauge", "s", "Age of the oldest message of a queue."),
    semconv.MESSAGING_MESSAGE_RECEIVE_LATENCY: Definition(
        "histogram", "s", "Time that a message spent in its queue.", _PHASES
    ),
    semconv.MESSAGING_PROCESS_DURATION: Definition("histogram", "s", "Time to process one message.", _PHASES),
    semconv.MESSAGING_PROCESS_TIMEOUT: Definition("gauge", "s", "Longest time that processing may take."),
    semconv.MESSAGING_PROCESS_OLDEST_AGE: Definition("gauge", "s", "How long the oldest running task has run."),
    semconv.MESSAGING_WORKER_COUNT: Definition("gauge", "{worker}", "Workers of a queue, by state."),
    semconv.SYSTEM_CPU_UTILIZATION: Definition("gauge", "1", "Share of the machine's CPUs in use."),
    semconv.SYSTEM_MEMORY_UTILIZATION: Definition("gauge", "1", "Share of the machine's memory in use."),
    semconv.SYSTEM_FILESYSTEM_UTILIZATION: Definition("gauge", "1", "Share of a file system in use."),
}


def names(kind: Kind) -> list[str]:
    """The metrics of one kind."""
    return [name for name, definition in DEFINITIONS.items() if definition.kind == kind]


def bounds_s(name: str, targets_s: Sequence[float]) -> tuple[float, ...]:
    """The bounds of a histogram; targets are bounds of requests, so that shares at a target are exact."""
    bounds = DEFINITIONS[name].bounds_s
    return tuple(sorted({*bounds, *targets_s})) if bounds in (_REQUESTS, _PHASES) else tuple(bounds)


class SdkRecorder:
    """Lets the SDK keep them: where the app has a meter provider of its own, or wants another kind of histogram.

    Args:
        meter: makes the instruments.
        targets_s: seconds that must be bounds of the request histograms.
    """

    def __init__(self, meter: metrics.Meter, targets_s: Sequence[float]) -> None:
        self._histograms = {
            name: meter.create_histogram(
                name,
                DEFINITIONS[name].unit,
                DEFINITIONS[name].description,
                explicit_bucket_boundaries_advisory=bounds_s(name, targets_s),
            )
            for name in names("histogram")
        }
        self._counters = {
            name: meter.create_counter(name, DEFINITIONS[name].unit, DEFINITIONS[name].description)
            for name in names("counter")
        }

    def record(
        self, name: str, value: float, attributes: Attributes, exemplar: SpanContext | None, times: int = 1
    ) -> None:
        """One value of a histogram, and the span that it is about; `times` that value, each at the SDK's price."""
        # The context says which span is the exemplar: the one that was measured, not the one that is current.
        context = _NO_SPAN if exemplar is None else set_span_in_context(NonRecordingSpan(exemplar), Context())
        for _ in range(times):
            self._histograms[name].record(value, attributes, context)

    def count(self, name: str, amount: int, attributes: Attributes) -> None:
        """Add to a counter."""
        self._counters[name].add(amount, attributes, _NO_SPAN)
