"""The JSON of what is to blame for an alert, by the kind of alert. Times are seconds; what was not measured is null."""

from pydantic import ConfigDict, Field

from lapbell_evaluator.api.schemas import Body

__all__ = ["AlertEvidence"]


class _Evidence(Body):
    """Read from the dataclass of the same name, whose seconds end in `_s`."""

    model_config = ConfigDict(frozen=True, from_attributes=True)


class BlamedTime(_Evidence):
    """A part of the excess over the baseline."""

    phase: str
    share: float
    excess_time: float = Field(validation_alias="excess_s")


class BlockingLine(_Evidence):
    """A line of the app that kept the event loop from running; `blocked_time` is the longest of the last minute."""

    function: str
    file: str
    line: int | None
    blocked_time: float = Field(validation_alias="blocked_s")


class ServerShare(_Evidence):
    """A Redis server's part of the time of Redis calls."""

    server: str
    share: float


class LatencyEvidence(_Evidence):
    """What phases cannot say: time that waited for the event loop, time that no span covers, and what blocks.

    `redis_servers` are those that the slowest requests called.
    """

    event_loop: BlamedTime | None
    other: BlamedTime | None
    explained_by: BlockingLine | None
    redis_servers: list[ServerShare]


class FailureCause(_Evidence):
    """Failures that failed in the same way at the same place; `share` and `count` are of those looked at.

    `system` is `redis` where a Redis call failed, `server` where it went to; empty if that is not known.
    """

    share: float
    count: int
    error_type: str
    reason: str
    span: str
    phase: str | None
    status_code: int | None
    provider: str
    message: str
    line: str
    trace_id: str | None
    system: str
    server: str


class ResponseCount(_Evidence):
    """How many failures ended in one way."""

    outcome: str
    status_code: int | None
    provider: str
    count: float


class ErrorEvidence(_Evidence):
    """Why requests fail; `looked_at` is 0 where no trace of a failure is kept."""

    causes: list[FailureCause]
    looked_at: int
    responses: list[ResponseCount]
    failed: float | None
    total: float | None


class RedisError(_Evidence):
    """Operations that failed in the same way; `name` is the server's own, or what became of the connection."""

    command: str
    error_type: str
    name: str
    count: float
    share: float


class CommandShare(_Evidence):
    """One command's part of what operations take more than they used to."""

    command: str
    share: float
    average_time: float = Field(validation_alias="mean_s")
    baseline_time: float | None = Field(validation_alias="baseline_s")
    count: float


class PoolUse(_Evidence):
    """A connection pool; `wait_time` and `server_time` are per operation."""

    pool: str
    used: float
    limit: float | None
    wait_time: float | None = Field(validation_alias="wait_s")
    server_time: float | None = Field(validation_alias="server_s")


class RedisEvidence(_Evidence):
    """Why Redis is slow or fails."""

    errors: list[RedisError]
    commands: list[CommandShare]
    pools: list[PoolUse]
    explained_by: BlockingLine | None


class PriorityDepth(_Evidence):
    """The messages of one priority that wait."""

    priority: str
    ready: float
    oldest_age: float | None = Field(validation_alias="oldest_s")


class TaskShare(_Evidence):
    """The tasks of one name; `error_type` is the most frequent one."""

    task: str
    share: float
    average_time: float = Field(validation_alias="mean_s")
    count: float
    failed: float
    error_type: str


class QueueEvidence(_Evidence):
    """What waits in a queue, and what its workers do."""

    priorities: list[PriorityDepth]
    tasks: list[TaskShare]
    workers: float | None
    busy: float | None


class HostEvidence(_Evidence):
    """The machine that an alert is about."""

    name: str
    id: str
    container: str
    services: list[str]


class OpenSpan(_Evidence):
    """A span that has not ended; `began_at` is Unix seconds."""

    name: str
    phase: str | None
    began_at: float


class RunningRequest(_Evidence):
    """A request or a task that runs; `age` is how old it was when it was last heard of."""

    trace_id: str
    began_at: float
    age: float = Field(validation_alias="age_s")
    route: str
    provider: str
    phase: str | None
    spans: list[OpenSpan]
    task: str


class InFlightEvidence(_Evidence):
    """What runs and does not end, the oldest first."""

    oldest: list[RunningRequest]


class EventLoopEvidence(_Evidence):
    """The lines that block the event loop, the longest first."""

    lines: list[BlockingLine]


class CircuitEvidence(_Evidence):
    """A circuit breaker that is open; `opened`: how often within fifteen minutes."""

    name: str
    is_redis: bool
    opened: float | None
    processes: int
    errors: list[RedisError]


class AlertEvidence(_Evidence):
    """What was found by the kind of alert; the other kinds are null."""

    latency: LatencyEvidence | None
    errors: ErrorEvidence | None
    redis: RedisEvidence | None
    queue: QueueEvidence | None
    host: HostEvidence | None
    in_flight: InFlightEvidence | None
    event_loop: EventLoopEvidence | None
    circuit: CircuitEvidence | None
