"""Which series of one scope still come, told by the exports of that scope alone.

A gauge that its own sender leaves out is gone, long before a store would notice by silence. A delta that is left out
means that nothing happened: its total still stands.
"""

from dataclasses import dataclass, field
from typing import Final

from lapbell_evaluator.receiver.families import Series

__all__ = ["Presence"]

_ONE_PASS_MS: Final = 500  # a Collector may cut one collection into several exports
_PASSES_MISSED: Final = 2
_CARRY_MS: Final = 60_000

_NS_PER_MS: Final = 1_000_000


@dataclass(slots=True)
class Presence:
    """The gauges and deltas of one scope of one sender.

    Attributes:
        passes: how many collections were seen.
        latest_ms: the time of the last one.
        gauges: those that are not stale.
        deltas: all of them.
    """

    passes: int = 0
    latest_ms: int = 0
    gauges: list[Series] = field(default_factory=list)
    deltas: list[Series] = field(default_factory=list)

    def gauges_came(self, came: list[Series], latest_ms: int) -> list[Series]:
        """Note the gauges of an export; returns those that were absent from two consecutive collections."""
        is_next = latest_ms >= self.latest_ms + _ONE_PASS_MS
        if is_next:
            self.passes += 1
            self.latest_ms = latest_ms
        for series in came:
            if not series.seen:
                self.gauges.append(series)
            series.seen = self.passes
        if not is_next:
            return []
        stale = [series for series in self.gauges if self.passes - series.seen >= _PASSES_MISSED]
        if stale:
            self.gauges = [series for series in self.gauges if self.passes - series.seen < _PASSES_MISSED]
            for series in stale:
                series.seen = 0
        return stale

    def deltas_came(self, came: list[Series], latest_ms: int) -> list[Series]:
        """Note the deltas of an export; returns those whose total is to be repeated, once a minute."""
        for series in came:
            if not series.seen:
                self.deltas.append(series)
                series.seen = 1
        idle = []
        for series in self.deltas:
            if latest_ms - max(series.last_ns // _NS_PER_MS, series.carried_ms) >= _CARRY_MS:
                series.carried_ms = latest_ms
                idle.append(series)
        return idle
