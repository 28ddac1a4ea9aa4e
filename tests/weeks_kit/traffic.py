"""Requests of services whose days have a cycle and whose minutes vary, drawn from a seed.

All arrays are [service, step]; a step is the time between two exports.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Traffic", "bad_ones", "requests"]

Counts = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Traffic:
    """How many requests come.

    Attributes:
        per_minute: float64[service], the mean over a day.
        day_swing: how far noon and midnight lie from the mean, as a part of it.
        minute_spread: standard deviation of a minute's rate, as a part of it.
    """

    per_minute: Floats
    day_swing: float = 0.6
    minute_spread: float = 0.3


def requests(random: np.random.Generator, traffic: Traffic, seconds: int, step_s: int) -> Counts:
    """How many requests came in each step."""
    services = len(traffic.per_minute)
    minutes = -(-seconds // 60)
    noon = random.uniform(0, DAY_S, (services, 1))
    at = np.arange(minutes) * 60.0
    cycle = 1 + traffic.day_swing * np.cos(2 * np.pi * (at - noon) / DAY_S)
    spread = np.sqrt(np.log1p(traffic.minute_spread**2))
    minute = np.exp(random.normal(-(spread**2) / 2, spread, (services, minutes)))
    rate = traffic.per_minute[:, None] * cycle * minute / 60
    return random.poisson(np.repeat(rate * step_s, 60 // step_s, axis=1)[:, : seconds // step_s])


def bad_ones(random: np.random.Generator, events: Counts, share: float | Floats, together: int = 1) -> Counts:
    """Which of the requests are bad: independently of each other, or so many together.

    Outliers that come together come within one step; a step has no more bad ones than requests.
    """
    if together == 1:
        return random.binomial(events, share)
    return np.minimum(events, together * random.binomial(events, np.asarray(share) / together))
