"""Redis as it is: one span and one value for each operation, as the contract says."""

import asyncio
import contextlib
from collections.abc import Iterator

import pytest
import redis
import redis.asyncio
from opentelemetry.trace import SpanKind, StatusCode
from redis.backoff import NoBackoff
from redis.retry import Retry

from lapbell.integrations.redis import instrument_redis, uninstrument_redis
from lapbell.pools import Pools
from lapbell.process import process
from lapkit import Workbench, workbench
from peers import Redis, free_port, redis_server


@pytest.fixture(scope="module")
def server() -> Iterator[Redis]:
    with redis_server() as standing:
        yield standing


@pytest.fixture
def bench() -> Iterator[Workbench]:
    with workbench() as standing:
        instrument_redis(standing.tracer_provider)
        try:
            yield standing
        finally:
            uninstrument_redis()


@pytest.fixture
def client(bench, server) -> Iterator[redis.Redis]:
    with redis.Redis(port=server.port, protocol=2) as standing:
        standing.ping()
        standing.flushall()
        bench.exporter.clear()
        bench.seen.operations.clear()
        yield standing


def measured(bench: Workbench) -> list[dict[str, object]]:
    """The attributes of the metric, without those of the server."""
    shared = {"db.system.name", "db.namespace", "server.address", "server.port"}
    points = bench.points("db.client.operation.duration")
    own = [{key: value for key, value in point.attributes.items() if key not in shared} for point in points]
    return [attributes for attributes in own if attributes["db.operation.name"] not in {"PING", "FLUSHALL"}]


def test_a_command_is_a_span_and_a_value_with_the_convention_s_names(bench, client, server):
    client.set("k", "v")
    span = bench.span("SET")
    named = {
        "db.system.name": "redis",
        "db.operation.name": "SET",
        "db.namespace": "0",
        "server.address": "localhost",
        "server.port": server.port,
    }
    (point,) = [p for p in bench.points("db.client.operation.duration") if p.attributes["db.operation.name"] == "SET"]
    assert span.kind == SpanKind.CLIENT
    assert dict(point.attributes) == named
    assert point.count == 1
    assert {key: value for key, value in span.attributes.items() if key in named} == named
    assert point.sum == pytest.approx((span.end_time - span.start_time) / 1e9)


def test_an_error_has_its_type_and_redis_own_code(bench, client):
    client.set("k", "v")
    with pytest.raises(redis.ResponseError):
        client.lpush("k", "v")
    assert measured(bench)[1:] == [
        {"db.operation.name": "LPUSH", "error.type": "ResponseError", "db.response.status_code": "WRONGTYPE"}
    ]
    assert bench.span("LPUSH").status.status_code is StatusCode.ERROR


@pytest.mark.parametrize("transaction", [True, False])
def test_a_pipeline_is_one_operation_with_a_batch_size(bench, client, transaction):
    with client.pipeline(transaction=transaction) as pipeline:
        for number in range(2_000):
            pipeline.set(f"k{number}", "v")
        pipeline.execute()
    span = bench.span("PIPELINE")
    assert span.attributes["db.operation.batch.size"] == 2_000
    assert measured(bench) == [{"db.operation.name": "PIPELINE"}]


@pytest.mark.parametrize("raises", [True, False])
def test_an_error_in_a_pipeline_counts_whether_it_is_raised_or_not(bench, client, raises):
    client.set("k", "v")
    with client.pipeline(transaction=False) as pipeline, contextlib.suppress(redis.ResponseError):
        pipeline.get("k")
        pipeline.lpush("k", "v")
        pipeline.execute(raise_on_error=raises)
    assert measured(bench)[1:] == [
        {"db.operation.name": "PIPELINE", "error.type": "ResponseError", "db.response.status_code": "WRONGTYPE"}
    ]


def test_the_fallback_of_a_script_is_no_failure(bench, client):
    script = client.register_script("return 1")
    assert script() == 1
    operations = measured(bench)
    assert [attributes for attributes in operations if "error.type" in attributes] == []
    assert {"db.operation.name": "EVALSHA", "db.response.status_code": "NOSCRIPT"} in operations


def test_a_watch_that_lost_is_no_failure(bench, client):
    with client.pipeline() as pipeline:
        pipeline.watch("k")
        client.set("k", "other")
        pipeline.multi()
        pipeline.set("k", "mine")
        with pytest.raises(redis.WatchError):
            pipeline.execute()
    assert [attributes for attributes in measured(bench) if "error.type" in attributes] == []


def test_a_blocking_command_keeps_its_name_so_that_rules_can_tell_it_apart(bench, client):
    client.blpop(["empty"], timeout=0.1)
    (operation,) = bench.seen.operations
    assert operation.name == "BLPOP"
    assert operation.duration_s >= 0.1
    assert operation.error_type == ""


def test_a_timeout_is_a_failure(bench, server):
    impatient = redis.Redis(port=server.port, socket_timeout=0.1, retry=Retry(NoBackoff(), 0))
    with pytest.raises(redis.TimeoutError):
        impatient.blpop(["empty"], timeout=5)
    assert measured(bench) == [{"db.operation.name": "BLPOP", "error.type": "TimeoutError"}]


def test_a_refused_connection_is_a_failure(bench):
    port = free_port()
    with pytest.raises(redis.ConnectionError):
        redis.Redis(port=port, retry=Retry(NoBackoff(), 0)).get("k")
    assert measured(bench) == [{"db.operation.name": "GET", "error.type": "ConnectionError"}]


async def test_asyncio_clients_are_the_same(bench, server):
    async with redis.asyncio.Redis(port=server.port, protocol=2) as client:
        await client.set("k", "v")
        with pytest.raises(redis.ResponseError):
            await client.lpush("k", "v")
        async with client.pipeline(transaction=True) as pipeline:
            pipeline.get("k")
            pipeline.get("k")
            await pipeline.execute()
        await asyncio.gather(*(client.get("k") for _ in range(3)))
        await client.delete("k")
    counts = {p.attributes["db.operation.name"]: p.count for p in bench.points("db.client.operation.duration")}
    assert counts == {"SET": 1, "LPUSH": 1, "PIPELINE": 1, "GET": 3, "DEL": 1}


def test_pools_have_stable_names(bench, server):
    own = Pools()
    first, second = (redis.Redis(port=server.port, max_connections=7) for _ in range(2))
    for client in (first, second):
        client.ping()
        own.add(client.connection_pool)
    held = first.connection_pool.get_connection()
    name = f"localhost:{server.port}/0"
    (most,) = own.observe("db.client.connection.max")
    assert own.connections == {name: {"idle": 1, "used": 1}}
    assert most.value == 14
    assert most.attributes == {"db.client.connection.pool.name": name}
    first.connection_pool.release(held)


def test_the_pools_of_traced_clients_are_known(bench, client, server):
    client.get("k")
    assert f"localhost:{server.port}/0" in process.obtain(Pools).connections


def test_uninstrumenting_leaves_nothing_behind(server):
    before = redis.Redis.execute_command, redis.client.Pipeline.execute, redis.asyncio.Redis.execute_command
    with workbench() as bench:
        instrument_redis(bench.tracer_provider)
        uninstrument_redis()
        redis.Redis(port=server.port).get("k")
        after = redis.Redis.execute_command, redis.client.Pipeline.execute, redis.asyncio.Redis.execute_command
        assert after == before
        assert bench.spans == []
