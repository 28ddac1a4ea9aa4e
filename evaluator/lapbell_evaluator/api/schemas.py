"""The JSON of the seed's summaries, frozen by the OpenAPI snapshot test: later versions add, never rename.

All times are seconds; all percentages run from 0 to 100; what is not known (no traffic in the window) is null.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict

__all__ = [
    "Body",
    "ConnectionPool",
    "EventTypeTiming",
    "OperationSummary",
    "PhaseTiming",
    "ProviderTiming",
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
    """One route of one service; `error_percentage` counts errors and abandoned webhooks, as WebhookErrorRate does."""

    job: str
    route: str
    total_webhooks: int
    average_total_time: float | None
    p50_total_time: float | None
    p95_total_time: float | None
    p99_total_time: float | None
    error_percentage: float | None


class ProviderTiming(Body):
    """One provider; the empty one stands for webhooks without a name."""

    provider: str
    total_webhooks: int
    average_total_time: float | None
    p50_total_time: float | None
    p95_total_time: float | None
    p99_total_time: float | None
    error_percentage: float | None


class EventTypeTiming(Body):
    """One type of event of one provider."""

    provider: str
    event_type: str
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
    event_type: str


class WebhookTiming(Body):
    """How fast webhooks were answered, and which phase took the time; `not_measured` says why something is null."""

    scope: Literal["service"] = "service"
    service: str | None
    window: Span
    provider: str | None
    route: str | None
    event_type: str | None
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
    providers: list[ProviderTiming]
    event_types: list[EventTypeTiming]
    recent_timings: list[RecentTiming]
    not_measured: dict[str, str]


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


class ConnectionPool(Body):
    """Connections to one server and database, of all processes that reported within the minute before the last reading.

    `age` is how many seconds ago that was; what was not measured is null.
    """

    used: float | None
    idle: float | None
    limit: float | None
    utilization: float | None
    age: float


class RedisOperations(Body):
    """How fast and how reliable Redis was.

    `average_latency` and `recent_operations` leave out commands that wait on purpose (BRPOP).
    """

    scope: Literal["service"] = "service"
    service: str | None
    window: Span
    total_operations: int
    success_rate: float | None
    average_latency: float | None
    operations_by_type: dict[str, OperationSummary]
    circuit_breaker_trips: int
    circuit_breakers: dict[str, str]
    connection_pools: dict[str, ConnectionPool]
    recent_operations: list[RecentOperation]


class QueueSummary(Body):
    """One queue, whichever services know it.

    Depth, messages and workers are the last reading, as old as `depth_age` and `workers_age` say (seconds). What was
    not measured is null, and `not_measured` says why, by key.
    """

    system: str
    destination: str
    depth: float | None
    depth_by_priority: dict[str, float]
    depth_age: float | None
    messages_by_state: dict[str, float]
    oldest_message_age: dict[str, float]
    limit: float | None
    worker_utilization: float | None
    workers: dict[str, float]
    workers_age: float | None
    average_processing_time: float | None
    p95_processing_time: float | None
    oldest_task_age: float | None
    timeout: float | None
    processed_tasks: int | None
    failed_tasks: int | None
    failures_by_error_type: dict[str, int]
    backpressure_detected: bool | None
    backpressure_reasons: list[str]
    not_measured: dict[str, str]


class TaskQueue(Body):
    """How full the queues are, and whether the workers keep up.

    Sums are of the queues of which they are known; null if of none, and `not_measured` names those that are left out.
    `depth_age` is that of the oldest reading in the sum, seconds.
    """

    scope: Literal["service"] = "service"
    service: str | None
    window: Span
    current_depth: float | None
    depth_by_priority: dict[str, float]
    depth_age: float | None
    backpressure_detected: bool | None
    current_worker_utilization: float | None
    average_processing_time: float | None
    processed_tasks: int | None
    failed_tasks: int | None
    queues: list[QueueSummary]
    not_measured: dict[str, str]
