"""One export under translation: what has been gathered, and whose points are next."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from lapbell_evaluator.model import Exemplar, Histogram, Labels
from lapbell_evaluator.receiver.families import Family, Series
from lapbell_evaluator.receiver.points import Metric, MetricsExport
from lapbell_evaluator.receiver.presence import Presence
from lapbell_evaluator.receiver.resource import Target
from lapbell_evaluator.receiver.samples import Samples
from lapbell_evaluator.receiver.translated import HistogramSample, Translated
from lapbell_evaluator.series import stale_marker

__all__ = ["Translation"]

_ScopeKey = bytes | tuple[str, str]


@dataclass(slots=True)
class Translation:
    """What an export has come to so far.

    Each metric of a scope of a sender has a number in each export, greater than all of the exports before: a series
    whose number is another one, but of this export, is another metric's as well.

    Times are the sender's own in here, and are shifted as they leave.

    Attributes:
        export: what is translated.
        horizon_ms: points behind it are of the future.
        first_owner: the first number of this export.
        owner: the number of the metric whose points are next.
        zeros: where counters began.
        samples: all others.
        histograms: native ones.
        latest_ms: the newest time of the scope so far.
        metrics: Prometheus names.
        exemplars: with the labels of their series.
        gauges: of the scope.
        deltas: of the scope.
        shift_ms: what is taken off the times of the sender whose points are next.
        remarks: for people, on points that are not taken.
    """

    export: MetricsExport
    horizon_ms: int
    first_owner: int
    owner: int = 0
    zeros: Samples = field(default_factory=Samples)
    samples: Samples = field(default_factory=Samples)
    histograms: list[HistogramSample] = field(default_factory=list)
    latest_ms: int = 0
    metrics: set[str] = field(default_factory=set)
    exemplars: list[tuple[Labels, Exemplar]] = field(default_factory=list)
    gauges: list[Series] = field(default_factory=list)
    deltas: list[Series] = field(default_factory=list)
    shift_ms: int = 0
    remarks: list[str] = field(default_factory=list)
    _owners: dict[tuple[Target, _ScopeKey], dict[Metric, int]] = field(default_factory=dict)
    _of_scope: dict[Metric, int] = field(default_factory=dict)
    _count: int = 0

    @property
    def next_owner(self) -> int:
        """The first number that is free."""
        return self.first_owner + self._count

    def begin_sender(self, shift_ms: int) -> None:
        """The points of a sender are next whose clock is ahead by this."""
        self.horizon_ms += shift_ms - self.shift_ms
        self.shift_ms = self.zeros.shift_ms = self.samples.shift_ms = shift_ms

    def begin_scope(self, target: Target, key: _ScopeKey) -> None:
        """The metrics of a scope of a sender are next."""
        self._of_scope = self._owners.setdefault((target, key), {})
        self.latest_ms = 0

    def begin_metric(self, metric: Metric) -> None:
        """The points of a metric of the scope are next."""
        owner = self._of_scope.get(metric)
        if owner is None:
            owner = self._of_scope[metric] = self.next_owner
            self._count += 1
        self.owner = owner

    def add_histogram(self, series: Series, time_ms: int, histogram: Histogram, *, is_start: bool = False) -> None:
        """Append a native histogram."""
        self.histograms.append(HistogramSample(series.first, time_ms - self.shift_ms, histogram, is_start=is_start))

    def add_exemplars(self, exemplars: Iterable[tuple[Labels, Exemplar]]) -> None:
        """Append exemplars."""
        if self.shift_ms:
            exemplars = ((own, replace(one, time_ms=one.time_ms - self.shift_ms)) for own, one in exemplars)
        self.exemplars += exemplars

    def translated(self) -> Translated:
        """What it came to."""
        return Translated(
            self.zeros.batch(),
            self.samples.batch(),
            tuple(self.histograms),
            frozenset(self.metrics),
            self.export.rejected,
            tuple(self.exemplars),
            tuple(self.remarks),
        )

    def note(self, family: Family, times_ms: npt.NDArray[np.int64]) -> None:
        """Points of a family were taken."""
        self.metrics |= family.metrics
        self.latest_ms = max(self.latest_ms, int(times_ms.max()))

    def note_presence(self, presence: Presence) -> None:
        """Append stale markers for gauges that their own scope no longer sends, and repeat the totals of idle deltas.

        Both are due at the newest time of the scope in this export; what was gathered of the scope is forgotten.
        """
        gauges, deltas, latest_ms = self.gauges, self.deltas, self.latest_ms
        if not latest_ms:
            return
        if gauges or presence.gauges:
            for series in presence.gauges_came(gauges, latest_ms):
                if not series.is_cut:
                    self.samples.add(series.refs, np.array([latest_ms]), stale_marker())
        if deltas or presence.deltas:
            for series in presence.deltas_came(deltas, latest_ms):
                if series.totals is not None and not series.is_cut:
                    self.samples.add(series.refs, np.full(len(series.refs), latest_ms), series.totals)
        self.gauges, self.deltas = [], []
