"""What a metrics export means, worked out point by point with the official messages: slow, obvious, without state."""

import base64
import math
from collections.abc import Iterable
from itertools import pairwise

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import HistogramDataPoint, Metric, NumberDataPoint

from lapbell_evaluator.model import Labels, labels
from lapbell_evaluator.receiver.attributes import float_text, plain_text
from lapbell_evaluator.receiver.names import Kind, label_name, metric_name
from otlp_kit.plain_store import series_text

Row = tuple[str, int, float]


def expected_samples(export: ExportMetricsServiceRequest, horizon_ms: int = 1 << 62) -> list[Row]:
    """Samples of an export up to a time, without zeros for starts, as `PlainStore` writes them.

    A series is that of the first metric of a scope that has a point of it.
    """
    rows: list[Row] = []
    owners: dict[tuple[str, ...], object] = {}
    for resource in export.resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                owner = (scope.scope.SerializeToString(), metric.name, metric.unit, _kind(metric))
                for point in _points_of(metric):
                    is_possible = 0 < point[0][1] <= horizon_ms
                    if is_possible and owners.setdefault(_series(point), owner) == owner:
                        rows += point
    return rows


def _series(point: list[Row]) -> tuple[str, ...]:
    """The series of a point, but for its sum, which may be absent."""
    return tuple(name for name, _, _ in point if "_sum" not in name.partition("{")[0])


def _kind(metric: Metric) -> str:
    return f"{metric.WhichOneof('data')} {metric.sum.is_monotonic}"


def _points_of(metric: Metric) -> list[list[Row]]:
    """The samples of each point."""
    match metric.WhichOneof("data"):
        case "gauge":
            return _numbers(metric, metric.gauge.data_points, Kind.GAUGE)
        case "sum":
            return _numbers(
                metric, metric.sum.data_points, Kind.COUNTER if metric.sum.is_monotonic else Kind.UP_DOWN_COUNTER
            )
        case "histogram":
            return _histograms(metric)
        case _:
            return []


def _numbers(metric: Metric, points: Iterable[NumberDataPoint], kind: Kind) -> list[list[Row]]:
    name = metric_name(metric.name, metric.unit, kind)
    if not name:
        return []
    rows = []
    for point in points:
        if point.WhichOneof("value") is None:
            continue
        value = point.as_int if point.WhichOneof("value") == "as_int" else point.as_double
        rows.append([_row(name, point, {}, float(value))])
    return rows


def _histograms(metric: Metric) -> list[list[Row]]:
    name = metric_name(metric.name, metric.unit, Kind.HISTOGRAM)
    if not name:
        return []
    points = []
    for point in metric.histogram.data_points:
        bounds, counts = len(point.explicit_bounds), len(point.bucket_counts)
        if counts != bounds + 1 and (counts or bounds):
            continue
        if not all(lower < upper for lower, upper in pairwise([-math.inf, *point.explicit_bounds])):
            continue
        if counts and sum(point.bucket_counts) % 2**64 != point.count:
            continue
        so_far, rows = 0, []
        for bound, count in zip(point.explicit_bounds, point.bucket_counts, strict=False):
            so_far = (so_far + count) % 2**64
            rows.append(_row(f"{name}_bucket", point, {"le": float_text(bound)}, float(so_far)))
        rows.append(_row(f"{name}_bucket", point, {"le": "+Inf"}, float(point.count)))
        if point.HasField("sum"):
            rows.append(_row(f"{name}_sum", point, {}, point.sum))
        rows.append(_row(f"{name}_count", point, {}, float(point.count)))
        points.append(rows)
    return points


def _row(name: str, point: NumberDataPoint | HistogramDataPoint, more: dict[str, str], value: float) -> Row:
    return series_text(_labels(name, point.attributes, more)), point.time_unix_nano // 1_000_000, value


def _labels(name: str, attributes: Iterable[KeyValue], more: dict[str, str]) -> Labels:
    by_name: dict[str, list[str]] = {}
    for key, value in sorted((attribute.key, text_of(attribute.value)) for attribute in attributes):
        by_name.setdefault(label_name(key), []).append(value)
    return labels({key: ";".join(values) for key, values in by_name.items() if key} | more | {"__name__": name})


def text_of(value: AnyValue) -> str:
    return plain_text(_plain(value))


def _plain(value: AnyValue) -> object:
    match value.WhichOneof("value"):
        case "array_value":
            return [_plain(item) for item in value.array_value.values]
        case "kvlist_value":
            return {pair.key: _plain(pair.value) for pair in value.kvlist_value.values}
        case "bytes_value":
            return base64.b64encode(value.bytes_value).decode()
        case None:
            return None
        case kind:
            return getattr(value, kind)
