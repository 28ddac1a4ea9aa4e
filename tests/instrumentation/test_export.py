"""When metrics leave, and how long a process takes to stop."""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import (
    MetricsServiceServicer,
    add_MetricsServiceServicer_to_server,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult, MetricsData

from lapbell.reader import PacedReader, Preferences
from lapkit import python
from peers import free_port, otlp_sink


class Timed(MetricExporter):
    """Keeps when each export came."""

    def __init__(self) -> None:
        super().__init__()
        self.times: list[float] = []
        self.came = threading.Semaphore(0)

    def export(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs) -> MetricExportResult:
        self.times.append(time.monotonic())
        self.came.release()
        return MetricExportResult.SUCCESS

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        return True

    def shutdown(self, timeout_millis: float = 30_000, **kwargs) -> None:
        pass


@contextlib.contextmanager
def reading(interval_s: float) -> Iterator[tuple[Timed, PacedReader]]:
    exporter, provider = Timed(), MeterProvider(shutdown_on_exit=False)
    reader = PacedReader(lambda: exporter, interval_s, Preferences())
    provider.add_metric_reader(reader)
    provider.get_meter("test").create_counter("c").add(1)
    reader.start()
    yield exporter, reader
    reader.close()
    reader.join(5)


def test_an_export_that_is_asked_for_comes_within_a_tenth_of_a_second():
    with reading(interval_s=60) as (exporter, reader):
        # The reader began just now: what is asked for within the first quarter of a second waits for its end.
        assert not exporter.came.acquire(timeout=0.3)
        asked = time.monotonic()
        reader.request_export()
        assert exporter.came.acquire(timeout=5)
    assert exporter.times[0] - asked < 0.1


def test_however_often_it_is_asked_for_there_are_four_exports_a_second_at_most():
    with reading(interval_s=60) as (exporter, reader):
        until = time.monotonic() + 1.5
        while time.monotonic() < until:
            reader.request_export()
            exporter.came.acquire(timeout=0.01)
    apart = [later - sooner for sooner, later in zip(exporter.times[:-2], exporter.times[1:-1], strict=True)]
    assert min(apart) >= 0.15  # a busy machine may note one of them late, and the next in time
    assert len(exporter.times) <= 8


def test_without_being_asked_metrics_leave_at_the_interval():
    with reading(interval_s=0.3) as (exporter, _):
        for _ in range(3):
            assert exporter.came.acquire(timeout=5)
    assert [0.2 < later - sooner < 10 for sooner, later in zip(exporter.times, exporter.times[1:3], strict=False)]


def test_the_last_values_leave_when_it_is_closed():
    with reading(interval_s=60) as (exporter, _):
        pass
    assert len(exporter.times) == 1


NOT_TEN_MINUTES_S = 60.0
STOP = """
import json, time, lapbell
handle = lapbell.setup(None)
for _ in range(3):
    with lapbell.phase("validation"):
        pass
lapbell.get_performance_monitor().record_webhook_timing_breakdown(lapbell.WebhookTimingBreakdown(total_time=3.0))
time.sleep({wait})
began = time.monotonic()
{stop}
print(json.dumps(time.monotonic() - began))
"""


@contextlib.contextmanager
def dead(kind: str) -> Iterator[int]:
    """The port of a collector that refuses connections, or takes them and never answers."""
    if kind == "refuses":
        yield free_port()
        return
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        yield listener.getsockname()[1]


@pytest.mark.slow
@pytest.mark.parametrize("stop", ["handle.shutdown()", "handle.flush(); handle.shutdown()"])
@pytest.mark.parametrize("wait", [0.0, 1.2])
@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
@pytest.mark.parametrize("kind", ["refuses", "never answers"])
def test_a_process_does_not_wait_for_a_dead_collector(kind, protocol, wait, stop):
    """Its exporter alone would go on for ten minutes; `tests/bench/dead_collector.py` says how long it takes."""
    with dead(kind) as port:
        printed = python(
            STOP.format(wait=wait, stop=stop),
            OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{port}",
            OTEL_EXPORTER_OTLP_PROTOCOL=protocol,
            OTEL_EXPORTER_OTLP_TIMEOUT="600",
        )
    assert json.loads(printed) < NOT_TEN_MINUTES_S


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_a_flush_waits_for_a_dead_collector_and_gives_up(protocol):
    with dead("never answers") as port:
        printed = python(
            STOP.format(wait=0, stop="handle.flush()\nprint(json.dumps(time.monotonic() - began))\nhandle.shutdown()"),
            OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{port}",
            OTEL_EXPORTER_OTLP_PROTOCOL=protocol,
            OTEL_EXPORTER_OTLP_TIMEOUT="600",
        )
    assert 1.9 < json.loads(printed.splitlines()[0]) < NOT_TEN_MINUTES_S


def test_what_waits_is_sent_when_the_process_ends_by_itself():
    with otlp_sink() as sink:
        python(STOP.format(wait=0, stop=""), OTEL_EXPORTER_OTLP_ENDPOINT=sink.url)
        names = [span.name for span in sink.spans]
        metrics = {metric.name for metric in sink.metrics}
    assert names == ["webhook.validation"] * 3
    assert "webhook.request.duration" in metrics


def test_gauges_leave_beside_histograms():
    with otlp_sink() as sink:
        work = """
import lapbell
queue = lapbell.queues.RedisLists({"high": "q:high"}, limit=10, timeout_s=5)
handle = lapbell.setup(None, queues=[queue])
with queue.work(), queue.process({}):
    pass
with queue.work():
    handle.shutdown()
"""
        python(work, OTEL_EXPORTER_OTLP_ENDPOINT=sink.url)
        sent = {metric.name for metric in sink.metrics}
    wanted = {
        "messaging.process.duration",
        "messaging.queue.limit",
        "messaging.process.timeout",
        "messaging.worker.count",
    }
    assert wanted - sent == set()


def test_a_missed_target_is_sent_at_once():
    with otlp_sink() as sink:
        sent_before_the_end = """
import os, time, lapbell
handle = lapbell.setup(None)
time.sleep(0.5)
lapbell.get_performance_monitor().record_webhook_timing_breakdown(lapbell.WebhookTimingBreakdown(total_time=3.0))
time.sleep(0.3)
os._exit(0)
"""
        python(sent_before_the_end, OTEL_EXPORTER_OTLP_ENDPOINT=sink.url)
        metrics = {metric.name for metric in sink.metrics}
    assert "webhook.request.duration" in metrics


def test_set_up_again_in_one_process_counts_once():
    with otlp_sink() as sink:
        twice = """
import lapbell
first = lapbell.setup(None)
second = lapbell.setup(None)
with lapbell.phase("validation"):
    pass
second.shutdown()
first.shutdown()
"""
        python(twice, OTEL_EXPORTER_OTLP_ENDPOINT=sink.url)
        names = [span.name for span in sink.spans]
    assert names == ["webhook.validation"]


def test_names_alone_are_imported_without_the_sdk():
    printed = python("import sys, lapbell.semconv, lapbell.breakdown; print('opentelemetry' in ' '.join(sys.modules))")
    assert printed.strip() == "False"


ONE_WEBHOOK = """
import lapbell
handle = lapbell.setup(None)
with lapbell.phase("validation"):
    lapbell.get_performance_monitor().record_webhook_timing_breakdown(lapbell.WebhookTimingBreakdown(total_time=0.3))
handle.shutdown()
"""


@pytest.mark.parametrize(
    ("variable", "value", "kind", "temporality"),
    [
        ("DEFAULT_HISTOGRAM_AGGREGATION", "explicit_bucket_histogram", "histogram", 2),
        ("DEFAULT_HISTOGRAM_AGGREGATION", "base2_exponential_bucket_histogram", "exponential_histogram", 2),
        ("TEMPORALITY_PREFERENCE", "delta", "histogram", 1),
    ],
)
def test_the_standard_variables_choose_the_kind_of_histogram(variable, value, kind, temporality):
    with otlp_sink() as sink:
        env = {f"OTEL_EXPORTER_OTLP_METRICS_{variable}": value, "OTEL_EXPORTER_OTLP_ENDPOINT": sink.url}
        python(ONE_WEBHOOK, **env)
        metric = next(metric for metric in sink.metrics if metric.name == "webhook.request.duration")
    assert metric.WhichOneof("data") == kind
    assert getattr(metric, kind).aggregation_temporality == temporality


class Received(TraceServiceServicer, MetricsServiceServicer):
    """Takes OTLP over gRPC."""

    def __init__(self) -> None:
        self.spans: list[str] = []
        self.metrics: set[str] = set()

    def Export(self, request, context):  # noqa: N802 - the name that gRPC calls
        if isinstance(request, ExportTraceServiceRequest):
            scopes = [scope for resource in request.resource_spans for scope in resource.scope_spans]
            self.spans += [span.name for scope in scopes for span in scope.spans]
            return ExportTraceServiceResponse()
        metrics = [scope.metrics for resource in request.resource_metrics for scope in resource.scope_metrics]
        self.metrics |= {metric.name for of_scope in metrics for metric in of_scope}
        return ExportMetricsServiceResponse()


def test_everything_goes_over_grpc_too():
    received, server = Received(), grpc.server(ThreadPoolExecutor(2))
    add_TraceServiceServicer_to_server(received, server)
    add_MetricsServiceServicer_to_server(received, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        env: dict[str, Any] = {
            "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}",
        }
        python(ONE_WEBHOOK, **env)
    finally:
        server.stop(None).wait()
    assert received.spans == ["webhook.validation"]
    assert "webhook.request.duration" in received.metrics


def test_an_exporter_that_fails_is_asked_again():
    class Broken(Timed):
        def export(self, metrics_data, timeout_millis=10_000, **kwargs):
            super().export(metrics_data)
            raise RuntimeError("no")

    exporter, provider = Broken(), MeterProvider(shutdown_on_exit=False)
    reader = PacedReader(lambda: exporter, 60, Preferences())
    provider.add_metric_reader(reader)
    provider.get_meter("test").create_counter("c").add(1)
    assert [reader.force_flush(), reader.force_flush(), len(exporter.times)] == [False, False, 2]
