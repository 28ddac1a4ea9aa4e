"""Every way in leads to the same samples."""

import math

import pytest
from google.protobuf.message import DecodeError
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from lapbell_evaluator.receiver.json_metrics import decode_json_metrics
from lapbell_evaluator.receiver.limits import Limits
from lapbell_evaluator.receiver.protobuf import decode_metrics
from lapbell_evaluator.receiver.refusal import Refusal
from lapbell_evaluator.receiver.translator import Translator
from otlp_kit import PlainStore, distribution, number, total
from otlp_kit.metrics import CUMULATIVE
from otlp_kit.offline_receiver import OfflineReceiver
from otlp_kit.oracle import expected_samples
from otlp_kit.otlp_json import otlp_json
from otlp_kit.strategies import exports
from otlp_kit.wire import histogram_body

NOW = 1_000.0
ANY_LENGTH = Limits(label_value_chars=1_000_000)


def samples_of(export):
    store = PlainStore()
    store.append(Translator(store, ANY_LENGTH).translate(export, NOW).batch)
    return comparable(store.samples)


def comparable(rows):
    """In no order, with one NaN for all, without the ends of gauges that an export left out: these have own tests."""
    numbers = [(name, time, value) for name, time, value in rows if not isinstance(value, str)]
    return sorted(((name, time, "NaN" if math.isnan(value) else value) for name, time, value in numbers), key=repr)


@settings(deadline=None)
@given(exports())
def test_light_decoding_means_what_the_official_messages_say(export):
    assert samples_of(decode_metrics(export.SerializeToString())) == comparable(expected_samples(export))


@settings(deadline=None)
@given(exports())
def test_json_means_what_protobuf_means(export):
    assert samples_of(decode_json_metrics(otlp_json(export))) == samples_of(decode_metrics(export.SerializeToString()))


@pytest.mark.parametrize("pieces", [None, 1, 2, 3, 9])
@pytest.mark.parametrize("size", [1, 2, 8])
def test_buckets_may_be_packed_in_pieces_or_not_at_all(pieces, size):
    """Protobuf encoding: "parsers must accept both", and packed fields may come in several records."""
    point = distribution(range(1, size + 1), 100, bounds=[float(n) for n in range(size - 1)], sum_=4.5, route="/w")
    body = histogram_body(point, pieces)
    expected = expected_samples(ExportMetricsServiceRequest.FromString(body))
    assert samples_of(decode_metrics(body)) == comparable(expected)


@st.composite
def mutated(draw):
    """A valid export with bytes changed, cut out, doubled, or another export behind it."""
    body = bytearray(draw(exports()).SerializeToString())
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(body)))
        match draw(st.sampled_from(["change", "cut", "double", "join"])):
            case "change" if at < len(body):
                body[at] = draw(st.integers(0, 255))
            case "cut":
                del body[at : at + draw(st.integers(1, 8))]
            case "double":
                body[at:at] = body[at : at + draw(st.integers(1, 40))]
            case _:
                body += draw(exports()).SerializeToString()
    return bytes(body)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(mutated())
def test_light_decoding_agrees_with_the_official_messages_on_whatever_they_still_accept(body):
    try:
        export = ExportMetricsServiceRequest.FromString(body)
    except DecodeError:
        assume(False)
    assume(is_plain(export))
    try:
        found = samples_of(decode_metrics(body))
    except Refusal:
        found = None
    assert found == comparable(expected_samples(export, horizon_ms=1_600_000))


def is_plain(export):
    """No resource, no start, only the kinds that the oracle knows: the rest has tests of its own."""
    return not any(
        resource.resource.attributes
        or any(
            metric.WhichOneof("data") in ("exponential_histogram", "summary")
            or any(
                point.start_time_unix_nano or point.flags or len(point.attributes) > 50
                for kind in ("gauge", "sum", "histogram")
                for point in getattr(metric, kind).data_points
            )
            or (metric.HasField("sum") and metric.sum.aggregation_temporality != CUMULATIVE)
            or (metric.HasField("histogram") and metric.histogram.aggregation_temporality != CUMULATIVE)
            for scope in resource.scope_metrics
            for metric in scope.metrics
        )
        for resource in export.resource_metrics
    )


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 40), st.integers(0, 99)), min_size=1, max_size=20, unique_by=lambda row: row[0]),
    st.randoms(),
)
def test_any_order_and_any_repetition_of_cumulative_points_gives_the_same_series(rows, dice):
    in_order, shuffled = OfflineReceiver(), OfflineReceiver()
    rows.sort()
    again = [*rows, *dice.choices(rows, k=3)]
    dice.shuffle(again)
    for receiver, order in ((in_order, rows), (shuffled, again)):
        for minute, value in order:
            receiver.take(total("orders", [number(value, 60.0 * minute, start=10)]))
    assert set(shuffled.store.samples) == set(in_order.store.samples)
