"""What a firing alert shows."""

import pytest

from lapbell_evaluator.evidence import CLIENT, SERVER, EvidenceCollector, RecentTraces, Span
from lapbell_evaluator.model import TRACE_ID, Alert, Exemplar, State, labels
from lapbell_evaluator.promql import Engine
from lapbell_evaluator.series import ExemplarRing, SeriesStore


@pytest.fixture
def engine():
    """Over a store in which nothing was ever kept."""
    engine = Engine(SeriesStore())
    yield engine
    engine.close()


def span(trace, end_s, took_s, *, kind, failed=False, **attributes):
    pairs = tuple((key.replace("__", "."), value) for key, value in attributes.items())
    end_ns = round(end_s * 1e9)
    return Span(trace, trace, "", "x", kind, end_ns - round(took_s * 1e9), end_ns, failed, "app", "one", pairs)


def alert(**pairs):
    return Alert("g", "r", labels(pairs), "key", labels(pairs), State.FIRING, active_at=100, proven_at=100, value=1)


def traces():
    known = RecentTraces()
    known.add(
        [
            span("slow", 90, 2, kind=SERVER, http__route="/w"),
            span("failed", 95, 1, kind=SERVER, failed=True, http__route="/w"),
            span("long-ago", 20, 9, kind=SERVER, http__route="/w"),
            span("get", 90, 1, kind=CLIENT, db__system="redis", db__operation__name="GET"),
            span("set", 91, 0.5, kind=CLIENT, db__system="redis", db__operation__name="SET", failed=True),
        ]
    )
    return known


async def test_each_alert_shows_the_traces_that_it_is_about(engine):
    evidence_collector = EvidenceCollector(engine, traces(), ExemplarRing())
    alerts = [
        alert(alertname="WebhookResponseTime", category="webhook", job="app", http_route="/w"),
        alert(alertname="WebhookErrorRate", category="webhook", job="app", http_route="/w"),
        alert(alertname="RedisLatency", category="redis", job="app", db_operation_name="GET"),
        alert(alertname="RedisFailureRate", category="redis", job="app"),
        alert(alertname="TaskQueueDepth", category="task_queue", job="app"),
    ]
    assert [(await evidence_collector.collect(each, 100)).trace_ids for each in alerts] == [
        ("slow", "failed"),
        ("failed",),
        ("get",),
        ("set",),
        (),
    ]


def measured(name, at, seconds, trace=None, **pairs):
    """One exemplar of a series of the service `app`."""
    own = labels({"__name__": name, "job": "app", **pairs})
    return own, Exemplar(at * 1000, seconds, labels({TRACE_ID: trace} if trace else {}))


async def test_the_trace_of_an_exemplar_is_shown_even_where_its_spans_never_came(engine):
    ring = ExemplarRing()
    ring.add(
        [
            measured("webhook_request_duration_seconds_bucket", 90, 2.5, "bucket", http_route="/w", le="3"),
            measured("webhook_request_duration_seconds", 91, 0.1, "native", http_route="/w"),
            measured("webhook_request_duration_seconds_bucket", 92, 2.2, "slow", http_route="/w", le="3"),
            measured("webhook_request_duration_seconds_bucket", 92, 9.0, http_route="/w", le="10"),
            measured("webhook_request_duration_seconds_bucket", 92, 9.0, "elsewhere", http_route="/v", le="10"),
            measured("webhook_request_duration_seconds_bucket", 20, 9.0, "long-ago", http_route="/w", le="10"),
            measured("webhook_phase_duration_seconds_bucket", 92, 9.0, "phase", http_route="/w", le="10"),
            measured("db_client_operation_duration_seconds_bucket", 92, 0.2, "fast-get", db_operation_name="GET"),
        ]
    )
    evidence_collector = EvidenceCollector(engine, traces(), ring)
    alerts = [
        alert(alertname="WebhookResponseTime", category="webhook", job="app", http_route="/w"),
        alert(alertname="WebhookErrorRate", category="webhook", job="app", http_route="/w"),
        alert(alertname="RedisLatency", category="redis", job="app", db_operation_name="GET"),
        alert(alertname="RedisFailureRate", category="redis", job="app"),
    ]
    assert [(await evidence_collector.collect(each, 100)).trace_ids for each in alerts] == [
        ("bucket", "slow", "failed", "native"),
        ("failed",),
        ("get", "fast-get"),
        ("set",),
    ]
