"""Which phase took how much of one webhook."""

from collections.abc import Iterable, Mapping

from lapbell import semconv
from lapbell.breakdown import Piece, phase_of_name, self_times
from lapbell_evaluator.evidence.span import CLIENT, PRODUCER, SERVER, Span

__all__ = ["is_redis", "phase_of", "phases_of", "piece_of", "spans_below"]


def phases_of(webhook: Span, spans: Iterable[Span]) -> tuple[tuple[str, float], ...]:
    """Self seconds by phase, sorted by phase; they sum to the webhook's duration.

    Args:
        webhook: the SERVER span.
        spans: all spans of its trace, of any process; only those that run below the webhook, in its process, count. One
            whose parent never came counts if no other webhook could be above it.
    """
    times = self_times(piece_of(webhook), map(piece_of, spans_below(webhook, spans).values()))
    return tuple(sorted((phase, spent_ns / 1e9) for phase, spent_ns in times.items() if spent_ns))


def spans_below(webhook: Span, spans: Iterable[Span]) -> dict[str, Span]:
    """The spans that run below a webhook, in its process, by id; arguments as `phases_of`."""
    own = {span.span_id: span for span in spans if (span.job, span.instance) == (webhook.job, webhook.instance)}
    is_alone = sum(span.kind == SERVER for span in own.values()) == 1
    above = (webhook, None) if is_alone else (webhook,)
    return {
        key: span
        for key, span in own.items()
        if span.kind != SERVER and span.name != semconv.PENDING_SPAN and _server_of(span, own) in above
    }


def is_redis(span: Span) -> bool:
    """Whether it is the CLIENT span of a Redis call."""
    systems = (span.attribute(semconv.DB_SYSTEM_NAME), span.attribute(semconv.DB_SYSTEM))
    return span.kind == CLIENT and semconv.REDIS in systems


def piece_of(span: Span) -> Piece:
    """A span as attribution sees it."""
    return Piece(span.span_id, span.parent_id, span.start_ns, span.end_ns, phase_of(span))


def phase_of(span: Span) -> str | None:
    """The phase that a span stands for; None if it stands for none."""
    if span.kind == SERVER:
        return None
    return phase_of_name(span.name, is_redis=is_redis(span), is_producer=span.kind == PRODUCER)


def _server_of(span: Span, own: Mapping[str, Span]) -> Span | None:
    """The SERVER span that a span runs below; None if a span between them is missing."""
    passed: set[str] = set()
    above = own.get(span.parent_id)
    while above is not None and above.kind != SERVER and above.span_id not in passed:
        passed.add(above.span_id)
        above = own.get(above.parent_id)
    return above if above is not None and above.kind == SERVER else None
