"""What a sink's senders counted, each process for itself."""

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from peers import Sink

__all__ = ["counts_by_process"]


def counts_by_process(sink: Sink, metric: str) -> dict[str, int]:
    """The last count of a histogram by `service.instance.id`, over all attributes."""
    last: dict[tuple[str, bytes], int] = {}
    for delivery in list(sink.deliveries):
        if delivery.path != "/v1/metrics":
            continue
        for resource in ExportMetricsServiceRequest.FromString(delivery.body).resource_metrics:
            instance = next(
                each.value.string_value for each in resource.resource.attributes if each.key == "service.instance.id"
            )
            for found in (m for scope in resource.scope_metrics for m in scope.metrics if m.name == metric):
                for point in found.histogram.data_points:
                    key = b"".join(sorted(each.SerializeToString() for each in point.attributes))
                    last[(instance, key)] = point.count
    totals: dict[str, int] = {}
    for (instance, _), count in last.items():
        totals[instance] = totals.get(instance, 0) + count
    return totals
