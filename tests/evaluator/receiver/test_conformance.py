"""The rules that bind an OTLP receiver, one test each, by their own words.

Source: OpenTelemetry Protocol specification (opentelemetry-proto, docs/specification.md). The metrics data model has
tests of its own: deltas, exponential histograms, presence, translation.
"""

import gzip
import json

import grpc
import httpx
import pytest
from google.protobuf.json_format import MessageToDict
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from lapbell_evaluator.receiver import Limits
from lapbell_evaluator.receiver.replies import Signal
from otlp_kit import gauge, metrics_export, number, span, traces_export
from otlp_kit.otlp_json import otlp_json
from otlp_kit.reception import open_gates

Response = ExportMetricsServiceResponse | ExportTraceServiceResponse | ExportLogsServiceResponse
PROTOBUF, JSON = "application/x-protobuf", "application/json"
METRICS = metrics_export(gauge("g", [number(1, 1_100)]))
PARTIAL = metrics_export(gauge("g", [number(1, 0), number(2, 1_100)]))
TRACES = traces_export(span("work", 1, 2, kind=Span.SPAN_KIND_SERVER, http_route="/w"))
LOGS = ExportLogsServiceRequest(resource_logs=[ResourceLogs(scope_logs=[ScopeLogs(log_records=[LogRecord()])])])
EXPORTS = {"/v1/metrics": METRICS, "/v1/traces": TRACES, "/v1/logs": LOGS}
RESPONSES: dict[str, type[Response]] = {
    "/v1/metrics": ExportMetricsServiceResponse,
    "/v1/traces": ExportTraceServiceResponse,
    "/v1/logs": ExportLogsServiceResponse,
}


async def post(gates, body, path="/v1/metrics", content_type=PROTOBUF, **headers):
    async with httpx.AsyncClient(timeout=60) as client:
        sent = {"content-type": content_type} | {name.replace("_", "-"): value for name, value in headers.items()}
        return await client.post(gates.http + path, content=body, headers=sent)


def details_type(answer):
    return Status.FromString(answer.content).details[0].type_url


@pytest.mark.parametrize("path", EXPORTS)
async def test_default_paths_and_success(path):
    """'The default URL path for requests that carry trace data is `/v1/traces`' - metrics and logs likewise; 'On
    success, the server MUST respond with `HTTP 200 OK`. The response body MUST be a Protobuf-encoded
    `Export<signal>ServiceResponse` message.'
    """
    async with open_gates() as gates:
        answer = await post(gates, EXPORTS[path].SerializeToString(), path)
    assert answer.status_code == 200
    assert RESPONSES[path].FromString(answer.content) == RESPONSES[path]()


@pytest.mark.parametrize("signal", Signal)
async def test_every_service_is_there_over_grpc(signal):
    """'The client starts sending telemetry data using unary requests using Export*ServiceRequest messages'."""
    async with open_gates() as gates, grpc.aio.insecure_channel(f"127.0.0.1:{gates.grpc_port}") as channel:
        body = EXPORTS[signal.path].SerializeToString()
        assert await channel.unary_unary(f"/{signal.service}/Export", bytes, bytes)(body) == b""


@pytest.mark.parametrize("content_type", [PROTOBUF, JSON])
async def test_an_empty_export_succeeds(content_type):
    """'If the request is empty (carries no telemetry data) the server SHOULD respond with success.'"""
    async with open_gates() as gates:
        answer = await post(gates, b"{}" if content_type == JSON else b"", content_type=content_type)
    assert answer.status_code == 200


async def test_both_compressions_that_all_servers_support():
    """'All server components MUST support the following transport compression options: No compression, denoted by
    `none`. Gzip compression, denoted by `gzip`.'
    """
    async with open_gates() as gates:
        body = METRICS.SerializeToString()
        answers = [await post(gates, body), await post(gates, gzip.compress(body), content_encoding="gzip")]
    assert [answer.status_code for answer in answers] == [200, 200]


@pytest.mark.parametrize(
    ("content_type", "export"), [(PROTOBUF, PARTIAL.SerializeToString()), (JSON, otlp_json(PARTIAL))]
)
async def test_partial_success(content_type, export):
    """'If the request is only partially accepted ... the server MUST initialize the `partial_success` field ... and it
    MUST set the respective `rejected_spans`, `rejected_data_points`, ... field with the number of spans/data
    points/log records it rejected. The server SHOULD populate the `error_message` field.'
    """
    async with open_gates() as gates:
        answer = await post(gates, export, content_type=content_type)
    if content_type == JSON:
        partial = answer.json()["partialSuccess"]
        found = (int(partial["rejectedDataPoints"]), bool(partial["errorMessage"]))
    else:
        message = ExportMetricsServiceResponse.FromString(answer.content).partial_success
        found = (message.rejected_data_points, bool(message.error_message))
    assert answer.status_code == 200
    assert found == (1, True)


async def test_partial_success_is_unset_on_full_success():
    """'In case of a successful response, ... the server MUST leave the `partial_success` field unset.'"""
    async with open_gates() as gates:
        answer = await post(gates, METRICS.SerializeToString())
    assert not ExportMetricsServiceResponse.FromString(answer.content).HasField("partial_success")


@pytest.mark.parametrize("content_type", [PROTOBUF, JSON])
async def test_bad_data(content_type):
    """'If the processing of the request fails because the request contains data that cannot be decoded or is otherwise
    invalid and such failure is permanent, then the server MUST respond with `HTTP 400 Bad Request`. The
    `Status.details` field ... SHOULD contain a BadRequest' - we say it in the message.
    """
    async with open_gates() as gates:
        answer = await post(gates, b"\xff\xff", content_type=content_type)
    kind = json.loads(answer.content)["details"][0]["@type"] if content_type == JSON else details_type(answer)
    assert answer.status_code == 400
    assert kind == "type.googleapis.com/google.rpc.BadRequest"


@pytest.mark.parametrize("content_type", [PROTOBUF, JSON])
async def test_errors_carry_a_status_in_the_senders_encoding(content_type):
    """'The response body for all `HTTP 4xx` and `HTTP 5xx` responses MUST be a Protobuf-encoded Status message' and
    'The server MUST use the same 'Content-Type' in the response as it received in the request.'
    """
    async with open_gates() as gates:
        answer = await post(gates, b"\xff\xff", content_type=content_type)
    parsed = json.loads(answer.content) if content_type == JSON else MessageToDict(Status.FromString(answer.content))
    assert answer.headers["content-type"] == content_type
    assert parsed["code"] == grpc.StatusCode.INVALID_ARGUMENT.value[0]


async def test_size_limits():
    """'The server MUST limit the size of the request body when parsing it, including after decompression ... If the
    limit is exceeded, the server SHOULD respond with `HTTP 413 Content Too Large`.'
    """
    async with open_gates(Limits(body_bytes=100)) as gates:
        answer = await post(gates, gzip.compress(bytes(10_000)), content_encoding="gzip")
    assert answer.status_code == 413


async def test_throttling():
    """'If the server receives more requests than the client is allowed or the server is overloaded, the server SHOULD
    respond with `HTTP 429 Too Many Requests` or `HTTP 503 Service Unavailable` and MAY include 'Retry-After' header
    with a recommended time interval in seconds to wait before retrying.'
    """
    async with open_gates(Limits(in_flight_bytes=1, retry_after_s=4)) as gates:
        answer = await post(gates, METRICS.SerializeToString())
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "4"


JSON_POINT = {"timeUnixNano": "1100000000000", "asInt": "7", "attributes": [{"key": "k", "value": {"intValue": 5}}]}


def json_gauge(**point):
    metric = {"name": "g", "gauge": {"dataPoints": [JSON_POINT | point]}}
    return json.dumps({"resourceMetrics": [{"scopeMetrics": [{"metrics": [metric]}]}]}).encode()


@pytest.mark.parametrize(
    "point",
    [
        {},
        {"timeUnixNano": 1_100_000_000_000, "asInt": 7},
        {"unknownField": {"a": [1]}},
        {"flags": None, "exemplars": []},
    ],
)
async def test_json_numbers_nulls_and_unknown_names(point):
    """'OTLP/JSON receivers MUST ignore message fields with unknown names' and ProtoJSON: 64-bit integers are strings,
    but 'either numbers or strings are accepted'; `null` 'is an accepted value for all field types and treated as
    the default value'.
    """
    async with open_gates() as gates:
        answer = await post(gates, json_gauge(**point), content_type=JSON)
    assert answer.status_code == 200
    assert gates.store.samples == [('g{k="5"}', 1_100_000, 7.0)]


async def test_json_ids_are_hex_of_either_case_and_enums_are_numbers():
    """'The `traceId` and `spanId` byte arrays are represented as case-insensitive hex-encoded strings; they are not
    base64-encoded' and 'Values of enum fields MUST be encoded as integer values.'
    """
    sent = otlp_json(TRACES).replace(b"00000000000000000000000000000001", b"ABCDEFabcdef00000000000000000001")
    async with open_gates() as gates:
        await post(gates, sent, "/v1/traces", JSON)
    assert [(each.trace_id, each.kind) for each in gates.store.spans] == [("abcdefabcdef00000000000000000001", 2)]


async def test_json_keys_may_be_the_original_names():
    """'Original field names are not valid to use as keys of JSON objects' - but unknown names are ignored, so that such
    an export would be answered 200 and lost. The Collector takes it, and so do we.
    """
    async with open_gates() as gates:
        await post(gates, json_gauge().replace(b"timeUnixNano", b"time_unix_nano"), content_type=JSON)
    assert gates.store.samples == [('g{k="5"}', 1_100_000, 7.0)]


async def test_a_content_type_may_have_parameters():
    """HTTP: `application/json; charset=utf-8` is JSON."""
    async with open_gates() as gates:
        assert (await post(gates, json_gauge(), content_type="application/json; charset=utf-8")).status_code == 200


async def test_one_broken_string_does_not_cost_the_batch():
    """Protobuf: a `string` must be UTF-8; a sender that breaks this in one attribute keeps the rest of its points."""
    body = metrics_export(gauge("g", [number(1, 1_100, k="AAAA"), number(2, 1_100, k="ok")])).SerializeToString()
    async with open_gates() as gates:
        answer = await post(gates, body.replace(b"AAAA", b"A\xff\xfeA"))
    assert answer.status_code == 200
    assert [value for _, _, value in gates.store.samples] == [1.0, 2.0]


@pytest.mark.parametrize("path", EXPORTS)
async def test_all_ways_in_give_the_same(path):
    """The same export over gRPC, HTTP protobuf and HTTP JSON leaves the same samples and spans."""
    signal = next(signal for signal in Signal if signal.path == path)
    kept = []
    for way in ("grpc", PROTOBUF, JSON):
        async with open_gates() as gates:
            if way == "grpc":
                async with grpc.aio.insecure_channel(f"127.0.0.1:{gates.grpc_port}") as channel:
                    await channel.unary_unary(f"/{signal.service}/Export", bytes, bytes)(
                        EXPORTS[path].SerializeToString()
                    )
            else:
                body = otlp_json(EXPORTS[path]) if way == JSON else EXPORTS[path].SerializeToString()
                await post(gates, body, path, way)
            kept.append((gates.store.samples, gates.store.spans, gates.ingest.telemetry.items[signal]))
    assert kept[0] == kept[1] == kept[2]
    assert kept[0][2] == 1
