"""A queue in the lists of a real Redis."""

from collections.abc import Iterable, Iterator
from typing import Any

import pytest
import redis

from lapbell.queues import RedisLists
from lapkit import Workbench, workbench
from peers import Redis, redis_server

__all__ = ["bench", "client", "lists", "server", "values"]


@pytest.fixture(scope="module")
def server() -> Iterator[Redis]:
    with redis_server() as standing:
        yield standing


@pytest.fixture
def bench() -> Iterator[Workbench]:
    with workbench() as standing:
        yield standing


@pytest.fixture
def client(server: Redis) -> Iterator[redis.Redis]:
    with redis.Redis(port=server.port) as standing:
        standing.flushall()
        yield standing


def lists(server: Redis, **more: Any) -> RedisLists:
    """The queue `q` with two priorities, of which three messages are the limit."""
    return RedisLists({"high": "q:high", "low": "q:low"}, 3, timeout_s=30, url=server.url, dead="q:dead", **more)


def values(points: Iterable[Any]) -> dict[tuple[str, ...], float]:
    """Points by what they carry beside the queue's own name."""
    hidden = {"messaging.system", "messaging.destination.name"}
    return {
        tuple(value for key, value in sorted(point.attributes.items()) if key not in hidden): point.value
        for point in points
    }
