"""Redis, queue, event loop, breaker and machine of each service: one series of each kind, sent by one process."""

from collections.abc import Iterator
from typing import Final

import numpy as np

from lapbell_evaluator.model import METRIC_NAME, Batch, labels
from lapbell_evaluator.series import SeriesStore
from weeks_kit.world import START_S, STEP_S, Floats, World

__all__ = ["Surroundings"]

_BUSY_TASKS: Final = 10
_QUEUE: Final = {"messaging_system": "redis", "messaging_destination_name": ""}
_REDIS: Final = {
    "db_system_name": "redis",
    "db_operation_name": "GET",
    "server_address": "redis",
    "server_port": "6379",
}


class Surroundings:
    """Redis, queue, loop, breaker and machine of each service: one series of each kind, sent by one process."""

    def __init__(self, world: World, store: SeriesStore) -> None:
        self._world = world
        self._counted = {name: np.zeros(world.services) for name in _COUNTERS}
        self._age = np.zeros(world.services)
        self._generation = np.zeros(world.services, np.int64)
        names = [*_COUNTERS, *_GAUGES]
        self.refs = np.array(
            [[store.intern(labels(_described(name, service))) for name in names] for service in range(world.services)],
            np.int64,
        )  # int64[service, series]

    def batch(self, step: int) -> Batch:
        """What is sent now."""
        world = self._world
        rows = [*self._grown(step), *self._gauges(step)]
        values = np.stack(rows, axis=1)
        sent = ~world.is_lost[:, step]
        times_ms = (START_S + step * STEP_S) * 1000 + np.repeat(world.skew_ms[:, None], values.shape[1], axis=1)
        return Batch(self.refs[sent].reshape(-1), times_ms[sent].reshape(-1), values[sent].reshape(-1))

    def _mask(self, kind: str, step: int) -> Floats:
        """float64[service]: the share of what is bad where a trouble of the kind is."""
        mask = np.zeros(self._world.services)
        for service, share in self._world.of_kind(kind, step).items():
            mask[service] = share
        return mask

    def _grown(self, step: int) -> Iterator[Floats]:
        world, random = self._world, self._world.random
        operations, tasks = 3 * world.events[:, step], world.events[:, step]
        failed = random.binomial(operations, np.maximum(0.001, self._mask("failing Redis", step)))
        slow = random.binomial(operations - failed, np.maximum(0.002, self._mask("slow Redis", step)))
        tasks = np.where(self._mask("workers gone", step) > 0, 0, tasks)
        tasks = np.where(self._mask("backlog", step) > 0, np.maximum(tasks, _BUSY_TASKS), tasks)
        broken = random.binomial(tasks, np.maximum(0.002, self._mask("failing tasks", step)))
        fine = operations - failed
        is_anew = (world.generation[:, step] != self._generation) & world.keeps_names
        self._generation = world.generation[:, step]
        grown = (fine, failed, fine - slow, failed, fine, failed, tasks - broken, broken, tasks)
        for name, more in zip(_COUNTERS, grown, strict=True):
            self._counted[name][is_anew] = 0
            self._counted[name] += more
            yield self._counted[name].copy()

    def _gauges(self, step: int) -> Iterator[Floats]:
        is_stuck, is_gone = self._mask("stuck", step), self._mask("workers gone", step)
        is_behind = self._mask("backlog", step)
        self._age = np.where(is_gone > 0, self._age + STEP_S, 400 * is_behind)
        yield 4 * is_stuck
        yield is_stuck
        yield np.where(self._mask("blocked loop", step) > 0, 0.6, 0.01)
        yield self._mask("open circuit", step)
        yield self._mask("open Redis circuit", step)
        yield np.where(is_gone > 0, 5.0, 900 * is_behind)
        yield self._age
        yield 90 * self._mask("stuck task", step)
        yield np.full(self._world.services, 60.0)
        yield np.where(is_gone > 0, 0.0, 2.0)
        yield np.where(self._mask("busy machine", step) > 0, 0.02, 0.7)


_COUNTERS: Final = {
    "operations": ("db_client_operation_duration_seconds_count", _REDIS),
    "operations failed": ("db_client_operation_duration_seconds_count", _REDIS | {"error_type": "TimeoutError"}),
    "operations in 0.1": ("db_client_operation_duration_seconds_bucket", _REDIS | {"le": "0.1"}),
    "failed in 0.1": (
        "db_client_operation_duration_seconds_bucket",
        _REDIS | {"le": "0.1", "error_type": "TimeoutError"},
    ),
    "operations in 0.5": ("db_client_operation_duration_seconds_bucket", _REDIS | {"le": "0.5"}),
    "failed in 0.5": (
        "db_client_operation_duration_seconds_bucket",
        _REDIS | {"le": "0.5", "error_type": "TimeoutError"},
    ),
    "tasks": ("messaging_process_duration_seconds_count", _QUEUE),
    "tasks failed": ("messaging_process_duration_seconds_count", _QUEUE | {"error_type": "ValueError"}),
    "tasks begun": ("messaging_message_receive_latency_seconds_count", _QUEUE),
}
_READY: Final = {"messaging_queue_message_state": "ready", "messaging_queue_priority": "normal"}
_GAUGES: Final = {
    "overdue": ("webhook_active_requests_overdue", {"http_route": "/webhook", "webhook_overdue_limit": "requirement"}),
    "past deadline": (
        "webhook_active_requests_overdue",
        {"http_route": "/webhook", "webhook_overdue_limit": "deadline"},
    ),
    "blocked": ("lapbell_event_loop_blocked_seconds", {"code_function_name": "handler"}),
    "circuit": ("circuit_breaker_status", {"circuit_breaker_name": "payments", "circuit_breaker_state": "open"}),
    "Redis circuit": ("circuit_breaker_status", {"circuit_breaker_name": "redis", "circuit_breaker_state": "open"}),
    "ready": ("messaging_queue_messages", _QUEUE | _READY),
    "age": ("messaging_queue_oldest_message_age_seconds", _QUEUE | {"messaging_queue_priority": "normal"}),
    "running longest": ("messaging_process_oldest_age_seconds", _QUEUE),
    "may run": ("messaging_process_timeout_seconds", _QUEUE),
    "workers": ("messaging_worker_count", _QUEUE | {"messaging_worker_state": "idle"}),
    "idle": ("system_cpu_utilization_ratio", {"cpu_mode": "idle"}),
}


def _described(name: str, service: int) -> dict[str, str]:
    metric, own = (_COUNTERS | _GAUGES)[name]
    described = {METRIC_NAME: metric, "job": f"s{service}", "instance": "0-0", **own}
    if "messaging_destination_name" in described:
        described["messaging_destination_name"] = f"s{service}"
    if metric.startswith("system_"):
        described["host_name"] = f"s{service}"
    return described
