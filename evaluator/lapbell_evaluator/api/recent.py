"""Single webhooks and Redis commands, as traces tell of them."""

from typing import Final

from lapbell_evaluator.api.schemas import RecentOperation, RecentTiming
from lapbell_evaluator.api.views import trace_link
from lapbell_evaluator.api.window import Scope
from lapbell_evaluator.evidence import RecentTraces

__all__ = ["recent_operations", "recent_timings"]

_LOOKED_AT: Final = 500
_SHOWN: Final = 20


def recent_timings(traces: RecentTraces, scope: Scope, trace_url: str | None) -> list[RecentTiming]:
    """The latest webhooks of a scope, the latest first."""
    found = [
        RecentTiming(
            time=each.time,
            job=each.job,
            route=each.route,
            provider=each.provider,
            outcome=each.outcome,
            status_code=each.status_code,
            total_time=each.total_s,
            phases=dict(each.phases_s),
            trace_id=each.trace_id,
            trace_url=trace_link(trace_url, each.trace_id),
        )
        for each in traces.recent_timings(_LOOKED_AT)
        if scope.covers(each.job, each.time)
    ]
    return found[:_SHOWN]


def recent_operations(traces: RecentTraces, scope: Scope) -> list[RecentOperation]:
    """The latest Redis commands of a scope, the latest first."""
    found = [
        RecentOperation(
            time=each.time,
            job=each.job,
            operation=each.operation,
            duration=each.duration_s,
            error_type=each.error_type,
            trace_id=each.trace_id,
        )
        for each in traces.recent_operations(_LOOKED_AT)
        if scope.covers(each.job, each.time)
    ]
    return found[:_SHOWN]
