"""The summaries' shapes, and the arithmetic behind them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, TypedDict

from lapbell import semconv
from lapbell.observations import RedisOperation, Webhook

__all__ = [
    "OperationSummary",
    "QueueSummary",
    "RedisSummary",
    "TaskQueueSummary",
    "WebhookSummary",
    "percentile",
    "redis_summary",
    "webhook_summary",
]

Scope = Literal["process"]


class PhaseSummary(TypedDict):
    """One phase over the webhooks of the summary: mean seconds per webhook, and its share of the total in percent."""

    average_time: float
    percentage: float


class RecentTiming(TypedDict):
    """One webhook; times in seconds."""

    time: float
    route: str
    provider: str
    outcome: str
    status_code: int | None
    total_time: float
    phases: dict[str, float]
    trace_id: str


class WebhookSummary(TypedDict):
    """How fast this process answered its webhooks, in seconds; without webhooks times are 0 and nothing is missed."""

    scope: Scope
    total_webhooks: int
    within_500ms_percentage: float
    within_2s_percentage: float
    average_total_time: float
    p50_total_time: float
    p95_total_time: float
    p99_total_time: float
    outcomes: dict[str, int]
    timing_breakdown: dict[str, PhaseSummary]
    recent_timings: list[RecentTiming]


class OperationSummary(TypedDict):
    """One Redis command; seconds and percent."""

    count: int
    success_rate: float
    avg_latency: float
    p95_latency: float
    p99_latency: float


class RecentOperation(TypedDict):
    """One Redis operation; seconds."""

    time: float
    operation: str
    duration: float
    error_type: str | None


class RedisSummary(TypedDict):
    """How fast and how reliable Redis was for this process; seconds and percent."""

    scope: Scope
    total_operations: int
    success_rate: float
    average_latency: float
    operations_by_type: dict[str, OperationSummary]
    circuit_breaker_trips: int
    circuit_breakers: dict[str, str]
    connections: dict[str, dict[str, int]]
    recent_operations: list[RecentOperation]


class QueueSummary(TypedDict):
    """One queue; seconds and percent. What was not measured is None, and `not_measured` says why, by key."""

    destination: str
    system: str
    depth: int | None
    depth_by_priority: dict[str, int]
    depth_age: float | None
    messages_by_state: dict[str, int]
    oldest_message_age: dict[str, float]
    limit: int | None
    timeout: float | None
    workers: int | None
    busy_workers: int | None
    worker_utilization: float | None
    average_processing_time: float | None
    oldest_task_age: float | None
    processed_tasks: int
    failed_tasks: int
    failures_by_error_type: dict[str, int]
    backpressure_detected: bool | None
    backpressure_reasons: list[str]
    not_measured: dict[str, str]


class TaskQueueSummary(TypedDict):
    """How full the queues are that this process knows, and whether its workers keep up; seconds and percent.

    What was not measured is None, and `not_measured` says why, by key. `current_worker_utilization` is that of this
    process's own workers, and 0 where it has none.
    """

    scope: Scope
    current_depth: int | None
    depth_by_priority: dict[str, int]
    depth_age: float | None
    backpressure_detected: bool | None
    backpressure_reasons: list[str]
    current_worker_utilization: float | None
    average_processing_time: float | None
    processed_tasks: int
    failed_tasks: int
    failures_by_error_type: dict[str, int]
    queues: list[QueueSummary]
    not_measured: dict[str, str]


def percentile(ordered: Sequence[float], share: float) -> float:
    """The value below which a share (0 to 1) of the ordered values lies, interpolated linearly; 0 without values."""
    if not ordered:
        return 0.0
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def webhook_summary(
    webhooks: Sequence[Webhook], total: int, recent: int, target_s: float, requirement_s: float
) -> WebhookSummary:
    """Sum up webhooks.

    Args:
        webhooks: the last ones, oldest first.
        total: how many there were since the process began.
        recent: how many to list.
        target_s: seconds of the target.
        requirement_s: seconds of the requirement.
    """
    times = sorted(webhook.duration_s for webhook in webhooks)
    outcomes: dict[str, int] = {}
    for webhook in webhooks:
        outcomes[webhook.outcome] = outcomes.get(webhook.outcome, 0) + 1
    return {
        "scope": "process",
        "total_webhooks": total,
        "within_500ms_percentage": _within(times, target_s),
        "within_2s_percentage": _within(times, requirement_s),
        "average_total_time": _mean(times),
        "p50_total_time": percentile(times, 0.5),
        "p95_total_time": percentile(times, 0.95),
        "p99_total_time": percentile(times, 0.99),
        "outcomes": outcomes,
        "timing_breakdown": _breakdown(webhooks),
        "recent_timings": [_recent_timing(webhook) for webhook in reversed(webhooks[-recent:])],
    }


def redis_summary(
    operations: Sequence[RedisOperation],
    total: int,
    recent: int,
    breakers: Mapping[str, str],
    trips: int,
    connections: Mapping[str, Mapping[str, int]],
) -> RedisSummary:
    """Sum up Redis operations.

    Args:
        operations: the last ones, oldest first. Those that wait on purpose, such as BRPOP, are in totals and by type
            alone: how long they took says nothing about Redis.
        total: how many there were since the process began.
        recent: how many to list.
        breakers: the state of each circuit breaker.
        trips: how often a breaker has opened.
        connections: idle and used connections by pool.
    """
    by_type: dict[str, list[RedisOperation]] = {}
    prompt = [operation for operation in operations if operation.name not in semconv.REDIS_BLOCKING_COMMANDS]
    for operation in operations:
        by_type.setdefault(operation.name, []).append(operation)
    return {
        "scope": "process",
        "total_operations": total,
        "success_rate": _success(operations),
        "average_latency": _mean([operation.duration_s for operation in prompt]),
        "operations_by_type": {name: _operation(by_type[name]) for name in sorted(by_type)},
        "circuit_breaker_trips": trips,
        "circuit_breakers": dict(breakers),
        "connections": {pool: dict(states) for pool, states in connections.items()},
        "recent_operations": [_recent_operation(operation) for operation in reversed(prompt[-recent:])],
    }


def _breakdown(webhooks: Sequence[Webhook]) -> dict[str, PhaseSummary]:
    total_s = sum(webhook.duration_s for webhook in webhooks)
    phases: dict[str, float] = {}
    for webhook in webhooks:
        for phase, time_s in webhook.phases_s.items():
            phases[phase] = phases.get(phase, 0.0) + time_s
    return {
        phase: {
            "average_time": time_s / len(webhooks),
            "percentage": 100 * time_s / total_s if total_s else 0.0,
        }
        for phase, time_s in sorted(phases.items(), key=lambda phase: -phase[1])
    }


def _operation(operations: Sequence[RedisOperation]) -> OperationSummary:
    times = sorted(operation.duration_s for operation in operations)
    return {
        "count": len(times),
        "success_rate": _success(operations),
        "avg_latency": _mean(times),
        "p95_latency": percentile(times, 0.95),
        "p99_latency": percentile(times, 0.99),
    }


def _recent_timing(webhook: Webhook) -> RecentTiming:
    return {
        "time": webhook.ended_at,
        "route": webhook.route,
        "provider": webhook.provider,
        "outcome": webhook.outcome,
        "status_code": webhook.status_code,
        "total_time": webhook.duration_s,
        "phases": dict(webhook.phases_s),
        "trace_id": webhook.trace_id,
    }


def _recent_operation(operation: RedisOperation) -> RecentOperation:
    return {
        "time": operation.ended_at,
        "operation": operation.name,
        "duration": operation.duration_s,
        "error_type": operation.error_type or None,
    }


def _within(times: Sequence[float], limit_s: float) -> float:
    return 100 * sum(time_s <= limit_s for time_s in times) / len(times) if times else 100.0


def _success(operations: Iterable[RedisOperation]) -> float:
    failed = [bool(operation.error_type) for operation in operations]
    return 100 * (1 - sum(failed) / len(failed)) if failed else 100.0


def _mean(times: Sequence[float]) -> float:
    return sum(times) / len(times) if times else 0.0
