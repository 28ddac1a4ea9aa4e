"""Which circuit breaker is open, and what it guards."""

import asyncio
from collections.abc import Mapping
from typing import Final

from lapbell import semconv
from lapbell_evaluator.evidence.questions import number, selector
from lapbell_evaluator.evidence.redis import RedisServer, redis_errors
from lapbell_evaluator.evidence.traces import RecentTraces
from lapbell_evaluator.model import CircuitEvidence
from lapbell_evaluator.model.prometheus_names import label, metric
from lapbell_evaluator.promql import InstantQuerier

__all__ = ["circuit_evidence"]

_JOB: Final = "job"
_NAME: Final = label(semconv.CIRCUIT_BREAKER_NAME)
_SYSTEM: Final = label(semconv.DB_SYSTEM_NAME)
_IS_OPEN: Final = f'{label(semconv.CIRCUIT_BREAKER_STATE)}="{semconv.CIRCUIT_OPEN}"'
_TO_OPEN: Final = f'{label(semconv.CIRCUIT_BREAKER_TO)}="{semconv.CIRCUIT_OPEN}"'
_STATUS: Final = metric(semconv.CIRCUIT_BREAKER_STATUS)
_TRANSITIONS: Final = metric(semconv.CIRCUIT_BREAKER_TRANSITIONS, "_total")


async def circuit_evidence(
    querier: InstantQuerier, traces: RecentTraces, labels: Mapping[str, str], at: float
) -> CircuitEvidence:
    """The breaker that an alert's labels name.

    Args:
        querier: where the metrics are.
        traces: those of late.
        labels: of the alert.
        at: Unix seconds of now.
    """
    named = {name: labels[name] for name in (_JOB, _NAME) if labels.get(name)}
    redis = f'{_SYSTEM}="{semconv.REDIS}"'
    processes, opened, guards_redis = await asyncio.gather(
        number(querier, f"count({_STATUS}{selector(named, _IS_OPEN)} > 0)", at),
        number(querier, f"sum(increase({_TRANSITIONS}{selector(named, _TO_OPEN)}[15m]))", at),
        number(querier, f"count({_STATUS}{selector(named, redis)})", at),
    )
    name = labels.get(_NAME, "")
    is_redis = bool(guards_redis) or semconv.REDIS in name.lower()
    server = RedisServer(labels.get(_JOB, ""))
    errors = await redis_errors(querier, traces, server, at) if is_redis else ()
    return CircuitEvidence(name, is_redis, opened, int(processes or 0), errors)
