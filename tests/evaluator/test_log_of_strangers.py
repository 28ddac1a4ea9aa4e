"""Strangers cannot fill the log."""

import asyncio
import logging

import grpc
import pytest

from evaluator_kit import evaluator

TIMES = 20
EXPORT = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"
UPGRADE = (
    b"GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
BEGUN = (
    b"POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\nContent-Length: 1000\r\nExpect: 100-continue\r\n\r\n"
)


async def first_line(address: str, request: bytes) -> bytes:
    """What a connection is answered first; then it is closed, whatever was still to come."""
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request)
    line = await reader.readline()
    writer.close()
    await writer.wait_closed()
    return line.split(b" ")[1]


@pytest.mark.parametrize(
    ("gate", "request_", "answer", "lines"),
    [
        pytest.param("rest", UPGRADE % b"/api/v2/alerts", b"200", 1, id="an upgrade of REST"),
        pytest.param("rest", UPGRADE % b"/api/performance/stream", b"404", 1, id="an upgrade of what is not there"),
        pytest.param("otlp_http", UPGRADE % b"/v1/metrics", b"405", 1, id="an upgrade of OTLP"),
        pytest.param("rest", b"nonsense\r\n\r\n", b"400", 1, id="no HTTP"),
        pytest.param("rest", BEGUN % (b"/api/v2/alerts", b"application/json"), b"100", 0, id="JSON cut off"),
        pytest.param(
            "rest", BEGUN % (b"/api/v1/query", b"application/x-www-form-urlencoded"), b"100", 0, id="a form cut off"
        ),
        pytest.param("rest", BEGUN % (b"/api/v1/write", b"x"), b"415", 0, id="remote write cut off"),
        pytest.param(
            "otlp_http", BEGUN % (b"/v1/metrics", b"application/x-protobuf"), b"100", 0, id="an export cut off"
        ),
    ],
)
async def test_what_strangers_do_again_and_again_is_one_line_at_most(tmp_path, caplog, gate, request_, answer, lines):
    async with evaluator(tmp_path) as (_, running):
        caplog.set_level(logging.WARNING)
        answers = {await first_line(getattr(running, gate), request_) for _ in range(TIMES)}
    records = [(record.getMessage(), record.exc_info) for record in caplog.records]
    assert {"answers": answers, "too many": records[lines:]} == {"answers": {answer}, "too many": []}


async def test_calls_over_grpc_that_are_given_up_are_no_line_at_all(tmp_path, caplog):
    async with evaluator(tmp_path) as (_, running), grpc.aio.insecure_channel(running.otlp_grpc) as channel:
        caplog.set_level(logging.WARNING)
        export: grpc.aio.StreamUnaryMultiCallable[bytes, bytes] = channel.stream_unary(EXPORT)
        given_up, ended = [export() for _ in range(TIMES)], [export() for _ in range(TIMES)]
        for call in given_up:
            call.cancel()
        for call in ended:
            await call.done_writing()
        codes = {(await call.code()).name for call in ended}
    assert {"codes": codes, "lines": caplog.messages} == {"codes": {"INVALID_ARGUMENT"}, "lines": []}
