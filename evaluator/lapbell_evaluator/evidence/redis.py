"""Why Redis is slow or fails: commands, the server's own error names, and waits for a connection."""

import asyncio
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from lapbell import semconv
from lapbell_evaluator.evidence.event_loop import explaining_line
from lapbell_evaluator.evidence.questions import (
    Rows,
    seconds_of,
    selector,
    sum_of,
    sum_of_counts,
    sum_of_seconds,
)
from lapbell_evaluator.evidence.redis_errors import error_name
from lapbell_evaluator.evidence.traces import RecentTraces
from lapbell_evaluator.model import CommandShare, PoolUse, RedisError, RedisEvidence
from lapbell_evaluator.model.prometheus_names import label, metric
from lapbell_evaluator.promql import InstantQuerier

__all__ = ["RedisServer", "redis_errors", "redis_evidence"]

_WINDOW_S: Final = 60
_BASELINE_S: Final = 600
_SHOWN: Final = 5
_LEAST: Final = 0.5  # of an operation: increase() extrapolates
_LEAST_EXCESS_S: Final = 1e-9
_OPERATIONS: Final = seconds_of(semconv.DB_CLIENT_OPERATION_DURATION)
_ADDRESS: Final = label(semconv.SERVER_ADDRESS)
_PORT: Final = label(semconv.SERVER_PORT)
_COMMAND: Final = label(semconv.DB_OPERATION_NAME)
_ERROR: Final = (_COMMAND, label(semconv.ERROR_TYPE), label(semconv.DB_RESPONSE_STATUS_CODE))
_REDIS: Final = f'{label(semconv.DB_SYSTEM_NAME)}="{semconv.REDIS}"'
_FAILED: Final = f'{label(semconv.ERROR_TYPE)}!=""'
_BLOCKING: Final = f'{_COMMAND}!~"{"|".join(semconv.REDIS_BLOCKING_COMMANDS)}"'
_POOL: Final = label(semconv.DB_CLIENT_CONNECTION_POOL_NAME)
_STATE: Final = label(semconv.DB_CLIENT_CONNECTION_STATE)
_CONNECTIONS: Final = metric(semconv.DB_CLIENT_CONNECTION_COUNT)
_MOST: Final = metric(semconv.DB_CLIENT_CONNECTION_MAX)
_WAIT: Final = seconds_of(semconv.DB_CLIENT_CONNECTION_WAIT_TIME)


@dataclass(frozen=True, slots=True)
class RedisServer:
    """A server as one service uses it; address and port are empty for every server.

    Attributes:
        job: the service.
        address: of the server.
        port: of the server.
    """

    job: str
    address: str = ""
    port: str = ""

    @classmethod
    def of(cls, labels: Mapping[str, str]) -> "RedisServer":
        """The server that an alert's labels name."""
        return cls(labels.get("job", ""), labels.get(_ADDRESS, ""), labels.get(_PORT, ""))

    def where(self, *others: str) -> str:
        """Matchers of its operations."""
        named = {"job": self.job, _ADDRESS: self.address, _PORT: self.port}
        return selector({name: value for name, value in named.items() if value}, _REDIS, *others)

    def pools(self, *others: str) -> str:
        """Matchers of its connection pools, whose names are `host:port/db` or `path/db`, redis-py's `host:port_id`."""
        if not self.address:
            return selector({"job": self.job}, *others)
        name = f"{self.address}:{self.port}" if self.port else self.address
        return selector({"job": self.job}, f"{_POOL}=~{selector_text(re.escape(name) + '([/_].*)?')}", *others)


def selector_text(pattern: str) -> str:
    """A PromQL string of a pattern, in which a backslash is one of the pattern's."""
    return "`" + pattern.replace("`", ".") + "`"


async def redis_evidence(
    querier: InstantQuerier, traces: RecentTraces, server: RedisServer, breached_at: float, at: float
) -> RedisEvidence:
    """Errors, commands and pools of a server.

    Args:
        querier: where the metrics are.
        traces: those of late: a span says of a connection what a metric does not.
        server: whose operations.
        breached_at: Unix seconds when the rule was first seen to breach.
        at: Unix seconds of now.
    """
    errors, commands, pools, line = await asyncio.gather(
        redis_errors(querier, traces, server, at),
        _commands(querier, server, breached_at, at),
        _pools(querier, server, at),
        explaining_line(querier, server.job, at),
    )
    return RedisEvidence(errors, commands, pools, line)


async def redis_errors(
    querier: InstantQuerier, traces: RecentTraces, server: RedisServer, at: float
) -> tuple[RedisError, ...]:
    """Operations of the last minute that failed, by what Redis calls it, the most frequent first."""
    counts = await sum_of_counts(querier, _OPERATIONS, _ERROR, server.where(_FAILED), _WINDOW_S, at)
    names = traces.redis_error_names(server.job, at - _WINDOW_S, at)
    by_name: defaultdict[tuple[str, str, str], float] = defaultdict(float)
    for (command, error_type, code), count in counts.items():
        if count >= _LEAST:
            name = code or names.get((command, error_type.rpartition(".")[2])) or error_name("", error_type)
            by_name[command, error_type, name] += count
    total = sum(by_name.values())
    errors = (RedisError(*key, count, count / total) for key, count in by_name.items())
    return tuple(sorted(errors, key=lambda error: (-error.count, error.command, error.name)))[:_SHOWN]


async def _commands(
    querier: InstantQuerier, server: RedisServer, breached_at: float, at: float
) -> tuple[CommandShare, ...]:
    """Commands by what they take more than they used to; those that wait on purpose are left out."""
    where, before = server.where(_BLOCKING), breached_at - _WINDOW_S
    counts, seconds, old_counts, old_seconds = await asyncio.gather(
        sum_of_counts(querier, _OPERATIONS, (_COMMAND,), where, _WINDOW_S, at),
        sum_of_seconds(querier, _OPERATIONS, (_COMMAND,), where, _WINDOW_S, at),
        sum_of_counts(querier, _OPERATIONS, (_COMMAND,), where, _BASELINE_S, before),
        sum_of_seconds(querier, _OPERATIONS, (_COMMAND,), where, _BASELINE_S, before),
    )
    means, baseline = _means(seconds, counts), _means(old_seconds, old_counts)
    excess = {key: (mean - baseline.get(key, 0.0)) * counts[key] for key, mean in means.items()}
    positive = {key: seconds for key, seconds in excess.items() if seconds >= _LEAST_EXCESS_S}
    total = sum(positive.values())
    shares = (
        CommandShare(key[0], spent / total, means[key], baseline.get(key), counts[key])
        for key, spent in positive.items()
    )
    return tuple(sorted(shares, key=lambda share: (-share.share, share.command)))[:_SHOWN]


def _means(seconds: Rows, counts: Rows) -> Rows:
    return {key: spent / counts[key] for key, spent in seconds.items() if counts.get(key, 0.0) >= _LEAST}


async def _pools(querier: InstantQuerier, server: RedisServer, at: float) -> tuple[PoolUse, ...]:
    """Connections in use against their limit, and how long an operation waited for one."""
    where, used_where = server.pools(), server.pools(f'{_STATE}="{semconv.CONNECTION_USED}"')
    used, most, waits, waited, counts, seconds = await asyncio.gather(
        sum_of(querier, f"sum by ({_POOL}) ({_CONNECTIONS}{used_where})", (_POOL,), at),
        sum_of(querier, f"sum by ({_POOL}) ({_MOST}{where})", (_POOL,), at),
        sum_of_counts(querier, _WAIT, (), where, _WINDOW_S, at),
        sum_of_seconds(querier, _WAIT, (), where, _WINDOW_S, at),
        sum_of_counts(querier, _OPERATIONS, (), server.where(), _WINDOW_S, at),
        sum_of_seconds(querier, _OPERATIONS, (), server.where(), _WINDOW_S, at),
    )
    wait_s, operation_s = (_means(*rows).get(()) for rows in ((waited, waits), (seconds, counts)))
    pools = (_pool(name, count, most.get(name), wait_s, operation_s) for name, count in used.items())
    return tuple(sorted(pools, key=lambda pool: (-pool.used / (pool.limit or float("inf")), -pool.used, pool.pool)))[
        :_SHOWN
    ]


def _pool(
    name: tuple[str, ...], used: float, most: float | None, wait_s: float | None, operation_s: float | None
) -> PoolUse:
    """The time of an operation holds the wait for its connection: what is left is the server's and the network's."""
    server_s = None if wait_s is None or operation_s is None else max(0.0, operation_s - wait_s)
    return PoolUse(name[0], used, most, wait_s, server_s)
