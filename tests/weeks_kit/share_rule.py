"""The shipped rule on shares as plain numpy, for statistics over thousands of weeks; a test holds it to the engine.

Counts come as what happened between two exports. All arrays are [service, step].
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Incident", "RuleOfOld", "ShareRule", "incidents"]

Counts = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

KEEP_S = 30.0
IDLE_S = 900.0
REOPEN_S = 600.0


@dataclass(frozen=True, slots=True)
class Incident:
    """One incident, all its reopenings within ten minutes included: seconds since the first step."""

    service: int
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Conditions:
    """What holds at each step: the condition, the evidence of recovery, and whether anything happened at all."""

    met: Flags
    cleared: Flags
    is_quiet: Flags


@dataclass(frozen=True, slots=True)
class ShareRule:
    """The shipped rule.

    Attributes:
        percent: the threshold.
        base: bad events that may come together by chance.
        step_s: seconds between exports.
    """

    percent: float = 5.0
    base: float = 2.0
    step_s: float = 5.0
    keep_s: float = KEEP_S
    reopen_s: float = REOPEN_S

    def conditions(self, events: Counts, bad: Counts) -> Conditions:
        """What holds at each step."""
        one, bad_one = self._windows(events, 60), self._windows(bad, 60)
        five, bad_five = self._windows(events, 300), self._windows(bad, 300)
        half, bad_half = self._windows(events, 1800), self._windows(bad, 1800)
        is_over = 100 * bad_one > self.percent * one
        evident = bad_one > self.by_chance(one)
        evident |= (bad_five > self.by_chance(five)) & (100 * bad_five > self.percent * five)
        evident |= (half >= 4) & (bad_half == half)
        return Conditions(is_over & evident, (one > 0) & ~is_over, one == 0)

    def by_chance(self, events: Counts) -> npt.NDArray[np.float64]:
        """How many bad ones of so many events chance explains."""
        return self.base + 0.8 * np.sqrt(events) + 0.01 * events

    def _windows(self, counts: Counts, seconds: int) -> Counts:
        """Sums over the last `seconds` at each step."""
        return rolling_sums(counts, round(seconds / self.step_s))


@dataclass(frozen=True, slots=True)
class RuleOfOld:
    """The rule before: the last minute if it holds ten events, else five minutes if they hold five."""

    percent: float = 5.0
    step_s: float = 5.0
    keep_s: float = 0.0
    reopen_s: float = 0.0

    def conditions(self, events: Counts, bad: Counts) -> Conditions:
        """What holds at each step."""
        one, bad_one = (rolling_sums(each, round(60 / self.step_s)) for each in (events, bad))
        five, bad_five = (rolling_sums(each, round(300 / self.step_s)) for each in (events, bad))
        speaks = one >= 10
        judged, bad_judged = np.where(speaks, one, five), np.where(speaks, bad_one, bad_five)
        has_value = judged >= 5
        is_over = 100 * bad_judged > self.percent * judged
        return Conditions(has_value & is_over, has_value & ~is_over, ~has_value)


def rolling_sums(counts: Counts, steps: int) -> Counts:
    """Sums of the last `steps` counts, of fewer at the beginning."""
    total = np.cumsum(counts, axis=1)
    total[:, steps:] -= total[:, :-steps].copy()
    return total


def incidents(rule: ShareRule | RuleOfOld, events: Counts, bad: Counts) -> list[Incident]:
    """What the alert life makes of the rule's conditions, incidents that are reopened counted once."""
    found = rule.conditions(events, bad)
    made: list[Incident] = []
    for service in np.flatnonzero(found.met.any(axis=1)).tolist():
        life = _firings(found.met[service], found.cleared[service], found.is_quiet[service], rule)
        made.extend(Incident(service, start, end) for start, end in _reopened(life, rule.reopen_s))
    return made


def _firings(met: Flags, cleared: Flags, quiet: Flags, rule: ShareRule | RuleOfOld) -> Iterator[tuple[float, float]]:
    """Begin and end of each time that the alert fires."""
    step_s, steps, at = rule.step_s, len(met), 0
    breaches = np.flatnonzero(met)
    while True:
        later = np.searchsorted(breaches, at)
        if later == len(breaches):
            return
        start = at = int(breaches[later])
        cleared_at: int | None = None
        quiet_since: int | None = None
        while at + 1 < steps:
            at += 1
            if met[at]:
                cleared_at = quiet_since = None
            elif quiet[at]:
                quiet_since = at if quiet_since is None else quiet_since
                if (at - quiet_since) * step_s >= IDLE_S:
                    break
            elif cleared[at]:
                quiet_since = None
                cleared_at = at if cleared_at is None else cleared_at
                if (at - cleared_at) * step_s >= rule.keep_s:
                    break
            else:
                cleared_at = quiet_since = None
        yield start * step_s, at * step_s
        at += 1


def _reopened(firings: Iterator[tuple[float, float]], reopen_s: float) -> Iterator[tuple[float, float]]:
    """Firings that follow each other within `reopen_s` made one."""
    current: tuple[float, float] | None = None
    for start, end in firings:
        if current is not None and reopen_s and start - current[1] <= reopen_s:
            current = (current[0], end)
            continue
        if current is not None:
            yield current
        current = (start, end)
    if current is not None:
        yield current
