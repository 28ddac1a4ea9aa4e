"""The open spans of a webhook or task that still runs, as one span of no length that any OTLP receiver takes.

    lapbell.pending   trace: the request's; parent: its SERVER span, which follows when it ends; start = end = now
      attributes      webhook.provider, http.route (of a task: messaging.system, messaging.destination.name,
                      messaging.operation.name), webhook.phase.name (what runs now), lapbell.pending.age (seconds),
                      lapbell.pending.span_id (of the SERVER or CONSUMER span)
      events          one for each open span on the way down to what runs now: its name, at the time when it began, with
                      webhook.phase.name where it stands for a phase, and lapbell.pending.span_id

A snapshot is sent when a webhook without a response begun passes its requirement (or its provider's deadline, if that
is shorter), and again whenever it has become twice as old: seven times in the first four minutes. A task is shown when
it passes its timeout.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from lapbell import semconv
from lapbell.processor.open_trace import phase_of
from lapbell.seam import SCOPE
from lapbell.tracing import Event, ReadableSpan, finished_span

__all__ = ["pending_span"]

MOST_EVENTS: Final = 16


def pending_span(
    root: ReadableSpan, spans: Sequence[ReadableSpan], names: Mapping[str, str], now_ns: int
) -> ReadableSpan | None:
    """The snapshot of a running request, None if its root has no identity.

    Args:
        root: the SERVER or CONSUMER span, not ended.
        spans: those under it, ended ones too.
        names: attributes that name what runs.
        now_ns: Unix nanoseconds.
    """
    if root.context is None:
        return None
    path = open_path(root, spans)
    phases = [phase for span in path if (phase := phase_of(span)) is not None]
    attributes: dict[str, str | float] = {
        semconv.WEBHOOK_PHASE_NAME: phases[-1] if phases else semconv.PHASE_OTHER,
        semconv.PENDING_AGE: (now_ns - (root.start_time or now_ns)) / 1e9,
        semconv.PENDING_SPAN_ID: f"{root.context.span_id:016x}",
    }
    attributes |= names
    events = [_event(span) for span in path[-MOST_EVENTS:]]
    return finished_span(semconv.PENDING_SPAN, SCOPE, root, root.context, now_ns, now_ns, attributes, events)


def open_path(root: ReadableSpan, spans: Sequence[ReadableSpan]) -> list[ReadableSpan]:
    """The open spans from the root to what runs now; of siblings, the one that began last."""
    running: dict[int, ReadableSpan] = {}
    for span in spans:
        if span.end_time is None and span.parent is not None:
            other = running.get(span.parent.span_id)
            if other is None or (span.start_time or 0) >= (other.start_time or 0):
                running[span.parent.span_id] = span
    path: list[ReadableSpan] = []
    at = root.context
    while at is not None and at.span_id in running:
        path.append(running.pop(at.span_id))
        at = path[-1].context
    return path


def _event(span: ReadableSpan) -> Event:
    attributes = {semconv.PENDING_SPAN_ID: f"{span.context.span_id:016x}" if span.context is not None else ""}
    phase = phase_of(span)
    if phase is not None:
        attributes[semconv.WEBHOOK_PHASE_NAME] = phase
    return Event(span.name, attributes, span.start_time)
