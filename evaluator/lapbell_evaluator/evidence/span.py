"""What is kept of a span that arrives."""

from collections.abc import Iterable
from typing import Final

from lapbell import semconv
from lapbell_evaluator.evidence.stack import app_frames
from lapbell_evaluator.model import Span, SpanEvent

__all__ = [
    "CLIENT",
    "CONSUMER",
    "INTERNAL",
    "KEPT_ATTRIBUTES",
    "KEPT_OF_CALLS",
    "PRODUCER",
    "SERVER",
    "Span",
    "SpanEvent",
    "kept_events",
    "may_have_events",
]

INTERNAL: Final = 1
SERVER: Final = 2
CLIENT: Final = 3
PRODUCER: Final = 4
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

KEPT_OF_CALLS: Final = KEPT_ATTRIBUTES | {
    semconv.SERVER_ADDRESS,
    semconv.SERVER_PORT,
    semconv.NET_PEER_NAME,
    semconv.NET_PEER_PORT,
}
"""The same of CLIENT spans, with the server that is called: in a SERVER span the peer is a person's machine."""

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
