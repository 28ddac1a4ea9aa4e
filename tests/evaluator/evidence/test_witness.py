"""What a firing alert shows."""

from lapbell_evaluator.evidence import CLIENT, SERVER, RecentTraces, Span, Witness
from lapbell_evaluator.model import Alert, Evidence, QueryResult, State, labels


class NoMetrics:
    """A store in which nothing was ever kept."""

    async def query(self, expr, time):
        return QueryResult(())


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


async def test_each_alert_shows_the_traces_that_it_is_about():
    witness = Witness(NoMetrics(), traces())
    alerts = [
        alert(alertname="WebhookResponseTime", category="webhook", job="app", http_route="/w"),
        alert(alertname="WebhookErrorRate", category="webhook", job="app", http_route="/w"),
        alert(alertname="RedisLatency", category="redis", job="app", db_operation_name="GET"),
        alert(alertname="RedisFailureRate", category="redis", job="app"),
        alert(alertname="TaskQueueDepth", category="task_queue", job="app"),
    ]
    assert [await witness.testify(each, 100) for each in alerts] == [
        Evidence((), ("slow", "failed")),
        Evidence((), ("failed",)),
        Evidence((), ("get",)),
        Evidence((), ("set",)),
        Evidence((), ()),
    ]
