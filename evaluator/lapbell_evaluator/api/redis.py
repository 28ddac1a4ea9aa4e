"""The Redis summary: latency and failures by command, circuit breakers."""

from typing import Final

from lapbell import semconv
from lapbell_evaluator.api.ask import Ask, finite, quantile, ratio
from lapbell_evaluator.api.last_readings import LastReadings, questions
from lapbell_evaluator.api.schemas import ConnectionPool, OperationSummary, RecentOperation, RedisOperations, Span
from lapbell_evaluator.model.prometheus_names import SECONDS, label, metric

__all__ = ["redis_operations"]

_OPERATION: Final = label(semconv.DB_OPERATION_NAME)
_ERROR: Final = label(semconv.ERROR_TYPE)
_SYSTEM: Final = label(semconv.DB_SYSTEM_NAME)
_BREAKER: Final = label(semconv.CIRCUIT_BREAKER_NAME)
_STATE: Final = label(semconv.CIRCUIT_BREAKER_STATE)
_TO: Final = label(semconv.CIRCUIT_BREAKER_TO)
_DURATION: Final = metric(semconv.DB_CLIENT_OPERATION_DURATION, SECONDS)
_TRIPS: Final = metric(semconv.CIRCUIT_BREAKER_TRANSITIONS, "_total")
_STATUS: Final = label(semconv.CIRCUIT_BREAKER_STATUS)
_POOL: Final = label(semconv.DB_CLIENT_CONNECTION_POOL_NAME)
_CONNECTION_STATE: Final = label(semconv.DB_CLIENT_CONNECTION_STATE)
_CONNECTIONS: Final = metric(semconv.DB_CLIENT_CONNECTION_COUNT)
_MOST: Final = metric(semconv.DB_CLIENT_CONNECTION_MAX)


async def redis_operations(ask: Ask, recent: list[RecentOperation]) -> RedisOperations:
    """What metrics tell about the Redis commands of a scope, and the recent ones, which traces tell."""
    redis = f'{_SYSTEM}="{semconv.REDIS}",$s'
    names = (_OPERATION,)
    counts, failures, seconds, p95, p99, trips, states, *pools = await ask.all(
        {
            f"sum by ({_OPERATION}) (increase({_DURATION}_count{{{redis}}}[$w] anchored))": names,
            f'sum by ({_OPERATION}) (increase({_DURATION}_count{{{_ERROR}!="",{redis}}}[$w] anchored))': names,
            f"sum by ({_OPERATION}) (increase({_DURATION}_sum{{{redis}}}[$w] anchored))": names,
            **{quantile(q, _DURATION, f"{_OPERATION}, le", redis): names for q in (0.95, 0.99)},
            f'sum by ({_BREAKER}) (increase({_TRIPS}{{{_TO}="{semconv.CIRCUIT_OPEN}",$s}}[$w] anchored))': (_BREAKER,),
            f"max by ({_BREAKER}, {_STATE}) ({_STATUS}{{$s}}) == 1": (_BREAKER, _STATE),
            **questions(_CONNECTIONS, "$s", (_POOL, _CONNECTION_STATE)),
            **questions(_MOST, "$s", (_POOL,)),
        }
    )
    total = sum(counts.values())
    prompt = [key for key in counts if key[0] not in semconv.REDIS_BLOCKING_COMMANDS]
    prompt_s = sum(seconds.get(key, 0.0) for key in prompt)
    return RedisOperations(
        service=ask.scope.service,
        window=Span(start=ask.scope.start, end=ask.scope.end),
        total_operations=round(total),
        success_rate=_success_rate(total, sum(failures.values())),
        average_latency=finite(ratio(prompt_s, sum(counts[key] for key in prompt))),
        operations_by_type={
            key[0]: OperationSummary(
                count=round(count),
                success_rate=_success_rate(count, failures.get(key, 0.0)),
                avg_latency=ratio(seconds.get(key, 0.0), count),
                p95_latency=p95.get(key),
                p99_latency=p99.get(key),
            )
            for key, count in sorted(counts.items())
        },
        circuit_breaker_trips=round(sum(trips.values())),
        circuit_breakers={key[0]: key[1] for key in sorted(states)},
        connection_pools=_pools(LastReadings(*pools[:2]), LastReadings(*pools[2:]), ask.scope.end),
        recent_operations=recent,
    )


def _pools(connections: LastReadings, most: LastReadings, now: float) -> dict[str, ConnectionPool]:
    pools = {}
    for name in sorted({key[0] for key in connections.keys | most.keys}):
        states, limits = connections.summed((name,)), most.summed((name,))
        used, idle, limit = (
            states.get((semconv.CONNECTION_USED,)),
            states.get((semconv.CONNECTION_IDLE,)),
            limits.get(()),
        )
        read_at = [time for time in (connections.newest((name,)), most.newest((name,))) if time is not None]
        share = None if used is None or limit is None else ratio(used, limit)
        pools[name] = ConnectionPool(
            used=used,
            idle=idle,
            limit=limit,
            utilization=None if share is None else 100 * share,
            age=max(0.0, now - max(read_at)),
        )
    return pools


def _success_rate(count: float, failed: float) -> float | None:
    share = ratio(count - failed, count)
    return None if share is None else 100 * share
