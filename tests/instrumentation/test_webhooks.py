"""The SERVER span of a request is the webhook, whoever makes it."""

import asyncio
import time
from typing import Any

import httpx
import pytest
from fastapi import BackgroundTasks, Depends, FastAPI, HTTPException
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from opentelemetry.trace import SpanKind, StatusCode
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware.opentelemetry import OpenTelemetryMiddleware as StarletteOpenTelemetry
from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse
from starlette.routing import Mount, Route

import lapbell
from lapbell.integrations.asgi import Hooks, WebhookMiddleware
from lapkit import Workbench, workbench


@pytest.fixture
def bench():
    with workbench() as standing:
        yield standing


def native(bench: Workbench, **more) -> FastAPI:
    """FastAPI that makes the SERVER span itself."""
    app = FastAPI(telemetry=bench.telemetry | more)
    app.add_middleware(WebhookMiddleware, hooks=Hooks(bench.processor.requests))
    return app


def plain(bench: Workbench) -> FastAPI:
    """FastAPI as before 0.142, without telemetry of its own."""
    return native(bench, tracing=False, metrics=False)


async def call(app, method: str = "POST", path: str = "/webhook/whatsapp", **more) -> httpx.Response:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://host.test", timeout=60) as client:
        return await client.request(method, path, **more)


def servers(bench: Workbench) -> list[str]:
    return [span.name for span in bench.spans if span.kind is SpanKind.SERVER]


@pytest.mark.parametrize("kind", [native, plain])
async def test_a_request_is_one_server_span_and_one_webhook(bench, kind):
    app = kind(bench)

    @app.post("/webhook/{name}")
    async def webhook(name: str) -> dict[str, str]:
        return {"name": name}

    await call(app)
    (seen,) = bench.seen.webhooks
    assert servers(bench) == ["POST /webhook/{name}"]
    assert seen.provider == "twilio"
    assert seen.route == "/webhook/{name}"
    assert seen.status_code == 200
    assert seen.outcome == "accepted"


@pytest.mark.parametrize("kind", [native, plain])
async def test_the_response_time_ends_with_the_last_chunk_not_with_background_tasks(bench, kind):
    app = kind(bench)

    @app.post("/webhook/{name}")
    async def webhook(name: str, tasks: BackgroundTasks) -> dict[str, str]:
        tasks.add_task(time.sleep, 0.3)
        return {}

    await call(app)
    span = next(span for span in bench.spans if span.kind is SpanKind.SERVER)
    (point,) = bench.points("webhook.request.duration")
    times = ((span.end_time - span.start_time) / 1e9, point.sum, bench.seen.webhooks[0].duration_s)
    assert all(time_s < 0.1 for time_s in times), times


@pytest.mark.parametrize("foreign", [OpenTelemetryMiddleware, StarletteOpenTelemetry])
@pytest.mark.parametrize("is_outside", [True, False])
async def test_it_steps_aside_for_a_foreign_middleware_and_still_knows_when_the_response_ended(
    bench, foreign, is_outside
):
    async def webhook(_request):
        return JSONResponse({}, background=BackgroundTask(time.sleep, 1.0))

    app = Starlette(routes=[Route("/webhook/{name}", webhook, methods=["POST"])])
    middlewares: list[tuple[Any, dict[str, Any]]] = [(WebhookMiddleware, {"hooks": Hooks(bench.processor.requests)})]
    middlewares.insert(0 if not is_outside else 1, (foreign, {"tracer_provider": bench.tracer_provider}))
    for middleware, options in middlewares:
        app.add_middleware(middleware, **options)
    await call(app)
    assert len(servers(bench)) == 1
    assert len(bench.seen.webhooks) == 1
    assert bench.seen.webhooks[0].duration_s < 1.0


async def test_phases_of_fastapi_count_without_a_line_of_code(bench):
    app = native(bench)

    async def slow_dependency() -> None:
        await asyncio.sleep(0.02)

    @app.post("/webhook/{name}", dependencies=[Depends(slow_dependency)])
    async def webhook(name: str) -> dict[str, str]:
        with lapbell.phase("cache_lookup"):
            await asyncio.sleep(0.01)
        return {}

    await call(app)
    phases = bench.seen.webhooks[0].phases_s
    assert sorted(phases) == ["cache_lookup", "other", "response_preparation", "validation"]
    assert phases["validation"] >= 0.02
    assert phases["cache_lookup"] >= 0.01
    assert sum(phases.values()) == pytest.approx(bench.seen.webhooks[0].duration_s, abs=1e-9)


async def test_a_phase_decorates_a_dependency(bench):
    app = native(bench)

    @lapbell.phase("signature_validation")
    def check(name: str) -> str:
        if name != "whatsapp":
            raise HTTPException(401)
        return name

    @app.post("/webhook/{name}")
    def webhook(checked: str = Depends(check)) -> dict[str, str]:
        return {"name": checked}

    answers = [(await call(app, path=f"/webhook/{name}")).status_code for name in ("whatsapp", "other")]
    assert answers == [200, 401]
    assert [webhook.outcome for webhook in bench.seen.webhooks] == ["accepted", "rejected"]
    assert [("signature_validation" in webhook.phases_s) for webhook in bench.seen.webhooks] == [True, True]


@pytest.mark.parametrize("kind", [native, plain])
async def test_outcomes(bench, kind):
    app = kind(bench)

    @app.post("/webhook/{name}")
    async def webhook(name: str) -> dict[str, str]:
        match name:
            case "twice":
                with lapbell.phase("cache_lookup"):
                    lapbell.outcome("duplicate")
            case "refused":
                raise HTTPException(403)
            case "broken":
                raise RuntimeError("no")
        return {}

    for name in ("whatsapp", "twice", "refused", "broken"):
        await call(app, path=f"/webhook/{name}")
    assert [(webhook.outcome, webhook.error_type) for webhook in bench.seen.webhooks] == [
        ("accepted", ""),
        ("duplicate", ""),
        ("rejected", ""),
        ("error", "RuntimeError"),
    ]
    assert len(bench.requested_exports) == 1


@pytest.mark.parametrize("kind", [native, plain])
async def test_a_streamed_response_ends_with_its_last_chunk(bench, kind):
    app = kind(bench)

    @app.post("/webhook/{name}")
    async def webhook(name: str) -> StreamingResponse:
        async def chunks():
            with lapbell.phase("response_preparation"):
                for _ in range(3):
                    await asyncio.sleep(0.01)
                    yield b"."

        return StreamingResponse(chunks())

    await call(app)
    (seen,) = bench.seen.webhooks
    assert seen.duration_s >= 0.03
    assert seen.phases_s["response_preparation"] >= 0.029


async def test_a_sender_s_trace_goes_on(bench):
    app = plain(bench)

    @app.post("/webhook/{name}")
    async def webhook(name: str) -> dict[str, str]:
        return {}

    trace_id, parent_id = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    await call(app, headers={"traceparent": f"00-{trace_id}-{parent_id}-01"})
    (span,) = [span for span in bench.spans if span.kind is SpanKind.SERVER]
    assert f"{span.context.trace_id:032x}" == trace_id
    assert f"{span.parent.span_id:016x}" == parent_id


async def test_starlette_and_its_mounts_have_routes(bench):
    async def webhook(_request):
        return PlainTextResponse("")

    inner = Starlette(routes=[Route("/{name}", webhook, methods=["POST"])])
    app = Starlette(routes=[Mount("/webhook", inner)])
    app.add_middleware(WebhookMiddleware, hooks=Hooks(bench.processor.requests))
    await call(app)
    assert [webhook.route for webhook in bench.seen.webhooks] == ["/webhook/{name}"]


async def test_any_asgi_app_is_watched(bench):
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 202, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    await call(WebhookMiddleware(app, Hooks(bench.processor.requests), route="/webhook"))
    (seen,) = bench.seen.webhooks
    assert seen.route == "/webhook"
    assert seen.status_code == 202


async def test_a_request_without_an_answer_is_an_error(bench):
    async def app(scope, receive, send):
        return

    with pytest.raises(AssertionError):
        await call(WebhookMiddleware(app, Hooks(bench.processor.requests)))
    (seen,) = bench.seen.webhooks
    assert seen.status_code is None
    assert seen.outcome == "error"
    assert seen.error_type == "incomplete_response"


async def test_metrics_carry_what_the_contract_says(bench):
    app = native(bench)

    @app.post("/webhook/{name}")
    async def webhook(name: str) -> dict[str, str]:
        with lapbell.phase("cache_lookup"):
            await asyncio.sleep(0.6)
        return {}

    await call(app)
    points = bench.collect()
    shared = {"webhook.provider": "twilio", "http.route": "/webhook/{name}"}
    (request,) = points["webhook.request.duration"]
    server, lookup = (bench.span(name) for name in ("POST /webhook/{name}", "webhook.cache_lookup"))
    assert dict(request.attributes) == shared | {
        "webhook.outcome": "accepted",
        "http.response.status_code": 200,
    }
    assert [exemplar.span_id for exemplar in request.exemplars] == [server.context.span_id]
    own = {point.attributes["webhook.phase.name"]: point for point in points["webhook.phase.self_duration"]}
    assert dict(own["cache_lookup"].attributes) == shared | {
        "webhook.phase.name": "cache_lookup",
        "webhook.slo.result": "met",
    }
    assert [exemplar.span_id for exemplar in own["cache_lookup"].exemplars] == [lookup.context.span_id]
    assert sum(point.sum for point in own.values()) == pytest.approx(request.sum, abs=1e-6)
    slo = {
        (point.attributes["webhook.slo.threshold"], point.attributes["webhook.slo.result"]): point.value
        for point in points["webhook.slo.requests"]
    }
    assert slo == {("0.5", "missed"): 1, ("2", "met"): 1}
    assert len(bench.requested_exports) == 1


async def test_every_target_is_a_bound(bench):
    with workbench(targets_s=(0.33, 4.5)) as other:
        app = native(other)

        @app.post("/webhook/{name}")
        async def webhook(name: str) -> dict[str, str]:
            return {}

        await call(app)
        (point,) = other.points("webhook.request.duration")
    assert {0.33, 4.5} <= set(point.explicit_bounds)


async def test_metric_values_are_counted_once_per_request(bench):
    app = native(bench)

    @app.post("/webhook/{name}")
    async def webhook(name: str) -> dict[str, str]:
        return {}

    for _ in range(50):
        await call(app)
    (request,) = bench.points("webhook.request.duration")
    assert request.count == 50
    assert len(bench.seen.webhooks) == 50


async def test_a_phase_inside_itself_is_one_run(bench):
    app = native(bench)

    @app.post("/webhook/{name}")
    async def webhook(name: str) -> None:
        with lapbell.phase("task_queuing"), lapbell.phase("task_queuing"):
            pass

    await call(app)
    runs = {point.attributes["webhook.phase.name"]: point.count for point in bench.points("webhook.phase.duration")}
    assert runs["task_queuing"] == 1


class UnspeakableError(Exception):
    """An exception of the app that cannot say what it is."""

    def __str__(self) -> str:
        raise RuntimeError("no message")

    __repr__ = __str__


class TalkativeError(Exception):
    """An exception of the app that says a megabyte."""

    def __str__(self) -> str:
        return "x" * 1_000_000


@pytest.mark.parametrize("error", [UnspeakableError, TalkativeError])
@pytest.mark.parametrize("kind", [native, plain])
async def test_a_failure_is_measured_and_named_whatever_its_message_does(bench, kind, error):
    app = kind(bench)

    @app.post("/webhook/{name}")
    async def webhook(name: str) -> None:
        with lapbell.phase("cache_lookup"):
            raise error

    await call(app)
    (seen,) = bench.seen.webhooks
    phase = bench.span("webhook.cache_lookup")
    assert {
        "outcome": seen.outcome,
        "error_type": seen.error_type.rpartition(".")[2],
        "phase": (phase.status.status_code, (phase.attributes or {})["error.type"]),
    } == {"outcome": "error", "error_type": error.__name__, "phase": (StatusCode.ERROR, error.__name__)}
