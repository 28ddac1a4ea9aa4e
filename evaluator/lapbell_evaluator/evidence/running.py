"""What runs: the last snapshot of each request that has not ended, bounded."""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Final

from lapbell import semconv
from lapbell_evaluator.evidence.span import CONSUMER, SERVER, Span, SpanEvent
from lapbell_evaluator.model import OpenSpan, RunningRequest

__all__ = ["RunningRequests"]

_MOST: Final = 2_000
_NS_PER_S: Final = 1e9
_LATE_S: Final = 30.0


class RunningRequests:
    """Keeps a snapshot by request, the one that was heard of longest ago going first, until the request has ended.

    A snapshot is a span `lapbell.pending` below the SERVER or CONSUMER span, whose events are the spans that are open.

    Args:
        most: requests that are kept.
    """

    def __init__(self, most: int = _MOST) -> None:
        self._snapshots: OrderedDict[tuple[str, str], Span] = OrderedDict()
        self._most = most

    def add(self, span: Span) -> None:
        """Note a snapshot, or that a request has ended."""
        if span.kind in (SERVER, CONSUMER):
            self._snapshots.pop((span.trace_id, span.span_id), None)
        elif span.name == semconv.PENDING_SPAN:
            key = (span.trace_id, span.attribute(semconv.PENDING_SPAN_ID) or span.parent_id)
            self._snapshots[key] = span
            self._snapshots.move_to_end(key)
            while len(self._snapshots) > self._most:
                self._snapshots.popitem(last=False)

    def oldest(self, job: str, where: Mapping[str, str], at: float, limit: int) -> tuple[RunningRequest, ...]:
        """The requests or tasks that have run longest, as they were last heard of.

        A snapshot comes again when the request is twice as old: one that is overdue by half a minute is left out,
        because its process is gone.

        Args:
            job: the service; empty for all.
            where: attributes that they must have.
            at: Unix seconds of now.
            limit: how many at most.
        """
        running = (
            request
            for span in self._snapshots.values()
            if job in ("", span.job) and all(span.attribute(name) == value for name, value in where.items())
            if at - span.end_s <= (request := _request(span)).age_s + _LATE_S
        )
        return tuple(sorted(running, key=lambda request: (request.began_at, request.trace_id))[:limit])


def _request(snapshot: Span) -> RunningRequest:
    age = snapshot.attribute(semconv.PENDING_AGE)
    age_s = float(age) if _is_number(age) else 0.0
    spans = tuple(_open(event) for event in snapshot.events)
    return RunningRequest(
        trace_id=snapshot.trace_id,
        began_at=snapshot.end_s - age_s,
        age_s=age_s,
        route=snapshot.attribute(semconv.HTTP_ROUTE),
        provider=snapshot.attribute(semconv.WEBHOOK_PROVIDER),
        task=snapshot.attribute(semconv.MESSAGING_OPERATION_NAME),
        phase=snapshot.attribute(semconv.WEBHOOK_PHASE_NAME) or None,
        spans=spans,
    )


def _open(event: SpanEvent) -> OpenSpan:
    return OpenSpan(event.name, event.attribute(semconv.WEBHOOK_PHASE_NAME) or None, event.time_ns / _NS_PER_S)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
