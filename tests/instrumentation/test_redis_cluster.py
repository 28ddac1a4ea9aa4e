"""A real cluster of two nodes: one span per operation, and no failure where a slot has moved."""

import contextlib
from collections.abc import Iterator

import pytest
import redis
import redis.asyncio
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode
from redis.retry import Retry

from lapbell.integrations.redis import instrument_redis, uninstrument_redis
from lapkit import Workbench, workbench
from peers import Process, free_port, require, running, scratch
from peers.process import Argv

HALF, LAST = 8_192, 16_383


def answered(port: int):
    """A claim: Redis answers on this port."""

    def claim() -> bool:
        try:
            with redis.Redis(port=port, socket_timeout=1, retry=Retry(NoBackoff(), 0)) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    return claim


@contextlib.contextmanager
def node() -> Iterator[tuple[int, Process]]:
    port = free_port()
    with scratch("cluster") as folder:
        argv: Argv = [
            require("redis-server"),
            *("--bind", "127.0.0.1", "--port", str(port), "--cluster-port", str(free_port())),
            *("--cluster-enabled", "yes", "--save", "", "--appendonly", "no"),
        ]
        with running(argv, folder=folder, ready=answered(port)) as process:
            yield port, process


@pytest.fixture(scope="module")
def ports() -> Iterator[tuple[int, int]]:
    """Two nodes that have agreed on who serves what."""
    with node() as (first, process), node() as (second, _):
        one, two = redis.Redis(port=first), redis.Redis(port=second)
        one.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, HALF - 1)
        two.execute_command("CLUSTER", "ADDSLOTSRANGE", HALF, LAST)
        two_bus = two.config_get("cluster-port")["cluster-port"]
        one.execute_command("CLUSTER", "MEET", "127.0.0.1", second, two_bus)
        process.wait_until(lambda: all(node.cluster("INFO")["cluster_state"] == "ok" for node in (one, two)))
        yield first, second


@pytest.fixture
def bench() -> Iterator[Workbench]:
    with workbench() as standing:
        instrument_redis(standing.tracer_provider)
        try:
            yield standing
        finally:
            uninstrument_redis()


def counts(bench: Workbench) -> dict[tuple[str, str], int]:
    """Operations by name and error."""
    return {
        (point.attributes["db.operation.name"], point.attributes.get("error.type", "")): point.count
        for point in bench.points("db.client.operation.duration")
        if point.attributes["db.operation.name"] in {"SET", "GET", "LPUSH", "PIPELINE"}
    }


def test_commands_and_pipelines(bench, ports):
    client = redis.RedisCluster(host="127.0.0.1", port=ports[0])
    for name in ("a", "b", "c"):
        client.set(name, "v")
    with pytest.raises(redis.ResponseError):
        client.lpush("a", "v")
    with client.pipeline() as pipeline:
        pipeline.get("a").get("b").get("c")
        pipeline.execute()
    client.close()
    (pipelined,) = [span for span in bench.spans if span.name == "PIPELINE"]
    assert counts(bench) == {("SET", ""): 3, ("LPUSH", "ResponseError"): 1, ("PIPELINE", ""): 1}
    assert pipelined.attributes["db.operation.batch.size"] == 3
    assert {span.attributes["server.address"] for span in bench.spans if span.name == "SET"} == {"127.0.0.1"}


async def test_asyncio(bench, ports):
    async with redis.asyncio.RedisCluster(host="127.0.0.1", port=ports[0]) as client:
        await client.set("a", "v")
        pipeline = client.pipeline()
        pipeline.get("a")
        pipeline.get("b")
        await pipeline.execute()
    assert counts(bench) == {("SET", ""): 1, ("PIPELINE", ""): 1}


def test_a_slot_that_moved_is_no_failure(bench, ports):
    first, second = (redis.Redis(port=port) for port in ports)
    client = redis.RedisCluster(startup_nodes=[ClusterNode("127.0.0.1", ports[0])])
    client.set("moving", "v")
    slot = client.keyslot("moving")
    to, others = (first, second) if slot >= HALF else (second, first)
    name = to.execute_command("CLUSTER MYID").decode()
    for node in (to, others):
        node.flushall()
        node.execute_command("CLUSTER", "SETSLOT", slot, "NODE", name)
    client.get("moving")
    client.close()
    assert counts(bench) == {("SET", ""): 1, ("GET", ""): 1}
