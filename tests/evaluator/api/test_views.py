"""Views of the summaries: parameters that choose webhooks, pools of connections, parameters that are refused."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from evaluator_kit import BOUNDS, evaluator, get
from lapbell import semconv
from lapbell_evaluator.model import SystemClock
from otlp_kit.metrics import Attributes, distribution, histogram, metrics_export, number, resource, total
from otlp_kit.traces import span, traces_export

ACCEPTED: Attributes = {semconv.WEBHOOK_OUTCOME: semconv.OUTCOME_ACCEPTED}
TWILIO: Attributes = {semconv.WEBHOOK_PROVIDER: "twilio", semconv.HTTP_ROUTE: "/twilio"}
STRIPE: Attributes = {semconv.WEBHOOK_PROVIDER: "stripe", semconv.HTTP_ROUTE: "/stripe"}
PAID: Attributes = {**STRIPE, semconv.WEBHOOK_EVENT_TYPE: "invoice.paid"}
REFUNDED: Attributes = {**STRIPE, semconv.WEBHOOK_EVENT_TYPE: "charge.refunded"}


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """Of Twilio 10 fast webhooks; of Stripe 4 fast ones (paid), and 6 slow ones (refunded), 2 of them abandoned."""
    async with evaluator(tmp_path) as (standing, addresses):
        now = SystemClock().now()
        began = now - 100
        gone: Attributes = {**REFUNDED, semconv.WEBHOOK_OUTCOME: semconv.OUTCOME_ABANDONED}
        requests = [
            distribution([10, 0, 0, 0, 0, 0, 0], now, bounds=BOUNDS, sum_=0.5, start=began, **TWILIO, **ACCEPTED),
            distribution([0, 0, 4, 0, 0, 0, 0], now, bounds=BOUNDS, sum_=1.6, start=began, **PAID, **ACCEPTED),
            distribution([0, 0, 1, 3, 0, 0, 0], now, bounds=BOUNDS, sum_=3.4, start=began, **REFUNDED, **ACCEPTED),
            distribution([2, 0, 0, 0, 0, 0, 0], now, bounds=BOUNDS, sum_=0.1, start=began, **gone),
        ]
        phases = [
            distribution(
                [10],
                now,
                bounds=(),
                sum_=seconds,
                start=began,
                **of,
                **Attributes({semconv.WEBHOOK_PHASE_NAME: "other"}),
            )
            for of, seconds in ((TWILIO, 0.5), (STRIPE, 5.1))
        ]
        connections = [
            number(count, now, **_pool(), **Attributes({semconv.DB_CLIENT_CONNECTION_STATE: state}))
            for state, count in (("used", 3), ("idle", 1))
        ]
        export = metrics_export(
            histogram(semconv.WEBHOOK_REQUEST_DURATION, requests),
            histogram(semconv.WEBHOOK_PHASE_SELF_DURATION, phases),
            total(semconv.DB_CLIENT_CONNECTION_COUNT, connections, "{connection}", monotonic=False),
            total(semconv.DB_CLIENT_CONNECTION_MAX, [number(12, now, **_pool())], "{connection}", monotonic=False),
            of=resource(service_name="bot"),
        )
        spans = traces_export(
            *(_webhook(now, trace, of) for trace, of in enumerate((TWILIO, PAID, REFUNDED), start=1)),
            of=resource(service_name="bot"),
        )
        for signal, message in (("metrics", export), ("traces", spans)):
            sent = await standing.post(
                f"http://{addresses.otlp_http}/v1/{signal}",
                content=message.SerializeToString(),
                headers={"Content-Type": "application/x-protobuf"},
            )
            assert sent.status_code == 200
        yield standing


def _pool() -> Attributes:
    return {semconv.DB_CLIENT_CONNECTION_POOL_NAME: "localhost:6379/0"}


def _webhook(now: float, trace: int, of: Attributes) -> Span:
    """`span` takes names whose first `_` is a dot."""
    made = span("POST", now - 1, now - 0.5, trace=trace, kind=Span.SPAN_KIND_SERVER)
    made.attributes.extend(resource(**{name.replace(".", "_"): value for name, value in of.items()}).attributes)
    return made


@pytest.mark.parametrize(
    ("view", "wanted"),
    [
        ({}, {"total": 20, "routes": ["/stripe", "/twilio"], "phases": {"other": 0.28}, "recent": 3}),
        ({"provider": "twilio"}, {"total": 10, "routes": ["/twilio"], "phases": {"other": 0.05}, "recent": 1}),
        ({"route": "/stripe"}, {"total": 10, "routes": ["/stripe"], "phases": {"other": 0.51}, "recent": 2}),
        ({"event_type": "invoice.paid"}, {"total": 4, "routes": ["/stripe"], "phases": {}, "recent": 1}),
        (
            {"provider": "twilio", "event_type": "invoice.paid"},
            {"total": 0, "routes": [], "phases": {}, "recent": 0},
        ),
    ],
)
async def test_a_view_chooses_webhooks(client, view, wanted):
    summary = await get(client, "/api/performance/webhook-timing", **view)
    assert {
        "total": summary["total_webhooks"],
        "routes": sorted(route["route"] for route in summary["routes"]),
        "phases": {name: round(phase["average_time"], 6) for name, phase in summary["timing_breakdown"].items()},
        "recent": len(summary["recent_timings"]),
    } == wanted
    assert {key: summary[key] for key in ("provider", "route", "event_type")} == {
        "provider": None,
        "route": None,
        "event_type": None,
    } | view


@pytest.mark.parametrize("value", ["$s", "$w", "$r", '"', "\\", "{}", "\u0000", "é", '",job!="'])
@pytest.mark.parametrize("name", ["provider", "route", "event_type"])
async def test_a_strange_value_chooses_nothing(client, name, value):
    summary = await get(client, "/api/performance/webhook-timing", service="bot", **{name: value})
    assert summary["total_webhooks"] == 0
    assert summary["recent_timings"] == []


async def test_providers_and_types_of_events_have_lines_of_their_own(client):
    summary = await get(client, "/api/performance/webhook-timing")
    assert {line["provider"]: line["total_webhooks"] for line in summary["providers"]} == {"stripe": 10, "twilio": 10}
    assert {line["provider"]: line["error_percentage"] for line in summary["providers"]} == {
        "stripe": pytest.approx(20.0),  # abandoned, which WebhookErrorRate counts too
        "twilio": 0.0,
    }
    lines = {
        line["event_type"]: (line["provider"], line["total_webhooks"], round(line["average_total_time"], 4))
        for line in summary["event_types"]
    }
    assert lines == {"charge.refunded": ("stripe", 6, round(3.5 / 6, 4)), "invoice.paid": ("stripe", 4, 0.4)}


async def test_compliance_of_a_type_of_event_comes_from_buckets_and_counts_no_abandoned_webhook_as_good(client):
    summary = await get(client, "/api/performance/webhook-timing", event_type="charge.refunded")
    assert summary["within_500ms_percentage"] == pytest.approx(100 * 1 / 6)
    assert summary["within_2s_percentage"] == pytest.approx(100 * 4 / 6)
    assert set(summary["not_measured"]) == {"timing_breakdown"}


async def test_connection_pools_are_in_the_redis_summary(client):
    pools = (await get(client, "/api/performance/redis-operations"))["connection_pools"]
    (pool,) = pools.values()
    assert list(pools) == ["localhost:6379/0"]
    assert pool.pop("age") < 60
    assert pool == {"used": 3.0, "idle": 1.0, "limit": 12.0, "utilization": 25.0}


@pytest.mark.parametrize(
    ("path", "params", "remedy"),
    [
        (
            "/api/performance/webhook-timing",
            {"providr": "twilio"},
            "It takes end, event_type, provider, route, service, start, window.",
        ),
        (
            "/api/performance/summary",
            {"from": "1"},
            "It takes end, event_type, provider, route, service, start, window.",
        ),
        ("/api/performance/redis-operations", {"provider": "twilio"}, "It takes end, service, start, window."),
        ("/api/performance/task-queue", {"queue": "q"}, "It takes end, service, start, window."),
        ("/api/performance/alerts", {"severity": "critical"}, "It takes end, service, start, window."),
        ("/api/performance/alerts/0000000000000000", {"window": "5m"}, "It takes none."),
        (
            "/api/performance/alert-history",
            {"sate": "firing"},
            "It takes actor, alert_key, before, end, filter, limit, start, state.",
        ),
    ],
)
async def test_an_unknown_parameter_is_refused_and_the_known_ones_named(client, path, params, remedy):
    (name,) = params
    answer = await client.get(path, params=params)
    assert answer.status_code == 422
    assert answer.json() == {
        "code": "unknown_parameter",
        "message": f"{path} takes no parameter '{name}'.",
        "remedy": remedy,
    }
