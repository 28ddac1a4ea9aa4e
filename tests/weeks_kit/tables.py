"""The figures of the shipped rule beside those of the rule before, by kind of outlier and by traffic."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from weeks_kit.episodes import Episode, Outcome, outcome
from weeks_kit.share_rule import RuleOfOld, ShareRule, incidents
from weeks_kit.traffic import DAY_S, Traffic, bad_ones, requests

__all__ = ["OUTLIERS", "TRAFFIC", "TROUBLES", "Outliers", "false_incidents", "outlier_table", "trouble_table"]

TRAFFIC: Final = (1, 5, 20, 60, 600)
_DAYS_AT_ONCE: Final = 100
_STEP_S: Final = 5


@dataclass(frozen=True, slots=True)
class Outliers:
    """What is bad on an ordinary day.

    Attributes:
        name: for people.
        shares: of the requests, between which each service lies.
        together: how many come at once.
        base: how many the rule allows to come by chance.
    """

    name: str
    shares: tuple[float, float]
    together: int = 1
    base: float = 2.0


OUTLIERS: Final = (
    Outliers("independent, 0.1-1 %", (0.001, 0.01)),
    Outliers("independent, 1-2 %", (0.01, 0.02)),
    Outliers("independent, 2-3 %", (0.02, 0.03)),
    Outliers("in pairs, 0.1-1 %", (0.001, 0.01), 2),
    Outliers("in threes, 0.1-1 %", (0.001, 0.01), 3),
    Outliers("in threes, base 4", (0.001, 0.01), 3, 4.0),
)
TROUBLES: Final = tuple((share, seconds) for seconds in (300, 1800) for share in (1.0, 0.5, 0.3, 0.1))


def false_incidents(outliers: Outliers, per_minute: float, days: int, seed: int, *, is_old: bool = False) -> int:
    """How many incidents so many service-days without any trouble have."""
    random = np.random.default_rng(seed)
    rule = RuleOfOld(step_s=_STEP_S) if is_old else ShareRule(base=outliers.base, step_s=_STEP_S)
    found = 0
    for begin in range(0, days, _DAYS_AT_ONCE):
        services = min(_DAYS_AT_ONCE, days - begin)
        low, high = map(math.log, outliers.shares)
        share = np.exp(random.uniform(low, high, (services, 1)))
        events = requests(random, Traffic(np.full(services, float(per_minute))), DAY_S, _STEP_S)
        found += len(incidents(rule, events, bad_ones(random, events, share, outliers.together)))
    return found


def outlier_table(weeks: int, seed: int) -> Iterator[str]:
    """False incidents per service and week; the rule before is judged over a week at most, which is enough."""
    yield f"false incidents per service-week, {weeks} weeks for each figure (by the rule before: in one), seed {seed}"
    yield _row("outliers", [f"{each}/min" for each in TRAFFIC])
    for outliers in OUTLIERS:
        cells = []
        for per_minute in TRAFFIC:
            new = false_incidents(outliers, per_minute, 7 * weeks, seed) / weeks
            old = false_incidents(outliers, per_minute, 7, seed, is_old=True)
            cells.append(f"{new:.3f} ({old})")
        yield _row(outliers.name, cells)


def trouble_table(count: int, seed: int) -> Iterator[str]:
    """Recall, incidents per trouble, delay, time until over; each for so many troubles."""
    yield f"{count} troubles for each line, seed {seed}; delay from the first bad request, over from the end, seconds"
    yield _row("trouble", ["per minute", "recall", "incidents", "delay", "over", "before: recall", "incidents", "over"])
    for share, seconds in TROUBLES:
        for per_minute in TRAFFIC:
            episode = Episode(per_minute, share, seconds)
            new = outcome(episode, ShareRule(step_s=_STEP_S), count, seed)
            old = outcome(episode, RuleOfOld(step_s=_STEP_S), count, seed)
            yield _row(f"{share:.0%} for {seconds // 60} min", [str(per_minute), *_cells(new), *_old_cells(old)])


def _cells(found: Outcome) -> list[str]:
    over = f"{found.clear_s:.0f} / {found.clear_p90_s:.0f}"
    return [f"{found.recall:.2f}", f"{found.incidents:.2f}", f"{found.delay_s:.0f}", over]


def _old_cells(found: Outcome) -> list[str]:
    return [f"{found.recall:.2f}", f"{found.incidents:.2f}", f"{found.clear_s:.0f} / {found.clear_p90_s:.0f}"]


def _row(name: str, cells: list[str]) -> str:
    return f"{name:24}" + "".join(f"{cell:>15}" for cell in cells)
