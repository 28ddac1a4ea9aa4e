"""Clients of other makers, and what all of them do when the evaluator has no time for them."""

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcMetricExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as HttpMetricExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricExporter, PeriodicExportingMetricReader

from lapbell_evaluator.model import EvaluatorError
from lapbell_evaluator.receiver import Limits
from otlp_kit.reception import open_gates
from peers import collector, free_port, prometheus

pytestmark = pytest.mark.slow


@dataclass
class FullDisk:
    """Refuses to promise anything a few times."""

    times: int

    async def committed(self):
        if self.times:
            self.times -= 1
            raise EvaluatorError("The disk is full.")


def send_a_count(exporter):
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=60_000)
    provider = MeterProvider(metric_readers=[reader])
    provider.get_meter("test").create_counter("orders").add(3)
    provider.force_flush()
    provider.shutdown()


@pytest.mark.parametrize("protocol", ["grpc", "http"])
async def test_pythons_exporters_send_again_what_was_refused_for_now(protocol):
    disk = FullDisk(1)
    async with open_gates(Limits(retry_after_s=1), durable=disk) as gates:
        http = f"{gates.http}/v1/metrics"
        exporter = HttpMetricExporter(http) if protocol == "http" else GrpcMetricExporter(gates.grpc, insecure=True)
        await asyncio.to_thread(send_a_count, exporter)
        refused = {reason.name: count for (_, reason), count in gates.ingest.telemetry.refused.items()}
    assert refused == {"UNAVAILABLE": 1}
    assert gates.received[0].metrics == {"orders_total"}


@pytest.mark.parametrize("protocol", ["grpc", "http"])
async def test_pythons_exporters_outlive_a_restart(protocol):
    """Whoever hangs up on them first is gone when they come again, and we listen in its place."""
    met = asyncio.Event()

    async def hang_up(_, writer):
        met.set()
        writer.close()

    port = free_port()
    before = await asyncio.start_server(hang_up, "127.0.0.1", port)
    exporter: MetricExporter
    if protocol == "http":
        exporter = HttpMetricExporter(f"http://127.0.0.1:{port}/v1/metrics", timeout=30)
    else:
        exporter = GrpcMetricExporter(f"http://127.0.0.1:{port}", insecure=True, timeout=30)
    sending = asyncio.create_task(asyncio.to_thread(send_a_count, exporter))
    await met.wait()
    before.close()
    ports: dict[str, Any] = {f"{protocol}_port": port}
    async with open_gates(**ports) as gates:
        await gates.until(lambda: gates.received)
        await sending
    assert gates.received[0].metrics == {"orders_total"}


async def test_the_collector_sends_again_what_was_refused_for_now():
    disk = FullDisk(2)
    async with open_gates(Limits(retry_after_s=1), durable=disk) as gates:
        env = {"LAPBELL_EVALUATOR": gates.http, "LAPBELL_JAEGER": f"127.0.0.1:{free_port()}"}
        with collector(env) as way:
            await asyncio.to_thread(send_a_count, HttpMetricExporter(f"{way.http}/v1/metrics"))
            await gates.until(lambda: gates.received and not disk.times)
    assert gates.received[0].metrics == {"orders_total"}


@pytest.mark.parametrize("program", ["prometheus", "/usr/bin/prometheus"])
async def test_prometheus_feeds_us_by_remote_write(program):
    port = free_port()
    async with open_gates() as gates:
        config = f"""
global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}
scrape_configs: [{{job_name: nobody, static_configs: [{{targets: ["127.0.0.1:{port}"]}}]}}]
remote_write: [{{url: "{gates.http}/api/v1/write", queue_config: {{batch_send_deadline: 200ms}}}}]
"""
        with prometheus(config, program=program):
            await gates.until(lambda: gates.store.of("up"))
    assert {(name, value) for name, _, value in gates.store.of("up")} == {
        (f'up{{instance="127.0.0.1:{port}",job="nobody"}}', 0.0)
    }
