"""A queue in plain Redis lists, one per priority."""

import hashlib
import json
import os
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from lapbell import checks, semconv
from lapbell.errors import LapbellError
from lapbell.observations import QueueReading
from lapbell.process import process
from lapbell.queues.queue import Queue

if TYPE_CHECKING:
    import redis

__all__ = ["RedisLists"]

SOCKET_TIMEOUT_S: Final = 0.25
_SCHEMES: Final = frozenset({"redis", "rediss", "unix"})
DEFAULT_URL: Final = "redis://127.0.0.1:6379/0"
_INSTALL: Final = "RedisLists needs redis and its instrumentation: pip install 'lapbell[redis]'"


class RedisLists(Queue):
    """Messages in Redis lists, pushed at one end and popped at the other.

    Every process that calls `setup(queues=[...])` with it may ask Redis; a short lease in Redis lets one of them do so
    at a time. The questions have their own connection with a timeout of 0.25 s and no retry, on a thread of their own;
    each is one round trip.

    Args:
        keys: the list of each priority, the most urgent first: `{"high": "q:high", "low": "q:low"}`.
        limit: most messages that all lists together should hold; None if unlimited.
        timeout_s: longest time that processing one message may take; None if unlimited.
        destination: the queue's name on spans and metrics; what the keys start with, if not given.
        url: of Redis; `REDIS_URL`, else 127.0.0.1:6379, if not given.
        in_flight: key of the list of messages that are being processed, where the app keeps one.
        dead: key of the list of messages that were given up, where the app keeps one.
        newest_first: whether messages are pushed on the left (LPUSH) and popped on the right; only the age of the
            oldest depends on it.
        clock: monotonic seconds.
        wall_clock: Unix seconds.

    Raises:
        LapbellError: an argument makes no sense, or `REDIS_URL` does not.
    """

    def __init__(
        self,
        keys: Mapping[str, str],
        limit: int | None = None,
        *,
        timeout_s: float | None = None,
        destination: str | None = None,
        url: str | None = None,
        in_flight: str | None = None,
        dead: str | None = None,
        newest_first: bool = True,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        _check_keys(keys)
        for argument, key in (("in_flight", in_flight), ("dead", dead)):
            if key is not None:
                checks.name(argument, key, 'pass the key of a list, such as "q:dead", or leave it out')
        checks.flag("newest_first", newest_first)
        name = _common(list(keys.values())) or "tasks" if destination is None else destination
        super().__init__(name, semconv.REDIS, limit=limit, timeout_s=timeout_s, clock=clock, wall_clock=wall_clock)
        self.keys = dict(keys)
        self._url = _checked("url", url) if url else _checked("REDIS_URL", os.environ.get("REDIS_URL") or DEFAULT_URL)
        states = {semconv.QUEUE_IN_FLIGHT: in_flight, semconv.QUEUE_DEAD: dead}
        self._states = {state: key for state, key in states.items() if key is not None}
        self._oldest_index = -1 if newest_first else 0
        self._connect_anew()
        process.register(renew_after_fork=self._connect_anew)

    def key(self, priority: str) -> str:
        """The list of a priority."""
        return self.keys[priority]

    def _connect_anew(self) -> None:
        """Drop the connection, which is the parent's, without closing it; take a new lease name; know no ages."""
        self._client: redis.Redis | None = None
        self._name_of_process = uuid.uuid4().hex
        self._has_lease = False
        self._oldest_since: dict[str, tuple[bytes, float]] = {}

    def read(self, lease_s: float) -> QueueReading | None:
        """Lengths and oldest messages; None if another process has the lease.

        One round trip, which prolongs the lease; one more when this process takes the lease over. Who has no lease asks
        for nothing but the lease: the oldest message of each list travels whole.
        """
        try:
            from opentelemetry.instrumentation.utils import suppress_instrumentation  # noqa: PLC0415 - an extra
        except ImportError as missing:
            raise LapbellError(_INSTALL) from missing
        with suppress_instrumentation():
            client = self._connected()
            if not self._has_lease and self._ask(client, lease_s, with_reading=False) is None:
                return None
            answers = self._ask(client, lease_s, with_reading=True)
        return None if answers is None else self._reading(answers)

    def _ask(self, client: "redis.Redis", lease_s: float, *, with_reading: bool) -> list[Any] | None:
        """One round trip: the answers of the reading, None if another process has the lease."""
        key, milliseconds = f"lapbell:lease:{self.destination}", int(lease_s * 1_000)
        pipeline = client.pipeline(transaction=False)
        pipeline.set(key, self._name_of_process, nx=True, px=milliseconds)
        if self._has_lease:
            # Should another process have it by now, then this prolongs that one's, which does no harm.
            pipeline.pexpire(key, milliseconds)
        pipeline.get(key)
        before = len(pipeline)
        if with_reading:
            for name in self.keys.values():
                pipeline.llen(name)
                pipeline.lindex(name, self._oldest_index)
            for name in self._states.values():
                pipeline.llen(name)
        answers = pipeline.execute()
        self._has_lease = answers[before - 1] == self._name_of_process.encode()
        return answers[before:] if self._has_lease else None

    def _reading(self, answers: list[Any]) -> QueueReading:
        now, lists = self.wall_clock(), 2 * len(self.keys)
        ages = {
            priority: self._age_s(priority, message, now)
            for priority, message in zip(self.keys, answers[1:lists:2], strict=True)
        }
        return QueueReading(
            destination=self.destination,
            system=self.system,
            ready=dict(zip(self.keys, answers[:lists:2], strict=True)),
            states=dict(zip(self._states, answers[lists:], strict=True)),
            oldest_s={priority: age_s for priority, age_s in ages.items() if age_s is not None},
            limit=self.limit,
            timeout_s=self.timeout_s,
            read_at=now,
        )

    def _age_s(self, priority: str, message: bytes | None, now: float) -> float | None:
        """Seconds since the oldest message was queued, or, if it does not say, since it was seen to be the oldest.

        None of an empty list. Of a message that does not say it, only a digest is kept; equal ones are taken for one.
        """
        if message is None:
            self._oldest_since.pop(priority, None)
            return None
        queued_at = _queued_at(message)
        if queued_at is not None:
            return max(0.0, now - queued_at)
        digest = hashlib.blake2b(message, digest_size=16).digest()
        known, since = self._oldest_since.get(priority, (b"", 0.0))
        if known != digest:
            since = self._clock()
            self._oldest_since[priority] = (digest, since)
        return max(0.0, self._clock() - since)

    def _connected(self) -> "redis.Redis":
        if self._client is None:
            try:
                import redis  # noqa: PLC0415 - an extra
                from redis.backoff import NoBackoff  # noqa: PLC0415 - an extra
                from redis.retry import Retry  # noqa: PLC0415 - an extra
            except ImportError as missing:
                raise LapbellError(_INSTALL) from missing
            self._client = redis.Redis.from_url(
                self._url,
                socket_timeout=SOCKET_TIMEOUT_S,
                socket_connect_timeout=SOCKET_TIMEOUT_S,
                retry=Retry(NoBackoff(), 0),
                decode_responses=False,
            )
        return self._client


def _check_keys(keys: object) -> None:
    remedy = 'pass the list of each priority, such as {"high": "q:high", "low": "q:low"}'
    if not isinstance(keys, Mapping) or not keys:
        raise LapbellError(f"keys is {checks.shown(keys)}: {remedy}")
    for text in (*keys, *keys.values()):
        checks.name("keys", text, remedy)
    if len({*keys.values()}) < len(keys):
        raise LapbellError(f"keys is {checks.shown(keys)}: two priorities can't share one list")


def _checked(name: str, url: object) -> str:
    """The URL, which is not quoted where it is wrong: it may hold a password."""
    try:
        parts = urlsplit(url) if isinstance(url, str) else None
        is_sensible = parts is not None and parts.scheme in _SCHEMES and parts.port != 0
    except ValueError:
        is_sensible = False
    if not is_sensible or not isinstance(url, str):
        raise LapbellError(
            f"{name} is no address of Redis: write a URL of redis, rediss or unix, such as {DEFAULT_URL}"
        )
    return url


def _common(keys: Sequence[str]) -> str:
    """What all keys start with, without the separator: `q` for `q:high` and `q:low`."""
    first, last = min(keys), max(keys)
    same = next((at for at, (one, other) in enumerate(zip(first, last, strict=False)) if one != other), len(first))
    return first[:same].rstrip(":-_./ ")


def _queued_at(message: bytes) -> float | None:
    """Unix seconds when a message was queued, if it is JSON and carries the time."""
    try:
        return float(json.loads(message)[semconv.MESSAGE_FIELD][semconv.MESSAGE_TIME_FIELD])
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
