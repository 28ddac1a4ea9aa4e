"""JSON: numbers are JSON's, names are OTLP's or refused; held against the Collector."""

import json
import math

import httpx
import pytest

from lapbell_evaluator.receiver.json_metrics import decode_json_metrics
from lapbell_evaluator.receiver.json_traces import count_json_logs, decode_json_spans
from lapbell_evaluator.receiver.points import Numbers
from lapbell_evaluator.receiver.refusal import Refusal
from otlp_kit.reception import open_gates
from peers import collector

COLLECTOR_CONFIG = """
receivers:
  otlp:
    protocols:
      grpc: {endpoint: "${env:LAPBELL_COLLECTOR_GRPC}"}
      http: {endpoint: "${env:LAPBELL_COLLECTOR_HTTP}"}
exporters: {debug: {verbosity: basic}}
extensions: {health_check: {endpoint: "${env:LAPBELL_COLLECTOR_HEALTH}"}}
service:
  extensions: [health_check]
  telemetry: {metrics: {level: none}, logs: {level: error}}
  pipelines:
    metrics: {receivers: [otlp], exporters: [debug]}
    traces: {receivers: [otlp], exporters: [debug]}
"""
METRICS, TRACES = "/v1/metrics", "/v1/traces"
POINT = '"timeUnixNano": "1000"'


def metric(kind, more=""):
    """A metric with a point; `%s` stands for what is tried."""
    return (
        f'{{"resourceMetrics": [{{"scopeMetrics": [{{"metrics": [{{"name": "m", "{kind}": {{"dataPoints": '
        f"[{{{POINT}, %s}}]{more}}}}}]}}]}}]}}"
    )


GAUGE = metric("gauge")
HISTOGRAM = metric("histogram", ', "aggregationTemporality": 2')
SUM = metric("sum", ", %s").replace("%s}]", '"asInt": "1"}]')
ATTRIBUTE = GAUGE.replace("%s", '"asInt": "1", "attributes": [{"key": "k", "value": {%s}}]')
SPAN = (
    '{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "00000000000000000000000000000001", '
    '"spanId": "0000000000000001", %s}]}]}]}'
)
TRIED = {
    GAUGE: [
        *(f'"asInt": {value}' for value in ('""', '"5"', '" 5 "', '"1_0"', "3.0", "3.5", '"3.0"', '"1e3"', "null")),
        *(f'"asInt": {value}' for value in ("true", "-1", '"-1"', '"+5"', '"0x10"', '"\\u0663"', "[]", "{}")),
        *(f'"asInt": {value}' for value in (2**63, -(2**63), f'"{2**63}"', f'"{-(2**63)}"')),
        *(f'"asDouble": {value}' for value in ('""', '"1.5"', '" 1.5 "', '"NaN"', '"nan"', '"Infinity"')),
        *(f'"asDouble": {value}' for value in ('"-Infinity"', '"inf"', '"Inf"', '"1_0"', '"0x1p3"', '"1e400"')),
        *(f'"asDouble": {value}' for value in ("1.5", "2", "null", "true", "NaN", "1e400", "01", ".5", "5.")),
        *(f'"asInt": "1", "startTimeUnixNano": {value}' for value in ("1.0", '"1"', '""', '" 1 "', "-1", '"-1"')),
        *(f'"asInt": "1", "startTimeUnixNano": {value}' for value in ("1.5e18", 2**64, "null")),
        *(f'"asInt": "1", "flags": {value}' for value in ("1", '"1"', "1.0", "-1", '""', "null", '"MASK"')),
        '"as_int": "1"',
        '"asInt": "1", "start_time_unix_nano": "5"',
        '"asInt": "1", "unknown": 1',
    ],
    SUM: [
        *(f'"aggregationTemporality": {value}' for value in ("1", "7", "null", "1.0", '""', '"1"', '"NOPE"')),
        '"aggregationTemporality": "AGGREGATION_TEMPORALITY_DELTA"',
        '"aggregation_temporality": "AGGREGATION_TEMPORALITY_CUMULATIVE"',
        '"aggregationTemporality": "aggregation_temporality_delta"',
        *(f'"aggregationTemporality": 2, "isMonotonic": {value}' for value in ("true", '"true"', "1", "null")),
    ],
    HISTOGRAM: [
        '"bucket_counts": ["1"], "count": "1"',
        '"bucketCounts": [1], "count": 1',
        '"bucketCounts": [1.0], "count": 1',
        '"bucketCounts": [""], "count": "0"',
        '"bucketCounts": ["1", "0"], "count": "1", "explicitBounds": ["1.5"]',
        '"bucketCounts": ["1", "0"], "count": "1", "explicitBounds": [""]',
    ],
    ATTRIBUTE: [
        *(f'"intValue": {value}' for value in ('"5"', "5", "5.0", '""', '" 5 "')),
        *(f'"doubleValue": {value}' for value in ("5", '""', '"x"', '"NaN"')),
        *(f'"bytesValue": {value}' for value in ('"!!"', '"QQ=="', '"QQ"')),
        '"boolValue": "true"',
        '"stringValue": 5',
        '"string_value": "x"',
        '"array_value": {"values": [{"int_value": "5"}]}',
        "",
    ],
    SPAN: [
        *(f'"kind": {value}' for value in ("2", '"SPAN_KIND_SERVER"', '"server"', '"2"', "99", "2.0")),
        *(f'"status": {{"code": {value}}}' for value in ("2", '"STATUS_CODE_ERROR"', '"2"', '"NOPE"')),
        '"start_time_unix_nano": "5"',
    ],
}
BODIES = [(template, text) for template, texts in TRIED.items() for text in texts]
DIFFERENT = {
    # ProtoJSON: `null` is the default.
    (GAUGE, '"asInt": null'): True,
    (GAUGE, '"asDouble": null'): True,
    (GAUGE, '"asInt": "1", "startTimeUnixNano": null'): True,
    (GAUGE, '"asInt": "1", "flags": null'): True,
    (SUM, '"aggregationTemporality": null'): True,
    (SUM, '"aggregationTemporality": 2, "isMonotonic": null'): True,
    # ProtoJSON: base64 with or without padding.
    (ATTRIBUTE, '"bytesValue": "QQ"'): True,
    # What Go's parsers take and JSON has not.
    (GAUGE, '"asInt": "+5"'): False,
    (GAUGE, '"asDouble": "nan"'): False,
    (GAUGE, '"asDouble": "inf"'): False,
    (GAUGE, '"asDouble": "Inf"'): False,
    (GAUGE, '"asDouble": "1_0"'): False,
    (GAUGE, '"asDouble": "0x1p3"'): False,
}
"""Bodies that lapbell takes and the Collector does not (True), or the other way round."""


async def accepted(url):
    """Which bodies a receiver answers with 200."""
    answers = {}
    async with httpx.AsyncClient(timeout=60) as client:
        for template, text in BODIES:
            answer = await client.post(
                url + (TRACES if template is SPAN else METRICS),
                content=template.replace("%s", text).replace(", }", "}"),
                headers={"content-type": "application/json"},
            )
            answers[template, text] = answer.status_code == 200
    return answers


async def test_json_is_taken_as_the_collector_takes_it(tmp_path):
    config = tmp_path / "collector.yaml"
    config.write_text(COLLECTOR_CONFIG)
    with collector({}, config=config) as peer:
        theirs = await accepted(peer.http)
    async with open_gates() as gates:
        ours = await accepted(gates.http)
    assert {body: is_taken for body, is_taken in ours.items() if is_taken is not theirs[body]} == DIFFERENT


def refusal_of(template, text):
    decode = decode_json_spans if template is SPAN else decode_json_metrics
    with pytest.raises(Refusal) as refused:
        decode(template.replace("%s", text).encode())
    return refused.value.message


METRIC = "$.resourceMetrics[0].scopeMetrics[0].metrics[0]"
TEMPORALITIES = "AGGREGATION_TEMPORALITY_UNSPECIFIED, AGGREGATION_TEMPORALITY_DELTA, AGGREGATION_TEMPORALITY_CUMULATIVE"
REFUSED = [
    (
        GAUGE,
        '"asDouble": ""',
        "'' is no number, and not NaN, Infinity or -Infinity",
        f"{METRIC}.gauge.dataPoints[0].asDouble",
    ),
    (GAUGE, '"asInt": 3.0', "Expected `int | str | null`, got `float`", f"{METRIC}.gauge.dataPoints[0].asInt"),
    (GAUGE, '"asInt": " 5 "', "' 5 ' is no integer", f"{METRIC}.gauge.dataPoints[0].asInt"),
    (GAUGE, '"as_int": "x"', "'x' is no integer", f"{METRIC}.gauge.dataPoints[0].as_int"),
    (
        HISTOGRAM,
        '"bucketCounts": ["1", "x"]',
        "'x' is no integer without a sign",
        f"{METRIC}.histogram.dataPoints[0].bucketCounts[1]",
    ),
    (
        SUM,
        '"aggregationTemporality": "DELTA"',
        f"'DELTA' is none of {TEMPORALITIES}",
        f"{METRIC}.sum.aggregationTemporality",
    ),
    (
        SPAN,
        '"status": {"code": "x"}',
        "'x' is none of STATUS_CODE_UNSET, STATUS_CODE_OK, STATUS_CODE_ERROR",
        "$.resourceSpans[0].scopeSpans[0].spans[0].status.code",
    ),
]


@pytest.mark.parametrize(("template", "text", "what", "where"), REFUSED)
def test_a_refusal_names_the_value_and_its_place(template, text, what, where):
    signal = "traces" if template is SPAN else "metrics"
    assert refusal_of(template, text) == f"The body is not an OTLP {signal} export: {what} - at `{where}`."


@pytest.mark.parametrize("kind", ["asInt", "asDouble"])
def test_a_refusal_quotes_little_of_a_large_value(kind):
    refusal = refusal_of(metric("gauge"), f'"{kind}": "{"a" * 1_000_000}"')
    assert len(str(refusal)) < 2_000


def value_of(text):
    columns = decode_json_metrics(GAUGE.replace("%s", text).encode()).sources[0].scopes[0].columns[0]
    return columns.values[0] if isinstance(columns, Numbers) else None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('"asDouble": "-Infinity"', -math.inf),
        ('"asDouble": "1.5e3"', 1_500.0),
        ('"asInt": "-9223372036854775808"', -(2**63)),
        ('"asInt": "007"', 7),
        ('"asInt": null, "asDouble": 2', 2.0),
    ],
)
def test_texts_stand_for_numbers(text, value):
    assert value_of(text) == value


def test_names_of_enums_stand_for_their_numbers():
    export = decode_json_metrics(
        SUM.replace("%s", '"aggregationTemporality": "AGGREGATION_TEMPORALITY_DELTA"').encode()
    )
    spans = decode_json_spans(
        SPAN.replace("%s", '"kind": "SPAN_KIND_SERVER", "status": {"code": "STATUS_CODE_ERROR"}').encode()
    )
    metric = export.sources[0].scopes[0].columns[0].metric
    assert {"delta": metric.is_delta, "kind": spans.spans[0].kind, "failed": spans.spans[0].failed} == {
        "delta": True,
        "kind": 2,
        "failed": True,
    }


def test_original_names_are_taken_at_any_depth():
    logs = {"resource_logs": [{"scopeLogs": [{"log_records": [{"body": {"string_value": 'a_b": 1'}}, {}]}]}]}
    assert count_json_logs(json.dumps(logs).encode()) == 2


def test_a_text_that_looks_like_an_original_name_changes_nothing():
    assert value_of('"asInt": 1, "unknown": "{\\"as_int\\": 5}"') == 1
