"""What `lapbell trace -o otlp` prints is taken by Jaeger: by its file upload, and at its OTLP port."""

from typing import Any

import httpx

from lapbell_evaluator.evidence import otlp_document
from lapbell_evaluator.model import SpanEvent, Trace
from peers import jaeger
from trace_kit import TRACE, span

BEGAN_MS = 1_800_000_000_000
RAISED = SpanEvent("exception", BEGAN_MS * 10**6, (("exception.type", "ValueError"),))
DOCUMENT = otlp_document(
    Trace(
        TRACE,
        (
            span(
                "POST /w",
                BEGAN_MS,
                BEGAN_MS + 900,
                id_=1,
                kind=2,
                job="team/shop",
                failed=True,
                events=(RAISED,),
                http__response__status_code="500",
            ),
            span("webhook.validation", BEGAN_MS, BEGAN_MS + 300, id_=2, parent=1, job="team/shop"),
            span("process", BEGAN_MS + 900, BEGAN_MS + 950, id_=3, parent=1, kind=5, job="worker"),
        ),
    )
)


def shown(trace: dict[str, Any]) -> dict[str, tuple[object, ...]]:
    """What Jaeger's page shows of each span: service, parent, start and duration in microseconds, whether it failed."""
    names = {each["spanID"]: each["operationName"] for each in trace["spans"]}
    return {
        each["operationName"]: (
            trace["processes"][each["processID"]]["serviceName"],
            [names[reference["spanID"]] for reference in each["references"]],
            each["startTime"],
            each["duration"],
            any(tag["key"] == "error" and tag["value"] is True for tag in each["tags"]),
        )
        for each in trace["spans"]
    }


WANTED = {
    "POST /w": ("shop", [], BEGAN_MS * 1_000, 900_000, True),
    "webhook.validation": ("shop", ["POST /w"], BEGAN_MS * 1_000, 300_000, False),
    "process": ("worker", ["POST /w"], (BEGAN_MS + 900) * 1_000, 50_000, False),
}


def test_jaeger_shows_the_same_trace_when_it_is_uploaded_and_when_it_is_sent():
    with jaeger() as server:
        uploaded = httpx.post(
            f"http://127.0.0.1:{server.query_port}/api/transform", json=DOCUMENT, timeout=60, trust_env=False
        )
        sent = httpx.post(
            f"http://127.0.0.1:{server.otlp_http_port}/v1/traces", json=DOCUMENT, timeout=60, trust_env=False
        )
        server.process.wait_until(lambda: bool(server.ask(f"traces/{TRACE}")))
        (kept,) = server.ask(f"traces/{TRACE}")
    assert sent.status_code == 200, sent.text
    assert uploaded.status_code == 200, uploaded.text
    assert [shown(trace) for trace in (*uploaded.json()["data"], kept)] == [WANTED, WANTED]
