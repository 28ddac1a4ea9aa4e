"""Single webhooks and Redis commands, as traces tell of them."""

from typing import Final

from lapbell_evaluator.api.schemas import RecentOperation, RecentTiming
from lapbell_evaluator.api.webhook_view import WebhookView
from lapbell_evaluator.api.window import Scope
from lapbell_evaluator.evidence import RecentTraces
from lapbell_evaluator.model import trace_link

__all__ = ["recent_operations", "recent_timings"]

_LOOKED_AT: Final = 500
_SHOWN: Final = 20


def recent_timings(traces: RecentTraces, scope: Scope, trace_url: str | None, view: WebhookView) -> list[RecentTiming]:
    """The latest webhooks of a scope and a view, the latest first."""
    timings = [
        RecentTiming(
            time=timing.time,
            job=timing.job,
            route=timing.route,
            provider=timing.provider,
            outcome=timing.outcome,
            status_code=timing.status_code,
            total_time=timing.total_s,
            phases=dict(timing.phases_s),
            trace_id=timing.trace_id,
            trace_url=trace_link(trace_url, timing.trace_id),
            event_type=timing.event_type,
        )
        for timing in traces.recent_timings(_LOOKED_AT)
        if scope.covers(timing.job, timing.time) and view.covers(timing)
    ]
    return timings[:_SHOWN]


def recent_operations(traces: RecentTraces, scope: Scope) -> list[RecentOperation]:
    """The latest Redis commands of a scope, the latest first."""
    operations = [
        RecentOperation(
            time=operation.time,
            job=operation.job,
            operation=operation.operation,
            duration=operation.duration_s,
            error_type=operation.error_type,
            trace_id=operation.trace_id,
        )
        for operation in traces.recent_operations(_LOOKED_AT)
        if scope.covers(operation.job, operation.time)
    ]
    return operations[:_SHOWN]
