"""Webhooks that pass their limits while they run: missed once, and their open spans are shown."""

import asyncio

from lapkit.hanging import ROUTE, hanging, key


async def test_a_webhook_that_passes_its_limits_while_it_runs_is_overdue_and_missed_once():
    async with hanging() as stage:
        _, task = await stage.begun()
        seen = []
        for seconds in (0.4, 0.2, 1.5, 4.0, 10.0):
            stage.advance(seconds)
            stage.requests.sweep()
            overdue = stage.gauge("webhook.active_requests.overdue")
            limits = [overdue[key(webhook_overdue_limit=limit)] for limit in ("requirement", "deadline")]
            seen.append((stage.slo(), limits, len(stage.bench.requested_exports)))
        stage.go_on.set()
        await task
        at_the_end = stage.slo()
    missed = [("0.5", "missed"), ("2", "missed"), ("15", "missed")]
    assert seen == [
        ({}, [0, 0], 0),
        (dict.fromkeys(missed[:1], 1), [0, 0], 0),
        (dict.fromkeys(missed[:2], 1), [1, 0], 1),
        (dict.fromkeys(missed[:2], 1), [1, 1], 2),
        (dict.fromkeys(missed, 1), [1, 1], 2),
    ]
    assert at_the_end == dict.fromkeys(missed, 1)


async def test_a_provider_s_deadline_is_a_limit_and_a_threshold_of_its_webhooks():
    async with hanging() as stage:
        _, task = await stage.begun("of/sentry")
        stage.advance(1.1)
        stage.requests.sweep()
        attributes = {"webhook.provider": "sentry", "http.route": "/webhook/of/sentry"}
        overdue = stage.gauge("webhook.active_requests.overdue")
        limits = {
            limit: overdue[tuple(sorted((attributes | {"webhook.overdue.limit": limit}).items()))]
            for limit in ("requirement", "deadline")
        }
        slo, exports = stage.slo(), len(stage.bench.requested_exports)
        stage.go_on.set()
        await task
    assert limits == {"requirement": 0, "deadline": 1}
    assert slo == {("0.5", "missed"): 1, ("1", "missed"): 1}
    assert exports == 1


async def test_an_answer_that_has_begun_is_not_overdue_however_long_it_streams():
    async with hanging() as stage:
        _, task = await stage.begun("streams/forever")
        stage.advance(60)
        stage.requests.sweep()
        attributes = {"webhook.provider": "twilio", "http.route": "/webhook/streams/forever"}
        found = tuple(sorted(attributes.items()))
        ages = {name: stage.gauge(name)[found] for name in stage.requests.gauges[2:4]}
        overdue = set(stage.gauge("webhook.active_requests.overdue").values())
        pending = [span for span in stage.bench.spans if span.name == "lapbell.pending"]
        stage.go_on.set()
        await task
    assert ages == {"webhook.active_request.oldest.age": 60.0, "webhook.unanswered_request.oldest.age": 0.0}
    assert overdue == {0.0}
    assert pending == []


async def test_the_open_spans_of_an_overdue_webhook_are_shown_while_it_runs_and_again_at_twice_the_age():
    async with hanging() as stage:
        _, task = await stage.begun()
        for seconds in (2.1, 1.0, 1.2, 4.3):
            stage.advance(seconds)
            stage.requests.sweep()
        shown = [span for span in stage.bench.spans if span.name == "lapbell.pending"]
        stage.go_on.set()
        await task
    (server,) = [span for span in stage.bench.spans if span.name == "POST /webhook/{name}"]
    facts = [
        {
            **(span.attributes or {}),
            "parent": span.parent and span.parent.span_id,
            "trace": span.context.trace_id,
            "length": (span.end_time or 0) - (span.start_time or 0),
            "open": [event.name for event in span.events],
        }
        for span in shown
    ]
    for fact in facts:
        fact["lapbell.pending.age"] = round(fact["lapbell.pending.age"], 3)
    assert facts == [
        {
            **ROUTE,
            "webhook.phase.name": "cache_lookup",
            "lapbell.pending.age": age,
            "lapbell.pending.span_id": f"{server.context.span_id:016x}",
            "parent": server.context.span_id,
            "trace": server.context.trace_id,
            "length": 0,
            "open": ["fastapi.endpoint", "webhook.cache_lookup"],
        }
        for age in (2.1, 4.3, 8.6)
    ]


async def test_of_many_webhooks_that_hang_twenty_are_shown_at_a_time():
    async with hanging() as stage:
        tasks = [(await stage.begun())[1] for _ in range(30)]
        shown = []
        for _ in range(3):
            stage.advance(2.1)
            stage.requests.sweep()
            shown.append(sum(span.name == "lapbell.pending" for span in stage.bench.spans))
        stage.go_on.set()
        await asyncio.gather(*tasks)
    # The first twenty at once, the others at the next look; at three times 2.1 s the first have become twice as old.
    assert shown == [20, 30, 50]
