"""The REST gate of a whole evaluator, fed over OTLP/HTTP."""

import asyncio
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse

from evaluator_kit import ROUTE, evaluator, feed, firing, get
from lapbell_evaluator.app import Running, running
from lapbell_evaluator.config import Settings
from lapbell_evaluator.model import SystemClock
from otlp_kit.metrics import gauge, metrics_export, number, resource
from peers import require


@pytest.fixture
async def fed(tmp_path: Path) -> AsyncIterator[tuple[httpx.AsyncClient, Running]]:
    async with evaluator(tmp_path) as (client, addresses):
        await feed(client, addresses)
        yield client, addresses


async def test_the_webhook_summary_is_exact_and_its_phases_add_up(fed):
    client, _ = fed
    summary = await get(client, "/api/performance/webhook-timing", service="bot")
    told = {
        key: summary[key] for key in ("total_webhooks", "within_500ms_percentage", "within_2s_percentage", "outcomes")
    }
    breakdown = {name: phase["average_time"] for name, phase in summary["timing_breakdown"].items()}
    assert told == {
        "total_webhooks": 200,
        "within_500ms_percentage": 92.5,
        "within_2s_percentage": 92.5,
        "outcomes": {"accepted": 185, "error": 15},
    }
    assert breakdown == pytest.approx({"signature_validation": 0.75, "cache_lookup": 0.15, "other": 0.1})
    assert sum(breakdown.values()) == pytest.approx(summary["average_total_time"])
    assert summary["p50_total_time"] == pytest.approx(0.25)


async def test_a_route_has_its_own_line(fed):
    client, _ = fed
    (route,) = (await get(client, "/api/performance/webhook-timing"))["routes"]
    assert route["job"] == "bot"
    assert route["route"] == ROUTE
    assert route["total_webhooks"] == 200
    assert route["error_percentage"] == pytest.approx(7.5)
    assert 2 < route["p99_total_time"] < 5


async def test_the_redis_summary_counts_failures(fed):
    client, _ = fed
    summary = await get(client, "/api/performance/redis-operations")
    assert summary["total_operations"] == 100
    assert summary["success_rate"] == pytest.approx(95.0)
    assert summary["average_latency"] == pytest.approx(0.02)
    assert summary["operations_by_type"]["GET"]["count"] == 100


async def test_the_queue_summary_names_the_arm_of_backpressure(fed):
    client, _ = fed
    summary = await get(client, "/api/performance/task-queue")
    (tasks,) = summary["queues"]
    assert summary["current_depth"] == 90.0
    assert summary["depth_by_priority"] == {"high": 50.0, "normal": 40.0}
    assert summary["backpressure_detected"] is True
    assert tasks["backpressure_reasons"] == ["depth"]
    assert summary["current_worker_utilization"] == pytest.approx(75.0)


async def test_a_reload_changes_the_target_too(tmp_path):
    listen = {"rest": "127.0.0.1:0", "otlp_grpc": "127.0.0.1:0", "otlp_http": "127.0.0.1:0"}
    before, after = (
        Settings.model_validate(
            {"listen": listen, "data_dir": tmp_path, "thresholds": {"webhook_500ms_target": target_s}}
        )
        for target_s in (0.5, 0.75)
    )
    async with (
        running(before, reread=lambda: after) as addresses,
        httpx.AsyncClient(base_url=f"http://{addresses.rest}", trust_env=False, timeout=60) as client,
    ):
        await feed(client, addresses)
        assert (await get(client, "/api/performance/webhook-timing"))["within_500ms_percentage"] == pytest.approx(92.5)
        await addresses.reload("ann")
        summary = await get(client, "/api/performance/webhook-timing")
        assert summary["within_500ms_percentage"] is None  # no app counts against 0.75 s


async def test_of_an_unknown_service_nothing_is_known(fed):
    client, _ = fed
    summary = (await get(client, "/api/performance/summary", service="other"))["webhooks"]
    assert summary["total_webhooks"] == 0
    assert summary["average_total_time"] is None
    assert summary["timing_breakdown"] == {}
    assert summary["routes"] == []


@pytest.mark.parametrize("service", ['"', "\\", "(", "x" * 5000, "\u0000", "é", "$w", "a{b}"])
async def test_strange_service_names_are_just_unknown(fed, service):
    client, _ = fed
    assert (await client.get("/api/performance/summary", params={"service": service})).status_code in (200, 422)


async def test_an_alert_is_resolved_by_hand_with_the_token_alone(fed, tmp_path):
    client, _ = fed
    async with httpx.AsyncClient(base_url=client.base_url, trust_env=False, timeout=60) as other:
        key = await firing(other, "WebhookErrorRate")
        path = f"/api/performance/alerts/{key}/resolve"
        refused = await other.post(path, json={"reason": "no"})
        token = (tmp_path / "admin.token").read_text().strip()
        done = await other.post(path, json={"reason": "rolled back"}, headers={"Authorization": f"Bearer {token}"})
        again = await other.post(path, json={"reason": "twice"}, headers={"Authorization": f"Bearer {token}"})
    assert refused.status_code == 401
    assert done.status_code == 200
    assert done.json()["held"] is True
    assert done.json()["resolved_why"] == "rolled back"
    assert again.json()["code"] == "no_such_alert"


async def test_an_unknown_alert_is_404_with_a_remedy(fed, tmp_path):
    client, _ = fed
    token = (tmp_path / "admin.token").read_text().strip()
    answer = await client.post(
        "/api/performance/alerts/0000000000000000/resolve",
        json={"reason": "x"},
        headers={"Authorization": f"Bearer {token}"},
    )
    assert answer.status_code == 404
    assert answer.json() == {
        "code": "no_such_alert",
        "message": "No firing or recovering alert has the key 0000000000000000.",
        "remedy": "`lapbell alerts list` and GET /api/performance/alerts list the keys, each with its state.",
    }


async def test_what_is_not_there_is_a_problem_too(fed):
    client, _ = fed
    answer = await client.get("/api/nothing")
    assert answer.status_code == 404
    assert answer.json()["code"] == "not_found"


async def test_health_and_readiness_need_no_token(fed):
    client, _ = fed
    answers = [await client.get(path, headers={"X-Forwarded-For": "192.0.2.1"}) for path in ("/-/healthy", "/-/ready")]
    assert [answer.status_code for answer in answers] == [200, 200]


async def test_metrics_are_prometheus_text(fed):
    client, _ = fed
    answer = await client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].split(";")[0] == "text/plain"
    assert "# TYPE" in answer.text


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("1 + 1", {"resultType": "scalar", "value": "2"}),
        ('"text"', {"resultType": "string", "value": "text"}),
        ("sum(increase(webhook_slo_requests_total[5m] anchored))", {"resultType": "vector", "value": "400"}),
        ("vector(0) / 0", {"resultType": "vector", "value": "NaN"}),
        ("-1 / vector(0)", {"resultType": "vector", "value": "-Inf"}),
    ],
)
async def test_queries_are_answered_as_prometheus_does(fed, query, wanted):
    client, _ = fed
    answer = (await client.post("/api/v1/query", data={"query": query})).json()["data"]
    first = answer["result"] if answer["resultType"] in ("scalar", "string") else answer["result"][0]["value"]
    assert {"resultType": answer["resultType"], "value": first[1]} == wanted


@pytest.mark.parametrize(
    ("path", "params", "wanted"),
    [
        ("/api/v1/query", {"query": "sum("}, (400, "bad_data")),
        ("/api/v1/query", {}, (400, "bad_data")),
        ("/api/v1/query", {"query": "up", "time": "noon"}, (400, "bad_data")),
        ("/api/v1/query_range", {"query": "up", "start": "0", "end": "100000", "step": "1"}, (400, "bad_data")),
        ("/api/v1/query_range", {"query": "up", "start": "10", "end": "0", "step": "1"}, (400, "bad_data")),
        ("/api/v1/query_range", {"query": "up", "start": "0", "end": "10", "step": "0"}, (400, "bad_data")),
        ("/api/v1/series", {}, (400, "bad_data")),
        ("/api/v1/rules", {"type": "other"}, (400, "bad_data")),
    ],
)
async def test_wrong_queries_are_refused_as_prometheus_does(fed, path, params, wanted):
    client, _ = fed
    answer = await client.get(path, params=params)
    assert (answer.status_code, answer.json()["errorType"]) == wanted


async def test_rules_are_listed_with_their_state(fed):
    client, _ = fed
    await firing(client, "WebhookErrorRate")
    groups = (await get(client, "/api/v1/rules", type="alert"))["data"]["groups"]
    states = {rule["state"] for group in groups for rule in group["rules"] if rule["name"] == "WebhookErrorRate"}
    assert "firing" in states
    assert {rule["health"] for group in groups for rule in group["rules"]} == {"ok"}


async def test_promtool_queries_us_as_it_does_prometheus(fed):
    _, addresses = fed
    command = [
        str(require("promtool")),
        "query",
        "instant",
        f"http://{addresses.rest}",
        "sum(messaging_queue_messages)",
    ]
    answer = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=30, check=False)
    assert answer.returncode == 0
    assert answer.stdout.split(" @")[0] == "{} => 90"


async def test_chosen_resource_attributes_are_labels_and_series_are_bounded(tmp_path):
    limits = {"ingest": {"promote": ["service.version"]}, "series": {"limit": 100, "limit_per_metric": 10}}
    async with evaluator(tmp_path, **limits) as (client, addresses):
        gauges = [number(1.0, SystemClock().now(), shard=str(shard)) for shard in range(30)]
        export = metrics_export(gauge("jobs", gauges), of=resource(service_name="bot", service_version="7"))
        sent = await client.post(
            f"http://{addresses.otlp_http}/v1/metrics",
            content=export.SerializeToString(),
            headers={"Content-Type": "application/x-protobuf"},
        )
        answer = (await client.get("/api/v1/query", params={"query": 'count(jobs{service_version="7"})'})).json()
    rejected = ExportMetricsServiceResponse.FromString(sent.content).partial_success.rejected_data_points
    assert answer["data"]["result"][0]["value"][1] == "10"
    assert rejected == 20


async def test_metadata_says_what_a_metric_is(fed):
    client, _ = fed
    told = (await client.get("/api/v1/metadata", params={"metric": "webhook_slo_requests_total"})).json()["data"]
    assert [each["type"] for each in told["webhook_slo_requests_total"]] == ["counter"]


async def test_summaries_and_shipped_rules_find_their_metrics_where_other_names_keep_their_dots(tmp_path):
    async with evaluator(tmp_path, ingest={"utf8_names": True}) as (client, addresses):
        await feed(client, addresses)
        assert (await get(client, "/api/performance/webhook-timing"))["total_webhooks"] == 200
        assert await firing(client, "WebhookErrorRate")


async def test_every_answer_tells_browsers_what_not_to_do_with_it(tmp_path):
    names = ("x-content-type-options", "x-frame-options", "referrer-policy", "cache-control")
    async with evaluator(tmp_path) as (client, _):
        answers = [await client.get(path) for path in ("/-/healthy", "/api/v2/alerts", "/nowhere", "/metrics")]
    assert {tuple(answer.headers[name] for name in names) for answer in answers} == {
        ("nosniff", "DENY", "no-referrer", "no-store")
    }
