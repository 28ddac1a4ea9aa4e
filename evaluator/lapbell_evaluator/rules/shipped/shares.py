"""Alerts on a share of bad events: beyond its threshold in the last minute, and beyond what chance makes of it.

A lone outlier among ten requests is 10 %. So a share counts as evident only where more events are bad than
`base + 0.8 * sqrt(n) + 0.01 * n` of the n events of the last minute, or of the last five; and, of failures at traffic
so low that neither can be, where of at least four events in half an hour not one was good. The formula was found by
simulation (tests/timeline/test_ordinary_weeks.py): `base` bounds what comes together by chance, the root what a noisy
minute does, and the last term what a service with one bad event in a hundred has anyway.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from lapbell_evaluator.model import Rule
from lapbell_evaluator.rules.shipped.counting import Measured, duration_name
from lapbell_evaluator.rules.threshold_rules import number, record, rule

__all__ = ["PERCENT", "Bad", "Share", "share_alert"]

PERCENT: Final = 5.0
"""A percentile 95 over T is more than five percent of events over T."""

_WINDOWS: Final = ("1m", "5m")
_TOTAL_WINDOW: Final = "30m"
_TOTAL_LEAST: Final = 4
_KEEP_S: Final = 30.0
_WARM_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Share:
    """Events of which a share may be bad.

    Attributes:
        level: the labels that events are counted by, as a part of recorded names.
        noun: what they are, in plural, as a part of recorded names.
        measured: where they are counted.
        base: how many bad events may come together by chance.
        least: fewer events in a window are never evident.
        elsewhere: PromQL of failed events in a window that the histogram may lack; None if it has all.
    """

    level: str
    noun: str
    measured: Measured
    base: float
    least: int = 0
    elsewhere: Callable[[str], str] | None = None

    def all(self, window: str) -> str:
        """The recorded number of events."""
        return f"{self.level}:{self.noun}:increase{window}"

    def native(self, window: str) -> str:
        """The recorded native histogram of the events."""
        return f"{self.level}:{self.noun}_duration:increase{window}"

    def recordings(self) -> Iterator[Rule]:
        """What every kind of bad events is compared with."""
        for window in _WINDOWS:
            yield record(self.native(window), self.measured.distribution(window))
            yield record(self.all(window), self._more(self.measured.events(window, native=self.native(window)), window))

    def failed(self, which: str, *, has_totals: bool = False) -> "Bad":
        """Events with further matchers are bad; with totals, a few of which none was good are evident."""

        def counted(window: str) -> str:
            return f"{self._more(self.measured.events(window, which), window)}\nor 0 * {self.all(window)}"

        return Bad(self, f"{self.noun}_failed", counted, has_totals)

    def _more(self, events: str, window: str) -> str:
        """Events, or what is counted elsewhere if that is more."""
        if self.elsewhere is None:
            return events
        others = self.elsewhere(window)
        return f"({events}) >= ({others})\nor {others}\nor {events}"

    def slow(self, threshold_s: float) -> "Bad":
        """Events that took longer than a threshold are bad."""

        def counted(window: str) -> str:
            return self.measured.events_over(threshold_s, window, self.all(window), self.native(window))

        return Bad(self, f"{self.noun}_over_{duration_name(threshold_s)}", counted)


@dataclass(frozen=True, slots=True)
class Bad:
    """The bad ones of some events.

    Attributes:
        of: all of them.
        noun: what they are, as a part of recorded names.
        counted: PromQL of their number in a window.
        has_totals: whether a few events of which none was good are evident.
    """

    of: Share
    noun: str
    counted: Callable[[str], str]
    has_totals: bool = False

    @property
    def percent(self) -> str:
        """The recorded share of the last minute."""
        return f"{self.of.level}:{self.noun}:percent1m"

    @property
    def percent_evident(self) -> str:
        """The recorded share of the shortest window in which it is beyond chance."""
        return f"{self.of.level}:{self.noun}:percent_evident"

    def recordings(self) -> Iterator[Rule]:
        """Counts, shares, and whether they are beyond chance."""
        if self.has_totals:
            window = _TOTAL_WINDOW
            yield record(self.of.native(window), self.of.measured.distribution(window))
            yield record(self.of.all(window), self.of.measured.events(window, native=self.of.native(window)))
        for window in (*_WINDOWS, _TOTAL_WINDOW) if self.has_totals else _WINDOWS:
            yield record(self._bad(window), self.counted(window))
        yield record(self.percent, self._percent("1m"))
        yield record(self.percent_evident, "\nor ".join(self._arms()))

    def _bad(self, window: str) -> str:
        return f"{self.of.level}:{self.noun}:increase{window}"

    def _percent(self, window: str) -> str:
        return f"100 * {self._bad(window)} / {self.of.all(window)}"

    def _arms(self) -> Iterator[str]:
        for window in _WINDOWS:
            events = self.of.all(window)
            by_chance = f"{number(self.of.base)} + 0.8 * sqrt({events}) + 0.01 * {events}"
            arm = f"{self._percent(window)} and {self._bad(window)} > {by_chance}"
            yield f"{arm} and {events} >= {self.of.least}" if self.of.least else arm
        if self.has_totals:
            events = self.of.all(_TOTAL_WINDOW)
            yield f"{self._percent(_TOTAL_WINDOW)} == 100 and {events} >= {_TOTAL_LEAST}"


def share_alert(
    alert: str, category: str, severity: str, bad: Bad, percent: float, *, summary: str, description: str
) -> Rule:
    """The alert of one severity; it ends only when a minute with events is at or below the threshold."""
    return rule(
        alert,
        category,
        severity,
        f"{bad.percent} > {number(percent)}\nand {bad.percent_evident} > {number(percent)}",
        summary=summary,
        description=description,
        recovery_expr=f"{bad.percent} <= {number(percent)}",
        warm_after_s=_WARM_S,
        keep_firing_for_s=_KEEP_S,
    )
