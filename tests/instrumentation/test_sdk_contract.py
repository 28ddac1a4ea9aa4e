"""What OpenTelemetry says of providers, readers and views holds for those that `setup()` makes."""

import json
import socket

import pytest
from google.protobuf.json_format import MessageToDict

from lapbell.instruments import names
from lapkit import python
from peers import otlp_sink

ONE_OF_EACH = """
import os, lapbell
from opentelemetry import metrics, trace
lapbell.setup()
with lapbell.phase("validation"):
    lapbell.get_performance_monitor().record_webhook_timing_breakdown(lapbell.WebhookTimingBreakdown(total_time=0.3))
tracers, meters = trace.get_tracer_provider(), metrics.get_meter_provider()
{verb}
os._exit(0)
"""


@pytest.mark.parametrize(
    ("verb", "spans", "has_metrics"),
    [
        ("assert tracers.force_flush()", ["webhook.validation"], False),
        ("assert meters.force_flush()", [], True),
        ("tracers.shutdown()", ["webhook.validation"], False),
        ("meters.shutdown()", [], True),
        ("meters.shutdown(); meters.shutdown(); assert not meters.force_flush()", [], True),
        ("assert tracers.force_flush() and meters.force_flush()", ["webhook.validation"], True),
    ],
)
def test_flush_and_shutdown_export_before_the_process_is_gone(verb, spans, has_metrics):
    with otlp_sink() as sink:
        python(ONE_OF_EACH.format(verb=verb), OTEL_EXPORTER_OTLP_ENDPOINT=sink.url)
        names = {metric.name for metric in sink.metrics}
        sent = {"spans": [span.name for span in sink.spans], "has_metrics": "webhook.request.duration" in names}
    assert sent == {"spans": spans, "has_metrics": has_metrics}


def test_a_flush_that_fails_says_so_within_its_time_limit():
    late = """
import time
began = time.monotonic()
assert not tracers.force_flush(300)
assert not meters.force_flush(300)
assert time.monotonic() - began < 1.5
"""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        endpoint = f"http://127.0.0.1:{listener.getsockname()[1]}"
        python(ONE_OF_EACH.format(verb=late), OTEL_EXPORTER_OTLP_ENDPOINT=endpoint)


RECORDS = """
import json, sys
from lapbell import seam
from lapbell.instruments import names
import lapbell
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.metrics.view import ExplicitBucketHistogramAggregation, View
{setup}
monitor = lapbell.get_performance_monitor()
for value in (0.004, 0.5, 0.51, 2.0, 40.0):
    for name in names("histogram"):
        seam.current().record(name, value, {{"http.route": "/w", "webhook.provider": "twilio"}}, None)
    for name in names("counter"):
        seam.current().count(name, 3, {{"http.route": "/w"}})
    monitor.record_webhook_timing_breakdown(
        lapbell.WebhookTimingBreakdown(total_time=value, cache_lookup_time=value / 2, provider="stripe")
    )
    monitor.record_redis_operation(lapbell.RedisOperationMetric("get", value))
for state in ("closed", "open", "half_open"):
    lapbell.circuit("redis", state)
{after}
"""
READ = """
data = json.loads(reader.get_metrics_data().to_json())
scopes = [scope for resource in data["resource_metrics"] for scope in resource["scope_metrics"]]
print(json.dumps([
    [metric["name"], sorted(point["attributes"].items()), point.get("count"), point.get("sum"), point.get("value"),
     point.get("bucket_counts"), point.get("explicit_bounds")]
    for scope in scopes for metric in scope["metrics"] for point in metric["data"]["data_points"]
]))
"""


def read_in_memory() -> dict[str, object]:
    """What a reader of the user's own sees."""
    script = RECORDS.format(
        setup="reader = InMemoryMetricReader()\nhandle = lapbell.setup(readers=[reader], system=False)", after=READ
    )
    points = json.loads(python(script, OTEL_TRACES_EXPORTER="none", OTEL_METRICS_EXPORTER="none"))
    return {
        f"{name} {dict(attributes)}": (count, total and round(total, 9), value, buckets, bounds)
        for name, attributes, count, total, value, buckets, bounds in points
    }


def exported_by_the_ledger() -> dict[str, object]:
    """The same values, as the ledger exports them before the end of the process ends its circuits."""
    with otlp_sink() as sink:
        setup, after = "handle = lapbell.setup(system=False)", "import os\nhandle.flush()\nos._exit(0)"
        script = RECORDS.format(setup=setup, after=after)
        python(script, OTEL_EXPORTER_OTLP_ENDPOINT=sink.url, OTEL_TRACES_EXPORTER="none")
        sent: dict[str, object] = {}
        for metric in sink.metrics:
            kind = metric.WhichOneof("data")
            assert kind is not None
            for point in getattr(metric, kind).data_points:
                attributes = {
                    entry["key"]: next(iter(entry["value"].values()))
                    for entry in sorted(MessageToDict(point).get("attributes", []), key=lambda entry: entry["key"])
                }
                is_histogram = kind == "histogram"
                sent[f"{metric.name} {attributes}"] = (
                    point.count if is_histogram else None,
                    round(point.sum, 9) if is_histogram else None,
                    None if is_histogram else point.as_int,
                    list(point.bucket_counts) if is_histogram else None,
                    list(point.explicit_bounds) if is_histogram else None,
                )
    return sent


def test_a_reader_of_the_users_own_sees_what_the_ledger_exports():
    read, exported = read_in_memory(), exported_by_the_ledger()
    recorded = {name.partition(" ")[0] for name in read}
    assert {"read": read, "missing": {*names("histogram"), *names("counter")} - recorded} == {
        "read": exported,
        "missing": set(),
    }


def test_prometheus_reads_every_webhook():
    script = RECORDS.format(
        setup="""
from opentelemetry.exporter.prometheus import PrometheusMetricReader
handle = lapbell.setup(readers=[PrometheusMetricReader()])
""",
        after="""
from prometheus_client import generate_latest
print(generate_latest().decode())
""",
    )
    lines = python(script, OTEL_TRACES_EXPORTER="none", OTEL_METRICS_EXPORTER="none").splitlines()
    counts = [
        line.rpartition(" ")[2]
        for line in lines
        if line.startswith("webhook_request_duration_seconds_count") and 'webhook_provider="stripe"' in line
    ]
    assert counts == ["5.0"]


def test_a_view_holds_for_every_reader():
    script = RECORDS.format(
        setup="""
reader = InMemoryMetricReader()
view = View(
    instrument_name="webhook.request.duration",
    attribute_keys={"http.route"},
    aggregation=ExplicitBucketHistogramAggregation([1.0]),
)
handle = lapbell.setup(readers=[reader], views=[view])
""",
        after=READ + "handle.shutdown()\n",
    )
    with otlp_sink() as sink:
        points = json.loads(python(script, OTEL_EXPORTER_OTLP_ENDPOINT=sink.url, OTEL_TRACES_EXPORTER="none"))
        read = [point[5:] for point in points if point[0] == "webhook.request.duration"]
        exported = [
            list(point.explicit_bounds)
            for metric in sink.metrics
            if metric.name == "webhook.request.duration"
            for point in metric.histogram.data_points
        ]
    assert {"read": read, "exported": exported[-1]} == {
        "read": [[[3, 2], [1.0]], [[3, 2], [1.0]]],  # one series of the route, one of those without a route
        "exported": [1.0],
    }


def test_a_process_that_ends_lets_the_users_readers_collect_once_more():
    script = """
import lapbell
from opentelemetry.sdk.metrics.export import ConsoleMetricExporter, PeriodicExportingMetricReader
lapbell.setup(readers=[PeriodicExportingMetricReader(ConsoleMetricExporter(), export_interval_millis=60_000)])
lapbell.get_performance_monitor().record_webhook_timing_breakdown(lapbell.WebhookTimingBreakdown(total_time=0.3))
"""
    printed = python(script, OTEL_TRACES_EXPORTER="none", OTEL_METRICS_EXPORTER="none")
    assert "webhook.request.duration" in printed


@pytest.mark.parametrize(
    ("before", "words"),
    [
        ("metrics.set_meter_provider(MeterProvider())", "give readers and views to it"),
        ("lapbell.setup()", "belong to the first lapbell.setup()"),
    ],
)
def test_readers_that_come_too_late_are_refused_with_the_remedy(before, words):
    script = f"""
import lapbell
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
{before}
try:
    lapbell.setup(readers=[InMemoryMetricReader()])
except lapbell.LapbellError as error:
    print(error)
"""
    assert words in python(script, OTEL_TRACES_EXPORTER="none", OTEL_METRICS_EXPORTER="none")
