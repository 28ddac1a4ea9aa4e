"""500 signed webhooks through every real part: the evaluator is held to the plan and to the spans in Jaeger.

A busy machine makes each webhook longer than planned. Jaeger's spans say by how much: they come by another way.
"""

import asyncio
import bisect
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from journey import (
    PHASES,
    ROUTE,
    TOKEN,
    Answer,
    Evaluator,
    Plan,
    Provider,
    evaluator,
    quantile,
    spread,
    webhook_app,
    worker,
)
from journey.traces import Trace, trace_of
from lapbell import semconv
from peers import Jaeger, collector, jaeger, redis_server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

COUNT = 500
CLOSE_S = 0.010
WEBHOOK = f"POST {ROUTE}"
AS_THEY_RAN = (
    ("webhook.validation", ()),
    ("webhook.signature_validation", ()),
    ("webhook.cache_lookup", (("SET", ()),)),
    ("webhook.task_queuing", (("send messages", (("LPUSH", ()),)),)),
    ("webhook.response_preparation", ()),
)


@dataclass(frozen=True)
class Played:
    """What is there after 500 webhooks."""

    plans: list[Plan]
    answers: list[Answer]
    timing: dict[str, Any]
    webhooks: list[Trace]
    tasks: list[Trace]
    provider: Provider
    evaluator: Evaluator

    @property
    def seconds(self) -> list[float]:
        """How long each webhook took, by its SERVER span."""
        return [(trace.root.end - trace.root.start) / 1e6 for trace in self.webhooks]


@pytest.fixture(scope="module")
def played() -> Iterator[Played]:
    with contextlib.ExitStack() as stack:
        redis = stack.enter_context(redis_server())
        store = stack.enter_context(jaeger())
        judge = stack.enter_context(evaluator())
        way = stack.enter_context(
            collector(
                {
                    "LAPBELL_EVALUATOR": judge.otlp_http,
                    "LAPBELL_JAEGER": f"127.0.0.1:{store.otlp_port}",
                    "LAPBELL_SAMPLING_PERCENT": "100",
                    "LAPBELL_SAMPLING_WAIT": "2s",
                }
            )
        )
        app = stack.enter_context(webhook_app(redis.url, way.grpc))
        stack.enter_context(worker(redis.url, way.grpc))
        provider, plans = Provider(app.url, TOKEN), spread(COUNT)
        answers = asyncio.run(provider.send(plans))
        timing = judge.wait_until("webhook-timing", lambda seen: seen["total_webhooks"] >= COUNT, window="10m")
        webhooks = traces_of(store, "journey-app", WEBHOOK)
        tasks = traces_of(store, "journey-worker", "process messages")
        yield Played(plans, answers, timing, webhooks, tasks, provider, judge)


def traces_of(store: Jaeger, service: str, operation: str) -> list[Trace]:
    """As soon as all are there in full: Jaeger stores a trace span by span."""

    def ask() -> list[Any]:
        return store.ask("traces", service=service, operation=operation, limit=2 * COUNT)

    store.process.wait_until(lambda: len(ask()) == COUNT, within_s=60)
    largest = max(len(found["spans"]) for found in ask())
    store.process.wait_until(lambda: {len(found["spans"]) for found in ask()} == {largest}, within_s=60)
    return [trace_of(found) for found in ask()]


def width_of_the_bucket(seconds: float) -> float:
    bounds = (0.0, *semconv.REQUEST_BOUNDS_S)
    upper = bisect.bisect_left(bounds, seconds)
    return bounds[upper] - bounds[upper - 1]


def test_every_webhook_was_answered(played):
    assert [answer.status for answer in played.answers] == [200] * COUNT


def test_the_trace_of_a_webhook_has_its_phases_and_redis_commands_nested_as_they_ran(played):
    shapes = {trace.root.shape for trace in played.webhooks}

    assert shapes == {(WEBHOOK, (("fastapi.dependencies", ()), ("fastapi.endpoint", AS_THEY_RAN)))}
    assert [trace.trace_id for trace in played.webhooks if not trace.root.is_nested] == []


def test_each_task_is_linked_to_the_webhook_that_queued_it(played):
    sent = sorted(node.span_id for t in played.webhooks for node in t.root.walk() if node.name == "send messages")
    linked = sorted(link for task in played.tasks for link in task.root.links)

    assert linked == sent


def test_a_task_has_its_redis_command_inside(played):
    assert {task.root.shape for task in played.tasks} == {("process messages", (("SET", ()),))}


@pytest.mark.parametrize("share", [0.50, 0.95, 0.99])
def test_percentiles_agree_with_the_spans_within_the_width_of_the_bucket(played, share):
    spanned = quantile(share, played.seconds)
    measured = played.timing[f"p{share * 100:.0f}_total_time"]

    assert measured == pytest.approx(spanned, abs=CLOSE_S + width_of_the_bucket(spanned))


def test_the_time_of_each_phase_agrees_with_the_plan(played):
    mean_s = sum(plan.total_s for plan in played.plans) / COUNT
    delay_s = sum(played.seconds) / COUNT - mean_s  # of the machine: any phase may have had all of it
    timing = played.timing["timing_breakdown"]
    excess = {phase: timing[phase]["average_time"] - mean_s * share for phase, share in PHASES.items()}

    assert {phase: s for phase, s in excess.items() if not -CLOSE_S <= s <= max(CLOSE_S, delay_s)} == {}


def test_the_breakdown_adds_up_to_the_whole(played):
    parts = [found["average_time"] for found in played.timing["timing_breakdown"].values()]

    assert sum(parts) == pytest.approx(played.timing["average_total_time"], rel=1e-6)


def test_compliance_agrees_with_the_spans(played):
    in_time = [trace for trace in played.webhooks if trace.root.end - trace.root.start <= 500_000]

    # A span ends a moment after its response has left: one or two of 500 may fall on either side of the target.
    assert played.timing["within_500ms_percentage"] == pytest.approx(100 * len(in_time) / COUNT, abs=0.5)
    assert played.timing["within_2s_percentage"] == 100.0


def test_a_bad_signature_gets_401_and_is_counted_as_rejected(played):
    answers = asyncio.run(played.provider.send([Plan.of(0.05)] * 5, forged=True))
    timing = played.evaluator.wait_until(
        "webhook-timing",
        lambda seen: seen["outcomes"].get("rejected", 0) >= 5,
        window="10m",
    )

    assert [answer.status for answer in answers] == [401] * 5
    assert timing["outcomes"] == {"accepted": COUNT, "rejected": 5}
