"""A realistic mix of metrics: what one webhook service with twenty routes exports every five seconds."""

import random
from collections.abc import Sequence

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

from lapbell import semconv
from otlp_kit.metrics import Attributes, distribution, gauge, histogram, metrics_export, number, resource, total

ROUTES = [f"/webhook/{n}" for n in range(20)]
PHASES = ["validation", "signature_validation", "cache_lookup", "redis_operation", "task_queuing", "other"]
OUTCOMES = [(200, "accepted"), (403, "rejected")]


class Service:
    """One process: its counters grow from export to export."""

    def __init__(self, instance: str, started: float, seed: int = 1) -> None:
        self._of = resource(service_namespace="shop", service_name="app", service_instance_id=instance, host_name="h")
        self._started = started
        self._dice = random.Random(seed)
        self._counts: dict[object, list[int]] = {}
        self._sums: dict[object, float] = {}

    def export(self, at: float) -> ExportMetricsServiceRequest:
        """Everything as it stands at `at`."""
        request: list[Attributes] = [
            {"http.route": route, "http.response.status_code": code, "webhook.outcome": outcome}
            for route in ROUTES
            for code, outcome in OUTCOMES
        ]
        phase: list[Attributes] = [
            {"http.route": route, "webhook.phase.name": name} for route in ROUTES for name in PHASES
        ]
        redis: list[Attributes] = [{"db.system.name": "redis", "db.operation.name": f"OP{n}"} for n in range(20)]
        shards: list[Attributes] = [{"shard": str(n), "zone": "a"} for n in range(40)]
        slo: list[Attributes] = [
            {"http.route": route, "webhook.slo.threshold": threshold, "webhook.slo.result": result}
            for route in ROUTES
            for threshold in ("0.5", "2")
            for result in ("met", "missed")
        ]
        return metrics_export(
            self._histogram(semconv.WEBHOOK_REQUEST_DURATION, semconv.REQUEST_BOUNDS_S, request, at),
            self._histogram(semconv.WEBHOOK_PHASE_DURATION, semconv.PHASE_BOUNDS_S, phase, at),
            self._histogram(semconv.WEBHOOK_PHASE_SELF_DURATION, semconv.PHASE_BOUNDS_S, phase, at),
            self._histogram(semconv.DB_CLIENT_OPERATION_DURATION, semconv.REDIS_BOUNDS_S, redis, at),
            self._counter(semconv.WEBHOOK_SLO_REQUESTS, slo, at),
            *(self._counter(f"app.counter.{n}", shards, at) for n in range(10)),
            *(self._gauge(f"app.gauge.{n}", shards, at) for n in range(10)),
            of=self._of,
        )

    def _histogram(self, name: str, bounds: Sequence[float], rows: list[Attributes], at: float) -> Metric:
        points = []
        for row in rows:
            key = (name, tuple(row.values()))
            counts = self._counts.setdefault(key, [0] * (len(bounds) + 1))
            for _ in range(self._dice.randrange(8)):
                took = self._dice.lognormvariate(-2.5, 0.8)
                counts[sum(bound < took for bound in bounds)] += 1
                self._sums[key] = self._sums.get(key, 0.0) + took
            sum_ = self._sums.get(key, 0.0)
            points.append(distribution(counts, at, bounds=bounds, sum_=sum_, start=self._started, **row))
        return histogram(name, points)

    def _counter(self, name: str, rows: list[Attributes], at: float) -> Metric:
        points = []
        for row in rows:
            count = self._counts.setdefault((name, tuple(row.values())), [0])
            count[0] += self._dice.randrange(20)
            points.append(number(count[0], at, start=self._started, **row))
        return total(name, points, "{request}")

    def _gauge(self, name: str, rows: list[Attributes], at: float) -> Metric:
        return gauge(name, [number(float(self._dice.randrange(1_000)), at, **row) for row in rows])
