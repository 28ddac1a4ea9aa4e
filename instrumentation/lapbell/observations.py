"""What was measured, handed from the code that measures to the code that sums up: frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

__all__ = ["Observer", "QueueReading", "QueueState", "RedisOperation", "Webhook"]


@dataclass(frozen=True, slots=True)
class Webhook:
    """One webhook that has been answered.

    Attributes:
        provider: who sent it, empty if not known.
        route: the route's template, empty if the app has no routes.
        status_code: of the response, None if there was none.
        outcome: accepted, rejected, duplicate, error or abandoned.
        duration_s: seconds to the last chunk of the response, or until the client went away.
        phases_s: seconds by phase, `other` included; they sum to `duration_s`.
        ended_at: Unix seconds.
        trace_id: 32 hex digits.
        error_type: what failed, empty if nothing did.
        event_type: what it was about, one of few names; empty if nobody said.
    """

    provider: str
    route: str
    status_code: int | None
    outcome: str
    duration_s: float
    phases_s: Mapping[str, float]
    ended_at: float
    trace_id: str
    error_type: str = ""
    event_type: str = ""


class RedisOperation(NamedTuple):
    """One Redis command or pipeline; a named tuple, because one is made for every command.

    Attributes:
        name: the command, or PIPELINE.
        duration_s: seconds.
        namespace: the database's number.
        address: of the server, empty if not known.
        port: of the server, None for a socket file.
        error_type: the exception's name, empty if the operation did what it should.
        status_code: the prefix of Redis' error, such as WRONGTYPE.
        batch_size: commands in a pipeline, 0 for a single command.
        ended_at: Unix seconds.
        is_named: whether the span already has the convention's names.
    """

    name: str
    duration_s: float
    namespace: str = ""
    address: str = ""
    port: int | None = None
    error_type: str = ""
    status_code: str = ""
    batch_size: int = 0
    ended_at: float = 0.0
    is_named: bool = False


@dataclass(frozen=True, slots=True)
class QueueReading:
    """What a queue held at one moment.

    Attributes:
        destination: the queue's name.
        system: what keeps it, such as `redis`.
        ready: waiting messages by priority.
        states: messages in other states (in_flight, scheduled, dead).
        oldest_s: age of the oldest waiting message by priority, seconds, where known.
        limit: most messages it should hold, None if unlimited.
        timeout_s: longest time that processing may take, None if unlimited.
        read_at: Unix seconds.
    """

    destination: str
    system: str
    ready: Mapping[str, int]
    states: Mapping[str, int] = field(default_factory=dict)
    oldest_s: Mapping[str, float] = field(default_factory=dict)
    limit: int | None = None
    timeout_s: float | None = None
    read_at: float = 0.0

    @property
    def depth(self) -> int:
        """Waiting messages of all priorities."""
        return sum(self.ready.values())


@dataclass(frozen=True, slots=True)
class QueueState:
    """How a queue stands, as far as this process knows.

    Attributes:
        destination: the queue's name.
        system: what keeps it.
        ready: waiting messages by priority; None if this process does not know them.
        limit: most messages it should hold, None if unlimited.
        timeout_s: longest time that processing may take, None if unlimited.
        workers: of this process; None if nobody said.
        busy: how many of them process something; None if nobody said.
        processed: messages since the process began, failed ones too.
        failures: messages that failed since the process began, by the type of the error.
        mean_s: seconds per message over the last ones, None if there were none.
        states: messages in other states (in_flight, scheduled, dead), where known.
        oldest_s: age of the oldest waiting message by priority when it was read, seconds, where known.
        age_s: seconds since `ready`, `states` and `oldest_s` were read; None if they were not.
        why_unread: why they were not, empty if they were.
        oldest_task_s: seconds that the task has run which began first, 0 if none runs; None if tasks are not seen here.
    """

    destination: str
    system: str
    ready: Mapping[str, int] | None
    limit: int | None
    timeout_s: float | None
    workers: int | None
    busy: int | None
    processed: int
    failures: Mapping[str, int]
    mean_s: float | None
    states: Mapping[str, int] = field(default_factory=dict)
    oldest_s: Mapping[str, float] = field(default_factory=dict)
    age_s: float | None = None
    why_unread: str = ""
    oldest_task_s: float | None = None

    @property
    def depth(self) -> int | None:
        """Waiting messages of all priorities; None if they are not known."""
        return None if self.ready is None else sum(self.ready.values())


class Observer(Protocol):
    """Wants to see what was measured; called on the app's own threads, so it must be quick and must not raise."""

    def webhook(self, webhook: Webhook) -> None:
        """A webhook has been answered."""
        ...

    def redis(self, operation: RedisOperation) -> None:
        """A Redis operation has ended."""
        ...
