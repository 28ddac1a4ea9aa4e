"""A finished span, as evidence sees it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from lapbell import semconv
from lapbell_evaluator.evidence.stack import app_frames

__all__ = [
    "CLIENT",
    "CONSUMER",
    "INTERNAL",
    "KEPT_ATTRIBUTES",
    "SERVER",
    "Span",
    "SpanEvent",
    "kept_events",
    "may_have_events",
]

INTERNAL: Final = 1
SERVER: Final = 2
CLIENT: Final = 3
CONSUMER: Final = 5

KEPT_ATTRIBUTES: Final = frozenset(
    {
        semconv.HTTP_ROUTE,
        semconv.HTTP_RESPONSE_STATUS_CODE,
        semconv.WEBHOOK_PROVIDER,
        semconv.WEBHOOK_OUTCOME,
        semconv.WEBHOOK_EVENT_TYPE,
        semconv.WEBHOOK_PHASE_NAME,
        semconv.ERROR_TYPE,
        semconv.DB_SYSTEM_NAME,
        semconv.DB_SYSTEM,
        semconv.DB_OPERATION_NAME,
        semconv.DB_RESPONSE_STATUS_CODE,
        semconv.MESSAGING_SYSTEM,
        semconv.MESSAGING_DESTINATION_NAME,
        semconv.MESSAGING_OPERATION_NAME,
        semconv.PENDING_AGE,
        semconv.PENDING_SPAN_ID,
    }
)
"""What evidence reads; the rest is not kept, because memory is bounded and nothing personal belongs here."""

_KEPT_OF_EVENTS: Final = {
    semconv.EXCEPTION_TYPE: 256,
    semconv.EXCEPTION_MESSAGE: 512,
    semconv.EXCEPTION_STACKTRACE: 2_048,
    semconv.PENDING_SPAN_ID: 16,
    semconv.WEBHOOK_PHASE_NAME: 128,
}
"""Attributes of events, and how many characters of each; of a stack the frames of the app."""
_MOST_EVENTS: Final = 32
_EVENT_NAME_CHARS: Final = 256


@dataclass(frozen=True, slots=True)
class SpanEvent:
    """An exception of a span that failed, or an open span of a request that still runs.

    Attributes:
        name: `exception`, or the name of the open span.
        time_ns: Unix nanoseconds.
        attributes: values as text, cut.
    """

    name: str
    time_ns: int
    attributes: tuple[tuple[str, str], ...] = ()

    def attribute(self, name: str) -> str:
        """The value of an attribute, empty if absent."""
        return next((value for key, value in self.attributes if key == name), "")


def may_have_events(name: str, *, failed: bool) -> bool:
    """Whether the events of a span are read at all: of those that failed, and of snapshots of what runs."""
    return failed or name == semconv.PENDING_SPAN


def kept_events(span_name: str, events: Iterable[SpanEvent]) -> tuple[SpanEvent, ...]:
    """Of a span that failed the last exception, which is the one that left it; of a snapshot the first 32 events."""
    if span_name == semconv.PENDING_SPAN:
        return tuple(_cut(event) for _, event in zip(range(_MOST_EVENTS), events, strict=False))
    exceptions = [event for event in events if event.name == semconv.EXCEPTION_EVENT]
    return tuple(_cut(event) for event in exceptions[-1:])


def _cut(event: SpanEvent) -> SpanEvent:
    attributes = [(name, value) for name, value in event.attributes if name in _KEPT_OF_EVENTS]
    return SpanEvent(
        event.name[:_EVENT_NAME_CHARS], event.time_ns, tuple((name, _text(name, text)) for name, text in attributes)
    )


def _text(name: str, text: str) -> str:
    most = _KEPT_OF_EVENTS[name]
    return app_frames(text, most) if name == semconv.EXCEPTION_STACKTRACE else text[:most]


@dataclass(frozen=True, slots=True)
class Span:
    """A finished span of one service.

    Attributes:
        trace_id: 32 hex digits.
        span_id: 16 hex digits.
        parent_id: 16 hex digits, empty for the first span of a trace.
        name: low-cardinality name.
        kind: OpenTelemetry's number, see the constants of this module.
        start_ns: Unix nanoseconds.
        end_ns: Unix nanoseconds.
        failed: its status is error.
        job: the sender, `namespace/name`.
        instance: which process of the sender.
        attributes: values as text, of `KEPT_ATTRIBUTES`.
        events: as `kept_events` leaves them.
    """

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    kind: int
    start_ns: int
    end_ns: int
    failed: bool
    job: str
    instance: str
    attributes: tuple[tuple[str, str], ...]
    events: tuple[SpanEvent, ...] = ()

    def attribute(self, name: str) -> str:
        """The value of an attribute, empty if absent."""
        return next((value for key, value in self.attributes if key == name), "")

    @property
    def exception(self) -> SpanEvent | None:
        """The exception that left it; None if none did, or none was recorded."""
        return next((event for event in self.events if event.name == semconv.EXCEPTION_EVENT), None)

    @property
    def duration_s(self) -> float:
        """Seconds from start to end, never negative."""
        return max(0, self.end_ns - self.start_ns) / 1e9

    @property
    def end_s(self) -> float:
        """Unix seconds of its end."""
        return self.end_ns / 1e9
