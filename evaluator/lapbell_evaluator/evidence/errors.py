"""Why requests fail: the spans and exceptions of the traces of failures, and counts from metrics; never time."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from typing import Final

from lapbell import semconv
from lapbell_evaluator.evidence.failed_requests import FailedRequest
from lapbell_evaluator.evidence.origin import Failure
from lapbell_evaluator.evidence.questions import Rows, seconds_of, selector, sum_of_counts
from lapbell_evaluator.evidence.traces import RecentTraces
from lapbell_evaluator.model import ErrorEvidence, FailureCause, ResponseCount
from lapbell_evaluator.model.prometheus_names import label
from lapbell_evaluator.promql import InstantQuerier

__all__ = ["error_evidence", "traces_of_failures"]

_WINDOW_S: Final = 60
_LONG_WINDOW_S: Final = 300
_SHOWN: Final = 5
_LEAST: Final = 0.5  # of a request: increase() extrapolates
_FAILED: Final = (semconv.OUTCOME_ERROR, semconv.OUTCOME_ABANDONED)
_ROUTE: Final = label(semconv.HTTP_ROUTE)
_REQUESTS: Final = seconds_of(semconv.WEBHOOK_REQUEST_DURATION)
_BY: Final = tuple(
    map(
        label,
        (
            semconv.WEBHOOK_OUTCOME,
            semconv.HTTP_RESPONSE_STATUS_CODE,
            semconv.WEBHOOK_PROVIDER,
            semconv.ERROR_TYPE,
        ),
    )
)
_REDIS_MODULE: Final = "redis."  # of the exceptions of redis-py
_Key = tuple[str, str, str, str | None, str]


async def error_evidence(
    querier: InstantQuerier, traces: RecentTraces, job: str, route: str, start: float, at: float
) -> ErrorEvidence:
    """Causes by share, and how requests ended.

    Args:
        querier: where the metrics are.
        traces: those of late.
        job: the service.
        route: its `http.route`.
        start: Unix seconds since when failures count.
        at: Unix seconds of now.
    """
    failures, counts = await asyncio.gather(
        asyncio.to_thread(traces.failures, job, route, start, at), _counts(querier, job, route, at)
    )
    failed = {row: count for row, count in counts.items() if row[0] in _FAILED and count >= _LEAST}
    return ErrorEvidence(
        causes=causes_of(failures) or _measured_causes(failed),
        looked_at=len(failures),
        responses=_responses(failed),
        failed=sum(failed.values()) if counts else None,
        total=sum(counts.values()) if counts else None,
    )


def causes_of(failures: Iterable[tuple[FailedRequest, Failure]]) -> tuple[FailureCause, ...]:
    """Failures by what failed and where, the most frequent first."""
    groups: defaultdict[_Key, list[tuple[FailedRequest, Failure]]] = defaultdict(list)
    for request, failure in failures:
        groups[failure.error_type, failure.reason, failure.span, failure.phase, failure.system].append(
            (request, failure)
        )
    total = sum(request.weight for group in groups.values() for request, _ in group)
    causes = (_cause(group, total) for group in groups.values())
    return tuple(sorted(causes, key=lambda cause: (-cause.share, cause.error_type, cause.span)))[:_SHOWN]


def traces_of_failures(evidence: ErrorEvidence) -> tuple[str, ...]:
    """An example of each cause, the most frequent first."""
    return tuple(cause.trace_id for cause in evidence.causes if cause.trace_id is not None)


async def _counts(querier: InstantQuerier, job: str, route: str, at: float) -> Rows:
    """Requests by outcome, status code, provider and type of error: of the last minute, or of five if none failed."""
    where = selector({"job": job, _ROUTE: route})
    counts = await sum_of_counts(querier, _REQUESTS, _BY, where, _WINDOW_S, at)
    if any(row[0] in _FAILED and count >= _LEAST for row, count in counts.items()):
        return counts
    return await sum_of_counts(querier, _REQUESTS, _BY, where, _LONG_WINDOW_S, at)


def _cause(group: list[tuple[FailedRequest, Failure]], total: float) -> FailureCause:
    """What the failures of one cause have in common; the newest one is the example."""
    request, failure = max(group, key=lambda pair: (pair[0].time, pair[0].trace_id))
    providers = {failure.provider for _, failure in group}
    servers = {failure.server for _, failure in group}
    return FailureCause(
        share=sum(request.weight for request, _ in group) / total,
        count=len(group),
        error_type=failure.error_type,
        reason=failure.reason,
        span=failure.span,
        phase=failure.phase,
        status_code=failure.status_code,
        provider=failure.provider if len(providers) == 1 else "",
        message=failure.message,
        line=failure.line,
        trace_id=request.trace_id,
        system=failure.system,
        server=failure.server if len(servers) == 1 else "",
    )


def _measured_causes(failed: Rows) -> tuple[FailureCause, ...]:
    """What metrics alone say, where no trace of a failure is kept."""
    by_type: defaultdict[tuple[str, str], float] = defaultdict(float)
    for (outcome, status, _, error_type), count in failed.items():
        by_type[outcome if outcome == semconv.OUTCOME_ABANDONED else error_type, status] += count
    total = sum(by_type.values())
    causes = (
        FailureCause(
            share=count / total,
            count=round(count),
            error_type=error_type or status or semconv.ERROR_TYPE_OTHER,
            status_code=_number(status),
            system=semconv.REDIS if error_type.startswith(_REDIS_MODULE) else "",
        )
        for (error_type, status), count in by_type.items()
    )
    return tuple(sorted(causes, key=lambda cause: (-cause.share, cause.error_type)))[:_SHOWN]


def _responses(failed: Rows) -> tuple[ResponseCount, ...]:
    counts: defaultdict[tuple[str, str, str], float] = defaultdict(float)
    for (outcome, status, provider, _), count in failed.items():
        counts[outcome, status, provider] += count
    responses = (
        ResponseCount(outcome, _number(status), provider, count)
        for (outcome, status, provider), count in counts.items()
    )
    return tuple(sorted(responses, key=lambda row: (-row.count, row.outcome, row.status_code or 0, row.provider)))


def _number(status: str) -> int | None:
    return int(status) if status.isdigit() else None
