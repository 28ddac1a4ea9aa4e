"""Honest services: each exports its gauges every two seconds, on one connection, and notes what became of them.

Their first exports come at once, as after a deploy of all of them, and the later ones are spread over the two seconds.
How long an export takes depends on who else has the machine; how much the evaluator worked meanwhile does not.
"""

import http.client
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)

from lapbell import semconv
from otlp_kit.metrics import Attributes, gauge, metrics_export, number, resource

__all__ = ["Fleet", "Service"]

EXPORT_EVERY_S = 2.0
POINTS_PER_METRIC = 100
TIMEOUT_S = 60.0
QUEUE = "orders"
HEADERS = {"Content-Type": "application/x-protobuf"}


@dataclass(frozen=True, slots=True)
class Export:
    """One export, with its answer.

    Attributes:
        began: by `time.perf_counter`.
        ended: the same.
        spent_s: how long the evaluator worked meanwhile, for anybody, on all of its threads.
    """

    began: float
    ended: float
    spent_s: float

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.ended - self.began


@dataclass(slots=True)
class Service:
    """One process of a service: what it sent, and how it was answered.

    Attributes:
        name: its `service.name`.
        series: how many it has.
        phase_s: how long after its first export the two seconds begin.
        waiting: tasks in its queue, as its next export says.
        samples: those that were acknowledged.
        refusals: every answer but a plain 200, as text.
        exports: what each of its exports took.
    """

    name: str
    series: int
    phase_s: float = 0.0
    waiting: int = 0
    samples: int = 0
    refusals: list[str] = field(default_factory=list)
    exports: list[Export] = field(default_factory=list)

    def export(self) -> ExportMetricsServiceRequest:
        """Everything that it measures, without a time."""
        metrics = [
            gauge(f"soak.{metric}", [number(metric + 0.5, 0, shard=str(n)) for n in range(POINTS_PER_METRIC)])
            for metric in range(self.series // POINTS_PER_METRIC)
        ]
        queue: Attributes = {
            semconv.MESSAGING_SYSTEM: "redis",
            semconv.MESSAGING_DESTINATION_NAME: f"{QUEUE}-{self.name}",
            semconv.MESSAGING_QUEUE_PRIORITY: "normal",
            semconv.MESSAGING_QUEUE_MESSAGE_STATE: semconv.QUEUE_READY,
        }
        metrics.append(gauge(semconv.MESSAGING_QUEUE_MESSAGES, [number(0, 0, **queue)], "{message}"))
        return metrics_export(*metrics, of=resource(service_name=self.name, service_instance_id=self.name))

    def run(self, port: int, ended: threading.Event, spent: Callable[[], float]) -> None:
        """Export until `ended`; `spent` tells how long the evaluator has worked."""
        request = self.export()
        points = [
            point
            for metric in request.resource_metrics[0].scope_metrics[0].metrics
            for point in metric.gauge.data_points
        ]
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
        due = time.monotonic() + EXPORT_EVERY_S
        while not ended.wait(due - time.monotonic()):
            due += EXPORT_EVERY_S if self.exports else EXPORT_EVERY_S + self.phase_s
            now_ns = time.time_ns()
            for point in points:
                point.time_unix_nano = now_ns
            points[-1].as_int = self.waiting
            body = request.SerializeToString()
            began, spent_before = time.perf_counter(), spent()
            refusal = sent(connection, body)
            self.exports.append(Export(began, time.perf_counter(), spent() - spent_before))
            if refusal:
                self.refusals.append(refusal)
            else:
                self.samples += len(points)
        connection.close()


def sent(connection: http.client.HTTPConnection, body: bytes) -> str:
    """Why an export was not taken whole; empty if it was."""
    try:
        connection.request("POST", "/v1/metrics", body, HEADERS)
        answer = connection.getresponse()
        content = answer.read()
    except (OSError, http.client.HTTPException) as error:
        connection.close()
        return repr(error)
    if answer.status != 200:
        return f"{answer.status} {content[:200]!r}"
    partial = ExportMetricsServiceResponse.FromString(content).partial_success
    return partial.error_message


@dataclass(frozen=True, slots=True)
class Fleet:
    """Services that export at the same time."""

    services: tuple[Service, ...]

    @classmethod
    def of(cls, services: int, series: int) -> "Fleet":
        """So many services with so many series each."""
        return cls(tuple(Service(f"honest-{n}", series, n * EXPORT_EVERY_S / services) for n in range(services)))

    @contextmanager
    def exporting(self, port: int, spent: Callable[[], float]) -> Iterator[None]:
        """They export until the block ends; `spent` tells how long the evaluator has worked."""
        ended = threading.Event()
        threads = [threading.Thread(target=service.run, args=(port, ended, spent)) for service in self.services]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            ended.set()
            for thread in threads:
                thread.join()

    @property
    def samples(self) -> int:
        """Those that were acknowledged."""
        return sum(service.samples for service in self.services)

    def refusals(self) -> list[str]:
        """What was not taken of any of them."""
        return [f"{service.name}: {refusal}" for service in self.services for refusal in service.refusals]

    def later(self) -> list[Export]:
        """The exports that began when all first ones, whose series are all new, had been answered."""
        all_known = max(service.exports[0].ended for service in self.services)
        return [export for service in self.services for export in service.exports if export.began > all_known]

    def first_seconds(self) -> list[float]:
        """How long the first export of each took, the shortest first."""
        return sorted(service.exports[0].seconds for service in self.services)

    def meanwhile_seconds(self) -> list[float]:
        """How long those took that began before all first ones had been answered, the shortest first."""
        later = self.later()
        others = (export for service in self.services for export in service.exports[1:] if export not in later)
        return sorted(export.seconds for export in others)
