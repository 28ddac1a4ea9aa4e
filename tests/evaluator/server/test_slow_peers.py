"""Who is slow loses the connection, whatever it is slow with; who is idle gives way."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from lapbell_evaluator.server import ConnectionLimits, Pace, Server

HEAD = b"GET / HTTP/1.1\r\nHost: localhost\r\n"
POST = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n"
LARGE = b"x" * 64 * 1024 * 1024
SHORT = ConnectionLimits(head_s=0.2, body=Pace(0.2, 1_000_000), idle_s=0.2, write_s=0.2)


@asynccontextmanager
async def serving(limits: ConnectionLimits) -> AsyncIterator[tuple[int, asyncio.Queue[str]]]:
    """A port, and the paths that were answered to the end. `/large` answers much, `/body` what it was sent."""
    ended: asyncio.Queue[str] = asyncio.Queue()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        body = await Request(scope, receive).body() if scope["path"] == "/body" else b"here"
        answer = PlainTextResponse(LARGE if scope["path"] == "/large" else body)
        await answer(scope, receive, send)
        ended.put_nowait(scope["path"])

    server = Server(app, "127.0.0.1:0", limits)
    await server.start()
    try:
        yield server.port, ended
    finally:
        await server.stop()


async def drip(port: int, begin: bytes, drop: bytes) -> bytes:
    """What came back until the server closed; a drop every tenth of a second meanwhile."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    async def drops() -> None:
        with contextlib.suppress(ConnectionError):
            writer.write(begin)
            while True:
                await writer.drain()
                await asyncio.sleep(0.1)
                writer.write(drop)

    dripping = asyncio.create_task(drops())
    try:
        return await reader.read()
    except ConnectionError:
        return b""
    finally:
        dripping.cancel()
        writer.close()


@pytest.mark.parametrize(
    ("begin", "drop", "answered"),
    [
        pytest.param(b"", b"", b"", id="nothing"),
        pytest.param(HEAD, b"X: y\r\n", b"", id="a head without end"),
        pytest.param(b"", b"\r\n", b"", id="blank lines before a request"),
        pytest.param(HEAD + b"\r\n", b"\r\n", b"200 OK", id="blank lines after a request"),
        pytest.param(HEAD + b"\r\n", b"", b"200 OK", id="nothing after a request"),
        pytest.param(POST + b"\r\n", b"z", b"200 OK", id="a body that the app does not wait for"),
        pytest.param(POST.replace(b"/", b"/body", 1) + b"\r\n", b"z", b"", id="a body that the app waits for"),
        pytest.param(
            POST.replace(b"Content-Length: 1000", b"Transfer-Encoding: chunked") + b"\r\n",
            b"1\r\nz\r\n",
            b"200 OK",
            id="chunks without end",
        ),
    ],
)
async def test_who_drips_is_cut_off(begin, drop, answered):
    async with serving(SHORT) as (port, _):
        status = (await drip(port, begin, drop)).partition(b"\r\n")[0]
    assert status.partition(b" ")[2] == answered


async def test_a_body_that_keeps_pace_may_take_longer_than_the_first_time():
    limits = ConnectionLimits(body=Pace(0.3, 10), head_s=0.3)
    async with serving(limits) as (port, ended):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(POST.replace(b"/", b"/body", 1) + b"\r\n" + b"z" * 990)
        for _ in range(10):
            await asyncio.sleep(0.1)
            writer.write(b"z")
        answered = await ended.get()
        status = await reader.readline()
        writer.close()
    assert {"answered": answered, "status": status} == {"answered": "/body", "status": b"HTTP/1.1 200 OK\r\n"}


async def test_who_reads_nothing_of_an_answer_does_not_hold_it():
    async with serving(SHORT) as (port, ended):
        _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        writer.write(HEAD.replace(b"/", b"/large", 1) + b"\r\n")
        ended_with = await ended.get()
        writer.close()
    assert ended_with == "/large"


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(HEAD + b"X: y\r\n" * 1_000 + b"\r\n", id="too many headers"),
        pytest.param(HEAD + b"X: " + b"y" * 100_000 + b"\r\n\r\n", id="too long a header"),
        pytest.param(b"GET /" + b"y" * 100_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", id="too long a path"),
        pytest.param(b"GET http://elsewhere.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n", id="a target of a proxy"),
    ],
)
async def test_a_head_that_is_too_large_or_meant_for_a_proxy_is_refused(head):
    async with serving(ConnectionLimits()) as (port, ended):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head)
        try:
            status = (await reader.read()).partition(b"\r\n")[0]
        except ConnectionError:
            status = b""
        writer.close()
    assert {"status": status, "ended": ended.qsize()} == {"status": b"HTTP/1.1 400 Bad Request", "ended": 0}


async def test_idle_connections_beyond_the_limit_give_way_to_new_ones():
    async with serving(ConnectionLimits(connections=10)) as (port, _), httpx.AsyncClient(timeout=60) as client:
        idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(50)]
        answer = await client.get(f"http://127.0.0.1:{port}/")
        first = await idle[0][0].read()
        for _, writer in idle:
            writer.close()
    assert {"status": answer.status_code, "the first idle one reads": first} == {
        "status": 200,
        "the first idle one reads": b"",
    }
