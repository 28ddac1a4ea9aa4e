"""Clients that mean harm, in a process of their own, each at a steady pace until the block ends."""

import asyncio
import contextlib
import gzip
import itertools
import random
import sys
import time
from collections.abc import Awaitable, Callable, Iterator

import httpx

from lapkit import module
from otlp_kit.metrics import gauge, metrics_export, number, resource
from peers import Process

__all__ = ["hostile"]

DRIPPING = 64
CHURN_EVERY_S, SERIES_OF_A_POD = 2.0, 500
NAMES_AT_ONCE = 200
PROTOBUF = {"Content-Type": "application/x-protobuf"}
# 2 M empty points of an exponential histogram, 4 MB that become 4 KB
BOMB = gzip.compress(b"\x0a\x00" * 2_000_000)
FILTER = "a=" + "+" * 60_000 + "b"
QUERY = 'label_replace({__name__=~"soak_.+"}, "z", "' + "$1" * 1_000 + '", "shard", "(.*)")'


@contextlib.contextmanager
def hostile(rest: str, otlp_http: str) -> Iterator[Process]:
    """All of them against an evaluator, given its base URLs, until the block ends."""
    with module("soak_kit.hostile", rest, otlp_http) as process:
        yield process


async def main(rest: str, otlp_http: str) -> None:
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(timeout=60.0, trust_env=False, limits=limits) as client, asyncio.TaskGroup() as tasks:
        for gate in (rest, otlp_http):
            for _ in range(DRIPPING // 2):
                tasks.create_task(drip(httpx.URL(gate)))
        for act, pace_s in (
            (lambda: bomb(client, otlp_http), 0.5),
            (lambda: garbage(client, otlp_http), 0.1),
            (lambda: client.get(f"{rest}/api/v2/alerts", params={"filter": FILTER}), 1.0),
            (lambda: abandoned_query(client, rest), 0.5),
            (churning_pods(client, otlp_http), CHURN_EVERY_S),
            (new_names(client, otlp_http), 1.0),
        ):
            tasks.create_task(repeatedly(act, pace_s))


async def repeatedly(act: Callable[[], Awaitable[object]], pace_s: float) -> None:
    """Whatever the answer: who means harm goes on."""
    while True:
        with contextlib.suppress(httpx.HTTPError):
            await act()
        await asyncio.sleep(pace_s)


async def drip(url: httpx.URL) -> None:
    """A POST whose body comes by a byte a second, again and again."""
    while True:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection(url.host, url.port)
            writer.write(b"POST /v1/metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n")
            try:
                while not writer.is_closing():
                    writer.write(b"\n")
                    await writer.drain()
                    await asyncio.sleep(1.0)
            finally:
                writer.close()
        await asyncio.sleep(1.0)


async def bomb(client: httpx.AsyncClient, otlp_http: str) -> None:
    await client.post(f"{otlp_http}/v1/metrics", content=BOMB, headers={**PROTOBUF, "Content-Encoding": "gzip"})


async def garbage(client: httpx.AsyncClient, otlp_http: str) -> None:
    body = random.randbytes(2_000)
    kind = random.choice(("application/json", "application/x-protobuf"))
    await client.post(f"{otlp_http}/v1/traces", content=body, headers={"Content-Type": kind})


async def abandoned_query(client: httpx.AsyncClient, rest: str) -> None:
    """Asked, and not waited for."""
    await client.post(f"{rest}/api/v1/query", data={"query": QUERY}, timeout=0.2)


def churning_pods(client: httpx.AsyncClient, otlp_http: str) -> Callable[[], Awaitable[object]]:
    """Each call is the one export of a new pod."""
    pods = itertools.count()

    async def act() -> None:
        points = [number(1.0, time.time(), n=str(n)) for n in range(SERIES_OF_A_POD)]
        of = resource(service_name="churn", service_instance_id=f"pod-{next(pods)}")
        body = metrics_export(gauge("churned", points), of=of).SerializeToString()
        await client.post(f"{otlp_http}/v1/metrics", content=body, headers=PROTOBUF)

    return act


def new_names(client: httpx.AsyncClient, otlp_http: str) -> Callable[[], Awaitable[object]]:
    """Each call brings metrics of names that nobody has seen."""
    names = itertools.count()

    async def act() -> None:
        metrics = [gauge(f"noise.{next(names)}", [number(1.0, time.time())]) for _ in range(NAMES_AT_ONCE)]
        body = metrics_export(*metrics, of=resource(service_name="noisy")).SerializeToString()
        await client.post(f"{otlp_http}/v1/metrics", content=body, headers=PROTOBUF)

    return act


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
