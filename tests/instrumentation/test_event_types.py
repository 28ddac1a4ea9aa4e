"""What webhooks are about: read from what providers send, bounded, on one metric and the SERVER span."""

import json

import httpx
import pytest
from fastapi import FastAPI, Request

import lapbell
from lapbell.event_types import MOST, EventTypes
from lapbell.integrations.asgi import Hooks, WebhookMiddleware
from lapkit import Workbench, workbench

OF = lapbell.event_types


@pytest.mark.parametrize(
    ("read", "wanted"),
    [
        (OF.github({"X-GitHub-Event": "pull_request"}), "pull_request"),
        (OF.github({}), ""),
        (OF.shopify({"x-shopify-topic": "orders/create"}), "orders/create"),
        (OF.stripe(b'{"id": "evt_1", "object": "event", "type": "invoice.paid"}'), "invoice.paid"),
        (OF.stripe({"type": "invoice.paid"}), "invoice.paid"),
        (OF.slack(json.dumps({"type": "event_callback", "event": {"type": "app_mention"}})), "app_mention"),
        (OF.slack(b'{"type": "url_verification", "challenge": "x"}'), "url_verification"),
        (OF.slack(b"token=x&command=%2Fweather&text=94070"), "slash_command"),
        (OF.slack(b"payload=%7B%22type%22%3A%22block_actions%22%7D"), "block_actions"),
        (OF.twilio(b"SmsMessageSid=SM1&SmsStatus=received&From=%2B491511&Body=hello"), "message.received"),
        (OF.twilio({"MessageSid": "SM1", "MessageStatus": "delivered", "SmsStatus": "delivered"}), "message.delivered"),
        (OF.twilio({"CallSid": "CA1", "CallStatus": "ringing"}), "call.ringing"),
        (OF.twilio({"EventType": "task.created"}), "task.created"),
        (OF.stripe(b"\xff\xfe"), ""),
        (OF.stripe(b"[1, 2]"), ""),
        (OF.stripe(b'{"type": {"type": "nested"}}'), ""),
        (OF.stripe(b"[" * 100_000), ""),
        (OF.slack(b'{"event": "no mapping"}'), ""),
    ],
)
def test_the_type_of_an_event_is_where_its_provider_puts_it(read, wanted):
    assert read == wanted


def test_types_are_bounded_and_look_like_names():
    types = EventTypes()
    first = [types.bounded(f"type.{number}") for number in range(MOST + 5)]
    assert first == [f"type.{number}" for number in range(MOST)] + ["_OTHER"] * 5
    names = ("type.0", "", "+4915112345678", "jane@example.org", "x" * 65, "two words", "_OTHER")
    assert [EventTypes().bounded(name) for name in names] == ["type.0", "", *["_OTHER"] * 5]


async def post(bench: Workbench, body: bytes, *, in_a_phase: bool) -> None:
    app = FastAPI(telemetry=bench.telemetry)
    app.add_middleware(WebhookMiddleware, hooks=Hooks(bench.processor.requests))

    @app.post("/webhook")
    async def webhook(request: Request) -> None:
        content = await request.body()
        if not in_a_phase:
            lapbell.event_type(OF.stripe(content))
            return
        with lapbell.phase("validation"):
            lapbell.event_type(OF.stripe(content))

    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://host.test", timeout=60) as client:
        await client.post("/webhook", content=body)


@pytest.mark.parametrize("in_a_phase", [False, True])
@pytest.mark.parametrize(
    ("body", "event_type"),
    [(b'{"type": "invoice.paid"}', "invoice.paid"), (b'{"type": "+4915112345678"}', "_OTHER"), (b"{}", None)],
)
async def test_the_type_of_an_event_is_on_the_request_metric_alone_and_on_the_server_span(body, event_type, in_a_phase):
    with workbench() as bench:
        await post(bench, body, in_a_phase=in_a_phase)
        points = bench.collect()
        spans = {span.name: dict(span.attributes or {}) for span in bench.spans}
    named = {
        metric: {(point.attributes or {}).get("webhook.event.type") for point in of} for metric, of in points.items()
    }
    assert named["webhook.request.duration"] == {event_type}
    assert {metric for metric, types in named.items() if types != {None}} == (
        {"webhook.request.duration"} if event_type else set()
    )
    assert spans["POST /webhook"].get("webhook.event.type") == event_type
    assert "+4915112345678" not in str(spans)
