"""What breaks the data model is refused and counted; what is only large is not remembered."""

import math

import cramjam
import pytest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from lapbell_evaluator.model import labels
from lapbell_evaluator.receiver.json_metrics import decode_json_metrics
from lapbell_evaluator.receiver.json_traces import decode_json_spans
from lapbell_evaluator.receiver.limits import Limits
from lapbell_evaluator.receiver.protobuf import decode_metrics
from lapbell_evaluator.receiver.refusal import Refusal
from lapbell_evaluator.receiver.remote_write import WrittenSeries
from lapbell_evaluator.receiver.sender_clocks import SenderClocks
from lapbell_evaluator.receiver.spans import DecodedSpans, decode_spans
from lapbell_evaluator.receiver.translator import Translator
from lapbell_evaluator.receiver.write_messages import decode_written
from lapbell_evaluator.series import SeriesStore
from otlp_kit.exponential import exponential, exponential_point
from otlp_kit.metrics import DELTA, distribution, gauge, histogram, metrics_export, number, resource, total
from otlp_kit.offline_receiver import OfflineReceiver
from otlp_kit.otlp_json import otlp_json
from otlp_kit.traces import span, traces_export
from otlp_kit.wire import delimited

NOW = 1_000.0


def rejected(*metrics, of=None) -> tuple[dict[str, int], int]:
    store = SeriesStore()
    translated = Translator(store, Limits()).translate(
        decode_metrics(metrics_export(*metrics, of=of).SerializeToString()), NOW
    )
    return translated.rejected, len(translated.batch.refs)


@pytest.mark.parametrize("bounds", [(2.0, 1.0, 0.5), (1.0, 1.0, 2.0), (float("nan"), 1.0, 2.0)])
def test_bounds_that_do_not_ascend_are_refused(bounds):
    point = distribution([1, 1, 1, 1], NOW, bounds=bounds, sum_=1.0)
    assert rejected(histogram("h", [point])) == ({"histogram points whose bounds do not ascend": 1}, 0)


def test_a_histogram_with_more_buckets_than_anybody_has_is_refused():
    point = distribution([1] * 10_002, NOW, bounds=[float(n) for n in range(10_001)], sum_=1.0)
    assert rejected(histogram("h", [point])) == ({"histogram points with more than 10000 buckets": 1}, 0)


def test_more_attributes_than_labels_may_be_are_refused_before_they_are_read():
    point = number(1.0, NOW)
    point.attributes.extend([KeyValue()] * 65)
    assert rejected(gauge("g", [point])) == ({"points with too many labels": 1}, 0)


def test_a_resource_of_many_small_attributes_is_refused():
    of = Resource(attributes=[KeyValue()] * 2_000)
    reasons = {"points of a resource whose attributes are too large": 1}
    assert rejected(gauge("g", [number(1.0, NOW)]), of=of) == (reasons, 0)


def test_spans_of_a_resource_that_is_too_large_are_refused_in_either_encoding():
    export = traces_export(span("a", 1, 2), span("b", 1, 2), of=Resource(attributes=[KeyValue()] * 2_000))
    of_protobuf, of_json = decode_spans(export.SerializeToString()), decode_json_spans(otlp_json(export))
    refused = DecodedSpans((), {"spans of a resource whose attributes are too large": 2})
    assert [of_protobuf, of_json] == [refused, refused]


def test_buckets_that_do_not_add_up_are_refused_and_the_points_beside_them_are_kept():
    wrong = distribution([1, 1], NOW, bounds=(1.0,), sum_=1.0, a="wrong")
    wrong.count = 1
    right = distribution([1, 1], NOW, bounds=(1.0,), sum_=1.0, a="right")
    reasons, samples = rejected(histogram("h", [wrong, right]))
    assert reasons == {"histogram points whose buckets do not add up to their count": 1}
    assert samples == 4


def test_a_resource_that_is_too_large_is_refused_and_not_remembered():
    large = resource(service_name="x" * 100_000)
    reasons, samples = rejected(gauge("g", [number(1.0, NOW)]), of=large)
    assert reasons == {"points of a resource whose attributes are too large": 1}
    assert samples == 0


def test_a_metric_without_points_leaves_nothing_behind():
    store = SeriesStore()
    translator = Translator(store, Limits())
    translator.translate(decode_metrics(metrics_export(gauge("g", [])).SerializeToString()), NOW)
    assert store.metadata() == {}
    assert store.intern(labels({"__name__": "other"})) > 0


def test_a_metric_name_that_is_too_long_is_refused():
    reasons, samples = rejected(gauge("g" * 5_000, [number(1.0, NOW)]))
    assert reasons == {"points of a metric whose name is too long": 1}
    assert samples == 0


@pytest.mark.parametrize("temporality", [0, 3])
@pytest.mark.parametrize(
    "metric",
    [
        total("m", [number(1.0, NOW)]),
        histogram("m", [distribution([1, 0], NOW, bounds=(1.0,), sum_=1.0)]),
        exponential("m", [exponential_point([1], NOW)]),
    ],
)
def test_points_that_may_be_deltas_or_totals_are_refused_in_either_encoding(metric, temporality):
    unclear = Metric.FromString(metric.SerializeToString())
    getattr(unclear, str(unclear.WhichOneof("data"))).aggregation_temporality = temporality
    export = metrics_export(unclear)
    reason = "points of which it is not said whether they are deltas or cumulative"
    of_protobuf = Translator(SeriesStore(), Limits()).translate(decode_metrics(export.SerializeToString()), NOW)
    of_json = Translator(SeriesStore(), Limits()).translate(decode_json_metrics(otlp_json(export)), NOW)
    assert [of_protobuf.rejected, of_json.rejected] == [{reason: 1}, {reason: 1}]


def test_exponential_buckets_that_do_not_add_up_are_refused_in_either_encoding():
    wrong = exponential_point([1, 2], NOW)
    wrong.count = 5
    export = metrics_export(exponential("m", [wrong, exponential_point([1], NOW, a="right")]))
    reason = "exponential histogram points whose buckets do not add up to their count"
    of_protobuf, of_json = decode_metrics(export.SerializeToString()), decode_json_metrics(otlp_json(export))
    assert [of_protobuf.rejected, of_json.rejected] == [{reason: 1}, {reason: 1}]


@pytest.mark.parametrize(
    ("value", "monotonic", "reason"),
    [
        (-1.0, True, "deltas below zero of sums that only grow"),
        (math.nan, True, "deltas that are no finite number"),
        (math.inf, False, "deltas that are no finite number"),
    ],
)
def test_a_delta_that_would_spoil_its_total_is_refused_and_the_total_goes_on(value, monotonic, reason):
    receiver = OfflineReceiver()
    outcomes = [
        receiver.take(total("m", [number(delta, at, start=at - 1)], monotonic=monotonic, temporality=DELTA)).rejected
        for delta, at in ((1.0, 11.0), (value, 12.0), (2.0, 13.0))
    ]
    totals = [total for _, _, total in receiver.store.samples]
    assert {"rejected": outcomes, "last": totals[-1]} == {"rejected": [{}, {reason: 1}, {}], "last": 3.0}


def test_a_broken_attribute_costs_its_point_alone_and_one_of_a_resource_the_export():
    broken = delimited(7, b"\x0a\xff")
    point = delimited(1, number(1.0, NOW).SerializeToString() + broken)
    metric = delimited(2, delimited(1, b"g") + delimited(5, point + delimited(1, number(2.0, NOW).SerializeToString())))
    translated = Translator(SeriesStore(), Limits()).translate(decode_metrics(delimited(1, delimited(2, metric))), NOW)
    with pytest.raises(Refusal, match="An attribute of a resource is no protobuf"):
        Translator(SeriesStore(), Limits()).translate(
            decode_metrics(delimited(1, delimited(1, delimited(1, b"\x0a\xff")))), NOW
        )
    assert {"rejected": translated.rejected, "values": translated.batch.values.tolist()} == {
        "rejected": {"points with an attribute that is no protobuf": 1},
        "values": [2.0],
    }


def test_a_broken_label_costs_its_series_alone():
    series = delimited(1, delimited(1, b"\x0a\xff") + delimited(2, b""))
    body = bytes(cramjam.snappy.compress_raw(series))
    came = WrittenSeries(SeriesStore(), Limits(), SenderClocks()).translate(
        decode_written(body, Limits().items), "192.0.2.7", NOW
    )
    assert came.rejected == {"series with a label that is no protobuf": 1}
