"""Where the links of alerts lead: one trace, whatever its sender made of it."""

import json
import time
from typing import Any

import httpx
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from evaluator_kit import evaluator, feed, firing, get
from lapbell_evaluator.app import Running
from lapbell_evaluator.evidence.trace_store import MOST_SPANS
from otlp_kit import resource, span, traces_export
from peers.answering import Answer, Request, answering

TRACE = f"{7:032x}"
SERVER = Span.SPAN_KIND_SERVER
NOW = 1_800_000_000.0


async def send(client: httpx.AsyncClient, addresses: Running, *spans: Span) -> None:
    export = traces_export(*spans, of=resource(service_name="bot", service_instance_id="one"))
    answer = await client.post(
        f"http://{addresses.otlp_http}/v1/traces",
        content=export.SerializeToString(),
        headers={"Content-Type": "application/x-protobuf"},
    )
    assert answer.status_code == 200, answer.text


async def told(client: httpx.AsyncClient, trace_id: str = TRACE, **parameters: str) -> dict[str, Any]:
    return await get(client, f"/api/performance/traces/{trace_id}", **parameters)


async def kept_traces(client: httpx.AsyncClient, key: str) -> list[dict[str, Any]]:
    """The traces that are kept with an alert, once there are some: it does not wait for them."""
    while True:
        kept: list[dict[str, Any]] = (await get(client, f"/api/performance/alerts/{key}"))["kept_traces"]
        if kept:
            return kept


def webhook(now: float) -> tuple[Span, ...]:
    """A second: a tenth of it validation, with a Redis call within; then nothing is said until 0.9."""
    return (
        span(
            "POST /w",
            now,
            now + 1.0,
            trace=7,
            id_=1,
            kind=SERVER,
            failed=True,
            http_route="/w",
            error_type="ValueError",
        ),
        span("webhook.validation", now, now + 0.5, trace=7, id_=2, parent=1),
        span("webhook.response_preparation", now + 0.75, now + 1.0, trace=7, id_=3, parent=1),
    )


async def test_a_trace_in_memory_is_told_with_the_times_that_its_request_waited_for(tmp_path):
    async with evaluator(tmp_path) as (client, addresses):
        await send(client, addresses, *webhook(NOW))
        trace = await told(client)
    (request,) = trace["requests"]
    parts = [(part["phase"], part["offset"], part["duration"]) for part in request["critical_path"]]
    assert parts == [("validation", 0.0, 0.5), ("other", 0.5, 0.25), ("response_preparation", 0.75, 0.25)]
    assert request["phases"] == {"other": 0.25, "response_preparation": 0.25, "validation": 0.5}
    assert {key: value for key, value in trace.items() if key not in {"requests", "spans"}} == {
        "trace_id": TRACE,
        "start": NOW,
        "duration": 1.0,
        "services": ["bot"],
        "spans_cut": 0,
        "in_memory": True,
        "kept_with": [],
    }
    assert trace["spans"][0] == {
        "span_id": f"{1:016x}",
        "parent_id": None,
        "name": "POST /w",
        "kind": "server",
        "service": "bot",
        "instance": "one",
        "start": NOW,
        "offset": 0.0,
        "duration": 1.0,
        "self_time": 0.25,
        "phase": None,
        "status": "error",
        "attributes": {"http.route": "/w", "error.type": "ValueError"},
        "events": [],
    }


async def test_as_otlp_it_goes_into_an_evaluator_and_comes_out_as_it_was(tmp_path):
    async with evaluator(tmp_path / "one") as (client, addresses):
        await send(client, addresses, *webhook(NOW))
        first, document = await told(client), await told(client, format="otlp")
    async with evaluator(tmp_path / "other") as (client, addresses):
        answer = await client.post(f"http://{addresses.otlp_http}/v1/traces", json=document)
        second = await told(client)
    assert answer.json() == {}
    assert second == first


async def test_a_trace_that_is_not_kept_is_a_404_that_says_what_is(tmp_path):
    async with evaluator(tmp_path) as (client, _):
        answer = await client.get(f"/api/performance/traces/{TRACE}")
    problem = answer.json()
    assert answer.status_code == 404
    assert problem["code"] == "unknown_trace"
    assert "database.keep_days" in problem["remedy"]


@pytest.mark.parametrize("wrong", ["7", "x" * 32, f"{TRACE}?format=jaeger", f"{TRACE}?formt=otlp"])
async def test_what_is_no_trace_id_and_no_format_is_refused(tmp_path, wrong):
    async with evaluator(tmp_path) as (client, _):
        answer = await client.get(f"/api/performance/traces/{wrong}")
    assert answer.status_code == 422


async def test_an_alert_has_links_where_people_read_it_and_in_messages_and_they_open(tmp_path):
    """Without a `trace_url`, for an error with its failing traces, while the evaluator runs and after it."""
    linked: dict[str, list[str]] = {}

    def hear(message: Request) -> Answer:
        linked.update({alert["alertKey"]: alert["traceUrls"] for alert in json.loads(message.body)["alerts"]})
        return Answer()

    outside = {"external_url": "http://lapbell.example/base"}
    async with answering(hear) as url:
        receivers = [{"name": "told", "webhook": {"url": url}}]
        async with evaluator(tmp_path, receivers=receivers, **outside) as (client, addresses):
            now = time.time() - 10
            failing = span("POST /w", now - 1, now, trace=7, kind=SERVER, failed=True, http_route="/webhook/whatsapp")
            await send(client, addresses, failing)
            await feed(client, addresses)
            key = await firing(client, "WebhookErrorRate")
            alert = await get(client, f"/api/performance/alerts/{key}")
            kept = await kept_traces(client, key)
            while key not in linked:
                await get(client, f"/api/performance/alerts/{key}")  # the message is on its way
    async with evaluator(tmp_path, **outside) as (client, _):
        opened = await client.get(alert["trace_urls"][0].removeprefix("http://lapbell.example/base"))
    links = [f"http://lapbell.example/base/api/performance/traces/{TRACE}"]
    assert {"read": alert["trace_urls"], "told": linked[key]} == {"read": links, "told": links}
    assert kept == [{"trace_id": TRACE, "role": "example"}]
    assert key in {each["alert_key"] for each in opened.json()["kept_with"]}
    assert opened.json()["in_memory"] is False


async def test_hostile_traces_are_told_within_bounds(tmp_path):
    """A circle, a root that never came, a parent that is itself, ends before starts, huge attributes, 100,000 spans."""
    circle = [span("x", NOW, NOW + 1, trace=8, id_=number, parent=number % 3 + 1) for number in (1, 2, 3)]
    itself = span("y", NOW, NOW + 1, trace=8, id_=4, parent=4)
    lost = span("z", NOW + 2, NOW + 1, trace=8, id_=5, parent=99)
    huge = span("h" * 100_000, NOW, NOW + 1, trace=8, id_=6, http_route="/w" * 100_000)
    async with evaluator(tmp_path) as (client, addresses):
        await send(client, addresses, *circle, itself, lost, huge)
        for begin in range(1, 100_001, 20_000):
            many = [span("m", NOW, NOW + 1, trace=9, id_=number) for number in range(begin, begin + 20_000)]
            await send(client, addresses, *many)
        odd, large = await told(client, f"{8:032x}"), await told(client, f"{9:032x}")
        document = await told(client, f"{8:032x}", format="otlp")
    assert {"spans": len(odd["spans"]), "requests": len(odd["requests"])} == {"spans": 6, "requests": 2}
    assert {"spans": len(large["spans"]), "cut": large["spans_cut"]} == {
        "spans": MOST_SPANS,
        "cut": 100_000 - MOST_SPANS,
    }
    assert len(json.dumps(odd)) < 20_000
    assert len(document["resourceSpans"][0]["scopeSpans"][0]["spans"]) == 6


async def test_what_a_foreign_sender_put_into_a_name_is_told_to_nobody(tmp_path):
    async with evaluator(tmp_path) as (client, addresses):
        await send(client, addresses, span("mail ann@example.com", NOW, NOW + 1, trace=7, error_type="token=abc123"))
        answers = [await told(client), await told(client, format="otlp")]
    assert [secret for secret in ("ann@example", "abc123") if secret in json.dumps(answers)] == []
