"""How much of a trouble is of one cause, as evidence has it: 0..1, and 0 where nothing says so."""

from collections.abc import Collection
from typing import Final

from lapbell import semconv
from lapbell_evaluator.model import Evidence, RedisError

__all__ = [
    "abandoned_in",
    "busy_workers",
    "failing_by_circuits",
    "failing_in_redis",
    "messages_wait",
    "of_phase",
    "of_server",
    "redis_errors",
    "running_in",
    "tasks_failing_by_redis",
]

_REDIS_MODULE: Final = "redis."  # of the exceptions of redis-py
_OF_CIRCUITS: Final = ("circuit", "breaker")


def of_phase(evidence: Evidence, phase: str) -> float:
    """Of the excess time of requests, the part in a phase."""
    return sum(share.share for share in evidence.blame if share.phase == phase)


def of_server(evidence: Evidence, server: str) -> float:
    """Of the time of Redis calls, the part of a server; all of it if the server is not known, or the calls do not say.

    Args:
        evidence: of an incident about latency.
        server: as `address:port`; empty for any.
    """
    known = evidence.latency.redis_servers if evidence.latency is not None else ()
    if not server or not known:
        return 1.0
    return sum(share.share for share in known if share.server == server)


def failing_in_redis(evidence: Evidence, server: str) -> float:
    """Of the failures, the part that failed in a Redis call to a server; to any where that is not known."""
    causes = evidence.errors.causes if evidence.errors is not None else ()
    mine = (cause for cause in causes if not (server and cause.server) or cause.server == server)
    return sum(cause.share for cause in mine if cause.system == semconv.REDIS)


def failing_by_circuits(evidence: Evidence) -> float:
    """Of the failures, the part that an open circuit breaker refused: every library names its exception so."""
    causes = evidence.errors.causes if evidence.errors is not None else ()
    others = (cause for cause in causes if cause.system != semconv.REDIS)
    return sum(cause.share for cause in others if any(word in cause.error_type.lower() for word in _OF_CIRCUITS))


def abandoned_in(evidence: Evidence, phase: str) -> float:
    """Of the failures, the part whose client went away while the request was in a phase."""
    causes = evidence.errors.causes if evidence.errors is not None else ()
    return sum(
        cause.share for cause in causes if cause.error_type == semconv.OUTCOME_ABANDONED and cause.phase == phase
    )


def running_in(evidence: Evidence, phase: str) -> float:
    """Of the requests that run longest, the part that is in a phase."""
    oldest = evidence.in_flight.oldest if evidence.in_flight is not None else ()
    return sum(request.phase == phase for request in oldest) / len(oldest) if oldest else 0.0


def redis_errors(evidence: Evidence) -> tuple[RedisError, ...]:
    """The errors of Redis operations, of an alert about Redis or about a breaker that guards it."""
    of_redis = evidence.redis.errors if evidence.redis is not None else ()
    return of_redis + (evidence.circuit.errors if evidence.circuit is not None else ())


def tasks_failing_by_redis(evidence: Evidence, error_types: Collection[str]) -> float:
    """Of the tasks that fail, the part that does with an exception of Redis' client.

    Args:
        evidence: of an incident about a queue.
        error_types: those exceptions, without their module.
    """
    failing = [task for task in (evidence.queue.tasks if evidence.queue is not None else ()) if task.failed]
    total = sum(task.failed for task in failing)
    by_redis = (
        task.failed
        for task in failing
        if task.error_type.startswith(_REDIS_MODULE) and task.error_type.rpartition(".")[2] in error_types
    )
    return sum(by_redis) / total if total else 0.0


def busy_workers(evidence: Evidence) -> float:
    """Of the workers of a queue, the part that is busy."""
    queue = evidence.queue
    if queue is None or not queue.workers or queue.busy is None:
        return 0.0
    return queue.busy / queue.workers


def messages_wait(evidence: Evidence, priority: str | None) -> bool:
    """Whether messages wait in a queue, of one priority if it is given."""
    priorities = evidence.queue.priorities if evidence.queue is not None else ()
    return any(depth.ready > 0 for depth in priorities if priority in (None, depth.priority))
