"""Strangers, and those who only hold what they got, keep nobody else out."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
import httpx
import pytest

from evaluator_kit import evaluator
from lapbell_evaluator.receiver import Limits
from lapbell_evaluator.server import connections_that_fit
from otlp_kit import gauge, metrics_export, number
from otlp_kit.reception import INGEST_TOKEN, open_gates

EXPORT = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"
ONE_POINT = metrics_export(gauge("g", [number(1, 1_100)])).SerializeToString()
WITH_TOKEN = (("authorization", f"Bearer {INGEST_TOKEN}"),)
POST = (
    b"POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b"Content-Length: 1000\r\nExpect: 100-continue\r\n%s\r\n["
)
EXPORT_OVER_HTTP = (
    b"POST /v1/metrics HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-protobuf\r\n"
    b"Content-Length: %d\r\n\r\n%s" % (len(ONE_POINT), ONE_POINT)
)


@asynccontextmanager
async def connections(port: int, count: int) -> AsyncIterator[list[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]:
    connections_that_fit(2 * count)
    streams = [await asyncio.open_connection("127.0.0.1", port) for _ in range(count)]
    try:
        yield streams
    finally:
        for _, writer in streams:
            writer.close()


async def statuses(streams: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]], request: bytes) -> Counter[bytes]:
    """What each connection is told first. 100 comes when its body is waited for: it has its place from then on."""
    for _, writer in streams:
        writer.write(request)
    lines = await asyncio.gather(*(reader.readline() for reader, _ in streams))
    return Counter(line.split(b" ")[1] for line in lines)


def port_of(address: str) -> int:
    return int(address.rpartition(":")[2])


async def answers(client: httpx.AsyncClient, token: str) -> dict[str, int]:
    with_token = {"Authorization": f"Bearer {token}"}
    return {
        path: (await client.get(path, headers=with_token if path.startswith("/api") else {})).status_code
        for path in ("/-/healthy", "/-/ready", "/api/v1/query?query=1", "/api/performance/alerts")
    }


ALL_WELL = {"/-/healthy": 200, "/-/ready": 200, "/api/v1/query?query=1": 200, "/api/performance/alerts": 200}


@pytest.mark.parametrize(
    ("path", "headers", "told"),
    [
        pytest.param(b"/api/v2/alerts", b"Via: 1.1 x\r\n", {b"401": 256}, id="strangers"),
        pytest.param(b"/api/v2/silences", b"", {b"401": 256}, id="loopback where it may not change"),
        pytest.param(b"/api/v2/alerts", b"", {b"100": 128, b"503": 128}, id="loopback where it may post"),
        pytest.param(b"/-/healthy", b"", {b"405": 256}, id="bodies for health"),
    ],
)
async def test_dripping_posts_lock_nobody_out_of_rest(tmp_path, path, headers, told):
    async with (
        evaluator(tmp_path) as (client, running),
        connections(port_of(running.rest), 256) as streams,
    ):
        first = await statuses(streams, POST % (path, headers))
        token = (tmp_path / "admin.token").read_text().strip()
        assert {"told": first, **await answers(client, token)} == {"told": told, **ALL_WELL}


async def test_three_hundred_idle_connections_lock_nobody_out(tmp_path):
    async with evaluator(tmp_path) as (client, running), connections(port_of(running.rest), 300):
        token = (tmp_path / "admin.token").read_text().strip()
        assert await answers(client, token) == ALL_WELL


async def test_a_thousand_senders_keep_their_connections():
    async with open_gates() as gates, connections(gates.http_port, 1_000) as streams:
        first = await statuses(streams, EXPORT_OVER_HTTP)
        for reader, _ in streams:
            await reader.readuntil(b"\r\n\r\n")
        assert {"first": first, "again": await statuses(streams, EXPORT_OVER_HTTP)} == {
            "first": {b"200": 1_000},
            "again": {b"200": 1_000},
        }


@asynccontextmanager
async def silent_calls(
    port: int, count: int, each: int = 100
) -> AsyncIterator[list[grpc.aio.StreamUnaryCall[bytes, bytes]]]:
    """Calls that never send a message, `each` to a connection."""
    async with contextlib.AsyncExitStack() as channels:
        calls: list[grpc.aio.StreamUnaryCall[bytes, bytes]] = []
        for begin in range(0, count, each):
            options = (("grpc.use_local_subchannel_pool", 1),)
            channel = await channels.enter_async_context(grpc.aio.insecure_channel(f"127.0.0.1:{port}", options))
            export: grpc.aio.StreamUnaryMultiCallable[bytes, bytes] = channel.stream_unary(EXPORT)
            calls += [export() for _ in range(min(each, count - begin))]
        yield calls
        for call in calls:
            call.cancel()


async def export_with_token(port: int) -> bytes:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", (("grpc.use_local_subchannel_pool", 1),)) as channel:
        return await channel.unary_unary(EXPORT, bytes, bytes)(ONE_POINT, metadata=WITH_TOKEN)


async def code_and_retry(call: grpc.aio.StreamUnaryCall[bytes, bytes]) -> tuple[str, bool]:
    """The status, and whether both trailers say when to come again."""
    code = (await call.code()).name
    trailers = dict(await call.trailing_metadata() or ())
    return code, {"google.rpc.retryinfo-bin", "grpc-status-details-bin"} <= trailers.keys()


async def note_end(call: grpc.aio.StreamUnaryCall[bytes, bytes], endings: asyncio.Queue[tuple[str, bool]]) -> None:
    endings.put_nowait(await code_and_retry(call))


async def test_silent_calls_of_strangers_are_over_before_they_send_anything():
    async with open_gates(allow_loopback=False) as gates, silent_calls(gates.grpc_port, 630) as calls:
        ended = Counter(await asyncio.gather(*map(code_and_retry, calls)))
        assert {"ended": ended, "export": await export_with_token(gates.grpc_port)} == {
            "ended": {("UNAUTHENTICATED", False): 630},
            "export": b"",
        }


async def test_silent_calls_of_one_caller_leave_room_for_others():
    limits = Limits(senders=640, senders_each=500)
    async with open_gates(limits) as gates, silent_calls(gates.grpc_port, 630) as calls:
        endings: asyncio.Queue[tuple[str, bool]] = asyncio.Queue()
        watching = [asyncio.create_task(note_end(call, endings)) for call in calls]
        refused = Counter([await endings.get() for _ in range(130)])
        assert {"refused": refused, "export": await export_with_token(gates.grpc_port)} == {
            "refused": {("UNAVAILABLE", True): 130},
            "export": b"",
        }
        for watch in watching:
            watch.cancel()


async def test_a_silent_call_ends():
    async with open_gates(Limits(call_s=0.2)) as gates, silent_calls(gates.grpc_port, 1) as calls:
        code = await code_and_retry(calls[0])
        assert {"ended": code, "export": await export_with_token(gates.grpc_port)} == {
            "ended": ("DEADLINE_EXCEEDED", False),
            "export": b"",
        }


HTTP_2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))


@pytest.mark.parametrize("begin", [pytest.param(b"", id="silent"), pytest.param(HTTP_2, id="HTTP/2 without a call")])
async def test_a_gate_full_of_idle_grpc_connections_gives_them_up(begin):
    limits = Limits(grpc_connections=20, handshake_s=0.5, grpc_idle_s=1.0)
    async with open_gates(limits) as gates, connections(gates.grpc_port, 40) as streams:
        for _, writer in streams:
            writer.write(begin)
        await asyncio.gather(*(until_closed(reader) for reader, _ in streams))
        assert await export_with_token(gates.grpc_port) == b""


async def until_closed(reader: asyncio.StreamReader) -> None:
    with contextlib.suppress(ConnectionError):
        await reader.read()


AS_NGINX_ASKS = b"%s %s HTTP/1.0\r\nHost: 127.0.0.1:8740\r\nConnection: close\r\nContent-Length: 0\r\n%s\r\n"


async def test_what_a_proxy_asks_in_http_1_0_needs_a_token(tmp_path):
    """nginx before 1.29.7 asks so, with our own address as the host and no header that tells of it."""
    async with evaluator(tmp_path) as (_, running):
        token = b"Authorization: Bearer %s\r\n" % (tmp_path / "admin.token").read_bytes().strip()
        told = {
            (path, name): await told_first(port_of(gate), AS_NGINX_ASKS % (method, path, headers))
            for gate, method, path in (
                (running.rest, b"GET", b"/api/v1/query?query=1"),
                (running.rest, b"POST", b"/api/v1/write"),
                (running.otlp_http, b"POST", b"/v1/metrics"),
                (running.rest, b"GET", b"/-/healthy"),
            )
            for name, headers in (("no token", b""), ("token", token))
        }
    assert told == {
        (b"/api/v1/query?query=1", "no token"): b"401",
        (b"/api/v1/query?query=1", "token"): b"200",
        (b"/api/v1/write", "no token"): b"401",
        (b"/api/v1/write", "token"): b"415",
        (b"/v1/metrics", "no token"): b"401",
        (b"/v1/metrics", "token"): b"415",
        (b"/-/healthy", "no token"): b"200",
        (b"/-/healthy", "token"): b"200",
    }


UNCLEAR = {
    "no version": b"%s %s\r\n\r\n",
    "no host": b"%s %s HTTP/1.1\r\n\r\n",
    "our host and another": b"%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: a.example\r\n\r\n",
    "another host and ours": b"%s %s HTTP/1.1\r\nHost: a.example\r\nHost: 127.0.0.1\r\n\r\n",
    "our host twice": b"%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: 127.0.0.1\r\n\r\n",
    "two tokens": b"%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n",
}


async def test_a_request_that_does_not_say_for_sure_who_asks_whom_is_refused(tmp_path):
    async with evaluator(tmp_path) as (_, running):
        told = {
            (name, path): await told_first(port_of(gate), request % (method, path))
            for name, request in UNCLEAR.items()
            for gate, method, path in (
                (running.rest, b"GET", b"/api/v1/query?query=1"),
                (running.rest, b"POST", b"/api/v1/write"),
                (running.otlp_http, b"POST", b"/v1/metrics"),
            )
        }
    assert {told_what for told_what, status in told.items() if status != b"401"} == set()


async def told_first(port: int, request: bytes) -> bytes:
    async with connections(port, 1) as streams:
        (status,) = await statuses(streams, request)
        return status
