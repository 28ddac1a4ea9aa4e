"""What a sink's senders counted, each process for itself."""

from collections.abc import Iterator, Mapping

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import HistogramDataPoint, NumberDataPoint

from peers import Sink

__all__ = ["counts_by_process", "last_points"]


def counts_by_process(sink: Sink, metric: str, attributes: Mapping[str, str] | None = None) -> dict[str, int]:
    """The last count of a histogram by `service.instance.id`, over all points that have these attributes."""
    wanted = set((attributes or {}).items())
    last: dict[tuple[str, bytes], int] = {}
    for key, point in _points(sink, metric):
        own = {(attribute.key, attribute.value.string_value) for attribute in point.attributes}
        if isinstance(point, HistogramDataPoint) and wanted <= own:
            last[key] = point.count
    totals: dict[str, int] = {}
    for (instance, _), count in last.items():
        totals[instance] = totals.get(instance, 0) + count
    return totals


def last_points(sink: Sink, metric: str) -> dict[tuple[str, bytes], NumberDataPoint]:
    """The last point of a gauge by `service.instance.id` and attributes."""
    return {key: point for key, point in _points(sink, metric) if isinstance(point, NumberDataPoint)}


def _points(sink: Sink, wanted: str) -> Iterator[tuple[tuple[str, bytes], HistogramDataPoint | NumberDataPoint]]:
    for delivery in list(sink.deliveries):
        if delivery.path != "/v1/metrics":
            continue
        for resource in ExportMetricsServiceRequest.FromString(delivery.body).resource_metrics:
            instance = next(
                attribute.value.string_value
                for attribute in resource.resource.attributes
                if attribute.key == "service.instance.id"
            )
            for metric in (m for scope in resource.scope_metrics for m in scope.metrics if m.name == wanted):
                for point in getattr(metric, metric.WhichOneof("data") or "gauge").data_points:
                    yield (
                        (instance, b"".join(sorted(one.SerializeToString() for one in point.attributes))),
                        point,
                    )
