"""An exception that nobody caught, as an event on the SERVER span: who made that span may have noted its type alone."""

import traceback
from collections.abc import Sequence

from lapbell import semconv
from lapbell.faults import message_of
from lapbell.tracing import Event, ReadableSpan, attributes_of, span_copy

__all__ = ["with_exception"]


def with_exception(root: ReadableSpan, error: BaseException | None) -> ReadableSpan:
    """The span with the exception as an event and as `error.type`; as it is if it has them, or if there was none.

    Message and stack are scrubbed where they leave, as those of every other span are.
    """
    if not isinstance(error, Exception):
        return root
    attributes, events = attributes_of(root), list(root.events)
    if not _has_exception(events):
        events.append(_event(error, root.end_time))
    kind = type(error)
    return span_copy(root, attributes={semconv.ERROR_TYPE: kind.__qualname__} | attributes, events=events)


def _has_exception(events: Sequence[Event]) -> bool:
    return any(event.name == semconv.EXCEPTION_EVENT for event in events)


def _event(error: Exception, at_ns: int | None) -> Event:
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    attributes = {
        semconv.EXCEPTION_TYPE: name,
        semconv.EXCEPTION_MESSAGE: message_of(error),
        semconv.EXCEPTION_STACKTRACE: "".join(traceback.format_exception(error)),
    }
    return Event(semconv.EXCEPTION_EVENT, attributes, at_ns)
