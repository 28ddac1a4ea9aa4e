"""What the shipped configuration does to telemetry, seen from both ends of a real Collector."""

import time

import httpx
from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otlp_kit import attributes, gauge, metrics_export, number, resource, span, traces_export
from otlp_kit.metrics import Attributes
from peers import SHIPPED_CONFIG, Collector, collector, free_port, jaeger, otlp_sink, scratch

APP = resource(service_name="app")
ITSELF = resource(service_name="lapbell-evaluator")
EVALUATORS_CAP = 4 * 1024 * 1024


def send(to: Collector, signal: str, request: Message) -> None:
    headers = {"Content-Type": "application/x-protobuf"}
    body = request.SerializeToString()
    httpx.post(f"{to.http}/v1/{signal}", content=body, headers=headers, trust_env=False, timeout=60).raise_for_status()


def logs_export(*records: LogRecord, of=APP) -> ExportLogsServiceRequest:
    return ExportLogsServiceRequest(
        resource_logs=[ResourceLogs(resource=of, scope_logs=[ScopeLogs(log_records=records)])]
    )


def gauges_export(names: list[str], of=APP):
    now = time.time()
    return metrics_export(*(gauge(name, [number(1.0, now)]) for name in names), of=of)


def traces(count: int, *, length_s: float, first: int = 1, failed: bool = False) -> list[Span]:
    end = time.time()
    return [
        span("POST /webhook", end - length_s, end, trace=first + i, kind=Span.SPAN_KIND_SERVER, failed=failed)
        for i in range(count)
    ]


def idle_wait(trace: int, command: str) -> Span:
    """A second in which a worker waited for something to do."""
    end = time.time()
    waiting = span(command, end - 1.0, end, trace=trace, kind=Span.SPAN_KIND_CLIENT)
    waiting.attributes.extend(attributes({"db.operation.name": command}))
    return waiting


def test_the_evaluator_gets_every_span_while_jaeger_gets_the_slow_and_the_failed_in_full():
    sampling = {"LAPBELL_SAMPLING_PERCENT": "0", "LAPBELL_SAMPLING_WAIT": "500ms"}
    with jaeger() as store, otlp_sink() as evaluator:
        env = {"LAPBELL_EVALUATOR": evaluator.url, "LAPBELL_JAEGER": f"127.0.0.1:{store.otlp_port}", **sampling}
        with collector(env) as way:
            fast, slow = traces(200, length_s=0.05), traces(3, length_s=0.7, first=1000)
            failed = traces(2, length_s=0.05, first=2000, failed=True)
            idle = [idle_wait(trace, command) for trace, command in enumerate(("BRPOP", "XREADGROUP"), 3000)]
            hanging = [span("lapbell.pending", time.time(), time.time(), trace=4000)]
            send(way, "traces", traces_export(*fast, *slow, *failed, *idle, *hanging, of=APP))

            evaluator.wait_until(lambda sink: len(sink.spans) == 208)
            store.process.wait_until(lambda: "app" in store.ask("services"))
            store.process.wait_until(lambda: len(store.ask("traces", service="app", limit=500)) >= 6)
            kept = {int(trace["traceID"], 16) for trace in store.ask("traces", service="app", limit=500)}

    assert kept == {1000, 1001, 1002, 2000, 2001, 4000}


PHONE, MAIL, TOKEN = "+4915112345678", "jane.doe@mail.example.org", "Bearer s3cr3t-t0ken"
KEYED = {
    "url.full": "https://example.org/hook?code=private-one",
    "url.query": "code=private-two",
    "http.target": "/hook?code=private-three",
    "http.request.header.x-twilio-signature": "private-four",
    "db.query.text": "GET user:private-five",
    "client.address": "203.0.113.77",
    "enduser.id": "private-six",
}
PERSONAL = [PHONE, MAIL, "s3cr3t-t0ken", "private-", "203.0.113.77"]
KEPT = {"http.route": "/hook", "webhook.provider": "twilio", "db.operation.name": "GET", "server.address": "redis-1"}


def a_talkative_span() -> Span:
    talkative = traces(1, length_s=0.05, failed=True)[0]
    talkative.attributes.extend(attributes({**KEYED, **KEPT, "note": f"call {PHONE} or {MAIL}"}))
    talkative.status.message = f"could not answer whatsapp:{PHONE} with {TOKEN}"
    what = {"exception.type": "ValueError", "exception.message": f"no user {MAIL}"}
    talkative.events.add(name="exception", attributes=attributes(what))
    return talkative


def test_nothing_personal_passes_and_nothing_else_is_lost():
    worker = resource(service_name="app", service_instance_id="celery@host.example.org")
    with otlp_sink() as evaluator, collector({"LAPBELL_EVALUATOR": evaluator.url}) as way:
        send(way, "traces", traces_export(a_talkative_span(), of=worker))
        send(way, "logs", logs_export(LogRecord(body=AnyValue(string_value=f"from {PHONE}: hello")), of=worker))
        who: Attributes = {"http.route": "/hook", "who": MAIL}
        point = number(1.0, time.time(), **who)
        send(way, "metrics", metrics_export(gauge("users", [point]), of=worker))
        evaluator.wait_until(lambda sink: bool(sink.spans and sink.log_records and sink.metrics))
        wire = b"".join(delivery.body for delivery in evaluator.deliveries)
        (seen,), (record,) = evaluator.spans, evaluator.log_records

    values = {pair.key: pair.value.string_value for pair in seen.attributes}
    assert [text for text in PERSONAL if text.encode() in wire] == []
    assert wire.count(b"celery@host.example.org") == 3, "the name of a worker is not an address"
    assert {key: values.get(key) for key in KEPT} == KEPT
    assert seen.status.message == "could not answer whatsapp:**** with ****"
    assert record.body.string_value == "from ****: hello"
    assert "lapbell.status" not in values


def test_the_evaluator_never_gets_its_own_telemetry_back_while_a_vendor_does():
    vendor_config = SHIPPED_CONFIG.with_name("vendor.yaml")
    with otlp_sink() as evaluator, otlp_sink() as vendor:
        env = {
            "LAPBELL_EVALUATOR": evaluator.url,
            "LAPBELL_VENDOR_ENDPOINT": vendor.url,
            "LAPBELL_VENDOR_HEADERS": "{api-key: a-secret}",
        }
        with collector(env, vendor_config) as way:
            send(way, "metrics", gauges_export(["lapbell.alerts"], of=ITSELF))
            send(way, "metrics", gauges_export(["from.the.app"]))
            vendor.wait_until(lambda sink: len(sink.metrics) == 2)
            evaluator.wait_until(lambda sink: bool(sink.metrics))

    assert [metric.name for metric in evaluator.metrics] == ["from.the.app"]
    assert {delivery.headers["api-key"] for delivery in vendor.deliveries} == {"a-secret"}


def test_alerts_are_shown_on_standard_output_where_no_log_store_is():
    event = LogRecord(body=AnyValue(string_value="webhooks are slow"), event_name="lapbell.alert.firing")
    with otlp_sink() as evaluator, collector({"LAPBELL_EVALUATOR": evaluator.url}) as way:
        send(way, "logs", logs_export(event, of=ITSELF))
        way.process.wait_until(lambda: "webhooks are slow" in way.process.log.read_text(errors="replace"))
        shown = way.process.log.read_text(errors="replace")
    assert "lapbell.alert.firing" in shown
    assert evaluator.log_records == []


def test_what_is_too_large_for_the_evaluator_arrives_in_parts_that_are_not():
    names = [f"metric.{i:06}.{'x' * 100}" for i in range(50_000)]
    with otlp_sink() as evaluator, collector({"LAPBELL_EVALUATOR": evaluator.url}) as way:
        whole = gauges_export(names)
        send(way, "metrics", whole)
        evaluator.wait_until(lambda sink: len(sink.metrics) == len(names))

    assert whole.ByteSize() > EVALUATORS_CAP
    assert max(len(delivery.body) for delivery in evaluator.deliveries) < EVALUATORS_CAP
    assert [metric.name for metric in evaluator.metrics] == names


METRICS = [f"metric.{i:02}" for i in range(20)]


def test_what_waited_for_the_evaluator_arrives_once_and_in_order():
    with otlp_sink() as evaluator, collector({"LAPBELL_EVALUATOR": evaluator.url}) as way:
        evaluator.is_open = False
        for name in METRICS:
            send(way, "metrics", gauges_export([name]))
        evaluator.is_open = True
        evaluator.wait_until(lambda sink: len(sink.metrics) >= len(METRICS))

    assert [metric.name for metric in evaluator.metrics] == METRICS


def test_what_waits_for_the_evaluator_survives_a_killed_collector():
    with scratch("queue") as folder, otlp_sink() as evaluator:
        evaluator.is_open = False
        env = {"LAPBELL_EVALUATOR": evaluator.url, "LAPBELL_COLLECTOR_STORAGE": str(folder)}
        with collector(env) as way:
            for name in METRICS:
                send(way, "metrics", gauges_export([name]))
            way.process.kill()
        evaluator.is_open = True
        with collector(env):
            evaluator.wait_until(lambda sink: len(sink.metrics) >= len(METRICS))

    # What was under way when it was killed goes to the end of the queue.
    assert sorted(metric.name for metric in evaluator.metrics) == METRICS


def test_the_token_is_read_from_its_file_and_shown_to_the_evaluator(tmp_path):
    token = tmp_path / "token"
    token.write_text("a-long-random-text\n", encoding="utf-8")
    with otlp_sink() as evaluator:
        env = {"LAPBELL_EVALUATOR": evaluator.url, "LAPBELL_INGEST_TOKEN_FILE": str(token)}
        with collector(env, SHIPPED_CONFIG.with_name("token.yaml")) as way:
            send(way, "metrics", gauges_export(["metric"]))
            evaluator.wait_until(lambda sink: bool(sink.metrics))

    assert [delivery.headers["authorization"] for delivery in evaluator.deliveries] == ["Bearer a-long-random-text"]


def test_the_collector_takes_telemetry_while_nobody_behind_it_answers():
    nobody = f"http://127.0.0.1:{free_port()}"
    with collector({"LAPBELL_EVALUATOR": nobody}) as way:
        send(way, "traces", traces_export(*traces(10, length_s=0.05), of=APP))
        report = httpx.get(f"http://127.0.0.1:{way.metrics_port}/metrics", trust_env=False, timeout=60).text
        counted = [line for line in report.splitlines() if "refused_spans" in line]

    assert [line for line in counted if not line.startswith("#") and not line.endswith(" 0")] == []
