"""The series in memory: their labels, and their samples of the last `retention_ms`."""

import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

import numpy as np

from lapbell_evaluator.model import Batch, CounterHint, Histogram, Labels, Reading
from lapbell_evaluator.series.admission import Admission
from lapbell_evaluator.series.append_plan import AppendPlans
from lapbell_evaluator.series.append_result import AppendResult
from lapbell_evaluator.series.appending import Appended, AppendRules, append
from lapbell_evaluator.series.directory import NOWHERE, Directory, slot_of
from lapbell_evaluator.series.frame import BEFORE
from lapbell_evaluator.series.fullness import Fullness
from lapbell_evaluator.series.limits import Limits
from lapbell_evaluator.series.matcher import Matcher
from lapbell_evaluator.series.metadata import Metadata
from lapbell_evaluator.series.metric import Metric, Shard
from lapbell_evaluator.series.native import with_hint
from lapbell_evaluator.series.native_comparison import is_reset
from lapbell_evaluator.series.pool import Shortage
from lapbell_evaluator.series.selecting import Selections
from lapbell_evaluator.series.selection import HistogramSeries, Selection, Spend, free
from lapbell_evaluator.series.shortages import Loss

__all__ = ["OVERFLOW_REF", "SeriesStore"]

OVERFLOW_REF: Final = 0
"""Stands for every series beyond the cardinality limit: its samples are counted, not kept."""

_EVICTION_SHARE: Final = 8  # eviction looks at everything: at most so many times per retention


def _moved(time_ms: int, by_ms: int) -> int:
    """A time shifted, if it is one."""
    return time_ms if time_ms == BEFORE else time_ms + by_ms


class SeriesStore:
    """Takes batches and answers selections in any thread.

    A series that ended is evicted `retention_ms` after its last sample, or earlier if there is no room for others;
    where there still is none, the job that has most series loses its newest ones to jobs with fewer (see `admission`).
    A ref is out of date then: `generation` changes, and an append that still uses it names the sample in
    `AppendResult.gone` (intern the labels again, append again).

    Args:
        limits: what it holds at most.

    Attributes:
        generation: changes when refs went out of date, and thereby when there is room for new series.
        version: changes with everything that arrives.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._lock = threading.RLock()
        self._directory = Directory(self._limits.longer_ms)
        self._histograms: dict[int, HistogramSeries] = {}  # by slot
        self._plans = AppendPlans(self._directory)
        self._selections = Selections(self._directory, self._histograms)
        self._admission = Admission(self._directory, self._histograms, self._limits, self._evict_slots)
        self._metadata: dict[str, Metadata] = {}
        self._newest = BEFORE
        self._looked = BEFORE
        self.generation = 0
        self.version = 0

    def intern(self, labels: Labels) -> int:
        """The ref of a series; the same labels have the same ref until the series is evicted.

        Never negative. It is `OVERFLOW_REF` where neither an ended series nor a job with more makes room; ask again:
        when room is made, `generation` changes.
        """
        ref = self._directory.ref_of(labels)
        return self._new_ref(labels) if ref is None else ref

    def ref_of(self, labels: Labels) -> int | None:
        """The ref of a series that is held; None if it is not."""
        return self._directory.ref_of(labels)

    def append(self, batch: Batch, *, is_recorded: bool = False) -> AppendResult:
        """Keep samples; several of one series in one batch are fine.

        Args:
            batch: the samples.
            is_recorded: whether rules made them, whose queries do not read them at once: `version` stays.
        """
        with self._lock:
            self.version += not is_recorded
            return self._append(batch) if len(batch.refs) else AppendResult()

    def append_histogram(
        self, ref: int, time_ms: int, histogram: Histogram, *, is_recorded: bool = False
    ) -> AppendResult:
        """Keep a native histogram; late ones are refused. Whether its counter was reset is found out here, once."""
        with self._lock:
            self.version += not is_recorded
            if ref == OVERFLOW_REF:
                return AppendResult(over_limit=1)
            if not self._directory.is_live(ref):
                return AppendResult(gone=np.zeros(1, np.int64))
            return self._append_histogram(ref, time_ms, histogram)

    def describe(self, metric: str, metadata: Metadata) -> None:
        """Keep the type, unit and help of a metric."""
        self._metadata[metric] = metadata

    @contextmanager
    def unchanged(self) -> Iterator[int]:
        """Nothing is appended within the context; the version."""
        with self._lock:
            yield self.version

    @contextmanager
    def select(
        self, matchers: Sequence[Matcher], start_ms: int, end_ms: int, spend: Spend = free
    ) -> Iterator[Selection]:
        """The series that match; their samples do not change within the context.

        Args:
            matchers: all must match.
            start_ms: samples from here on are asked for; the store may hold fewer, and offers all that it has.
            end_ms: up to here.
            spend: nothing has to be read.
        """
        del start_ms, end_ms, spend  # everything that is in memory is at hand
        with self._lock:
            yield self._selections.select(tuple(matchers))

    def matching(
        self, matchers: Sequence[Matcher], start_ms: int, end_ms: int, spend: Spend = free
    ) -> tuple[Labels, ...]:
        """Labels of the series that match and have samples between two times, sorted; `spend` is told of them."""
        with self.select(matchers, start_ms, end_ms) as selection:
            spend(selection.table.size)
            present = np.zeros(selection.table.size, np.bool_)  # bool[series]
            row = 0
            for frame in selection.frames:
                present[row : row + frame.size] = frame.rows_until(end_ms) > frame.rows_until(start_ms - 1)
                row += frame.size
            for histogram_row, series in selection.histograms.items():
                present[histogram_row] |= any(start_ms <= time <= end_ms for time in series.times)
            rows = zip(selection.table.rows(), present.tolist(), strict=True)
            return tuple(sorted(labels for labels, is_present in rows if is_present))

    def metadata(self) -> dict[str, Metadata]:
        """Type, unit and help of each metric, by name."""
        return dict(self._metadata)

    def labels_of(self, ref: int) -> Labels:
        """The labels of a series; empty if it is gone."""
        with self._lock:
            return self._directory.labels_of(ref)

    def reserve(self, metrics: Collection[str]) -> None:
        """Keep `Limits.reserved` places for the metrics that rules read or make, and for no others from now on."""
        with self._lock:
            self._admission.reserve(metrics)

    def losses(self) -> Mapping[tuple[Shortage, str], Loss]:
        """What each job lost for want of room since the last call."""
        with self._lock:
            return self._admission.shortages.taken()

    def readings(self) -> tuple[Reading, ...]:
        """How near the series are to their limits, and what was lost for want of room."""
        with self._lock:
            return (*self.fullness().readings(), *self._admission.shortages.readings())

    def move(self, by_ms: int) -> None:
        """Shift every sample in time: the clock of the evaluator was set to another time, and that is right."""
        with self._lock:
            for shard in self._directory.shards():
                shard.ring.move(by_ms)
            self._directory.states.move_times(by_ms)
            for series in self._histograms.values():
                series.times[:] = [time + by_ms for time in series.times]
            self._admission.move(by_ms)
            self._newest, self._looked = _moved(self._newest, by_ms), _moved(self._looked, by_ms)

    def fullness(self) -> Fullness:
        """How near the series are to their limits."""
        with self._lock:
            sizes = ((metric.size, name) for name, metric in self._directory.metrics.items())
            size, fullest = max(sizes, default=(0, ""))
            return Fullness(len(self._directory), fullest, size, self._admission.unread, self._limits)

    def _new_ref(self, labels: Labels) -> int:
        with self._lock:
            ref = self._directory.ref_of(labels)
            if ref is not None:
                return ref  # another thread was faster
            metric = self._directory.metric_of(labels)
            if not self._admission.admits(metric, labels, self._newest):
                return OVERFLOW_REF
            metric = self._directory.metric_of(labels)  # a new one if making room took its last series
            ref = self._directory.add(metric, labels)
            self._admission.added(metric, labels, slot_of(ref), self._newest)
            return ref

    def _append(self, batch: Batch) -> AppendResult:
        plan = self._plans.plan(batch.refs)
        outcome = Appended()
        if plan.passes:
            self._newest = max(self._newest, *(int(batch.times_ms[one.positions].max()) for one in plan.passes))
            limits = self._limits
            rules = AppendRules(self._newest - limits.retention_ms, self._newest - limits.late_ms, limits.coalesce_ms)
            for append_pass in plan.passes:
                times, values = batch.times_ms[append_pass.positions], batch.values[append_pass.positions]
                outcome += append(append_pass.layout, times, values, self._directory.states, rules)
            self._evict()
        return AppendResult(
            outcome.accepted, outcome.duplicates, outcome.out_of_window, plan.over_limit, plan.metrics, plan.gone
        )

    def _append_histogram(self, ref: int, time_ms: int, histogram: Histogram) -> AppendResult:
        slot = slot_of(ref)
        series = self._histograms.setdefault(slot, HistogramSeries([], []))
        if series.times and time_ms <= series.times[-1]:
            is_repeated = time_ms == series.times[-1]
            return AppendResult(duplicates=int(is_repeated), out_of_window=int(not is_repeated))
        if histogram.hint is CounterHint.UNKNOWN and series.times:
            fell = is_reset(histogram, series.histograms[-1])
            histogram = with_hint(histogram, CounterHint.RESET if fell else CounterHint.NOT_RESET)
        if not series.times:
            self._metric_of(slot).version += 1  # selections must find the histograms of the series
        series.times.append(time_ms)
        series.histograms.append(histogram)
        self._newest = max(self._newest, time_ms)
        name = self._metric_of(slot).name
        series.trim(self._newest - self._limits.retention_ms - self._limits.longer_ms.get(name, 0))
        self._evict()
        return AppendResult(accepted=1, metrics=frozenset((name,)))

    def _metric_of(self, slot: int) -> Metric:
        return self._directory.shard(int(self._directory.shard_of[slot])).metric

    def _evict(self) -> None:
        """Let series go that ended; looks seldom, because it looks at all of them."""
        retention = self._limits.retention_ms
        if self._newest < self._looked + retention // _EVICTION_SHARE:
            return
        self._looked = self._newest
        horizon = self._newest - retention
        self._evict_slots(
            int(shard.slots[column])
            for shard in list(self._directory.shards())
            for column in shard.ring.expired_columns(horizon).tolist()
            if self._has_ended(shard, column, horizon)
        )

    def _has_ended(self, shard: Shard, column: int, horizon: int) -> bool:
        slot = int(shard.slots[column])
        if slot == NOWHERE:
            return False
        histograms = self._histograms.get(slot)
        if histograms is not None and histograms.times:
            return histograms.times[-1] < horizon
        is_waiting = shard.ring.last_times()[column] == BEFORE  # interned, its first sample is still to come
        return not is_waiting or self._admission.born_before(slot, horizon, self._newest)

    def _evict_slots(self, slots: Iterable[int]) -> None:
        """Let the series in these slots go, and everything that led to them."""
        count = 0
        for slot in slots:
            shard = self._directory.shard(int(self._directory.shard_of[slot]))
            self._histograms.pop(slot, None)
            self._directory.remove(shard, int(self._directory.column_of[slot]))
            self._admission.removed(shard.metric, slot)
            count += 1
        if count:
            self.generation += 1
            for name in self._directory.tidy():
                self._metadata.pop(name, None)
            self._selections.forget_outdated()
            self._plans.forget()
