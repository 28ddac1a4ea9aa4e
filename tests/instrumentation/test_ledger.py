"""The ledger counts as the SDK's own instruments do."""

import threading

from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader, NumberDataPoint
from opentelemetry.trace import SpanContext, TraceFlags

from budget import scaled
from lapbell.instruments import SdkRecorder
from lapbell.ledger import MOST_SERIES, Ledger

HISTOGRAM, COUNTER = "webhook.request.duration", "webhook.slo.requests"
TARGETS = (0.33, 4.5)

attributes = st.dictionaries(
    st.sampled_from(["a", "b", "c"]), st.one_of(st.sampled_from(["x", "y"]), st.integers(0, 2))
)
values = st.one_of(
    st.floats(0, 40, allow_nan=False), st.sampled_from([0.0, 0.005, 0.33, 0.5, 2.0, 30.0]), st.integers(0, 40)
)


def points_of(metrics) -> dict[str, set[object]]:
    """Points without times."""
    points: dict[str, set[object]] = {}
    for metric in metrics:
        for point in metric.data.data_points:
            named = frozenset(point.attributes.items())
            if metric.name == HISTOGRAM:
                shape = (point.count, round(point.sum, 9), tuple(point.bucket_counts), tuple(point.explicit_bounds))
                exemplars = frozenset((e.value, e.span_id, e.trace_id) for e in point.exemplars)
                points.setdefault(metric.name, set()).add((named, *shape, point.min, point.max, exemplars))
            else:
                points.setdefault(metric.name, set()).add((named, point.value))
    return points


@settings(deadline=None)
@given(st.lists(st.tuples(attributes, values, st.booleans())), st.lists(st.tuples(attributes, st.integers(0, 5))))
def test_it_keeps_what_the_sdk_keeps(recorded, counted):
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    ledger, sdk = Ledger(TARGETS), SdkRecorder(provider.get_meter("test"), TARGETS)
    for recorder in (ledger, sdk):
        for number, (named, value, is_exported) in enumerate(recorded):
            context = SpanContext(7, number + 1, is_remote=False, trace_flags=TraceFlags(1))
            recorder.record(HISTOGRAM, value, named, context if is_exported else None)
        for named, amount in counted:
            recorder.count(COUNTER, amount, dict(reversed(named.items())))
    data = reader.get_metrics_data()
    scopes = [scope for resource in data.resource_metrics for scope in resource.scope_metrics] if data else []
    provider.shutdown()
    assert points_of(ledger.collect()) == points_of(metric for scope in scopes for metric in scope.metrics)


def test_exemplars_are_told_once():
    ledger = Ledger(TARGETS)
    ledger.record(HISTOGRAM, 1.0, {}, SpanContext(1, 2, is_remote=False))
    first, second = ledger.collect(), ledger.collect()
    assert [len(metric.data.data_points[0].exemplars) for metric in (*first, *second)] == [1, 0]


def test_without_exemplars_none_are_kept():
    ledger = Ledger(TARGETS, with_exemplars=False)
    ledger.record(HISTOGRAM, 1.0, {}, SpanContext(1, 2, is_remote=False))
    assert ledger.collect()[0].data.data_points[0].exemplars == []


def test_series_beyond_the_limit_share_one():
    ledger = Ledger(TARGETS)
    for number in range(MOST_SERIES + 500):
        ledger.record(HISTOGRAM, 1.0, {"route": f"/{number}"}, None)
    points = ledger.collect()[0].data.data_points
    (overflow,) = [point for point in points if "otel.metric.overflow" in (point.attributes or {})]
    assert isinstance(overflow, HistogramDataPoint)
    assert len(points) == MOST_SERIES + 1
    assert overflow.count == 500


def test_threads_lose_no_value():
    ledger = Ledger(TARGETS)
    rounds = scaled(5_000)

    def work() -> None:
        for _ in range(rounds):
            ledger.record(HISTOGRAM, 0.1, {"a": "x"}, None)
            ledger.count(COUNTER, 1, {})

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    durations, requests = (metric.data.data_points[0] for metric in ledger.collect())
    assert isinstance(durations, HistogramDataPoint)
    assert isinstance(requests, NumberDataPoint)
    assert durations.count == 4 * rounds
    assert requests.value == 4 * rounds


def test_a_cleared_ledger_begins_at_zero():
    ledger = Ledger(TARGETS)
    ledger.count(COUNTER, 1, {})
    ledger.clear()
    assert ledger.collect() == []
