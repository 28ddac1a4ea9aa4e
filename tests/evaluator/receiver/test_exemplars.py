"""Which series an exemplar belongs to, and what is told of it."""

import cramjam
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from lapbell_evaluator.model import Exemplar, labels
from lapbell_evaluator.receiver.exemplar_probe import holds_exemplars
from lapbell_evaluator.receiver.json_metrics import decode_json_metrics
from lapbell_evaluator.receiver.limits import Limits
from lapbell_evaluator.receiver.protobuf import decode_metrics
from lapbell_evaluator.receiver.remote_write import WrittenSeries
from lapbell_evaluator.receiver.sender_clocks import SenderClocks
from lapbell_evaluator.receiver.translator import Translator
from lapbell_evaluator.receiver.write_messages import decode_written
from otlp_kit import (
    DELTA,
    NO_RECORDED_VALUE,
    PlainStore,
    distribution,
    exemplar,
    gauge,
    histogram,
    metrics_export,
    number,
    resource,
    seen,
    total,
)
from otlp_kit.exponential import exponential, exponential_point
from otlp_kit.otlp_json import otlp_json
from otlp_kit.plain_store import series_text
from otlp_kit.strategies import PAIRS, exports
from otlp_kit.wire import histogram_body
from promql_kit.remote_write import encoded_exemplar, encoded_labels, encoded_series

NOW = 1_000_000.0
AT = 999_990.0
AT_MS = 999_990_000
APP = resource(service_namespace="shop", service_name="app", service_instance_id="one", region="eu")
FORMS = [decode_metrics, lambda body: decode_json_metrics(otlp_json(ExportMetricsServiceRequest.FromString(body)))]


def translated(body, decode=decode_metrics, promote=frozenset()):
    return Translator(PlainStore(), Limits(), promote).translate(decode(body), NOW)


def found(*metrics, decode=decode_metrics, promote=frozenset()):
    body = metrics_export(*metrics, of=APP).SerializeToString()
    return [(series_text(own), each) for own, each in translated(body, decode, promote).exemplars]


def spread(*exemplars, **pairs):
    return seen(distribution([1, 1, 1], NOW, bounds=[0.5, 2.0], sum_=3, **pairs), *exemplars)


def told(value, trace=1, **pairs):
    ids = {"trace_id": f"{trace:032x}"} if trace else {}
    return Exemplar(AT_MS, value, labels({**ids, **pairs}))


@pytest.mark.parametrize("decode", FORMS)
def test_an_exemplar_of_a_histogram_belongs_to_the_bucket_that_its_value_fell_into(decode):
    point = spread(*(exemplar(value, AT, 1) for value in (2.9, 0.1, 0.5, 0.51, 2.0)), route="/w")
    bucket = 'h_seconds_bucket{{instance="one",job="shop/app",le="{}",route="/w"}}'.format
    assert found(histogram("h", [point]), decode=decode) == [
        (bucket("+Inf"), told(2.9)),
        (bucket("0.5"), told(0.1)),
        (bucket("0.5"), told(0.5)),
        (bucket("2"), told(0.51)),
        (bucket("2"), told(2.0)),
    ]


@pytest.mark.parametrize("decode", FORMS)
def test_an_exemplar_of_anything_else_belongs_to_its_series(decode):
    metrics = [
        exponential("x", [seen(exponential_point([3], NOW), exemplar(1.5, AT, 1), exemplar(3.0, AT, 2))]),
        total("orders", [number(1, NOW, user="a"), seen(number(3, NOW, user="b"), exemplar(2, AT, 3))]),
        gauge("depth", [seen(number(3.5, NOW), exemplar(0.0, AT, 4))]),
    ]
    own = 'instance="one",job="shop/app"'
    assert found(*metrics, decode=decode) == [
        (f"x_seconds{{{own}}}", told(1.5)),
        (f"x_seconds{{{own}}}", told(3.0, 2)),
        (f'orders_total{{{own},user="b"}}', told(2.0, 3)),
        (f"depth{{{own}}}", told(0.0, 4)),
    ]


@pytest.mark.parametrize("decode", FORMS)
def test_its_labels_are_its_ids_and_what_its_series_leaves_out(decode):
    point = spread(exemplar(0.1, AT, 0xABC, 0xDEF, **{"user.id": "u1", "tries": 3, "empty": ""}))
    (_, each), *_ = found(histogram("h", [point]), decode=decode)
    assert dict(each.labels) == {
        "trace_id": f"{0xABC:032x}",
        "span_id": f"{0xDEF:016x}",
        "user.id": "u1",
        "tries": "3",
    }


def test_a_promoted_attribute_of_the_resource_is_a_label_of_the_series():
    ((own, _),) = found(total("orders", [seen(number(3, NOW), exemplar(2, AT, 3))]), promote=frozenset({"region"}))
    assert own == 'orders_total{instance="one",job="shop/app",region="eu"}'


@pytest.mark.parametrize("decode", FORMS)
@pytest.mark.parametrize(
    ("sent", "wanted"),
    [
        (exemplar(0.1, AT, 1, user="x" * 84), told(0.1, user="x" * 84)),
        (exemplar(0.1, AT, 1, user="x" * 85), told(0.1)),
        (exemplar(0.1, AT, 0, user="x" * 124), told(0.1, 0, user="x" * 124)),
        (exemplar(0.1, AT, 0, user="ü" * 125), told(0.1, 0)),
        (exemplar(0.1, AT, 1, trace_id="another"), told(0.1)),
        (exemplar(0.1, AT), told(0.1, 0)),
    ],
)
def test_labels_have_128_characters_at_most_and_ids_come_first(decode, sent, wanted):
    assert [each for _, each in found(histogram("h", [spread(sent)]), decode=decode)] == [wanted]


@pytest.mark.parametrize("size", [1, 17, 1_000])
def test_what_has_not_the_length_of_an_id_is_none(size):
    sent = exemplar(0.1, AT)
    sent.trace_id = b"\1" * size
    assert [each for _, each in found(histogram("h", [spread(sent)]))] == [told(0.1, 0)]


@pytest.mark.parametrize("decode", FORMS)
def test_what_nobody_could_find_is_left_out(decode):
    nameless = exemplar(0.1, AT, 1)
    nameless.ClearField("as_double")
    sent = [nameless, exemplar(0.1, 0, 1), exemplar(0.1, NOW + 61, 1), exemplar(float("nan"), AT, 1)]
    assert found(histogram("h", [spread(*sent)]), decode=decode) == []


def test_a_point_that_ends_its_series_has_none():
    point = seen(number(0, NOW, flags=NO_RECORDED_VALUE), exemplar(1, AT, 1))
    assert found(total("orders", [point])) == []


def test_exemplars_of_points_that_are_refused_are_refused_with_them():
    wrong = spread(exemplar(0.1, AT, 1), route="/wrong")
    wrong.count = 7
    late = seen(number(1, NOW + 61), exemplar(1, AT, 2))
    right = spread(exemplar(0.1, AT, 3), route="/right")
    metrics = histogram("h", [wrong, right]), total("orders", [late])
    assert [each for _, each in found(*metrics)] == [told(0.1, 3)]


def test_deltas_have_exemplars_too():
    point = seen(number(3, NOW, start=NOW - 5), exemplar(2, AT, 3))
    assert [each for _, each in found(total("orders", [point], temporality=DELTA))] == [told(2.0, 3)]


@pytest.mark.parametrize("pieces", [None, 1, 2])
def test_buckets_packed_in_pieces_change_nothing(pieces):
    body = histogram_body(spread(exemplar(0.7, AT, 1)), pieces)
    assert [(dict(own)["le"], each) for own, each in translated(body).exemplars] == [("2", told(0.7))]


@st.composite
def exports_with_exemplars(draw):
    export = draw(exports())
    for resource_metrics in export.resource_metrics:
        for scope in resource_metrics.scope_metrics:
            for metric in scope.metrics:
                for point in getattr(metric, metric.WhichOneof("data")).data_points:
                    for value in draw(st.lists(st.floats(allow_nan=False) | st.integers(-9, 9), max_size=2)):
                        point.exemplars.append(exemplar(value, AT, draw(st.integers(0, 3)), **draw(PAIRS)))
    return export


@settings(deadline=None)
@given(exports_with_exemplars())
def test_json_means_what_protobuf_means(export):
    body = export.SerializeToString()
    assert translated(body, FORMS[1]).exemplars == translated(body).exemplars


@settings(deadline=None)
@given(exports() | exports_with_exemplars())
def test_whether_there_are_any_is_known_before_they_are_read(export):
    points = (
        point
        for resource_metrics in export.resource_metrics
        for scope in resource_metrics.scope_metrics
        for metric in scope.metrics
        for point in getattr(metric, metric.WhichOneof("data")).data_points
    )
    assert holds_exemplars(export.SerializeToString()) == any(point.exemplars for point in points)


def test_prometheus_writes_exemplars_beside_samples_or_alone():
    known, unknown = labels({"__name__": "h_bucket", "le": "1"}), labels({"__name__": "other"})
    of_known, of_unknown = encoded_labels(known), encoded_labels(unknown)
    too_long = labels({"trace_id": "b", "user": "x" * 128})
    written = [
        encoded_series(of_known, [(AT_MS, 1.0)], encoded_exemplar((("traceID", "a"),), 0.5, AT_MS)),
        encoded_series(of_known, [], encoded_exemplar(too_long, 0.6, AT_MS)),
        encoded_series(of_known, [], encoded_exemplar((("trace_id", "c"),), 0.7, AT_MS + 71_000)),
        encoded_series(of_unknown, [], encoded_exemplar((("trace_id", "d"),), 0.8, AT_MS)),
    ]
    store = PlainStore()
    body = bytes(cramjam.snappy.compress_raw(b"".join(written)))
    request = decode_written(body, Limits().items)
    came = WrittenSeries(store, Limits(), SenderClocks()).translate(request, "192.0.2.7", NOW)
    wanted = (
        (known, Exemplar(AT_MS, 0.5, (("traceID", "a"),))),
        (known, Exemplar(AT_MS, 0.6, (("trace_id", "b"),))),
    )
    assert came.exemplars == wanted
    assert came.rejected == {}
    assert list(store.numbers) == [known]
