import asyncio
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import grpc
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.logs.v1.logs_service_pb2_grpc import (
    LogsServiceServicer,
    add_LogsServiceServicer_to_server,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import (
    MetricsServiceServicer,
    add_MetricsServiceServicer_to_server,
)

from alertlife.story import Story
from lapbell_evaluator.alerts import Condition
from lapbell_evaluator.database import Database
from lapbell_evaluator.model import Evidence, Muted, Muter, Notice, PhaseShare, everyone, incident_key, labels, storm_id
from lapbell_evaluator.notify import AlertCount, Delivery, DeliveryError, Destination, OtlpReceiver
from peers.sink import otlp_sink


class HandClock:
    def __init__(self, at: float = 0.0) -> None:
        self.at = at

    def now(self) -> float:
        return self.at


@pytest.fixture
async def database(tmp_path):
    opened = await Database.open(f"sqlite:///{tmp_path}/alerts.db", 0.0)
    yield opened
    await opened.close()


@pytest.fixture
def sink():
    with otlp_sink() as running:
        yield running


def attributes(record) -> dict[str, object]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in record.attributes}


def nobody_is_muted() -> Muter:
    return lambda _: Muted()


def counts() -> list[AlertCount]:
    return [AlertCount("Slow", "warning", "firing", 1)]


async def test_each_transition_becomes_one_log_record(database, sink):
    story = Story()
    for at, condition in ((10, Condition.MET), (15, Condition.CLEARED)):
        story.see(at, condition, value=2.5)
        await database.commit(story.changes[-1], everyone("otlp"))
    async with OtlpReceiver(Destination(sink.url, "http/protobuf"), HandClock(20), counts, nobody_is_muted) as receiver:
        assert await Delivery("otlp", receiver, database, HandClock(20)).deliver() == 2
    fired, resolved = sink.log_records
    assert fired.event_name == "lapbell.alert.firing"
    assert resolved.event_name == "lapbell.alert.resolved"
    assert attributes(fired) == {
        "alertname": "Slow",
        "event.name": "lapbell.alert.firing",
        "job": "app",
        "severity": "warning",
        "lapbell.alert.incident_key": story.told[0].incident.key,
        "lapbell.alert.incident_id": story.told[0].incident.id,
        "lapbell.alert.problem_id": story.told[0].incident.id,
        "lapbell.alert.transition_id": story.told[0].id,
        "lapbell.alert.state": "firing",
        "lapbell.alert.previous_state": "inactive",
        "lapbell.alert.reason": "breached",
        "lapbell.alert.value": 2.5,
        "lapbell.alert.threshold": 1.0,
        "lapbell.alert.evaluated.time": 10.0,
        "lapbell.alert.page": True,
    }
    assert attributes(resolved)["lapbell.alert.duration"] == 5.0
    assert fired.severity_text == "warning"
    assert fired.time_unix_nano == 10 * 10**9
    assert fired.body.string_value == "Slow"


async def test_what_recovers_leaves_at_once_its_return_does_not_and_only_what_should_wake_somebody_is_a_page(
    database, sink
):
    story = Story(reopen_within_s=60.0)
    seen = ((10, Condition.MET), (15, Condition.CLEARED), (20, Condition.MET), (30, Condition.CLEARED))
    for at, condition in seen:
        story.see(at, condition)
    story.end_recoveries(90)
    for change in story.changes:
        await database.commit(change, everyone("otlp"))
    async with OtlpReceiver(Destination(sink.url, "http/protobuf"), HandClock(90), counts, nobody_is_muted) as receiver:
        await Delivery("otlp", receiver, database, HandClock(90)).deliver()
    records = [(record.event_name, attributes(record)) for record in sink.log_records]
    assert [
        (event, own["lapbell.alert.page"], own.get("lapbell.alert.duration"), record.severity_number)
        for (event, own), record in zip(records, sink.log_records, strict=True)
    ] == [
        ("lapbell.alert.firing", True, None, 13),
        ("lapbell.alert.recovering", False, 5.0, 9),
        ("lapbell.alert.resolved", False, 20.0, 9),
    ]


async def test_a_record_of_a_muted_alert_leaves_and_says_so(sink):
    story = Story()
    story.see(0, Condition.MET)
    (told,) = story.told
    muted = Muted(("a-silence",), (labels({"alertname": "Down", "severity": "critical"}),))
    to = Destination(sink.url, "http/protobuf")
    async with OtlpReceiver(to, HandClock(), counts, lambda: lambda _: muted) as receiver:
        await receiver.send([Notice(1, "otlp", told)])
    (record,) = sink.log_records
    said = {each.key: [one.string_value for one in each.value.array_value.values] for each in record.attributes}
    key = incident_key(muted.inhibited_by[0])
    assert said["lapbell.alert.silenced_by"] == ["a-silence"]
    assert said["lapbell.alert.inhibited_by"] == [key]


async def test_a_record_carries_the_phase_to_blame_and_the_first_trace(sink):
    story = Story()
    story.see(0, Condition.MET)
    evidence = Evidence((PhaseShare("signature_validation", 0.9, 1.5),), ("ab" * 16, "cd" * 16))
    (told,) = story.told
    object.__setattr__(told.incident, "evidence", evidence)
    async with OtlpReceiver(Destination(sink.url, "http/protobuf"), HandClock(), counts, nobody_is_muted) as receiver:
        await receiver.send([Notice(1, "otlp", told)])
    (record,) = sink.log_records
    found = attributes(record)
    assert found["lapbell.alert.phase"] == "signature_validation"
    assert found["lapbell.alert.phase_share"] == 0.9
    assert record.trace_id.hex() == "ab" * 16
    assert record.span_id == b""


async def test_a_record_names_the_storm_that_its_incident_belongs_to(sink):
    story = Story()
    story.see(0, Condition.MET)
    stormy = replace(story.told[0], incident=replace(story.told[0].incident, storm_began_at=10.0))
    async with OtlpReceiver(Destination(sink.url, "http/protobuf"), HandClock(), counts, nobody_is_muted) as receiver:
        await receiver.send([Notice(1, "otlp", stormy)])
    (record,) = sink.log_records
    assert attributes(record)["lapbell.alert.storm_id"] == storm_id("Slow", 10.0)


async def test_alerts_are_counted_in_a_metric_and_what_is_gone_is_zero(sink):
    now = [AlertCount("Slow", "warning", "firing", 2)]
    story = Story()
    story.see(0, Condition.MET)
    async with OtlpReceiver(
        Destination(sink.url, "http/protobuf"), HandClock(), lambda: now, nobody_is_muted
    ) as receiver:
        await receiver.send([Notice(1, "otlp", story.told[0])])
        now = []
        await receiver.send([Notice(2, "otlp", story.told[0])])
    points = [metric.sum.data_points for metric in sink.metrics if metric.name == "lapbell.alerts"]
    assert [[each.as_int for each in batch] for batch in points[:2]] == [[2], [0]]
    assert attributes(points[0][0]) == {"alertname": "Slow", "severity": "warning", "state": "firing"}


async def test_while_the_endpoint_is_down_notices_wait_and_then_come_once_in_order(database, sink):
    story = Story()
    for at, condition in ((0, Condition.MET), (5, Condition.CLEARED), (10, Condition.MET)):
        story.see(at, condition)
        await database.commit(story.changes[-1], everyone("otlp"))
    sink.is_open = False
    destination = Destination(sink.url, "http/protobuf", timeout_s=0.5)
    async with OtlpReceiver(destination, HandClock(), counts, nobody_is_muted) as receiver:
        delivery = Delivery("otlp", receiver, database, HandClock())
        with pytest.raises(DeliveryError, match="answers 503: Service Unavailable"):
            await delivery.deliver()
        assert [each.attempts for each in await database.pending("otlp", 10)] == [1, 1, 1]
        sink.is_open = True
        assert [await delivery.deliver(), await delivery.deliver()] == [3, 0]
    assert [each.event_name for each in sink.log_records] == [
        "lapbell.alert.firing",
        "lapbell.alert.resolved",
        "lapbell.alert.firing",
    ]


KILLED_WHILE_IT_SENDS = """
import asyncio, os, signal
from alertlife.story import Story
from alertlife.timeline import HandClock
from lapbell_evaluator.alerts import Condition
from lapbell_evaluator.database import Database
from lapbell_evaluator.model import everyone
from lapbell_evaluator.notify import Delivery

class Deadly:
    async def send(self, notices):
        os.kill(os.getpid(), signal.SIGKILL)

async def main():
    story = Story()
    story.see(10, Condition.MET)
    database = await Database.open(URL, 0.0)
    await database.commit(story.changes[-1], everyone("otlp"))
    await Delivery("otlp", Deadly(), database, HandClock(11.5)).deliver()

asyncio.run(main())
"""


async def test_an_evaluator_that_is_killed_while_it_sends_knows_when_it_first_sent(tmp_path, sink):
    url = f"sqlite:///{tmp_path}/alerts.db"
    script = KILLED_WHILE_IT_SENDS.replace("URL", repr(url))
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    killed = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", script], env=env, check=False)
    database = await Database.open(url, 20.0)
    before = await deliveries(database)
    async with OtlpReceiver(Destination(sink.url, "http/protobuf"), HandClock(21), counts, nobody_is_muted) as receiver:
        await Delivery("otlp", receiver, database, HandClock(21)).deliver()
    after = await deliveries(database)
    await database.close()
    assert killed.returncode == -signal.SIGKILL
    assert before == [(11.5, None, 1)]
    assert after == [(11.5, 21, 2)]


async def deliveries(database: Database) -> list[tuple[float | None, float | None, int]]:
    """When each notice was sent and delivered, and how often that was tried."""
    found = await database.deliveries(database.restored.incidents)
    return [(each.sent_at, each.delivered_at, each.attempts) for views in found.values() for each in views]


class LogSink(LogsServiceServicer):
    def __init__(self) -> None:
        self.records: list[Any] = []
        self.headers: list[dict[str, Any]] = []

    def Export(self, request, context):  # noqa: N802 -- gRPC's name
        self.headers.append(dict(context.invocation_metadata()))
        for resource in request.resource_logs:
            for scope in resource.scope_logs:
                self.records.extend(scope.log_records)
        return ExportLogsServiceResponse()


class MetricSink(MetricsServiceServicer):
    def Export(self, request, context):  # noqa: N802 -- gRPC's name
        return ExportMetricsServiceResponse()


async def test_by_grpc_the_same_records_arrive_with_the_headers_that_are_set(database):
    story = Story()
    story.see(10, Condition.MET)
    await database.commit(story.changes[-1], everyone("otlp"))
    server = grpc.server(ThreadPoolExecutor(2))
    logs = LogSink()
    add_LogsServiceServicer_to_server(logs, server)
    add_MetricsServiceServicer_to_server(MetricSink(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    destination = Destination(f"http://127.0.0.1:{port}", "grpc", (("X-Tenant", "one"),))
    async with OtlpReceiver(destination, HandClock(), counts, nobody_is_muted) as receiver:
        await Delivery("otlp", receiver, database, HandClock()).deliver()
    server.stop(None)
    assert [each.event_name for each in logs.records] == ["lapbell.alert.firing"]
    assert logs.headers[0]["x-tenant"] == "one"
