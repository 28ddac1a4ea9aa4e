"""Exports that hypothesis makes up."""

from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import HistogramDataPoint, Metric, NumberDataPoint

from otlp_kit.metrics import Attributes, distribution, gauge, histogram, metrics_export, number, total

NAMES = st.sampled_from(["requests", "webhook.request.duration", "a.b", "a-b", "2xx", "ü.x"])
UNITS = st.sampled_from(["", "s", "By", "1", "{request}", "By/s"])
TIMES = st.integers(1, 900).map(float)
KEYS = st.sampled_from(["route", "http.route", "http-route", "code", "__x", "_y", "9"])
SCALARS = st.one_of(
    st.text(max_size=6), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(), st.binary(max_size=5), st.none()
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
PAIRS: st.SearchStrategy[Attributes] = st.dictionaries(KEYS, VALUES, max_size=4)
NUMBERS = st.one_of(st.floats(), st.integers(-(2**63), 2**63 - 1))
COUNTS = st.integers(0, 2**40)
SUMS = st.none() | st.floats(allow_nan=False)


@st.composite
def number_points(draw: st.DrawFn) -> NumberDataPoint:
    return number(draw(NUMBERS), draw(TIMES), **draw(PAIRS))


@st.composite
def histogram_points(draw: st.DrawFn) -> HistogramDataPoint:
    bounds = sorted(draw(st.sets(st.floats(-1e9, 1e9, allow_nan=False), max_size=5)))
    counts = draw(st.lists(COUNTS, min_size=len(bounds) + 1, max_size=len(bounds) + 1))
    return distribution(counts, draw(TIMES), bounds=bounds, sum_=draw(SUMS), **draw(PAIRS))


@st.composite
def metrics(draw: st.DrawFn) -> Metric:
    name, unit = draw(NAMES), draw(UNITS)
    match draw(st.sampled_from(["gauge", "total", "up_down", "histogram"])):
        case "gauge":
            return gauge(name, draw(st.lists(number_points(), max_size=4)), unit)
        case "total":
            return total(name, draw(st.lists(number_points(), max_size=4)), unit)
        case "up_down":
            return total(name, draw(st.lists(number_points(), max_size=4)), unit, monotonic=False)
        case _:
            return histogram(name, draw(st.lists(histogram_points(), max_size=4)), unit)


def exports() -> st.SearchStrategy[ExportMetricsServiceRequest]:
    return st.lists(metrics(), max_size=4).map(lambda metrics: metrics_export(*metrics))
