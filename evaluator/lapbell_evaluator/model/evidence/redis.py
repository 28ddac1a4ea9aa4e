"""Why Redis is slow or fails, and which circuit breaker is open."""

from dataclasses import dataclass

from lapbell_evaluator.model.evidence.latency import BlockedLine

__all__ = ["CircuitEvidence", "CommandShare", "PoolUse", "RedisError", "RedisEvidence"]


@dataclass(frozen=True, slots=True)
class RedisError:
    """Operations that failed in the same way.

    Attributes:
        command: such as GET.
        error_type: the exception's type.
        name: the server's own name (`WRONGTYPE`, `OOM`, `READONLY`, `LOADING`), `connection refused`, `timeout`, …
        count: operations of the window.
        share: 0..1 of those that failed.
    """

    command: str
    error_type: str
    name: str
    count: float
    share: float


@dataclass(frozen=True, slots=True)
class CommandShare:
    """One command's part of what operations take more than they used to.

    Attributes:
        command: such as GET.
        share: 0..1 of the excess.
        mean_s: seconds per operation now.
        baseline_s: seconds per operation before; None if there were none.
        count: operations of the window.
    """

    command: str
    share: float
    mean_s: float
    baseline_s: float | None
    count: float


@dataclass(frozen=True, slots=True)
class PoolUse:
    """A connection pool of the service.

    Attributes:
        pool: its name, `host:port/db`.
        used: connections in use.
        limit: most connections; None if that was not measured.
        wait_s: seconds per operation that waited for a connection; None if that was not measured.
        server_s: seconds per operation without that wait; None if that was not measured.
    """

    pool: str
    used: float
    limit: float | None = None
    wait_s: float | None = None
    server_s: float | None = None

    @property
    def is_exhausted(self) -> bool:
        """Whether every connection is in use."""
        return self.limit is not None and self.used >= self.limit


@dataclass(frozen=True, slots=True)
class RedisEvidence:
    """Why Redis is slow or fails.

    Attributes:
        errors: by count, the most frequent first.
        commands: by share of the excess, the largest first.
        pools: of this server, the fullest first.
        explained_by: the line that blocks the event loop: operations may look slow that only waited for it. How much
            of their time that is, is not known: it is never the cause.
    """

    errors: tuple[RedisError, ...] = ()
    commands: tuple[CommandShare, ...] = ()
    pools: tuple[PoolUse, ...] = ()
    explained_by: BlockedLine | None = None


@dataclass(frozen=True, slots=True)
class CircuitEvidence:
    """A circuit breaker that is open.

    Attributes:
        name: of the breaker.
        is_redis: whether it guards Redis.
        opened: how often it opened within fifteen minutes; None if that was not measured.
        processes: in how many processes it is open.
        errors: failures of Redis that speak for themselves, if it guards Redis.
    """

    name: str
    is_redis: bool
    opened: float | None = None
    processes: int = 0
    errors: tuple[RedisError, ...] = ()
