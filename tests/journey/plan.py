"""How long the phases of a webhook take: the truth that measurements are compared with."""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

from lapbell import semconv

__all__ = ["PHASES", "Plan", "quantile", "spread"]

# Each phase's share of a webhook, in the order they run.
PHASES = {
    semconv.PHASE_VALIDATION: 0.10,
    semconv.PHASE_SIGNATURE_VALIDATION: 0.30,
    semconv.PHASE_CACHE_LOOKUP: 0.20,
    semconv.PHASE_TASK_QUEUING: 0.25,
    semconv.PHASE_RESPONSE_PREPARATION: 0.15,
}


@dataclass(frozen=True, slots=True)
class Plan:
    """Seconds that each phase of one webhook takes."""

    seconds: tuple[tuple[str, float], ...]

    @classmethod
    def of(cls, total_s: float) -> "Plan":
        """A webhook of `total_s`, divided by the usual shares."""
        return cls(tuple((phase, total_s * share) for phase, share in PHASES.items()))

    def slower(self, phase: str, by_s: float) -> "Plan":
        """The same with one phase that takes `by_s` longer."""
        return Plan(tuple((name, seconds + by_s * (name == phase)) for name, seconds in self.seconds))

    @property
    def total_s(self) -> float:
        """All phases together: they run one after another."""
        return sum(seconds for _, seconds in self.seconds)

    def form(self) -> dict[str, str]:
        """As fields of the webhook, so that the app knows."""
        return {f"plan.{phase}": f"{seconds:.6f}" for phase, seconds in self.seconds}


def spread(count: int) -> list[Plan]:
    """`count` webhooks of 40 to 540 ms, most of them quick, in an order that is always the same.

    The share u of them takes at most 0.04 + 0.5 u³ seconds: smooth, so that no percentile stands on an edge, and every
    percentile that is asked for lies in a bucket of 50 ms.
    """
    plans = [Plan.of(0.04 + 0.5 * ((i + 0.5) / count) ** 3) for i in range(count)]
    random.Random(500).shuffle(plans)
    return plans


def quantile(share: float, seconds: Sequence[float]) -> float:
    """The duration that `share` of the webhooks do not exceed."""
    return sorted(seconds)[math.ceil(share * len(seconds)) - 1]
