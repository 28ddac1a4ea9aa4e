"""When the condition of a shipped rule holds, by the app's own record: what no evaluator can know sooner."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Request", "beyond_chance", "first_breach", "requests_of"]

_PERCENT = 5.0
_SLOW_S = 1.0
_WINDOWS_S = (60.0, 300.0)


@dataclass(frozen=True, slots=True)
class Request:
    """A webhook, when its answer was sent: Unix seconds, its route, seconds, and whether it failed."""

    at: float
    route: str
    took_s: float
    failed: bool

    @property
    def is_slow(self) -> bool:
        """Whether it counts for WebhookResponseTime."""
        return self.took_s > _SLOW_S


def requests_of(record: Path) -> list[Request]:
    """What an app has written down, in order."""
    lines = (line.split() for line in record.read_text().splitlines())
    found = (Request(float(at), route, float(took), failed == "1") for at, route, took, failed in lines)
    return sorted(found, key=lambda request: request.at)


def first_breach(
    requests: Iterable[Request], route: str, is_bad: Callable[[Request], bool], since: float
) -> float | None:
    """The first moment from `since` on at which a rule about shares holds for a route; None if there is none.

    More than 5 % of the last minute are bad, and more than 5 % of it or of the last five minutes, beyond chance:
    more than `2 + 0.8 * sqrt(n) + 0.01 * n`. It begins to hold when a bad request is answered, or never.
    """
    own = [request for request in requests if request.route == route]
    for request in own:
        if request.at >= since and is_bad(request):
            minute, five = (_counts(own, is_bad, request.at, window_s) for window_s in _WINDOWS_S)
            if _is_above(minute) and any(_is_above(counts) and _is_evident(counts) for counts in (minute, five)):
                return request.at
    return None


def beyond_chance(total: int) -> float:
    """How many bad ones of so many it takes more of than this, to be no chance."""
    return 2 + 0.8 * math.sqrt(total) + 0.01 * total


_Counts = tuple[int, int]


def _counts(own: list[Request], is_bad: Callable[[Request], bool], at: float, window_s: float) -> _Counts:
    within = [request for request in own if at - window_s < request.at <= at]
    return sum(map(is_bad, within)), len(within)


def _is_above(counts: _Counts) -> bool:
    bad, total = counts
    return 100 * bad > _PERCENT * total


def _is_evident(counts: _Counts) -> bool:
    bad, total = counts
    return bad > beyond_chance(total)
