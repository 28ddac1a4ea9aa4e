"""What becomes one series of Prometheus, though OpenTelemetry tells it apart, is said and counted."""

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.metrics.v1.metrics_pb2 import ResourceMetrics, ScopeMetrics

from lapbell_evaluator.receiver.json_metrics import decode_json_metrics
from otlp_kit import gauge, number, resource, total
from otlp_kit.offline_receiver import NOW, OfflineReceiver
from otlp_kit.otlp_json import otlp_json

AT_MS = round(NOW * 1_000)
OF_ANOTHER = (
    "points of a series that another metric, scope or resource of the same export becomes as well: name metrics or "
    "attributes apart, or give each process a service.instance.id of its own"
)


def export(*scopes, of=None):
    """Each scope is a name and its metrics."""
    scope_metrics = [ScopeMetrics(scope=InstrumentationScope(name=name), metrics=metrics) for name, *metrics in scopes]
    return ResourceMetrics(resource=of, scope_metrics=scope_metrics)


def taken(receiver, *resources):
    """What was rejected, and which samples were stored."""
    translated = receiver.take_bytes(ExportMetricsServiceRequest(resource_metrics=resources).SerializeToString())
    samples = zip(translated.batch.times_ms.tolist(), translated.batch.values.tolist(), strict=True)
    return {"rejected": translated.rejected, "samples": sorted(samples)}


def test_the_same_metric_of_two_scopes_is_kept_of_the_first_and_said_of_the_second():
    both = export(("a", gauge("g", [number(1, NOW)])), ("b", gauge("g", [number(2, NOW)])))
    assert taken(OfflineReceiver(), both) == {"rejected": {OF_ANOTHER: 1}, "samples": [(AT_MS, 1.0)]}


def test_it_is_the_same_in_json():
    both = export(("a", gauge("g", [number(1, NOW)])), ("b", gauge("g", [number(2, NOW)])))
    decoded = decode_json_metrics(otlp_json(ExportMetricsServiceRequest(resource_metrics=[both])))
    assert OfflineReceiver().translator.translate(decoded, NOW).rejected == {OF_ANOTHER: 1}


def test_attributes_tell_two_scopes_apart():
    both = export(("a", gauge("g", [number(1, NOW, scope="a")])), ("b", gauge("g", [number(2, NOW, scope="b")])))
    assert taken(OfflineReceiver(), both) == {"rejected": {}, "samples": [(AT_MS, 1.0), (AT_MS, 2.0)]}


def test_two_metrics_that_become_one_name_are_said():
    both = export(("a", total("orders", [number(1, NOW)]), total("orders_total", [number(2, NOW)])))
    assert taken(OfflineReceiver(), both) == {"rejected": {OF_ANOTHER: 1}, "samples": [(AT_MS, 1.0)]}


def test_two_processes_without_an_instance_are_said():
    processes = [
        export(("a", gauge("g", [number(pid, NOW)])), of=resource(process_pid=pid, service_name="app"))
        for pid in (1, 2)
    ]
    assert taken(OfflineReceiver(), *processes)["rejected"] == {OF_ANOTHER: 1}


def test_a_batch_with_two_collections_of_one_scope_is_taken_whole():
    collections = [export(("a", gauge("g", [number(value, NOW + 5 * value)]))) for value in (1, 2)]
    assert taken(OfflineReceiver(), *collections) == {
        "rejected": {},
        "samples": [(AT_MS + 5_000, 1.0), (AT_MS + 10_000, 2.0)],
    }


def test_a_scope_that_takes_over_from_another_is_taken():
    """A library was renamed, or has a new version: the exports of the old one have ended."""
    receiver = OfflineReceiver()
    taken(receiver, export(("a", gauge("g", [number(1, NOW)]))))
    assert taken(receiver, export(("b", gauge("g", [number(2, NOW + 5)])))) == {
        "rejected": {},
        "samples": [(AT_MS + 5_000, 2.0)],
    }
