"""PromQL that counts what happened within a window, exactly, from a histogram in either form.

`increase()` extrapolates: of exports every 15 s it makes 4 out of 3 events, and it does not see what a series was born
with. Evidence is counted, so here each series counts

- what it is now, less what it was a window ago;
- all of it, if a window ago it was not there yet, or had not been reset yet, while its process reported;
- and of a process that is younger than the window, what came since its first sample.

A sender uses buckets or one native (exponential) histogram. What a form has no series of is empty, and `or` takes the
one that is there.
"""

from bisect import bisect_left
from dataclasses import dataclass
from typing import Final

from lapbell_evaluator.rules.threshold_rules import number

__all__ = ["Measured", "duration_name", "interpolation"]

_PROCESS: Final = "job, instance"
_MS_PER_S: Final = 1000


@dataclass(frozen=True, slots=True)
class Measured:
    """A histogram whose events are counted.

    Attributes:
        histogram: its name, without a suffix.
        by: the labels to keep, separated by commas.
        bounds: of its buckets, seconds, ascending; the sender may have more.
        matchers: which series of it count, without braces.
    """

    histogram: str
    by: str
    bounds: tuple[float, ...]
    matchers: str = ""

    def events(self, window: str, which: str = "", native: str = "") -> str:
        """How many events a window holds.

        Args:
            window: for example `1m`.
            which: further matchers.
            native: the native histogram of the window, where it is recorded; made here otherwise.
        """
        classic = self._sum(f"{self.histogram}_count", window, which)
        return f"{classic}\nor histogram_count({native or self.distribution(window, which)})"

    def distribution(self, window: str, which: str = "") -> str:
        """The native histogram of the events of a window."""
        own, process = self._selected(self.histogram, which), self._selected(self.histogram)
        before = f"{own} offset {window}"
        return (
            f"sum by ({self.by}) (\n"
            f"  {own} - {before} and histogram_count({own}) >= histogram_count({before})\n"
            f"  or {own} and on ({_PROCESS}) {process} offset {window}\n"
            f"  or increase({own}[{window}])\n"
            ")"
        )

    def events_over(self, threshold_s: float, window: str, events: str, native: str) -> str:
        """How many events of a window took longer than a threshold, interpolated where it is no bound.

        Args:
            threshold_s: seconds.
            window: for example `1m`.
            events: all of the window, as recorded.
            native: the native histogram of the window, as recorded.
        """
        share = f"histogram_fraction({number(threshold_s)}, Inf, {native})"
        return f"{events} - ({self._events_within(threshold_s, window)})\nor histogram_count({native}) * {share}"

    def neighbours(self, threshold_s: float) -> tuple[float, float] | None:
        """The bounds on both sides of a threshold; None if it is one, or beyond the last."""
        place = bisect_left(self.bounds, threshold_s)
        if place == len(self.bounds) or self.bounds[place] == threshold_s:
            return None
        return (self.bounds[place - 1] if place else 0.0), self.bounds[place]

    def _events_within(self, threshold_s: float, window: str) -> str:
        exact = self._bucket(threshold_s, window)
        between = self.neighbours(threshold_s)
        if between is None:
            return exact
        below, above = between
        share = (threshold_s - below) / (above - below)
        parts = [f"{number(share)} * {self._bucket(above, window)}"]
        if below:
            parts.append(f"{number(1 - share)} * {self._bucket(below, window)}")
        return f"{exact}\nor {' + '.join(parts)}"

    def _bucket(self, bound_s: float, window: str) -> str:
        return self._sum(f"{self.histogram}_bucket", window, f'le=~"{_bound(bound_s)}"')

    def _sum(self, name: str, window: str, which: str) -> str:
        own = self._selected(name, which)
        process = self._selected(name, which if which.startswith("le=") else "")
        return (
            f"sum by ({self.by}) (\n"
            f"  {own} - {own} offset {window} >= 0\n"
            f"  or {own} and on ({_PROCESS}) {process} offset {window}\n"
            f"  or {own} - min_over_time({own}[{window}])\n"
            ")"
        )

    def _selected(self, name: str, which: str = "") -> str:
        inside = ",".join(part for part in (self.matchers, which) if part)
        return f"{name}{{{inside}}}" if inside else name


def duration_name(seconds: float) -> str:
    """A duration as a part of a metric's name: `1s`, `250ms`."""
    if seconds == int(seconds):
        return f"{int(seconds)}s"
    milliseconds = seconds * _MS_PER_S
    return f"{number(milliseconds).replace('.', '_')}ms"


def interpolation(measured: Measured, threshold_s: float) -> str:
    """A sentence for people if a threshold is no bound of the buckets; empty if it is one."""
    between = measured.neighbours(threshold_s)
    if between is None:
        return ""
    below, above = map(number, between)
    return (
        f" {number(threshold_s)}s is no bound of the buckets: the share is interpolated between {below}s and {above}s."
    )


def _bound(seconds: float) -> str:
    """The values of `le` that a bound is written as: Prometheus 3 and OpenMetrics write `1.0`, others `1`."""
    text = number(seconds)
    escaped = text.replace(".", "[.]")
    return f"{escaped}|{escaped}[.]0" if "." not in text else escaped
