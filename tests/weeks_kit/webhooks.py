"""The series of requests of each service, as its processes come and go."""

from collections.abc import Iterator
from typing import Final

import numpy as np

from lapbell_evaluator.model import METRIC_NAME, Batch, Labels, labels
from lapbell_evaluator.series import SeriesStore
from weeks_kit.world import GENERATIONS, PROCESSES, START_S, STEP_S, Floats, Ints, World

__all__ = ["Webhooks"]

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
        self._world, self._store = world, store
        shape = (world.services, GENERATIONS, PROCESSES, len(_KINDS))
        self.service, self.generation, self.process, self.kind = np.indices(shape).reshape(4, -1)
        self._labels = tuple(self._described())
        self.refs = np.full(len(self._labels), -1, np.int64)  # of those that are alive
        self.values = np.zeros(len(self.refs))
        self.is_alive = np.zeros(len(self.refs), np.bool_)
        self.was_alive = np.zeros(len(self.refs), np.bool_)

    def batches(self, step: int) -> Iterator[Batch]:
        """Zeros of processes that begin, and what all send now."""
        world = self._world
        alive = self.generation == world.generation[self.service, step]
        alive &= self.process < world.processes[self.service, step]
        for came in np.flatnonzero(alive & ~self.is_alive):
            self.refs[came] = self._store.intern(self._labels[came])
        self.is_alive = alive
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
        good_of, failed_of, slow_of, very_slow_of = (self._split(counts, shares) for counts in columns)
        slow_of, very_slow_of = np.minimum(slow_of, good_of), np.minimum(very_slow_of, good_of)
        return np.stack([good_of, failed_of, good_of - slow_of, failed_of, good_of - very_slow_of, failed_of])

    def _split(self, counts: Ints, shares: Floats) -> Ints:
        """int64[service, process]: the counts divided among the processes, evenly up to one."""
        world_processes = np.round(1 / shares).astype(np.int64)
        process = np.arange(PROCESSES)
        even, rest = np.divmod(counts, world_processes)
        one_more = (process[None, :] < rest[:, None]).astype(np.int64)
        return np.where(process[None, :] < world_processes[:, None], even[:, None] + one_more, 0)

    def _described(self) -> Iterator[Labels]:
        keeps_names = self._world.keeps_names
        every = zip(
            self.service.tolist(), self.generation.tolist(), self.process.tolist(), self.kind.tolist(), strict=True
        )
        for service, generation, process, kind in every:
            suffix, outcome, bound = _KINDS[kind]
            own = {
                METRIC_NAME: f"webhook_request_duration_seconds_{suffix}",
                "job": f"s{service}",
                "instance": f"{process}" if keeps_names[service] else f"{generation}-{process}",
                "http_route": "/webhook",
                "webhook_outcome": self._outcome(service, outcome),
            }
            yield labels(own if bound is None else own | {"le": bound})

    def _outcome(self, service: int, outcome: str) -> str:
        """Of a service that has a trouble with clients that go away, what fails is abandoned."""
        is_left = any(trouble.service == service and trouble.kind == "abandoned" for trouble in self._world.troubles)
        return "abandoned" if is_left and outcome == "error" else outcome
