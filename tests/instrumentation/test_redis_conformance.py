"""One table for every kind of client: what each step counts as, on real servers.

A row is an operation: its name, the error's type, Redis' own code, the size of the batch. Where a kind of client asks
something of its own beside it, the table says so.
"""

import contextlib
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import redis
import redis.asyncio
import redis.asyncio.sentinel
import redis.sentinel
from opentelemetry.trace import StatusCode
from redis.backoff import NoBackoff
from redis.retry import Retry

from lapbell.integrations.redis import instrument_redis, uninstrument_redis
from lapbell.pools import Pools
from lapbell.process import process
from lapkit import Workbench, workbench
from peers import free_port, redis_cluster, redis_sentinel, redis_server, redis_with_tls

Row = tuple[str, str, str, int]
WRONG = ("ResponseError", "WRONGTYPE")


@dataclass(frozen=True, slots=True)
class Servers:
    """All that run."""

    port: int
    sentinel: int
    cluster: int
    tls: int
    authority: str
    socket: str


@dataclass(frozen=True, slots=True)
class Variant:
    """A kind of client: how it is made, and the address and port that its operations carry."""

    make: Callable[[Servers], Any]
    server: Callable[[Servers], tuple[str, int | None]]
    is_cluster: bool = False


def sentinel_of(servers: Servers, kind: Any) -> Any:
    return kind([("127.0.0.1", servers.sentinel)]).master_for("hooks")


VARIANTS = {
    "sync": Variant(lambda servers: redis.Redis(port=servers.port), lambda servers: ("localhost", servers.port)),
    "asyncio": Variant(
        lambda servers: redis.asyncio.Redis(port=servers.port), lambda servers: ("localhost", servers.port)
    ),
    "pool": Variant(
        lambda servers: redis.Redis(
            connection_pool=redis.BlockingConnectionPool.from_url(f"redis://127.0.0.1:{servers.port}")
        ),
        lambda servers: ("127.0.0.1", servers.port),
    ),
    "TLS": Variant(
        lambda servers: redis.Redis(port=servers.tls, ssl=True, ssl_ca_certs=servers.authority),
        lambda servers: ("localhost", servers.tls),
    ),
    "asyncio TLS": Variant(
        lambda servers: redis.asyncio.Redis(port=servers.tls, ssl=True, ssl_ca_certs=servers.authority),
        lambda servers: ("localhost", servers.tls),
    ),
    "Unix socket": Variant(
        lambda servers: redis.Redis(unix_socket_path=servers.socket), lambda servers: (servers.socket, None)
    ),
    "sentinel": Variant(
        lambda servers: sentinel_of(servers, redis.sentinel.Sentinel), lambda servers: ("127.0.0.1", servers.port)
    ),
    "asyncio sentinel": Variant(
        lambda servers: sentinel_of(servers, redis.asyncio.sentinel.Sentinel),
        lambda servers: ("127.0.0.1", servers.port),
    ),
    "cluster": Variant(
        lambda servers: redis.RedisCluster(host="127.0.0.1", port=servers.cluster),
        lambda servers: ("127.0.0.1", servers.cluster),
        is_cluster=True,
    ),
    "asyncio cluster": Variant(
        lambda servers: redis.asyncio.RedisCluster(host="127.0.0.1", port=servers.cluster),
        lambda servers: ("127.0.0.1", servers.cluster),
        is_cluster=True,
    ),
}


async def of(answer: Any) -> Any:
    """The answer of a client of either kind."""
    return await answer if inspect.isawaitable(answer) else answer


async def close(client: Any) -> None:
    manager = getattr(getattr(client, "connection_pool", None), "sentinel_manager", None)
    for one in (client, *(manager.sentinels if manager is not None else ())):
        await of(one.aclose() if hasattr(one, "aclose") else one.close())


async def pipeline(client: Any, *commands: tuple[str, ...], transaction: bool = False, **options: Any) -> None:
    queued = client.pipeline(transaction=transaction)
    for name, *arguments in commands:
        getattr(queued, name)(*arguments)
    try:
        await of(queued.execute(**options))
    finally:
        await of(queued.reset())


GETS = (("get", "{k}a"), ("get", "{k}b"))
ONE_WRONG = (("get", "{k}a"), ("lpush", "{k}a", "v"))


async def lost_watch(client: Any) -> None:
    watching = client.pipeline(transaction=True)
    await of(watching.watch("{k}w"))
    await of(client.set("{k}w", "other"))
    watching.multi()
    watching.get("{k}w")
    try:
        await of(watching.execute())
    finally:
        await of(watching.reset())


async def script(client: Any) -> None:
    await of(client.script_flush())
    registered = client.register_script("return 1")
    for _ in range(2):
        await of(registered(keys=["{k}a"]))


async def published(client: Any) -> None:
    listening = client.pubsub()
    await of(listening.subscribe("channel"))
    await of(listening.get_message(timeout=1))
    await of(client.publish("channel", "v"))
    await of(listening.get_message(timeout=1))
    await of(listening.aclose() if hasattr(listening, "aclose") else listening.close())


async def stream(client: Any) -> None:
    await of(client.xadd("{k}s", {"a": 1}))
    await of(client.xgroup_create("{k}s", "workers", "0"))
    await of(client.xreadgroup("workers", "me", {"{k}s": ">"}, block=10))
    await of(client.xack("{k}s", "workers", "0-1"))


@dataclass(frozen=True, slots=True)
class Step:
    """What an app does, and the operations that it counts as."""

    do: Callable[[Any], Any]
    rows: list[Row]


STEPS = {
    "command": Step(lambda client: client.set("{k}a", "v"), [("SET", "", "", 0)]),
    "wrong command": Step(lambda client: client.lpush("{k}a", "v"), [("LPUSH", *WRONG, 0)]),
    "unknown command": Step(
        lambda client: client.execute_command("hunter2", "{k}a"), [("_OTHER", "ResponseError", "", 0)]
    ),
    "pipeline": Step(lambda client: pipeline(client, *GETS), [("PIPELINE", "", "", 2)]),
    "wrong pipeline": Step(lambda client: pipeline(client, *ONE_WRONG), [("PIPELINE", *WRONG, 2)]),
    "pipeline that raises nothing": Step(
        lambda client: pipeline(client, *ONE_WRONG, raise_on_error=False), [("PIPELINE", *WRONG, 2)]
    ),
    "empty pipeline": Step(pipeline, []),
    "transaction": Step(lambda client: pipeline(client, *GETS, transaction=True), [("PIPELINE", "", "", 2)]),
    "wrong transaction": Step(lambda client: pipeline(client, *ONE_WRONG, transaction=True), [("PIPELINE", *WRONG, 2)]),
    "empty transaction": Step(lambda client: pipeline(client, transaction=True), []),
    "lost watch": Step(lost_watch, [("WATCH", "", "", 0), ("SET", "", "", 0), ("PIPELINE", "", "", 1)]),
    "script": Step(
        script,
        [
            ("SCRIPT FLUSH", "", "", 0),
            ("EVALSHA", "", "NOSCRIPT", 0),
            ("SCRIPT LOAD", "", "", 0),
            ("EVALSHA", "", "", 0),
            ("EVALSHA", "", "", 0),
        ],
    ),
    "published": Step(published, [("PUBLISH", "", "", 0)]),
    "stream": Step(
        stream, [("XADD", "", "", 0), ("XGROUP CREATE", "", "", 0), ("XREADGROUP", "", "", 0), ("XACK", "", "", 0)]
    ),
}
"""An asyncio cluster has no pub/sub."""
ALSO_ASKED = {"SENTINEL MASTERS", "COMMAND", "COMMAND GETKEYS"}
"""What a client asks by itself: a sentinel for the master, a node of a cluster where a command's keys are."""


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    with (
        redis_server() as plain,
        redis_with_tls() as tls,
        redis_cluster(3) as ports,
        redis_sentinel(plain.port, "hooks") as sentinel,
    ):
        yield Servers(plain.port, sentinel, ports[0], tls.port, str(tls.authority), str(tls.socket))


@contextlib.asynccontextmanager
async def watched(variant: Variant, servers: Servers) -> AsyncIterator[tuple[Workbench, Any]]:
    with workbench() as bench:
        instrument_redis(bench.tracer_provider)
        client = variant.make(servers)
        try:
            await of(client.ping())
            bench.seen.operations.clear()
            bench.exporter.clear()
            yield bench, client
        finally:
            await close(client)
            uninstrument_redis()


def rows(bench: Workbench) -> list[Row]:
    operations = [operation for operation in bench.seen.operations if operation.name not in ALSO_ASKED]
    return [
        (operation.name, operation.error_type, operation.status_code, operation.batch_size) for operation in operations
    ]


NOT_THERE = {("asyncio cluster", "published")}
REFUSED_BY_THE_CLIENT = [("_OTHER", "RedisError", "", 0)]
WITHOUT_ITS_WATCH = [("SET", "", "", 0), ("PIPELINE", "", "", 1)]
DIFFERENT = {
    ("cluster", "unknown command"): REFUSED_BY_THE_CLIENT,
    ("asyncio cluster", "unknown command"): REFUSED_BY_THE_CLIENT,
    ("cluster", "lost watch"): WITHOUT_ITS_WATCH,
    ("asyncio cluster", "lost watch"): WITHOUT_ITS_WATCH,
}
"""Who looks up where a command's keys are sends none that it does not know; nobody instruments a cluster's WATCH."""


@pytest.mark.parametrize("name", VARIANTS)
async def test_every_step_counts_the_same_with_every_kind_of_client(name, servers):
    counted, wanted = {}, {}
    async with watched(VARIANTS[name], servers) as (bench, client):
        for step_name, step in STEPS.items():
            if (name, step_name) in NOT_THERE:
                continue
            await of(client.delete("{k}s"))
            bench.seen.operations.clear()
            with contextlib.suppress(redis.RedisError):
                await of(step.do(client))
            counted[step_name], wanted[step_name] = rows(bench), DIFFERENT.get((name, step_name), step.rows)
        addresses = {
            (operation.address, operation.port)
            for operation in bench.seen.operations
            if operation.name not in ALSO_ASKED
        }
    assert counted == wanted
    assert addresses == {VARIANTS[name].server(servers)}


@pytest.mark.parametrize("name", VARIANTS)
async def test_a_failing_pipeline_is_an_error_on_the_wire_with_its_server(name, servers):
    async with watched(VARIANTS[name], servers) as (bench, client):
        await of(client.set("{k}a", "v"))
        with pytest.raises(redis.ResponseError):
            await pipeline(client, *ONE_WRONG)
        (span,) = [span for span in bench.spans if span.name == "PIPELINE"]
    address, port = VARIANTS[name].server(servers)
    attributes, looked_at = dict(span.attributes or {}), ("server.", "db.operation.", "db.response.")
    assert span.status.status_code is StatusCode.ERROR
    assert {key: value for key, value in attributes.items() if key.startswith(looked_at)} == {
        "db.operation.batch.size": 2,
        "db.operation.name": "PIPELINE",
        "db.response.status_code": "WRONGTYPE",
        "server.address": address,
        **({} if port is None else {"server.port": port}),
    }


@pytest.mark.parametrize("kind", [redis.Redis, redis.asyncio.Redis])
async def test_a_server_that_refuses_is_a_failure_without_a_code(kind):
    port = free_port()
    client = kind(port=port, retry=Retry(NoBackoff(), 0))
    with workbench() as bench:
        instrument_redis(bench.tracer_provider)
        try:
            for ask in (lambda client: client.get("a"), lambda client: pipeline(client, *GETS)):
                with pytest.raises(redis.ConnectionError):
                    await of(ask(client))
        finally:
            await close(client)
            uninstrument_redis()
        assert rows(bench) == [("GET", "ConnectionError", "", 0), ("PIPELINE", "ConnectionError", "", 2)]


async def test_a_pool_behind_a_sentinel_has_the_name_of_its_service(servers):
    async with watched(VARIANTS["sentinel"], servers):
        assert "hooks/0" in process.obtain(Pools).connections


def test_clients_are_as_they_were_once_nobody_watches():
    before = redis.client.Pipeline.execute, redis.asyncio.cluster.ClusterPipeline.execute
    with workbench() as bench:
        instrument_redis(bench.tracer_provider)
        instrument_redis(bench.tracer_provider)
        uninstrument_redis()
    assert (redis.client.Pipeline.execute, redis.asyncio.cluster.ClusterPipeline.execute) == before
