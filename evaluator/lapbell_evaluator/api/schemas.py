"""The JSON of the seed's summaries, frozen by the OpenAPI snapshot test: later versions add, never rename.

All times are seconds; all percentages run from 0 to 100; what is not known (no traffic in the window) is null.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict

__all__ = [
    "Body",
    "OperationSummary",
    "PhaseTiming",
    "QueueSummary",
    "RecentOperation",
    "RecentTiming",
    "RedisOperations",
    "RouteTiming",
    "Span",
    "TaskQueue",
    "WebhookTiming",
]


class Body(BaseModel):
    """A response body."""

    model_config = ConfigDict(frozen=True)


class Span(Body):
    """The stretch of time that a summary speaks of, Unix seconds."""

    start: float
    end: float


class PhaseTiming(Body):
    """One phase, averaged over the webhooks of the window.

    `average_time` is the time attributed to the phase: all phases add up to the average total time.
    `average_inclusive_time` also counts what ran inside it, per run of the phase.
    """

    average_time: float | None
    percentage: float | None
    average_inclusive_time: float | None


class RouteTiming(Body):
    """One route of one service."""

    job: str
    route: str
    total_webhooks: int
    average_total_time: float | None
    p50_total_time: float | None
    p95_total_time: float | None
    p99_total_time: float | None
    error_percentage: float | None


class RecentTiming(Body):
    """One webhook, as its trace told it."""

    time: float
    job: str
    route: str
    provider: str
    outcome: str
    status_code: int | None
    total_time: float
    phases: dict[str, float]
    trace_id: str
    trace_url: str | None


class WebhookTiming(Body):
    """How fast webhooks were answered, and which phase took the time."""

    scope: Literal["service"] = "service"
    service: str | None
    window: Span
    total_webhooks: int
    within_500ms_percentage: float | None
    within_2s_percentage: float | None
    average_total_time: float | None
    p50_total_time: float | None
    p95_total_time: float | None
    p99_total_time: float | None
    outcomes: dict[str, int]
    timing_breakdown: dict[str, PhaseTiming]
    routes: list[RouteTiming]
    recent_timings: list[RecentTiming]


class OperationSummary(Body):
    """One Redis command."""

    count: int
    success_rate: float | None
    avg_latency: float | None
    p95_latency: float | None
    p99_latency: float | None


class RecentOperation(Body):
    """One Redis command, as its span told it."""

    time: float
    job: str
    operation: str
    duration: float
    error_type: str | None
    trace_id: str


class RedisOperations(Body):
    """How fast and how reliable Redis was; `average_latency` leaves out commands that wait on purpose (BRPOP)."""

    scope: Literal["service"] = "service"
    service: str | None
    window: Span
    total_operations: int
    success_rate: float | None
    average_latency: float | None
    operations_by_type: dict[str, OperationSummary]
    circuit_breaker_trips: int
    circuit_breakers: dict[str, str]
    recent_operations: list[RecentOperation]


class QueueSummary(Body):
    """One queue, whichever services know it."""

    system: str
    destination: str
    depth: float
    depth_by_priority: dict[str, float]
    limit: float | None
    worker_utilization: float | None
    workers: dict[str, float]
    average_processing_time: float | None
    p95_processing_time: float | None
    timeout: float | None
    processed_tasks: int
    failed_tasks: int
    backpressure_reasons: list[str]


class TaskQueue(Body):
    """How full the queues are, and whether the workers keep up."""

    scope: Literal["service"] = "service"
    service: str | None
    window: Span
    current_depth: float
    depth_by_priority: dict[str, float]
    backpressure_detected: bool
    current_worker_utilization: float | None
    average_processing_time: float | None
    processed_tasks: int
    failed_tasks: int
    queues: list[QueueSummary]
