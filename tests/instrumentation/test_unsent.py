"""What was not taken is sent with the next export: nothing is lost, and nothing counted twice."""

import contextlib
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.metrics import Counter as CounterInstrument
from opentelemetry.sdk.metrics import Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    InMemoryMetricReader,
    MetricExporter,
    MetricExportResult,
    MetricsData,
)
from opentelemetry.sdk.metrics.view import ExplicitBucketHistogramAggregation, ExponentialBucketHistogramAggregation

from lapbell.reader import PacedReader, Preferences
from lapkit import python
from peers import otlp_sink

UNAFFECTED = "the app is not affected"
DELTA: dict[type, AggregationTemporality] = dict.fromkeys((CounterInstrument, Histogram), AggregationTemporality.DELTA)


class Answering(MetricExporter):
    """Takes what `takes` says, in turn, and everything after that; keeps what it took."""

    def __init__(self, takes: Sequence[bool | BaseException]) -> None:
        super().__init__()
        self.takes = list(takes)
        self.taken: list[MetricsData] = []
        self.offered: list[MetricsData] = []

    def export(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: object) -> MetricExportResult:
        self.offered.append(metrics_data)
        answer = self.takes.pop(0) if self.takes else True
        if isinstance(answer, BaseException):
            raise answer
        if answer:
            self.taken.append(metrics_data)
        return MetricExportResult.SUCCESS if answer else MetricExportResult.FAILURE

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        return True

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: object) -> None:
        pass


def points(data: Sequence[MetricsData]) -> list[tuple[str, Any]]:
    """Each point with the name of its metric."""
    return [
        (metric.name, point)
        for one in data
        for resource in one.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for point in metric.data.data_points
    ]


def counts_by_bucket(data: Sequence[MetricsData], scale: int) -> dict[int, int]:
    """Positive buckets of all exponential points at one scale."""
    counts: Counter[int] = Counter()
    for _, point in points(data):
        for place, count in enumerate(point.positive.bucket_counts):
            counts[(point.positive.offset + place) >> (point.scale - scale)] += count
    return {index: count for index, count in counts.items() if count}


@contextlib.contextmanager
def metering(
    takes: Sequence[bool | BaseException], aggregation: Any
) -> Iterator[tuple[Any, PacedReader, Answering, Any]]:
    """A histogram that a reader with a choosy exporter reads beside one that reads all at the end."""
    exporter = Answering(takes)
    reader = PacedReader(lambda: exporter, 60, Preferences(DELTA, {Histogram: aggregation}))
    whole = InMemoryMetricReader(DELTA, {Histogram: aggregation})
    provider = MeterProvider([whole], shutdown_on_exit=False)
    provider.add_metric_reader(reader)
    yield provider.get_meter("test"), reader, exporter, whole
    provider.shutdown()


@given(st.lists(st.lists(st.floats(1e-9, 1e9), max_size=5), min_size=1, max_size=6), st.data())
def test_exponential_deltas_that_were_not_taken_join_the_next_ones(batches, data):
    takes = [data.draw(st.booleans()) for _ in batches]
    with metering(takes, ExponentialBucketHistogramAggregation()) as (meter, reader, exporter, whole):
        histogram = meter.create_histogram("h")
        for values in batches:
            for value in values:
                histogram.record(value)
            reader.force_flush()
        exporter.takes.clear()
        reader.force_flush()
        oracle = [whole.get_metrics_data()] if any(batches) else []
        scale = min((point.scale for _, point in points([*exporter.taken, *oracle])), default=0)
        assert counts_by_bucket(exporter.taken, scale) == counts_by_bucket(oracle, scale)


@given(
    st.lists(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 20)), max_size=5), min_size=1, max_size=6),
    st.data(),
)
def test_deltas_of_histograms_and_counters_that_were_not_taken_join_the_next_ones(batches, data):
    takes = [data.draw(st.one_of(st.booleans(), st.just(SystemExit("no")))) for _ in batches]
    bounds = ExplicitBucketHistogramAggregation([5, 10])
    with metering(takes, bounds) as (meter, reader, exporter, whole):
        histogram, counter = meter.create_histogram("h"), meter.create_counter("c")
        for values in batches:
            for name, value in values:
                histogram.record(value, {"name": name})
                counter.add(value, {"name": name})
            reader.force_flush()
        exporter.takes.clear()
        reader.force_flush()
        assert totals(exporter.taken) == totals([whole.get_metrics_data()] if any(batches) else [])


def totals(data: Sequence[MetricsData]) -> dict[tuple[str, str], list[float]]:
    """Sums of counters, and sums, counts and buckets of histograms, by metric and series."""
    sums: dict[tuple[str, str], list[float]] = {}
    for name, point in points(data):
        values = [point.value] if name == "c" else [point.sum, point.count, *point.bucket_counts]
        before = sums.get((name, point.attributes["name"]), [0.0] * len(values))
        sums[name, point.attributes["name"]] = [one + other for one, other in zip(before, values, strict=True)]
    return sums


def test_merged_deltas_reach_from_the_first_start_to_the_last_end():
    with metering([False, False], ExplicitBucketHistogramAggregation([5])) as (meter, reader, exporter, _):
        counter = meter.create_counter("c")
        for _ in range(3):
            counter.add(1)
            reader.force_flush()
        (_, first), (_, second), (_, last) = points(exporter.offered)
    assert [exporter.taken, last.value] == [exporter.offered[-1:], 3]
    assert first.start_time_unix_nano == last.start_time_unix_nano
    assert second.time_unix_nano < last.time_unix_nano


def test_what_is_refused_for_ever_does_not_keep_later_deltas_back(caplog):
    class Choosy(Answering):
        def export(self, metrics_data, timeout_millis=10_000, **kwargs):
            is_refused = any(name == "poison" for name, _ in points([metrics_data]))
            self.takes = [not is_refused]
            return super().export(metrics_data)

    exporter = Choosy([])
    reader = PacedReader(lambda: exporter, 60, Preferences(DELTA))
    provider = MeterProvider([reader], shutdown_on_exit=False)
    meter = provider.get_meter("test")
    good, poison = meter.create_counter("good"), meter.create_counter("poison")
    poison.add(1)
    for _ in range(7):
        good.add(1)
        reader.force_flush()
    provider.shutdown()
    taken = [(name, point.value) for name, point in points(exporter.taken)]
    lost = [record.getMessage() for record in caplog.records if "metrics lost" in record.getMessage()]
    assert {"taken": taken, "lost": lost} == {
        "taken": [("good", 1)] * 4,
        "lost": [f"lapbell metrics lost: 2 deltas were refused again and again while others were taken; {UNAFFECTED}"],
    }


TWO_REFUSALS = """
import json, lapbell
from opentelemetry import metrics
handle = lapbell.setup(None, system=False)
counter = metrics.get_meter("test").create_counter("orders")
for _ in range(3):
    counter.add(1)
    lapbell.get_performance_monitor().record_webhook_timing_breakdown(lapbell.WebhookTimingBreakdown(total_time=0.1))
    metrics.get_meter_provider().force_flush(6_000)
handle.shutdown()
"""


@pytest.mark.parametrize("timeout_s", ["", "0.3"], ids=["tried again by the exporter", "given up by the exporter"])
@pytest.mark.parametrize("temporality", ["delta", "cumulative"])
def test_after_two_503_every_count_arrives_once(temporality, timeout_s):
    with otlp_sink() as sink:
        sink.refuse(2)
        python(
            TWO_REFUSALS,
            OTEL_EXPORTER_OTLP_ENDPOINT=sink.url,
            OTEL_TRACES_EXPORTER="none",
            OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=temporality,
            OTEL_EXPORTER_OTLP_TIMEOUT=timeout_s,
        )
        metrics = sink.metrics
    orders = [point.as_int for metric in metrics if metric.name == "orders" for point in metric.sum.data_points]
    webhooks = [
        point.count
        for metric in metrics
        if metric.name == "webhook.request.duration"
        for point in metric.histogram.data_points
    ]
    arrived = (sum(orders), sum(webhooks)) if temporality == "delta" else (orders[-1], webhooks[-1])
    assert {"orders": arrived[0], "webhooks": arrived[1]} == {"orders": 3, "webhooks": 3}


TWO_REFUSALS_OF_SPANS = """
import lapbell, time
handle = lapbell.setup(None, system=False)
for _ in range(3):
    with lapbell.phase("validation"):
        pass
from opentelemetry import trace
trace.get_tracer_provider().force_flush(9_000)
handle.shutdown()
"""


def test_after_two_503_every_span_arrives():
    with otlp_sink() as sink:
        sink.refuse(2)
        python(TWO_REFUSALS_OF_SPANS, OTEL_EXPORTER_OTLP_ENDPOINT=sink.url, OTEL_METRICS_EXPORTER="none")
        assert [span.name for span in sink.spans] == ["webhook.validation"] * 3
