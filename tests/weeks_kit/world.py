"""Two hundred services for a day: how many requests, what befalls them, which exports are lost.

A service has processes that come and go with deployments and scale out and in, Redis, a queue with workers, an event
loop and a machine. Of every third the processes keep their names when they begin anew, so that its counters fall. Its
exports are lost now and then, and its clock may be off. Requests that are slow but below every threshold are in no
series that a rule reads, so they are not made.
"""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from weeks_kit.traffic import DAY_S, Traffic, requests
from weeks_kit.troubles import Trouble, drawn

__all__ = ["GENERATIONS", "PROCESSES", "START_S", "STEP_S", "Flags", "Floats", "Ints", "World"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

START_S: Final = 1_800_000_000
STEP_S: Final = 15
PROCESSES: Final = 3
GENERATIONS: Final = 3
_NAMED: Final = 3


@dataclass(slots=True)
class World:
    """Services and what befalls them, drawn from a seed.

    Attributes:
        seed: of everything.
        services: how many.
        seconds: how long.
        failures: the share of requests that fail day in, day out, between which a service's lies.
        slow: the same of those that pass the first threshold, 1 s: half of the 1-3 % that pass the target of 0.5 s.
    """

    seed: int
    services: int = 200
    seconds: int = DAY_S
    failures: tuple[float, float] = (0.002, 0.0175)
    slow: tuple[float, float] = (0.005, 0.015)
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
        self.failed = random.binomial(self.events, self._shares(self.failures))
        self.over_1s = random.binomial(self.events - self.failed, self._shares(self.slow))
        self.over_3s = random.binomial(self.over_1s, 0.3)
        for trouble in self.troubles:
            self._befall(trouble)
        self._travel()

    @property
    def steps(self) -> int:
        """How many exports."""
        return self.seconds // STEP_S

    @property
    def keeps_names(self) -> Flags:
        """bool[service]: whose processes keep their names when they begin anew."""
        keeps: Flags = np.arange(self.services) % _NAMED == 0
        return keeps

    def of_kind(self, kind: str, step: int) -> dict[int, float]:
        """The services that have a trouble of this kind in the step, with its share."""
        at = step * STEP_S
        return {
            trouble.service: trouble.share
            for trouble in self.troubles
            if trouble.kind == kind and trouble.start < at <= trouble.end
        }

    def _shares(self, between: tuple[float, float]) -> Floats:
        """float64[service, 1]."""
        low, high = np.log(between)
        return np.exp(self.random.uniform(low, high, (self.services, 1)))

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
