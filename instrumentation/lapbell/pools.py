"""Redis' connection pools: how many connections are idle and used, by a name that stays the same over restarts."""

from collections.abc import Iterator, Mapping
from typing import Any, Final
from weakref import WeakSet

from opentelemetry.metrics import Observation

from lapbell import semconv
from lapbell.process import process

__all__ = ["Pools"]

_DEFAULT_PORT: Final = 6379


class Pools:
    """Knows the pools that this process has used; those that are gone are forgotten."""

    def __init__(self) -> None:
        self._pools: WeakSet[Any] = WeakSet()
        process.register(renew_after_fork=self._renew)

    def _renew(self) -> None:
        """A set that another thread was going through at the fork would never forget a pool again."""
        self._pools = WeakSet(list(self._pools))

    @property
    def gauges(self) -> tuple[str, ...]:
        """Gauges whose values it knows."""
        return (semconv.DB_CLIENT_CONNECTION_COUNT, semconv.DB_CLIENT_CONNECTION_MAX)

    def add(self, pool: Any) -> None:  # noqa: ANN401 - pools of redis-py, sync and asyncio, which may not be installed
        """A pool is in use; again does nothing."""
        self._pools.add(pool)

    @property
    def connections(self) -> Mapping[str, Mapping[str, int]]:
        """Connections by pool and state; pools of one server and database count together."""
        counts: dict[str, dict[str, int]] = {}
        for pool in list(self._pools):
            states = counts.setdefault(_name(pool), {semconv.CONNECTION_IDLE: 0, semconv.CONNECTION_USED: 0})
            idle, used = _idle_and_used(pool)
            states[semconv.CONNECTION_IDLE] += idle
            states[semconv.CONNECTION_USED] += used
        return counts

    def observe(self, gauge: str) -> Iterator[Observation]:
        """The present values of one gauge."""
        if gauge == semconv.DB_CLIENT_CONNECTION_MAX:
            most: dict[str, int] = {}
            for pool in list(self._pools):
                most[_name(pool)] = most.get(_name(pool), 0) + int(pool.max_connections)
            for name, count in most.items():
                yield Observation(count, {semconv.DB_CLIENT_CONNECTION_POOL_NAME: name})
            return
        for name, states in self.connections.items():
            for state, count in states.items():
                named = {semconv.DB_CLIENT_CONNECTION_POOL_NAME: name, semconv.DB_CLIENT_CONNECTION_STATE: state}
                yield Observation(count, named)


def _name(pool: Any) -> str:  # noqa: ANN401 - as above
    """`host:port/db`; redis-py's own name holds a random part, which would make a new series at every start."""
    settings = pool.connection_kwargs
    database = settings.get("db") or 0
    if path := settings.get("path"):
        return f"{path}/{database}"
    if service := getattr(pool, "service_name", ""):  # behind a sentinel: the address changes, the service's name stays
        return f"{service}/{database}"
    return f"{settings.get('host') or 'localhost'}:{settings.get('port') or _DEFAULT_PORT}/{database}"


def _idle_and_used(pool: Any) -> tuple[int, int]:  # noqa: ANN401 - as above
    if hasattr(pool, "get_connection_count"):
        (idle, _), (used, _) = pool.get_connection_count()
        return int(idle), int(used)
    # redis-py before 7 has no public count.
    return len(pool._available_connections), len(pool._in_use_connections)  # noqa: SLF001 - see above
