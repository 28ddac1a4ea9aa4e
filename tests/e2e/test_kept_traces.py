"""The proof of an alert survives the evaluator, and a person sees it in the terminal."""

import json
import subprocess
import sys
import time
from typing import Any

import httpx
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from evaluator_kit import ROUTE, webhooks
from journey.stage import Evaluator, evaluator
from otlp_kit import metrics_export, resource, span, traces_export

WORST, USUAL = f"{7:032x}", f"{8:032x}"


def send(to: Evaluator, signal: str, body: bytes) -> None:
    headers = {"Content-Type": "application/x-protobuf"}
    answer = httpx.post(f"{to.otlp_http}/v1/{signal}", content=body, headers=headers, timeout=10.0, trust_env=False)
    answer.raise_for_status()


def webhook(trace: int, ends: float, took: float) -> list[Any]:
    check = span("webhook.signature_validation", ends - took, ends - 0.01, trace=trace, id_=2, parent=1)
    return [check, span(f"POST {ROUTE}", ends - took, ends, trace=trace, kind=Span.SPAN_KIND_SERVER, http_route=ROUTE)]


def slow_alerts(told: dict[str, Any]) -> list[str]:
    """The keys of those that fire because webhooks are slow."""
    named = {"alertname": "WebhookResponseTime", "state": "firing"}
    return [alert["alert_key"] for alert in told["alerts"] if named.items() <= alert.items()]


def lapbell(of: Evaluator, *arguments: str) -> str:
    command = [sys.executable, "-m", "lapbell_evaluator", *arguments, "--url", f"http://127.0.0.1:{of.ports.rest}"]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, env={"COLUMNS": "80"}, check=True, cwd=of.data_dir
    ).stdout


@pytest.mark.slow
def test_after_a_kill_the_link_of_an_alert_opens_and_the_terminal_compares_it_with_a_normal_trace():
    with evaluator({"LAPBELL_THRESHOLDS__OUTLIERS_BY_CHANCE": "0"}) as first:
        now = time.time()
        spans = [*webhook(8, now - 300, 0.1), *webhook(7, now - 5, 3.0)]
        of = resource(service_name="bot", service_instance_id="one")
        send(first, "traces", traces_export(*spans, of=of).SerializeToString())
        send(first, "metrics", metrics_export(*webhooks(now), of=of).SerializeToString())
        key = slow_alerts(first.wait_until("alerts", lambda told: bool(slow_alerts(told))))[0]
        first.wait_until(f"alerts/{key}", lambda told: len(told["kept_traces"]) == 2)
        first.process.kill()
        with evaluator(again=first) as second:
            kept = second.ask(f"alerts/{key}")["kept_traces"]
            shown = lapbell(second, "alerts", "show", key)
            drawn = lapbell(second, "trace", WORST)
            document = json.loads(lapbell(second, "trace", WORST, "-o", "otlp"))
    assert kept == [{"trace_id": USUAL, "role": "normal"}, {"trace_id": WORST, "role": "example"}]
    assert [line for line in shown.splitlines() if "+2.90 s" in line and "signature_validation" in line and "◀" in line]
    assert f"kept as an example of alert {key}" in drawn
    assert len(document["resourceSpans"][0]["scopeSpans"][0]["spans"]) == 2
