"""Two hundred services in one store for a day: what they send, step by step, through the real rules and alert life.

A service has processes that come and go with deployments and scale out and in, Redis, a queue with workers, an event
loop and a machine. Its exports are lost now and then, and its clock may be off. Requests that are slow but below every
threshold are in no series that a rule reads, so they are not made.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from alertlife.timeline import Timeline, timeline
from lapbell_evaluator.config import Thresholds
from lapbell_evaluator.model import METRIC_NAME, Batch, State, labels
from lapbell_evaluator.rules import shipped
from lapbell_evaluator.series import Limits, SeriesStore
from weeks_kit.traffic import DAY_S, Traffic, requests
from weeks_kit.troubles import Trouble, drawn

__all__ = ["NamedIncident", "World", "incidents_of", "told_by"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

START_S: Final = 1_800_000_000
STEP_S: Final = 15
PROCESSES: Final = 3
GENERATIONS: Final = 3
RETENTION_MS: Final = 2_400_000


@dataclass(frozen=True, slots=True)
class NamedIncident:
    """One incident of one service: the alert's name, and seconds since the beginning."""

    alert: str
    service: int
    start: float
    end: float


@dataclass(slots=True)
class World:
    """Services and what befalls them, drawn from a seed.

    Attributes:
        seed: of everything.
        services: how many.
        seconds: how long.
        outliers: between which shares of requests a service's outliers are, day in, day out.
    """

    seed: int
    services: int = 200
    seconds: int = DAY_S
    outliers: tuple[float, float] = (0.001, 0.01)
    per_minute: Floats = field(init=False)
    troubles: tuple[Trouble, ...] = field(init=False)
    events: Ints = field(init=False)
    failed: Ints = field(init=False)
    over_1s: Ints = field(init=False)
    over_3s: Ints = field(init=False)
    is_lost: Flags = field(init=False)
    skew_ms: Ints = field(init=False)
    generation: Ints = field(init=False)
    processes: Ints = field(init=False)
    random: np.random.Generator = field(init=False)

    def __post_init__(self) -> None:
        random = self.random = np.random.default_rng(self.seed)
        self.per_minute = np.exp(random.uniform(0, np.log(600), self.services))
        self.troubles = drawn(random, range(0, self.services, 2), self.seconds)  # every other one has a quiet day
        self.events = requests(random, Traffic(self.per_minute), self.seconds, STEP_S)
        self._burst()
        low, high = np.log(self.outliers)
        share, slow = np.exp(random.uniform(low, high, (2, self.services, 1)))
        self.failed = random.binomial(self.events, share)
        self.over_1s = random.binomial(self.events - self.failed, slow)
        self.over_3s = random.binomial(self.over_1s, 0.3)
        for trouble in self.troubles:
            self._befall(trouble)
        self._travel()

    @property
    def steps(self) -> int:
        """How many exports."""
        return self.seconds // STEP_S

    def of_kind(self, kind: str, step: int) -> dict[int, float]:
        """The services that have a trouble of this kind in the step, with its share."""
        at = step * STEP_S
        return {each.service: each.share for each in self.troubles if each.kind == kind and each.start < at <= each.end}

    def _burst(self) -> None:
        """Twice a day five times as many requests come for two minutes."""
        for service in range(self.services):
            for start in self.random.integers(0, self.steps - 8, 2):
                self.events[service, start : start + 8] *= 5

    def _befall(self, trouble: Trouble) -> None:
        at = slice(trouble.start // STEP_S + 1, trouble.end // STEP_S + 1)
        events = self.events[trouble.service, at]
        if trouble.kind in ("errors", "abandoned"):
            self.failed[trouble.service, at] = self.random.binomial(events, trouble.share)
            self.over_1s[trouble.service, at] = self.over_3s[trouble.service, at] = 0
        elif trouble.kind == "slow":
            fine = events - self.failed[trouble.service, at]
            self.over_1s[trouble.service, at] = self.over_3s[trouble.service, at] = self.random.binomial(
                fine, trouble.share
            )

    def _travel(self) -> None:
        """Deployments, scaling, clocks, and lost exports: one in two hundred, and once some minutes of them."""
        random, shape = self.random, (self.services, self.steps)
        self.is_lost = random.random(shape) < 0.005
        self.generation, self.processes = np.zeros(shape, np.int64), np.full(shape, 2)
        for service in range(self.services):
            gap = int(random.integers(0, self.steps - 28))
            self.is_lost[service, gap : gap + int(random.integers(8, 28))] = True
            for start in random.integers(200, self.steps, GENERATIONS - 1):
                self.generation[service, start:] += 1
            out, back = np.sort(random.integers(0, self.steps, 2))
            self.processes[service, out:back] = PROCESSES
        self.skew_ms = random.integers(-2000, 2000, self.services)


_KINDS: Final = (
    ("count", "accepted", None),
    ("count", "error", None),
    ("bucket", "accepted", "1"),
    ("bucket", "error", "1"),
    ("bucket", "accepted", "3.0"),
    ("bucket", "error", "3.0"),
)


class Webhooks:
    """The series of requests: of each service, generation of processes and process."""

    def __init__(self, world: World, store: SeriesStore) -> None:
        self._world = world
        shape = (world.services, GENERATIONS, PROCESSES, len(_KINDS))
        self.service, self.generation, self.process, self.kind = np.indices(shape).reshape(4, -1)
        self.refs = np.array([store.intern(each) for each in self._labels()], np.int64)
        self.values = np.zeros(len(self.refs))
        self.was_alive = np.zeros(len(self.refs), np.bool_)

    def batches(self, step: int) -> Iterator[Batch]:
        """Zeros of processes that begin, and what all send now."""
        world = self._world
        alive = self.generation == world.generation[self.service, step]
        alive &= self.process < world.processes[self.service, step]
        self.values[alive] += self._grown(step)[self.kind, self.service, self.process][alive]
        sent = alive & ~world.is_lost[self.service, step]
        times_ms = (START_S + step * STEP_S) * 1000 + world.skew_ms[self.service]
        begun = alive & ~self.was_alive
        if begun.any():
            yield Batch(self.refs[begun], times_ms[begun] - 5000, np.zeros(int(begun.sum())))
        self.was_alive |= alive
        yield Batch(self.refs[sent], times_ms[sent], self.values[sent])

    def _grown(self, step: int) -> Ints:
        """int64[kind, service, process]: by how much each counter grows."""
        world = self._world
        good = world.events[:, step] - world.failed[:, step]
        columns = (good, world.failed[:, step], world.over_1s[:, step], world.over_3s[:, step])
        shares = 1 / world.processes[:, step]
        good_of, failed_of, slow_of, very_slow_of = (self._split(each, shares) for each in columns)
        slow_of, very_slow_of = np.minimum(slow_of, good_of), np.minimum(very_slow_of, good_of)
        return np.stack([good_of, failed_of, good_of - slow_of, failed_of, good_of - very_slow_of, failed_of])

    def _split(self, counts: Ints, shares: Floats) -> Ints:
        """int64[service, process]: the counts divided among the processes, evenly up to one."""
        world_processes = np.round(1 / shares).astype(np.int64)
        process = np.arange(PROCESSES)
        even, rest = np.divmod(counts, world_processes)
        one_more = (process[None, :] < rest[:, None]).astype(np.int64)
        return np.where(process[None, :] < world_processes[:, None], even[:, None] + one_more, 0)

    def _labels(self) -> Iterator[tuple[tuple[str, str], ...]]:
        every = zip(
            self.service.tolist(), self.generation.tolist(), self.process.tolist(), self.kind.tolist(), strict=True
        )
        for service, generation, process, kind in every:
            suffix, outcome, bound = _KINDS[kind]
            own = {
                METRIC_NAME: f"webhook_request_duration_seconds_{suffix}",
                "job": f"s{service}",
                "instance": f"{generation}-{process}",
                "http_route": "/webhook",
                "webhook_outcome": self._outcome(service, outcome),
            }
            yield labels(own if bound is None else own | {"le": bound})

    def _outcome(self, service: int, outcome: str) -> str:
        """Of a service that has a trouble with clients that go away, what fails is abandoned."""
        is_left = any(each.service == service and each.kind == "abandoned" for each in self._world.troubles)
        return "abandoned" if is_left and outcome == "error" else outcome


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
        broken = random.binomial(tasks, np.maximum(0.002, self._mask("failing tasks", step)))
        fine = operations - failed
        grown = (fine, failed, fine - slow, failed, fine, failed, tasks - broken, broken, tasks)
        for name, more in zip(_COUNTERS, grown, strict=True):
            self._counted[name] += more
            yield self._counted[name].copy()

    def _gauges(self, step: int) -> Iterator[Floats]:
        is_stuck, is_gone = self._mask("stuck", step), self._mask("workers gone", step)
        self._age = np.where(is_gone > 0, self._age + STEP_S, 0.0)
        yield 4 * is_stuck
        yield is_stuck
        yield np.where(self._mask("blocked loop", step) > 0, 0.6, 0.01)
        yield self._mask("open circuit", step)
        yield np.where(is_gone > 0, 5.0, 0.0)
        yield self._age
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
    "ready": ("messaging_queue_messages", _QUEUE | _READY),
    "age": ("messaging_queue_oldest_message_age_seconds", _QUEUE | {"messaging_queue_priority": "normal"}),
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


async def told_by(world: World, folder: Path) -> tuple[NamedIncident, ...]:
    """The incidents of a world, by the shipped rules and the real alert life."""
    rules = [group for group in shipped(Thresholds()) if group.name != "lapbell"]  # which is about the evaluator itself
    store = SeriesStore(Limits(200_000, 16_000, RETENTION_MS))
    async with timeline(
        folder,
        rules,
        start=float(START_S),
        interval_s=float(STEP_S),
        store=store,
        reopen_within_s=None,
        is_recorded=False,
    ) as line:
        webhooks, surroundings = Webhooks(world, store), Surroundings(world, store)
        for step in range(world.steps):
            for batch in webhooks.batches(step):
                store.append(batch)
            store.append(surroundings.batch(step))
            await line.at(START_S + step * STEP_S + 2.0)
        return tuple(incidents_of(line))


def incidents_of(line: Timeline) -> Iterator[NamedIncident]:
    """What was told: an incident that recovers and comes back is one, as the alert life has it."""
    begun: dict[str, float] = {}
    over: dict[str, float] = {}
    names: dict[str, tuple[str, int]] = {}
    for each in line.told:
        incident, at = each.incident, each.at - START_S
        if each.state == State.FIRING:
            begun.setdefault(incident.id, at)
            over.pop(incident.id, None)
            names[incident.id] = _whose(dict(incident.labels))
        else:
            over.setdefault(incident.id, at)
    for key, start in begun.items():
        alert, service = names[key]
        yield NamedIncident(alert, service, start, over.get(key, float("inf")))


def _whose(own: dict[str, str]) -> tuple[str, int]:
    """The alert's name, and the number of the service that an incident is about."""
    service = own.get("job") or own.get("messaging_destination_name") or own["host_name"]
    return own["alertname"], int(service.removeprefix("s"))
