"""Troubles that are put into ordinary weeks: of each kind it is known which alert it has to raise, and which it may."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np

__all__ = ["KINDS", "Kind", "Trouble", "drawn"]


@dataclass(frozen=True, slots=True)
class Kind:
    """What a trouble looks like.

    Attributes:
        raises: the alert that it has to raise.
        may_raise: alerts that tell of the same thing in other words.
        has_share: whether only a share of the events is bad.
    """

    raises: str
    may_raise: frozenset[str] = frozenset()
    has_share: bool = False


KINDS: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        "errors": Kind("WebhookErrorRate", has_share=True),
        "abandoned": Kind("WebhookErrorRate", has_share=True),
        "slow": Kind("WebhookResponseTime", has_share=True),
        "stuck": Kind("WebhookStuck"),
        "blocked loop": Kind("EventLoopBlocked"),
        "slow Redis": Kind("RedisLatency", has_share=True),
        "failing Redis": Kind("RedisFailureRate", has_share=True),
        "open circuit": Kind("CircuitOpen"),
        "open Redis circuit": Kind("RedisCircuitOpen"),
        "workers gone": Kind("TaskQueueStalled", frozenset({"TaskQueueAge"})),
        "backlog": Kind("TaskQueueAge", frozenset({"TaskQueueDepth"})),
        "failing tasks": Kind("TaskFailureRate", has_share=True),
        "stuck task": Kind("TaskStuck"),
        "busy machine": Kind("CpuUtilization"),
    }
)
SHARES: Final = (1.0, 0.5, 0.3)
DURATIONS_S: Final = (300, 600, 1800)


@dataclass(frozen=True, slots=True)
class Trouble:
    """One trouble of one service.

    Attributes:
        service: its number.
        kind: one of `KINDS`.
        start: seconds since the beginning.
        end: the same.
        share: of the events that are bad; 1 where the kind knows no shares.
    """

    service: int
    kind: str
    start: int
    end: int
    share: float


def drawn(random: np.random.Generator, services: Sequence[int], seconds: int) -> tuple[Trouble, ...]:
    """A trouble for each of the services, at a time at which everything is warm and its end is seen."""
    names = list(KINDS)
    troubles = []
    for number, service in enumerate(services):
        kind = names[number % len(names)]
        length = int(random.choice(DURATIONS_S))
        start = int(random.integers(2400, seconds - length - 3600)) // 15 * 15
        share = float(random.choice(SHARES)) if KINDS[kind].has_share else 1.0
        troubles.append(Trouble(service, kind, start, start + length, share))
    return tuple(troubles)
