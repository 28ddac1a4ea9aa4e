"""The series in memory: who they are, and their samples of the last while."""

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import numpy as np

from lapbell_evaluator.model import METRIC_NAME, Batch, CounterHint, Histogram, Labels
from lapbell_evaluator.series.append_result import AppendResult
from lapbell_evaluator.series.appending import Appended, Incoming, Rules, append
from lapbell_evaluator.series.column_states import ColumnStates
from lapbell_evaluator.series.frame import BEFORE, Ints
from lapbell_evaluator.series.matcher import Matcher, MatchOp
from lapbell_evaluator.series.metadata import Metadata
from lapbell_evaluator.series.metric import Home, Metric
from lapbell_evaluator.series.native import is_reset, with_hint
from lapbell_evaluator.series.ring import Ring
from lapbell_evaluator.series.selection import HistogramSeries, RingFrame, Selection
from lapbell_evaluator.series.table import LabelTable

__all__ = ["OVERFLOW_REF", "Limits", "SeriesStore", "Stats"]

OVERFLOW_REF: Final = 0
"""Stands for every series beyond the cardinality limit: its samples are counted, not kept."""

_GENERATION_SHIFT: Final = 32
_SLOT_MASK: Final = (1 << _GENERATION_SHIFT) - 1
_FIRST_SLOTS: Final = 1_024
_EVICTION_SHARE: Final = 8  # eviction looks at everything: at most so many times per retention
_SELECTIONS_KEPT: Final = 1_000


@dataclass(frozen=True, slots=True)
class Limits:
    """What the store holds at most.

    Attributes:
        series: of all metrics.
        series_per_metric: of one.
        retention_ms: how long samples are kept behind the newest: the longest window in use and the lookback.
        late_ms: how far behind the newest sample of the store a late one may be.
        coalesce_ms: a sample within so many milliseconds of the beginning of its series' last one takes its place.
    """

    series: int = 100_000
    series_per_metric: int = 10_000
    retention_ms: int = 15 * 60_000
    late_ms: int = 5 * 60_000
    coalesce_ms: int = 1_000


@dataclass(frozen=True, slots=True)
class Stats:
    """The store's state in numbers.

    Attributes:
        series: held now.
        metrics: names held now.
        samples: held now, room for them not counted.
        bytes: of the tables that hold samples.
        refused_series: how often a series was refused for the cardinality limit.
        refused_samples: samples of such series.
        evicted_series: series that ended and left.
    """

    series: int
    metrics: int
    samples: int
    bytes: int
    refused_series: int
    refused_samples: int
    evicted_series: int


class SeriesStore:
    """Takes batches from one thread, answers selections in any.

    A ref holds a slot and the slot's generation. A series that ended is evicted `retention_ms` after its last sample;
    its refs are gone then: `generation` changes, and an append that still uses one names the sample in
    `AppendResult.gone` (intern the labels again, append again).

    Args:
        limits: what it holds at most.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._lock = threading.RLock()
        self._metrics: dict[str, Metric] = {}
        self._states = ColumnStates()
        self._homes: list[Home | None] = [None]
        self._refs: dict[Labels, int] = {}
        self._labels: list[Labels] = [()]
        self._home_of = np.zeros(_FIRST_SLOTS, np.int64)  # int64[slot], 0 where none
        self._column_of = np.zeros(_FIRST_SLOTS, np.int64)
        self._generation_of = np.zeros(_FIRST_SLOTS, np.int64)
        self._last_seen = np.zeros(_FIRST_SLOTS, np.int64)  # int64[slot], scratch of `append`
        self._free_slots: list[int] = []
        self._histograms: dict[int, HistogramSeries] = {}  # by slot
        self._metadata: dict[str, Metadata] = {}
        self._selections: dict[tuple[Matcher, ...], tuple[object, Selection]] = {}
        self._newest = BEFORE
        self._looked = BEFORE
        self._version = 0
        self._refused_series = self._refused_samples = self._evicted = 0
        self.generation = 0

    # Writing -----------------------------------------------------------------------------------------------------

    def intern(self, labels: Labels) -> int:
        """The ref of a series; the same labels have the same ref until the series is evicted.

        Never negative. Beyond the cardinality limit it is `OVERFLOW_REF`; when room is made, `generation` changes.
        """
        ref = self._refs.get(labels)
        return self._new_ref(labels) if ref is None else ref

    def append(self, batch: Batch) -> AppendResult:
        """Keep samples; several of one series in one batch are fine."""
        with self._lock:
            if not len(batch.refs):
                return AppendResult()
            return self._append(batch)

    def append_histogram(self, ref: int, time_ms: int, histogram: Histogram) -> AppendResult:
        """Keep a native histogram; late ones are refused. Whether its counter was reset is found out here, once."""
        with self._lock:
            slot = ref & _SLOT_MASK
            home = self._homes[self._home_of[slot]]
            if home is None:
                return AppendResult(over_limit=1)
            kept = self._histograms.setdefault(slot, HistogramSeries([], []))
            if kept.times and time_ms <= kept.times[-1]:
                return AppendResult(
                    duplicates=int(time_ms == kept.times[-1]), out_of_window=int(time_ms < kept.times[-1])
                )
            if histogram.hint is CounterHint.UNKNOWN and kept.times:
                fell = is_reset(histogram, kept.histograms[-1])
                histogram = with_hint(histogram, CounterHint.RESET if fell else CounterHint.NOT_RESET)
            kept.times.append(time_ms)
            kept.histograms.append(histogram)
            self._newest = max(self._newest, time_ms)
            self._trim(kept)
            home.metric.version += 1
            return AppendResult(accepted=1, metrics=frozenset((home.metric.name,)))

    def describe(self, metric: str, metadata: Metadata) -> None:
        """Say what a metric is."""
        self._metadata[metric] = metadata

    def retain(self, retention_ms: int) -> None:
        """Change how long samples are kept: the longest window in use, and the lookback."""
        with self._lock:
            self._limits = Limits(
                self._limits.series,
                self._limits.series_per_metric,
                retention_ms,
                min(self._limits.late_ms, retention_ms),
                self._limits.coalesce_ms,
            )

    # Reading -----------------------------------------------------------------------------------------------------

    @contextmanager
    def select(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int) -> Iterator[Selection]:
        """The series that match; their samples do not change within the context.

        Args:
            matchers: all must match.
            start_ms: samples from here on are asked for; the store may hold fewer, and offers all that it has.
            end_ms: up to here.
        """
        del start_ms, end_ms  # everything that is in memory is at hand
        key = tuple(matchers)
        with self._lock:
            yield self._selection(key)

    def matching(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int) -> tuple[Labels, ...]:
        """Labels of the series that match and have samples between two times, sorted."""
        with self.select(matchers, start_ms, end_ms) as selection:
            rows = selection.table.rows()
            present = np.concatenate(
                [frame.rows_until(end_ms) > frame.rows_until(start_ms - 1) for frame in selection.frames]
                or [np.zeros(0, np.bool_)]
            )
            for row, held in selection.histograms.items():
                present[row] |= any(start_ms <= time <= end_ms for time in held.times)
            return tuple(sorted(labels for labels, is_there in zip(rows, present.tolist(), strict=True) if is_there))

    def metadata(self) -> dict[str, Metadata]:
        """What is known about each metric, by name."""
        return dict(self._metadata)

    def metric_names(self) -> tuple[str, ...]:
        """The names of the metrics that are held, sorted."""
        with self._lock:
            return tuple(sorted(name for name in self._metrics if name))

    def labels_of(self, ref: int) -> Labels:
        """The labels of a series; empty if it is gone."""
        with self._lock:
            slot = ref & _SLOT_MASK
            is_live = slot < len(self._labels) and self._generation_of[slot] == ref >> _GENERATION_SHIFT
            return self._labels[slot] if is_live else ()

    def stats(self) -> Stats:
        """The state in numbers."""
        with self._lock:
            rings = [home.ring for home in self._homes if home is not None]
            return Stats(
                series=len(self._refs),
                metrics=len(self._metrics),
                samples=sum(int((ring.end - ring.start).sum()) for ring in rings),
                bytes=sum(ring.times.nbytes + ring.values.nbytes for ring in rings),
                refused_series=self._refused_series,
                refused_samples=self._refused_samples,
                evicted_series=self._evicted,
            )

    # Inside ------------------------------------------------------------------------------------------------------

    def _new_ref(self, labels: Labels) -> int:
        with self._lock:
            name = next((value for label, value in labels if label == METRIC_NAME), "")
            metric = self._metrics.get(name) or Metric(name)
            if len(self._refs) >= self._limits.series or metric.size >= self._limits.series_per_metric:
                self._refused_series += 1
                return OVERFLOW_REF
            self._metrics[name] = metric
            home = metric.roomy_home() or self._new_home(metric)
            slot = self._new_slot()
            self._labels[slot] = labels
            self._column_of[slot] = metric.add(home, slot, labels)
            self._home_of[slot] = home.number
            self._version += 1
            ref = int(self._generation_of[slot]) << _GENERATION_SHIFT | slot
            self._refs[labels] = ref
            return ref

    def _new_home(self, metric: Metric) -> Home:
        home = Home(len(self._homes), metric, Ring(self._states))
        self._homes.append(home)
        metric.homes.append(home)
        return home

    def _new_slot(self) -> int:
        if self._free_slots:
            return self._free_slots.pop()
        slot = len(self._labels)
        self._labels.append(())
        if slot >= len(self._home_of):
            more = np.zeros(slot, np.int64)
            self._home_of = np.concatenate([self._home_of, more])
            self._column_of = np.concatenate([self._column_of, more])
            self._generation_of = np.concatenate([self._generation_of, more])
            self._last_seen = np.concatenate([self._last_seen, more])
        return slot

    def _append(self, batch: Batch) -> AppendResult:
        slots = batch.refs & _SLOT_MASK
        is_live = self._generation_of[slots] == batch.refs >> _GENERATION_SHIFT
        homes = self._home_of[slots]
        is_kept = is_live & (homes > 0)
        over_limit = int((slots == OVERFLOW_REF).sum())
        self._refused_samples += over_limit
        gone = np.flatnonzero(~is_kept & (slots != OVERFLOW_REF))
        times, values = batch.times_ms, batch.values
        if over_limit or len(gone):
            slots, homes, times, values = slots[is_kept], homes[is_kept], times[is_kept], values[is_kept]
        if not len(slots):
            return AppendResult(over_limit=over_limit, gone=gone)
        self._newest = max(self._newest, int(times.max()))
        done = Appended()
        for wave in self._waves(slots):
            done += self._append_wave(slots[wave], homes[wave], times[wave], values[wave])
        names = frozenset(self._name_of(number) for number in set(_runs(homes)))
        self._evict()
        return AppendResult(done.accepted, done.duplicates, done.out_of_window, over_limit, names, gone)

    def _name_of(self, number: int) -> str:
        home = self._homes[number]
        return home.metric.name if home is not None else ""

    def _waves(self, slots: Ints) -> list[Ints | slice]:
        """The batch divided so that a series occurs once in each part, in order."""
        waves: list[Ints | slice] = []
        rest = np.arange(len(slots))
        while len(rest):
            own = slots[rest]
            self._last_seen[own[::-1]] = rest[::-1]  # the first occurrence is written last
            is_first = self._last_seen[own] == rest
            if bool(is_first.all()):
                waves.append(rest if waves else slice(None))
                break
            waves.append(rest[is_first])
            rest = rest[~is_first]
        return waves

    def _append_wave(self, slots: Ints, homes: Ints, times: Ints, values: np.ndarray) -> Appended:
        columns = self._column_of[slots]
        if not _lie_together(homes):
            order = np.argsort(homes, kind="stable")
            homes, columns, times, values = homes[order], columns[order], times[order], values[order]
        limits = self._limits
        rules = Rules(self._newest - limits.retention_ms, self._newest - limits.late_ms, limits.coalesce_ms)
        return append(Incoming(homes, columns, times, values), self._states, self._ring_of, rules)

    def _ring_of(self, number: int) -> Ring:
        home = self._homes[number]
        if home is None:
            raise LookupError(f"no ring has the number {number}")
        return home.ring

    def _evict(self) -> None:
        """Let series go that ended; looks seldom, because it looks at all of them."""
        retention = self._limits.retention_ms
        if self._newest < self._looked + retention // _EVICTION_SHARE:
            return
        self._looked = self._newest
        horizon = self._newest - retention
        evicted = 0
        for home in self._homes:
            if home is not None:
                for column in home.ring.expired_columns(horizon).tolist():
                    evicted += self._evict_column(home, column, horizon)
        if evicted:
            self._evicted += evicted
            self._version += 1
            self.generation += 1
            self._drop_empty()

    def _evict_column(self, home: Home, column: int, horizon: int) -> int:
        slot = int(home.slots[column])
        held = self._histograms.get(slot)
        if slot < 0 or (held is not None and held.times and held.times[-1] >= horizon):
            return 0
        if home.ring.last_times()[column] == BEFORE and held is None:
            return 0  # interned, its first sample is still to come
        home.metric.remove(home, column)
        self._histograms.pop(slot, None)
        del self._refs[self._labels[slot]]
        self._labels[slot] = ()
        self._home_of[slot] = 0
        self._generation_of[slot] += 1
        self._free_slots.append(slot)
        return 1

    def _drop_empty(self) -> None:
        for name in [name for name, metric in self._metrics.items() if not metric.size]:
            for home in self._metrics.pop(name).homes:
                home.ring.release()
                self._homes[home.number] = None
            self._metadata.pop(name, None)

    def _trim(self, held: HistogramSeries) -> None:
        horizon = self._newest - self._limits.retention_ms
        expired = next((at for at, time in enumerate(held.times) if time >= horizon), len(held.times))
        del held.times[:expired], held.histograms[:expired]

    def _selection(self, matchers: tuple[Matcher, ...]) -> Selection:
        metrics, version = self._candidates(matchers)
        kept = self._selections.get(matchers)
        if kept is not None and kept[0] == version:
            return kept[1]
        if len(self._selections) >= _SELECTIONS_KEPT:
            self._selections.clear()
        selection = self._make_selection(metrics, matchers)
        self._selections[matchers] = (version, selection)
        return selection

    def _candidates(self, matchers: tuple[Matcher, ...]) -> tuple[list[Metric], object]:
        """Metrics whose name matches, and what changes when they do."""
        named = next((m.value for m in matchers if m.name == METRIC_NAME and m.op is MatchOp.EQUAL), None)
        if named is not None:
            metric = self._metrics.get(named)
            of_name = [m.predicate() for m in matchers if m.name == METRIC_NAME]
            is_meant = metric is not None and all(matches(named) for matches in of_name)
            return ([metric], (id(metric), metric.version)) if metric is not None and is_meant else ([], None)
        of_name = [m.predicate() for m in matchers if m.name == METRIC_NAME]
        metrics = [m for name, m in self._metrics.items() if all(matches(name) for matches in of_name)]
        return metrics, tuple((id(metric), metric.version) for metric in metrics)

    def _make_selection(self, metrics: Iterable[Metric], matchers: tuple[Matcher, ...]) -> Selection:
        tables, frames = [], []
        histograms: dict[int, HistogramSeries] = {}
        rows = 0
        for metric in metrics:
            for home in metric.homes:
                columns = metric.matching_columns(home, matchers)
                frame = RingFrame(home.ring, columns)
                if not frame.size:
                    continue
                tables.append(metric.table(home, columns))
                frames.append(frame)
                if self._histograms:
                    slots = home.slots[: home.ring.used] if columns is None else home.slots[columns]
                    for row, slot in enumerate(slots.tolist(), rows):
                        if slot in self._histograms:
                            histograms[row] = self._histograms[slot]
                rows += frame.size
        table = LabelTable.concatenated(tables) if tables else LabelTable(0, {})
        return Selection(table, tuple(frames), histograms)


def _lie_together(homes: Ints) -> bool:
    """Whether equal numbers are neighbours."""
    firsts = _runs(homes)
    return len(firsts) == len(set(firsts))


def _runs(homes: Ints) -> list[int]:
    """The number at the beginning of each run of equal ones."""
    changes = np.flatnonzero(homes[1:] != homes[:-1]) + 1
    return [int(homes[0]), *homes[changes].tolist()]
