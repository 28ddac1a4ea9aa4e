"""Whatever breaks in lapbell, the app answers as if it were not there."""

import logging
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import redis
from fastapi import FastAPI, HTTPException
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.trace import NonRecordingSpan, SpanContext

import lapbell
from lapbell import faults, seam
from lapbell.faults import Faults
from lapbell.integrations import redis as hooks
from lapbell.integrations.asgi import Hooks, WebhookMiddleware
from lapbell.processor import ActiveRequest, ActiveRequests, Limits, Rules, TailRule, WebhookProcessor
from lapkit import Workbench, workbench

FAULT = "lapbell is broken"


class BrokenSpan(NonRecordingSpan):
    """Every word to it fails, except its end."""

    def __init__(self) -> None:
        super().__init__(SpanContext(1, 1, is_remote=False))

    def set_attribute(self, key, value):
        raise RuntimeError(FAULT)

    def set_attributes(self, attributes):
        raise RuntimeError(FAULT)

    def record_exception(self, *args, **kwargs):
        raise RuntimeError(FAULT)

    def set_status(self, *args, **kwargs):
        raise RuntimeError(FAULT)

    def update_name(self, name):
        raise RuntimeError(FAULT)


class BrokenSeam:
    """Every way of making a span or recording a value fails."""

    def start_span(self, *args, **kwargs):
        raise RuntimeError(FAULT)

    def record(self, *args, **kwargs):
        raise RuntimeError(FAULT)

    def count(self, *args, **kwargs):
        raise RuntimeError(FAULT)


class SeamOfBrokenSpans(BrokenSeam):
    """Spans are made, and fail."""

    def start_span(self, *args, **kwargs):
        return BrokenSpan()


BROKEN_SEAM: Any = BrokenSeam()  # Any: it stands where a Seam is wanted
SEAM_OF_BROKEN_SPANS: Any = SeamOfBrokenSpans()


class BrokenObserver:
    def webhook(self, webhook):
        raise RuntimeError(FAULT)

    def redis(self, operation):
        raise RuntimeError(FAULT)


class BrokenDownstream(SpanProcessor):
    def on_end(self, span: ReadableSpan) -> None:
        raise RuntimeError(FAULT)

    def shutdown(self) -> None:
        raise RuntimeError(FAULT)


def provider_of_nobody(method: str, route: str) -> str | None:
    raise RuntimeError(FAULT)


def no_hurry() -> None:
    raise RuntimeError(FAULT)


@pytest.fixture
def bench() -> Iterator[Workbench]:
    with workbench() as standing:
        yield standing


def processors() -> dict[str, Callable[[Workbench], WebhookProcessor]]:
    limits, tail = Limits((0.5, 2.0)), TailRule(2.0)
    good = Rules(lambda method, route: "", limits)
    return {
        "rules": lambda bench: WebhookProcessor(
            seam.current(), Rules(provider_of_nobody, limits), tail, None, no_hurry
        ),
        "seam": lambda bench: WebhookProcessor(BROKEN_SEAM, good, tail, None, no_hurry),
        "observer": lambda bench: WebhookProcessor(seam.current(), good, tail, None, no_hurry, [BrokenObserver()]),
        "downstream": lambda bench: WebhookProcessor(seam.current(), good, tail, BrokenDownstream(), no_hurry),
        "request_export": lambda bench: WebhookProcessor(
            seam.current(), Rules(lambda *_: "", Limits((0, 0))), tail, None, no_hurry
        ),
    }


class BrokenRequests(ActiveRequests):
    """Fails whatever it is asked."""

    def begin(self, *arguments) -> ActiveRequest:
        raise RuntimeError(FAULT)


class RequestsThatFailLater(ActiveRequests):
    """Takes a request, and fails from then on."""

    def link(self, request, span) -> None:
        raise RuntimeError(FAULT)

    def end(self, *_: object) -> None:
        raise RuntimeError(FAULT)

    def abandon(self, *_: object) -> None:
        raise RuntimeError(FAULT)

    def watch_clients(self) -> None:
        raise RuntimeError(FAULT)


def watched(bench: Workbench, requests: type[ActiveRequests] = BrokenRequests) -> FastAPI:
    app = FastAPI(telemetry=bench.telemetry | {"tracing": False})
    rules = Rules(lambda method, route: "", Limits((0.5, 2.0)))
    app.add_middleware(WebhookMiddleware, hooks=Hooks(requests(rules, bench.processor, no_hurry), no_hurry, no_hurry))

    @app.post("/webhook/{name}")
    @lapbell.webhook("twilio")
    async def webhook(name: str) -> dict[str, str]:
        with lapbell.phase("cache_lookup"):
            lapbell.outcome("duplicate")
            lapbell.circuit("redis", "open")
            if name == "refused":
                raise HTTPException(401)
            if name == "broken":
                raise ValueError("the app's own")
        return {"name": name}

    return app


async def answers(app: FastAPI) -> list[object]:
    """What the app says to three webhooks; the last one is its own exception."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test", timeout=60) as client:
        whole: list[object] = []
        for name in ("whatsapp", "refused"):
            answer = await client.post(f"/webhook/{name}")
            whole.append((answer.status_code, answer.json()))
        with pytest.raises(ValueError, match="the app's own") as caught:
            await client.post("/webhook/broken")
        return [*whole, type(caught.value)]


WANTED = [(200, {"name": "whatsapp"}), (401, {"detail": "Unauthorized"}), ValueError]


@pytest.mark.parametrize("broken", [BrokenSeam(), SeamOfBrokenSpans()], ids=lambda seam: type(seam).__name__)
async def test_the_app_answers_though_spans_cannot_be_made_or_fail(bench, broken):
    standing = seam.current()
    seam.use(broken)
    try:
        answered = await answers(watched(bench))
    finally:
        seam.use(standing)
    assert answered == WANTED


@pytest.mark.parametrize("requests", [BrokenRequests, RequestsThatFailLater])
async def test_the_app_answers_though_whoever_keeps_its_requests_fails(bench, requests):
    assert await answers(watched(bench, requests)) == WANTED


@pytest.mark.parametrize("name", processors())
async def test_the_app_answers_though_the_processor_fails(bench, name):
    bench.tracer_provider.add_span_processor(processors()[name](bench))
    assert await answers(watched(bench)) == WANTED


NO_POOL: Any = None


def test_redis_is_asked_and_answered_though_the_hooks_fail():
    class Broken:
        @property
        def connection_pool(self):
            raise RuntimeError(FAULT)

    hooks.on_request(BrokenSpan(), Broken(), ["GET", "k"], {})
    hooks.on_response(BrokenSpan(), redis.client.Pipeline(NO_POOL, {}, True, None), [redis.ResponseError("no")])


def test_a_worker_s_own_error_passes_though_spans_cannot_be_made(bench):
    queue = lapbell.queues.Queue("tasks", "redis")
    standing = seam.current()
    for broken in (BROKEN_SEAM, SEAM_OF_BROKEN_SPANS):
        seam.use(broken)
        try:
            with queue.publish({"a": 1}) as message, pytest.raises(KeyError), queue.process(message):
                raise KeyError("the app's own")
        finally:
            seam.use(standing)
        assert message["a"] == 1


def test_a_fault_is_logged_once_a_minute_per_kind(caplog):
    now = [0.0]
    own = Faults(clock=lambda: now[0])
    with caplog.at_level(logging.WARNING, "lapbell"):
        for now[0] in (0.0, 1.0, 59.0, 61.0):
            own.report("span end", RuntimeError("no"))
            own.report("other", "said")
    assert [record.getMessage() for record in caplog.records] == [
        "lapbell span end: RuntimeError: no; the app is not affected",
        "lapbell other: said; the app is not affected",
        "lapbell span end: RuntimeError: no (2 more since the last line); the app is not affected",
        "lapbell other: said (2 more since the last line); the app is not affected",
    ]


def test_a_harmless_method_lets_what_is_no_exception_pass():
    class Stops:
        @faults.harmless("test")
        def stop(self) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Stops().stop()


def test_a_fault_that_cannot_say_its_message_is_logged_by_its_type(caplog):
    class UnspeakableError(Exception):
        def __str__(self) -> str:
            raise UnspeakableError

    with caplog.at_level(logging.WARNING, "lapbell"):
        Faults().report("span end", UnspeakableError())
    assert [record.getMessage() for record in caplog.records] == [
        "lapbell span end: UnspeakableError: ; the app is not affected"
    ]
