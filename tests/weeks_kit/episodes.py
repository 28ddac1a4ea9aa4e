"""Troubles of one shape at one traffic, many of each: how often they are found, how soon, and how they end."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from weeks_kit.share_rule import Incident, RuleOfOld, ShareRule, incidents
from weeks_kit.traffic import Traffic, bad_ones, requests

__all__ = ["Episode", "Outcome", "outcome"]

BEFORE_S = 1800
AFTER_S = 3600


@dataclass(frozen=True, slots=True)
class Episode:
    """One shape of trouble.

    Attributes:
        per_minute: requests.
        share: of them that are bad.
        seconds: how long it lasts.
        outliers: the share that is bad before and after.
    """

    per_minute: float
    share: float
    seconds: int
    outliers: float = 0.002


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of many troubles of one shape; seconds, NaN where nothing was found.

    Attributes:
        recall: the share that was found, between its begin and two minutes after its end.
        incidents: of each that was found, on the average.
        delay_s: median from the first bad request.
        clear_s: median from the end to when the condition is over.
        clear_p90_s: of nine in ten.
        false: incidents before the trouble, or later than two minutes after it and no reopening.
    """

    recall: float
    incidents: float
    delay_s: float
    clear_s: float
    clear_p90_s: float
    false: int


def outcome(episode: Episode, rule: ShareRule | RuleOfOld, count: int, seed: int) -> Outcome:
    """Judge so many troubles of one shape, each of a service of its own."""
    step_s = round(rule.step_s)
    random = np.random.default_rng(seed)
    traffic = Traffic(np.full(count, episode.per_minute), day_swing=0.0)
    events = requests(random, traffic, BEFORE_S + episode.seconds + AFTER_S, step_s)
    bad = bad_ones(random, events, episode.outliers)
    at = slice(BEFORE_S // step_s, (BEFORE_S + episode.seconds) // step_s)
    bad[:, at] = random.binomial(events[:, at], episode.share)
    return _judged(incidents(rule, events, bad), _first_bad(bad[:, at], step_s), episode, count)


def _first_bad(bad: npt.NDArray[np.int64], step_s: int) -> npt.NDArray[np.float64]:
    """float64[service]: seconds of the first bad request of the trouble, NaN if it has none."""
    first = np.argmax(bad > 0, axis=1) * float(step_s) + BEFORE_S
    return np.where(bad.any(axis=1), first, np.nan)


def _judged(found: list[Incident], first_bad: npt.NDArray[np.float64], episode: Episode, count: int) -> Outcome:
    end = BEFORE_S + episode.seconds
    by_service: dict[int, list[Incident]] = {}
    for incident in found:
        by_service.setdefault(incident.service, []).append(incident)
    delays, clears, numbers, strays = [], [], [], 0
    for service, own in by_service.items():
        ours = [each for each in own if BEFORE_S <= each.start <= end + 120]
        strays += sum(each.start < BEFORE_S for each in own)
        if not ours:
            strays += sum(each.start > end + 120 for each in own)
            continue
        numbers.append(len(own))
        delays.append(ours[0].start - first_bad[service])
        clears.append(own[-1].end - end)
    if not numbers:
        return Outcome(0.0, float("nan"), float("nan"), float("nan"), float("nan"), strays)
    return Outcome(
        recall=len(numbers) / count,
        incidents=float(np.mean(numbers)),
        delay_s=float(np.median(delays)),
        clear_s=float(np.median(clears)),
        clear_p90_s=float(np.percentile(clears, 90)),
        false=strays,
    )
