"""Items are counted before they are decoded, whatever they are and however they come."""

import gzip
import itertools
import json
import math
from collections.abc import Callable

import cramjam
import grpc
import httpx
import pytest
import zstandard
from google.rpc.status_pb2 import Status
from hypothesis import given, settings
from hypothesis import strategies as st

from budget import scaled
from lapbell_evaluator.receiver import Limits
from lapbell_evaluator.receiver.items import METRICS, TRACES, check_json_items, exceeds
from lapbell_evaluator.receiver.refusal import Refusal
from otlp_kit.bombs import BOMBS, WRITTEN
from otlp_kit.reception import open_gates
from otlp_kit.strategies import exports
from otlp_kit.wire import delimited, tag

ITEMS = 1_000
NO_END = 2**63
TOO_MANY = (
    "The export holds more than 1000 items: data points, spans, log records, series and what they are made of. "
    "Send smaller batches: OTEL_BSP_MAX_EXPORT_BATCH_SIZE, or the Collector's batch size; or raise ingest.items."
)
SERVICES = {
    "/v1/metrics": "opentelemetry.proto.collector.metrics.v1.MetricsService",
    "/v1/traces": "opentelemetry.proto.collector.trace.v1.TraceService",
    "/v1/logs": "opentelemetry.proto.collector.logs.v1.LogsService",
}
PROTOBUF, JSON = "application/x-protobuf", "application/json"
LARGE = ("points of an exponential histogram", "spans", "log records")
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    "gzip": gzip.compress,
    "zstd": zstandard.ZstdCompressor().compress,
}
JSON_BOMBS = {
    "/v1/metrics": b'{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"gauge":{"dataPoints":[%s]}}]}]}]}',
    "/v1/traces": b'{"resourceSpans":[{"scopeSpans":[{"spans":[%s]}]}]}',
    "/v1/logs": b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[%s]}]}]}',
}


async def posted(client, gates, path, body, **headers):
    """Status and message of the answer."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = await client.post(gates.http + path, content=body, headers=named)
    if path == WRITTEN:
        return answer.status_code, answer.text
    if named["content-type"] == JSON:
        return answer.status_code, answer.json()["message"]
    return answer.status_code, Status.FromString(answer.content).message


async def posted_bombs(items):
    """The answers to all bombs of so many items, by name."""
    async with open_gates(Limits(items=ITEMS)) as gates, httpx.AsyncClient(timeout=60) as client:
        answers = {}
        for name, bomb in BOMBS.items():
            body, encoding = bomb.endless(items - len(bomb.fields)), ""
            if bomb.path == WRITTEN:
                body, encoding = bytes(cramjam.snappy.compress_raw(body)), "snappy"
            answers[name] = await posted(
                client, gates, bomb.path, body, content_type=PROTOBUF, content_encoding=encoding
            )
    return answers


async def test_too_many_of_anything_are_refused_without_being_decoded():
    assert await posted_bombs(2 * ITEMS) == dict.fromkeys(BOMBS, (413, TOO_MANY))


async def test_as_many_as_may_be_are_taken_to_the_decoder():
    """The messages around them count as well, and are left out."""
    answers = await posted_bombs(ITEMS)
    assert {name: status for name, (status, _) in answers.items()} == dict.fromkeys(BOMBS, 400)


async def test_too_many_objects_of_json_are_refused_without_being_decoded():
    async with open_gates(Limits(items=ITEMS)) as gates, httpx.AsyncClient(timeout=60) as client:
        answers = {}
        for path, template in JSON_BOMBS.items():
            body = template.replace(b"%s", b",".join([b"{}"] * (2 * ITEMS))) + b"]"
            for encoding, pack in PACKERS.items():
                answers[path, encoding] = await posted(
                    client, gates, path, pack(body), content_type=JSON, content_encoding=encoding
                )
    assert answers == dict.fromkeys(itertools.product(JSON_BOMBS, PACKERS), (413, TOO_MANY))


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
async def test_packed_bombs_of_two_million_items_are_refused_without_being_decoded(encoding):
    async with open_gates() as gates, httpx.AsyncClient(timeout=60) as client:
        answers = {}
        for name in LARGE:
            body = PACKERS[encoding](BOMBS[name].endless(2_000_000))
            answers[name] = await posted(
                client, gates, BOMBS[name].path, body, content_type=PROTOBUF, content_encoding=encoding
            )
    assert answers == dict.fromkeys(LARGE, (413, TOO_MANY.replace("1000", "100000")))


async def test_bombs_over_grpc_are_refused_without_being_decoded():
    async with open_gates() as gates:
        address = f"127.0.0.1:{gates.grpc_port}"
        answers = {}
        async with grpc.aio.insecure_channel(address, compression=grpc.Compression.Gzip) as channel:
            for name in LARGE:
                export = channel.unary_unary(f"/{SERVICES[BOMBS[name].path]}/Export", bytes, bytes)
                with pytest.raises(grpc.aio.AioRpcError) as refused:
                    await export(BOMBS[name].endless(2_000_000))
                answers[name] = refused.value.code(), refused.value.details()
    refusal = grpc.StatusCode.INVALID_ARGUMENT, TOO_MANY.replace("1000", "100000")
    assert answers == dict.fromkeys(LARGE, refusal)


def weight_of(export):
    """What the official messages weigh: two for whatever holds or measures, one for each attribute."""
    weight = 0
    for resource in export.resource_metrics:
        weight += 2 + len(resource.resource.attributes)
        for scope in resource.scope_metrics:
            weight += 2
            for metric in scope.metrics:
                points = getattr(metric, metric.WhichOneof("data")).data_points
                weight += 4 + sum(2 + len(point.attributes) for point in points)
    return weight


def is_small(export):
    return all(
        attribute.ByteSize() <= 128
        for resource in export.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for point in getattr(metric, metric.WhichOneof("data")).data_points
        for attribute in point.attributes
    )


@pytest.mark.parametrize("field", [0x0A, 0x18, 0x40, 0x60, 0x6A])
def test_fields_that_are_no_items_are_three_for_each_item_at_most(field):
    """Names, times, flags, links, what OTLP does not know: in a span and in a data point."""
    of_items = {}
    for path, of in {(1, 2, 2): TRACES, (1, 2, 2, 5, 1): METRICS}.items():
        for fields in (30, 31):
            body = bytes([field, 0]) * fields
            for number in reversed(path):
                body = delimited(number, body)
            of_items[path, fields] = exceeds(body, of, NO_END, 30)
    assert of_items == {(path, fields): fields > 30 for path, fields in of_items}


@settings(deadline=None, max_examples=scaled(50))
@given(exports().filter(is_small))
def test_the_count_is_that_of_the_official_messages(export):
    body, weight = export.SerializeToString(), weight_of(export)
    assert {least: exceeds(body, METRICS, weight + least, NO_END) for least in (-1, 0)} == {-1: weight > 0, 0: False}


@pytest.mark.parametrize(
    "broken",
    [
        delimited(7, delimited(2, b"\xff\xff\xff") + b"\x0a"),  # an attribute that ends in the middle of itself
        tag(7, 2) + b"\x80\x00",  # a length in more bytes than it needs
        b"\xba\x00\x00",  # a tag in more bytes than it needs
        tag(7, 3) + tag(7, 4),  # a group
        tag(7, 5) + bytes(4) + tag(7, 1) + bytes(8) + tag(7, 0) + b"\x81\x01",
    ],
)
def test_what_is_odd_hides_nothing_behind_it(broken):
    points = delimited(1, broken) + delimited(1, b"") * 10
    body = delimited(1, delimited(2, delimited(2, delimited(5, points))))
    assert exceeds(body, METRICS, 2 * (4 + 11) - 1, NO_END)


@pytest.mark.parametrize("byte", [b"\xff", b"\x08", b"\x0b", b"\x0f", b"\x0a\xff"])
def test_the_count_of_what_is_no_message_ends(byte):
    assert not exceeds(byte * 1_000_000, METRICS, NO_END, NO_END)


def test_attributes_nested_deeper_than_protobuf_takes_are_not_followed():
    value = b""
    for _ in range(50_000):
        value = delimited(5, delimited(1, value)) if len(value) < 60_000 else value
    body = delimited(1, delimited(1, delimited(1, delimited(2, value))))
    assert not exceeds(body, METRICS, 1_000, NO_END)


def test_braces_within_strings_are_no_objects():
    check_json_items(b'{"a": "' + b"{" * 100 + rb'\"{\\", "b": {}}', 1)


def test_braces_behind_an_escaped_backslash_are_objects():
    with pytest.raises(Refusal, match="more than 1 items"):
        check_json_items(rb'{"a": "\\", "b": [{}, {}]}', 1)


@settings(deadline=None, max_examples=scaled(50))
@given(st.lists(st.dictionaries(st.text('{"\\\\a', max_size=8), st.text('{"\\\\a', max_size=8), max_size=3)))
def test_objects_of_json_are_counted_as_a_parser_finds_them(objects):
    body = json.dumps(objects).encode() * 3
    found = 0
    for least in range(3 * len(objects) + 1):
        try:
            check_json_items(body, least)
        except Refusal:
            found = least + 1
    assert found == math.ceil(3 * len(objects) / 2)
