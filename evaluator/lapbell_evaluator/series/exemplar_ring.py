"""Exemplars by series, bounded in number and bytes: new ones take the place of those that came first."""

import threading
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Final

from lapbell_evaluator.model import Exemplar, Labels, SeriesExemplars
from lapbell_evaluator.series.matcher import Matcher

__all__ = ["ExemplarRing"]

_EXEMPLAR_BYTES: Final = 190
_SERIES_BYTES: Final = 500
_PAIR_BYTES: Final = 105
_SHARE_OF_ONE: Final = 10  # one busy series must not push out all the others
_time_ms: Final = attrgetter("time_ms")

_Selector = tuple[tuple[str, Callable[[str], bool]], ...]


@dataclass(slots=True)
class _Held:
    """The exemplars of one series in the order of time."""

    labels: Labels
    exemplars: list[Exemplar] = field(default_factory=list)


class ExemplarRing:
    """Keeps the exemplars that came last; safe to use from several threads.

    The same exemplar of a series counts once, however often it comes; a late one takes its place in time. Of one series
    a tenth of all is kept at most.

    Args:
        most: how many are kept.
        budget_bytes: about how much memory they may take.

    Source: Prometheus, storage.exemplars.max_exemplars, a circular buffer for all series.
    """

    def __init__(self, most: int = 100_000, budget_bytes: int = 32 * 1024 * 1024) -> None:
        self._lock = threading.Lock()
        self._most = most
        self._most_of_one = max(1, most // _SHARE_OF_ONE)
        self._budget = budget_bytes
        self._bytes = 0
        self._by_series: dict[Labels, _Held] = {}
        self._arrivals: deque[_Held] = deque()  # one entry for each exemplar, the first to come first

    def add(self, arrivals: Iterable[tuple[Labels, Exemplar]]) -> None:
        """Keep exemplars, each with the labels of its series."""
        with self._lock:
            for own, exemplar in arrivals:
                self._keep(own, exemplar)
            while len(self._arrivals) > self._most or self._bytes > self._budget:
                self._forget_first(self._arrivals.popleft())

    def select(self, selectors: Sequence[Sequence[Matcher]], start_ms: int, end_ms: int) -> tuple[SeriesExemplars, ...]:
        """Exemplars between two times (both inclusive) of the series that any selector means, sorted by labels.

        Raises:
            RegexError: a pattern is wrong.
        """
        wanted = [_predicates(matchers) for matchers in selectors]
        with self._lock:
            known = tuple(self._by_series)
        chosen = sorted(own for own in known if _is_meant(own, wanted))
        with self._lock:
            held = [self._by_series[own] for own in chosen if own in self._by_series]
            found = [SeriesExemplars(each.labels, _between(each.exemplars, start_ms, end_ms)) for each in held]
        return tuple(each for each in found if each.exemplars)

    def _keep(self, own: Labels, exemplar: Exemplar) -> None:
        held = self._by_series.get(own)
        if held is None:
            held = self._by_series[own] = _Held(own)
            self._bytes += _SERIES_BYTES + _pairs_bytes(own)
        known = held.exemplars
        at = bisect_left(known, exemplar) if known and exemplar <= known[-1] else len(known)
        if at < len(known) and known[at] == exemplar:
            return
        known.insert(at, exemplar)
        self._bytes += _bytes(exemplar)
        if len(known) > self._most_of_one:
            self._bytes -= _bytes(known.pop(0))
        else:
            self._arrivals.append(held)

    def _forget_first(self, held: _Held) -> None:
        self._bytes -= _bytes(held.exemplars.pop(0))
        if not held.exemplars:
            del self._by_series[held.labels]
            self._bytes -= _SERIES_BYTES + _pairs_bytes(held.labels)


def _predicates(matchers: Sequence[Matcher]) -> _Selector:
    return tuple((matcher.name, matcher.predicate()) for matcher in matchers)


def _is_meant(own: Labels, wanted: Sequence[_Selector]) -> bool:
    values = dict(own)
    return any(all(matches(values.get(name, "")) for name, matches in selector) for selector in wanted)


def _between(exemplars: list[Exemplar], start_ms: int, end_ms: int) -> tuple[Exemplar, ...]:
    begin = bisect_left(exemplars, start_ms, key=_time_ms)
    return tuple(exemplars[begin : bisect_right(exemplars, end_ms, key=_time_ms)])


def _bytes(exemplar: Exemplar) -> int:
    return _EXEMPLAR_BYTES + _pairs_bytes(exemplar.labels)


def _pairs_bytes(own: Labels) -> int:
    return sum(_PAIR_BYTES + len(name) + len(value) for name, value in own)
