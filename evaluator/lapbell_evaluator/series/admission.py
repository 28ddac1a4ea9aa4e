"""Who may have one more series, and who gives one up for it.

A series takes a place in three pools: that of its metric, that of all series, and, unless a rule reads its metric, that
of the metrics that no rule reads, which is smaller: the difference is kept for rules. Where a pool is full, the series
in it that ended go first, those that ended longest ago before the others; then the job that has most gives up its
newest ones, and first those that no rule reads: what grows without end is new, what was always there is not.

Slots are looked at all at once, as arrays, and rarely: a pool that no series of had ended is not searched again before
its newest sample is five seconds newer, and a cut makes room for hundreds.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Final

import numpy as np

from lapbell_evaluator.model import Labels
from lapbell_evaluator.series.arrays import Bools, Ints
from lapbell_evaluator.series.directory import NOWHERE, Directory
from lapbell_evaluator.series.frame import BEFORE
from lapbell_evaluator.series.jobs import Jobs
from lapbell_evaluator.series.limits import Limits
from lapbell_evaluator.series.metric import Metric
from lapbell_evaluator.series.pool import Pool, Shortage
from lapbell_evaluator.series.selection import HistogramSeries
from lapbell_evaluator.series.shortages import Shortages

__all__ = ["Admission"]

_ENDED_AT_ONCE: Final = 1_024
_LOOK_AGAIN_MS: Final = 5_000
_FIRST_SLOTS: Final = 1_024


class Admission:
    """Keeps count of who has which places.

    Args:
        directory: the series.
        histograms: native histograms by slot.
        limits: the sizes of the pools.
        evict: lets go of the series of these slots; `removed` is called for each.
    """

    def __init__(
        self,
        directory: Directory,
        histograms: Mapping[int, HistogramSeries],
        limits: Limits,
        evict: Callable[[Iterable[int]], None],
    ) -> None:
        self.shortages = Shortages()
        self._directory = directory
        self._histograms = histograms
        self._limits = limits
        self._evict = evict
        self._jobs = Jobs()
        self._all = Pool(limits.series, Shortage.SERIES)
        self._unread = Pool(limits.series - limits.reserved, Shortage.UNREAD)
        self._of_metric: dict[str, Pool] = {}
        self._read: frozenset[str] = frozenset()
        self._job_of: Ints = np.zeros(_FIRST_SLOTS, np.int64)  # int64[slot]
        self._born_ms: Ints = np.full(_FIRST_SLOTS, BEFORE, np.int64)  # int64[slot], the newest sample then

    @property
    def unread(self) -> int:
        """Number of series of metrics that no rule reads."""
        return self._unread.size

    def admits(self, metric: Metric, own: Labels, newest_ms: int) -> bool:
        """Whether a new series gets its place; room is made for it if need be."""
        job = self._jobs.number(own)
        for pool in self._pools(metric.name):
            if not (pool.has_room(job) or self._has_made_room(pool, job, newest_ms)):
                self.shortages.refused(pool.shortage, self._jobs.name(job), metric.name)
                self._jobs.forget_unused(job)
                return False
        return True

    def added(self, metric: Metric, own: Labels, slot: int, newest_ms: int) -> None:
        """A series was given a slot."""
        if slot >= len(self._job_of):
            more = max(len(self._job_of), slot + 1 - len(self._job_of))
            self._job_of = np.concatenate([self._job_of, np.zeros(more, np.int64)])
            self._born_ms = np.concatenate([self._born_ms, np.full(more, BEFORE, np.int64)])
        job = self._job_of[slot] = self._jobs.number(own)
        self._born_ms[slot] = newest_ms
        self._jobs.add(job)
        for pool in self._pools(metric.name):
            pool.add(job)
        self._of_metric.setdefault(metric.name, pool)

    def removed(self, metric: Metric, slot: int) -> None:
        """A series left its slot."""
        job = int(self._job_of[slot])
        for pool in self._pools(metric.name):
            pool.remove(job)
        if not pool.size:
            del self._of_metric[metric.name]
        self._jobs.remove(job)

    def reserve(self, metrics: Collection[str]) -> None:
        """These are the metrics that rules read or make: places are kept for them."""
        self._read = frozenset(metrics)
        self._unread = Pool(self._unread.capacity, Shortage.UNREAD)
        for name, pool in self._of_metric.items():
            if name not in self._read:
                for job, series in pool.by_job.items():
                    self._unread.add(job, series)

    def move(self, by_ms: int) -> None:
        """Shift the births of series in time."""
        self._born_ms[self._born_ms != BEFORE] += by_ms
        for pool in (self._all, self._unread, *self._of_metric.values()):
            pool.looked_ms = None

    def born_before(self, slot: int, horizon_ms: int, newest_ms: int) -> bool:
        """Whether a series has been waiting for its first sample since before `horizon_ms`."""
        if self._born_ms[slot] == BEFORE:
            self._born_ms[slot] = newest_ms
        return bool(self._born_ms[slot] < horizon_ms)

    def _pools(self, metric: str) -> tuple[Pool, ...]:
        """The pools that a series of a metric takes places of; the metric's own is the last."""
        own = self._of_metric.get(metric)
        if own is None:
            own = Pool(self._limits.series_per_metric, Shortage.METRIC, metric)
        return (self._all, own) if metric in self._read else (self._all, self._unread, own)

    def _has_made_room(self, pool: Pool, job: int, newest_ms: int) -> bool:
        self._end(pool, newest_ms)
        if pool.has_room(job):
            return True
        cut = pool.cut_for(job)
        if cut is None:
            return False
        slots = self._newest_of(pool, cut.job)[: cut.series]
        for slot in slots.tolist():
            self.shortages.cut(pool.shortage, self._jobs.name(cut.job), self._metric_of(slot))
        self._evict(slots.tolist())
        pool.hold_down(cut.job)
        return True

    def _end(self, pool: Pool, newest_ms: int) -> None:
        """Let series of a pool go that ended, hundreds at once."""
        if pool.looked_ms is not None and newest_ms < pool.looked_ms + _LOOK_AGAIN_MS:
            return
        slots = self._slots(pool)
        last_ms = self._last_ms(slots)  # int64[n]
        is_ended = self._are_stale(slots) | (last_ms < newest_ms - self._limits.ended_ms)
        slots, last_ms = slots[is_ended], last_ms[is_ended]
        order = np.lexsort((last_ms, self._are_read(slots)))[:_ENDED_AT_ONCE]
        if len(order) < _ENDED_AT_ONCE:
            pool.looked_ms = newest_ms
        if len(order):
            self._evict(slots[order].tolist())
            pool.level = None

    def _newest_of(self, pool: Pool, job: int) -> Ints:
        """int64[n]: slots of a job's series, in the order in which they have to go."""
        slots = self._slots(pool)
        slots = slots[self._job_of[slots] == job]
        ordered: Ints = slots[np.lexsort((-slots, -self._born_ms[slots], self._are_read(slots)))]
        return ordered

    def _slots(self, pool: Pool) -> Ints:
        """int64[n]: the slots of the series in a pool."""
        directory = self._directory
        if pool.metric is not None:
            metric = directory.metrics.get(pool.metric)
            shards = [] if metric is None else metric.shards
            taken = [shard.slots[shard.slots != NOWHERE] for shard in shards]
            return np.concatenate([np.empty(0, np.int64), *taken])
        slots = np.flatnonzero(directory.shard_of != NOWHERE)
        return slots if pool is self._all else slots[~self._are_read(slots)]

    def _are_read(self, slots: Ints) -> Bools:
        """bool[n]: of which series a rule reads the metric."""
        shards = self._directory.shard_of[slots]
        by_shard = np.zeros(int(shards.max(initial=0)) + 1, np.bool_)
        for shard in self._directory.shards():
            if shard.number < len(by_shard):
                by_shard[shard.number] = shard.metric.name in self._read
        read: Bools = by_shard[shards]
        return read

    def _last_ms(self, slots: Ints) -> Ints:
        """int64[n]: when the last sample of each series was, or when the series was born if it has none."""
        last_ms = self._directory.states.last_time[self._directory.places(slots)]
        for at in np.flatnonzero(last_ms == BEFORE).tolist():
            histograms = self._histograms.get(int(slots[at]))
            last_ms[at] = histograms.times[-1] if histograms and histograms.times else self._born_ms[slots[at]]
        return last_ms

    def _are_stale(self, slots: Ints) -> Bools:
        places, states = self._directory.places(slots), self._directory.states
        stale: Bools = (states.last_stale[places] == states.last_time[places]) & (states.last_time[places] != BEFORE)
        return stale

    def _metric_of(self, slot: int) -> str:
        return self._directory.shard(int(self._directory.shard_of[slot])).metric.name
