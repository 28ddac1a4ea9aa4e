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
class _SeriesRing:
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
        self._by_series: dict[Labels, _SeriesRing] = {}
        self._arrivals: deque[_SeriesRing] = deque()  # one entry for each exemplar, the first to come first

    def add(self, arrivals: Iterable[tuple[Labels, Exemplar]]) -> None:
        """Keep exemplars, each with the labels of its series."""
        with self._lock:
            for labels, exemplar in arrivals:
                self._keep(labels, exemplar)
            while len(self._arrivals) > self._most or self._bytes > self._budget:
                self._forget_first(self._arrivals.popleft())

    def select(self, selectors: Sequence[Sequence[Matcher]], start_ms: int, end_ms: int) -> tuple[SeriesExemplars, ...]:
        """Exemplars between two times (both inclusive) of the series that any selector means, sorted by labels.

        Raises:
            RegexError: a pattern is wrong.
        """
        wanted = [_predicates(matchers) for matchers in selectors]
        with self._lock:
            every = tuple(self._by_series)
        chosen = sorted(labels for labels in every if _is_meant(labels, wanted))
        with self._lock:
            rings = [self._by_series[labels] for labels in chosen if labels in self._by_series]
            answer = [SeriesExemplars(ring.labels, _between(ring.exemplars, start_ms, end_ms)) for ring in rings]
        return tuple(series for series in answer if series.exemplars)

    def _keep(self, labels: Labels, exemplar: Exemplar) -> None:
        ring = self._by_series.get(labels)
        if ring is None:
            ring = self._by_series[labels] = _SeriesRing(labels)
            self._bytes += _SERIES_BYTES + _pairs_bytes(labels)
        exemplars = ring.exemplars
        at = bisect_left(exemplars, exemplar) if exemplars and exemplar <= exemplars[-1] else len(exemplars)
        if at < len(exemplars) and exemplars[at] == exemplar:
            return
        exemplars.insert(at, exemplar)
        self._bytes += _bytes(exemplar)
        if len(exemplars) > self._most_of_one:
            self._bytes -= _bytes(exemplars.pop(0))
        else:
            self._arrivals.append(ring)

    def _forget_first(self, ring: _SeriesRing) -> None:
        self._bytes -= _bytes(ring.exemplars.pop(0))
        if not ring.exemplars:
            del self._by_series[ring.labels]
            self._bytes -= _SERIES_BYTES + _pairs_bytes(ring.labels)


def _predicates(matchers: Sequence[Matcher]) -> _Selector:
    return tuple((matcher.name, matcher.predicate()) for matcher in matchers)


def _is_meant(labels: Labels, wanted: Sequence[_Selector]) -> bool:
    values = dict(labels)
    return any(all(matches(values.get(name, "")) for name, matches in selector) for selector in wanted)


def _between(exemplars: list[Exemplar], start_ms: int, end_ms: int) -> tuple[Exemplar, ...]:
    begin = bisect_left(exemplars, start_ms, key=_time_ms)
    return tuple(exemplars[begin : bisect_right(exemplars, end_ms, key=_time_ms)])


def _bytes(exemplar: Exemplar) -> int:
    return _EXEMPLAR_BYTES + _pairs_bytes(exemplar.labels)


def _pairs_bytes(labels: Labels) -> int:
    return sum(_PAIR_BYTES + len(name) + len(value) for name, value in labels)
