"""Nobody makes the receiver slow or large: bombs, floods, slow senders."""

import asyncio
import contextlib
import tracemalloc
import zlib

import grpc
import httpx
import pytest
import zstandard
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from lapbell_evaluator.receiver import Limits
from lapbell_evaluator.series import Limits as StoreLimits
from lapbell_evaluator.series import SeriesStore
from lapbell_evaluator.server import Pace
from otlp_kit import gauge, metrics_export, number
from otlp_kit.reception import open_gates

MIB = 1024 * 1024
PROTOBUF = {"content-type": "application/x-protobuf"}
JSON = {"content-type": "application/json"}
EXPORT = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"
ONE_POINT = metrics_export(gauge("g", [number(1, 1_100)])).SerializeToString()
ZEROS = b"\0" * MIB


TIME_BEYOND_64_BITS = (
    b'{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"gauge":{"dataPoints":['
    b'{"timeUnixNano":"99999999999999999999","asInt":"1"}]}}]}]}]}'
)


def packed(compressor):
    """512 MiB of zeros."""
    return b"".join([*(compressor.compress(ZEROS) for _ in range(512)), compressor.flush()])


def gzip_bomb():
    return packed(zlib.compressobj(wbits=31)), "gzip"


def zstd_bomb():
    return packed(zstandard.ZstdCompressor().compressobj()), "zstd"


def wide_zstd_bomb():
    """Its window alone would be 128 MiB."""
    parameters = zstandard.ZstdCompressionParameters(window_log=27)
    return packed(zstandard.ZstdCompressor(compression_params=parameters).compressobj()), "zstd"


@pytest.mark.slow
@pytest.mark.parametrize("bomb", [gzip_bomb, zstd_bomb, wide_zstd_bomb])
async def test_a_small_body_that_would_become_huge_is_refused_in_bounded_memory(bomb):
    body, encoding = bomb()
    async with open_gates() as gates, httpx.AsyncClient(timeout=60) as client:
        tracemalloc.start()
        answer = await client.post(
            f"{gates.http}/v1/metrics", content=body, headers=PROTOBUF | {"content-encoding": encoding}
        )
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert answer.status_code in (400, 413)
    assert peak < 32 * MIB


@pytest.mark.parametrize("compression", [grpc.Compression.Gzip, grpc.Compression.Deflate])
async def test_a_bomb_over_grpc_is_refused_before_it_is_unpacked_whole(compression):
    async with open_gates() as gates:
        options = (("grpc.max_send_message_length", -1),)
        address = f"127.0.0.1:{gates.grpc_port}"
        async with grpc.aio.insecure_channel(address, options, compression=compression) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await channel.unary_unary(EXPORT, bytes, bytes)(ZEROS * 64)
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert str(refused.value.details()).startswith("The export is larger than 4194304 bytes once unpacked.")


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"resourceMetrics":[{"resource":{"attributes":[{"key":"k","value":'
        + b'{"arrayValue":{"values":[' * 10_000
        + b"]}}" * 10_000
        + b"}]}}]}",
        b'{"resourceMetrics": 7}',
        TIME_BEYOND_64_BITS,
        b"\xff",
    ],
)
async def test_json_that_is_too_deep_or_no_otlp_is_refused(body):
    async with open_gates() as gates, httpx.AsyncClient(timeout=60) as client:
        answer = await client.post(f"{gates.http}/v1/metrics", content=body, headers=JSON)
    assert answer.status_code == 400
    assert "message" in answer.json()


async def test_a_body_that_comes_too_slowly_is_refused_and_its_connection_closed():
    async with open_gates(Limits(body=Pace(0.2))) as gates:
        reader, writer = await asyncio.open_connection("127.0.0.1", gates.http_port)
        writer.write(b"POST /v1/metrics HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-protobuf\r\n")
        writer.write(b"Content-Length: 1000\r\n\r\nab")
        answer = await reader.read()
        writer.close()
    assert answer.startswith(b"HTTP/1.1 408 ")


async def test_a_head_that_never_ends_is_cut_off():
    async with open_gates() as gates:
        reader, writer = await asyncio.open_connection("127.0.0.1", gates.http_port)
        writer.write(b"POST /v1/metrics HTTP/1.1\r\nHost: localhost\r\n")
        with contextlib.suppress(ConnectionError):
            for _ in range(64):
                writer.write(b"X: " + b"y" * 65_536 + b"\r\n")
                await writer.drain()
            assert await reader.read() == b""
        writer.close()
    assert gates.received == []


async def test_exports_beyond_the_room_are_told_when_to_come_again_over_http():
    async with (
        open_gates(Limits(in_flight_bytes=10, retry_after_s=3)) as gates,
        httpx.AsyncClient(timeout=60) as client,
    ):
        answer = await client.post(f"{gates.http}/v1/metrics", content=ONE_POINT, headers=PROTOBUF)
    details = RetryInfo()
    Status.FromString(answer.content).details[0].Unpack(details)
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "3"
    assert details.retry_delay.seconds == 3


async def test_exports_beyond_the_room_are_told_when_to_come_again_over_grpc():
    async with (
        open_gates(Limits(in_flight_bytes=10, retry_after_s=3)) as gates,
        grpc.aio.insecure_channel(f"127.0.0.1:{gates.grpc_port}") as channel,
    ):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await channel.unary_unary(EXPORT, bytes, bytes)(ONE_POINT)
    trailers = dict(refused.value.trailing_metadata())
    details = RetryInfo()
    Status.FromString(trailers["grpc-status-details-bin"]).details[0].Unpack(details)
    alone = RetryInfo.FromString(trailers["google.rpc.retryinfo-bin"])
    assert refused.value.code() == grpc.StatusCode.UNAVAILABLE
    assert details.retry_delay.seconds == 3
    assert alone.retry_delay.seconds == 3


async def test_room_that_was_held_is_given_back_whatever_became_of_the_export():
    async with open_gates() as gates, httpx.AsyncClient(timeout=60) as client:
        for body in (ONE_POINT, b"\xff\xff"):
            await client.post(f"{gates.http}/v1/metrics", content=body, headers=PROTOBUF)
        assert gates.ingest.room.used_bytes == 0


async def test_a_flood_of_label_sets_stops_at_the_limit_of_the_store_and_the_rest_is_told():
    store = SeriesStore(StoreLimits(series=1_000, series_per_metric=500))
    flood = metrics_export(gauge("g", [number(1, 1_100, n=n) for n in range(20_000)])).SerializeToString()
    async with open_gates(sink=store) as gates, httpx.AsyncClient(timeout=60) as client:
        answers = [await client.post(f"{gates.http}/v1/metrics", content=flood, headers=PROTOBUF) for _ in range(3)]
        rejected = dict(gates.ingest.telemetry.rejected)
    assert store.fullness().series == 500
    assert {answer.status_code for answer in answers} == {200}
    assert sum(rejected.values()) == 3 * 19_500


@pytest.mark.slow
async def test_others_are_answered_while_large_exports_are_decoded():
    big = metrics_export(gauge("g", [number(1, 1_100, n=n) for n in range(60_000)])).SerializeToString()
    async with open_gates() as gates, httpx.AsyncClient(timeout=100) as client:
        url = f"{gates.http}/v1/metrics"
        flood = asyncio.gather(*(client.post(url, content=big, headers=PROTOBUF) for _ in range(8)))
        answered = 0
        while not flood.done():
            await client.get(f"{gates.http}/nothing")
            answered += 1
        exports = len(await flood)
    assert answered > 2 * exports  # who waits for a whole export each time gets one answer for each
