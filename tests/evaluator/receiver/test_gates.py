"""OTLP specification: what a receiver answers, over both protocols, to real clients."""

import asyncio
import gzip

import grpc
import httpx
import pytest
from google.rpc.status_pb2 import Status
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpanExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as HttpMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpanExporter
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from lapbell_evaluator.receiver import Limits
from otlp_kit import gauge, metrics_export, number
from otlp_kit.reception import INGEST_TOKEN, VIEWER_TOKEN, open_gates

PROTOBUF = {"content-type": "application/x-protobuf"}
ONE_POINT = metrics_export(gauge("g", [number(1, 1_100)])).SerializeToString()
SENDER = Resource.create({"service.name": "app", "service.instance.id": "one"})


def export_a_count(exporter):
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=60_000)
    provider = MeterProvider(resource=SENDER, metric_readers=[reader])
    provider.get_meter("test").create_counter("orders").add(3, {"kind": "new"})
    provider.shutdown()


def export_a_span(exporter):
    provider = TracerProvider(resource=SENDER)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    provider.get_tracer("test").start_span("work", attributes={"http.route": "/w"}).end()
    provider.shutdown()


async def post(gates, body=ONE_POINT, path="/v1/metrics", method="POST", **headers):
    async with httpx.AsyncClient(timeout=60) as client:
        sent = PROTOBUF | {name.replace("_", "-"): value for name, value in headers.items()}
        return await client.request(method, gates.http + path, content=body, headers=sent)


async def call(gates, body=ONE_POINT, **metadata):
    service = "opentelemetry.proto.collector.metrics.v1.MetricsService"
    async with grpc.aio.insecure_channel(f"127.0.0.1:{gates.grpc_port}") as channel:
        export = channel.unary_unary(f"/{service}/Export", bytes, bytes)
        return await export(body, metadata=tuple(metadata.items()))


@pytest.mark.parametrize("compression", [None, grpc.Compression.Gzip, grpc.Compression.Deflate])
async def test_pythons_grpc_exporter_delivers_metrics(compression):
    async with open_gates() as gates:
        exporter = GrpcMetricExporter(gates.grpc, insecure=True, compression=compression)
        await asyncio.to_thread(export_a_count, exporter)
    assert [(name, value) for name, _, value in gates.store.of("orders_total")] == [
        ('orders_total{instance="one",job="app",kind="new"}', 0.0),
        ('orders_total{instance="one",job="app",kind="new"}', 3.0),
    ]


@pytest.mark.parametrize("compression", [Compression.NoCompression, Compression.Gzip, Compression.Deflate])
async def test_pythons_http_exporter_delivers_metrics(compression):
    async with open_gates() as gates:
        exporter = HttpMetricExporter(f"{gates.http}/v1/metrics", compression=compression)
        await asyncio.to_thread(export_a_count, exporter)
    assert [value for _, _, value in gates.store.of("orders_total")] == [0.0, 3.0]


@pytest.mark.parametrize("protocol", ["grpc", "http"])
async def test_pythons_exporters_deliver_spans(protocol):
    async with open_gates() as gates:
        http, plain = f"{gates.http}/v1/traces", gates.grpc
        exporter = HttpSpanExporter(http) if protocol == "http" else GrpcSpanExporter(plain, insecure=True)
        await asyncio.to_thread(export_a_span, exporter)
    assert [(span.name, span.job, span.attributes) for span in gates.store.spans] == [
        ("work", "app", (("http.route", "/w"),))
    ]


async def test_full_success_leaves_partial_success_unset():
    async with open_gates() as gates:
        answer = await post(gates)
    assert answer.status_code == 200
    assert answer.content == b""
    assert answer.headers["content-type"] == "application/x-protobuf"


async def test_partial_success_says_how_many_points_were_not_taken_and_why():
    async with open_gates() as gates:
        export = metrics_export(gauge("g", [number(1, 0), number(2, 1_100)]))
        answer = await post(gates, export.SerializeToString())
    partial = ExportMetricsServiceResponse.FromString(answer.content).partial_success
    assert answer.status_code == 200
    assert partial.rejected_data_points == 1
    assert partial.error_message == "1 points without a time"


async def test_rules_hear_which_metrics_came():
    async with open_gates() as gates:
        await post(gates)
    assert [received.metrics for received in gates.received] == [{"g"}]


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"body": b"\xff\xff\xff"}, 400),
        ({"body": b"not gzip", "content_encoding": "gzip"}, 400),
        ({"body": gzip.compress(ONE_POINT)[:-9], "content_encoding": "gzip"}, 400),
        ({"content_encoding": "br"}, 415),
        ({"content_type": "text/plain"}, 415),
        ({"path": "/v1/nothing"}, 404),
        ({"method": "GET"}, 405),
        ({"body": b"x" * 2_000}, 413),
        ({"body": gzip.compress(b"x" * 1_000_000), "content_encoding": "gzip"}, 413),
        ({"authorization": "Bearer wrong"}, 401),
        ({"authorization": f"Bearer {VIEWER_TOKEN}"}, 403),
    ],
)
async def test_an_http_refusal_has_its_status_and_a_protobuf_status(request_, status):
    async with open_gates(Limits(body_bytes=1_000)) as gates:
        answer = await post(gates, **request_)
    message = Status.FromString(answer.content)
    assert answer.status_code == status
    assert bool(message.message)
    assert gates.store.samples == []


async def test_a_token_is_needed_where_loopback_is_not_trusted():
    async with open_gates(allow_loopback=False) as gates:
        answers = [await post(gates), await post(gates, authorization=f"Bearer {INGEST_TOKEN}")]
    assert [answer.status_code for answer in answers] == [401, 200]
    assert answers[0].headers["www-authenticate"] == "Bearer"


NO_TOKEN = ["Basic dXNlcjpwYXNz", INGEST_TOKEN, "Bearer", "Digest x", ""]


@pytest.mark.parametrize("path", ["/v1/metrics", "/v1/traces", "/v1/logs", "/api/v1/write"])
@pytest.mark.parametrize("shown", NO_TOKEN)
async def test_whoever_shows_something_else_than_a_token_is_not_trusted_for_standing_on_this_machine(shown, path):
    async with open_gates() as gates:
        answer = await post(gates, path=path, authorization=shown)
    assert answer.status_code == 401
    assert "Send the header `Authorization: Bearer <ingest token>`" in answer.text


@pytest.mark.parametrize("shown", NO_TOKEN)
async def test_over_grpc_too(shown):
    async with open_gates() as gates:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call(gates, authorization=shown)
    assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED
    assert "Send the header `Authorization: Bearer <ingest token>`" in str(refused.value.details())


async def test_of_two_tokens_none_is_taken():
    shown = [("authorization", f"Bearer {INGEST_TOKEN}"), ("authorization", "Bearer wrong")]
    async with open_gates() as gates, httpx.AsyncClient(timeout=60) as client:
        answer = await client.post(f"{gates.http}/v1/metrics", content=ONE_POINT, headers=[*PROTOBUF.items(), *shown])
    assert answer.status_code == 401


async def test_a_proxy_on_loopback_is_not_trusted():
    async with open_gates() as gates:
        assert (await post(gates, x_forwarded_for="203.0.113.7")).status_code == 401
        assert (await post(gates, origin="http://attacker.example")).status_code == 401
        assert (await post(gates, host="attacker.example")).status_code == 401


async def test_grpc_takes_what_http_takes():
    async with open_gates() as gates:
        assert await call(gates) == b""
    assert gates.store.samples == [("g", 1_100_000, 1.0)]


@pytest.mark.parametrize(
    ("body", "metadata", "code"),
    [
        (b"\xff\xff\xff", {}, grpc.StatusCode.INVALID_ARGUMENT),
        (ONE_POINT, {"authorization": "Bearer wrong"}, grpc.StatusCode.UNAUTHENTICATED),
        (ONE_POINT, {"authorization": f"Bearer {VIEWER_TOKEN}"}, grpc.StatusCode.PERMISSION_DENIED),
        (b"x" * 2_000, {}, grpc.StatusCode.RESOURCE_EXHAUSTED),
    ],
)
async def test_a_grpc_refusal_has_its_code(body, metadata, code):
    async with open_gates(Limits(body_bytes=1_000)) as gates:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call(gates, body, **metadata)
    assert refused.value.code() == code
    assert gates.store.samples == []
