"""Fills the memory of a started evaluator with the samples of its retention from disk."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from lapbell_evaluator.history.columns import Columns, Floats, Ints
from lapbell_evaluator.history.names import SeriesNumbers
from lapbell_evaluator.history.reader import Reader
from lapbell_evaluator.model import Batch, Labels
from lapbell_evaluator.series import OVERFLOW_REF, SeriesStore

__all__ = ["LastSamples", "restored"]


@dataclass(frozen=True, slots=True, eq=False)
class LastSamples:
    """The last sample of each series before the restart.

    Attributes:
        series: int64[n], history's numbers, ascending.
        times_ms: int64[n].
        values: float64[n].
    """

    series: Ints
    times_ms: Ints
    values: Floats

    def of(self, number: int) -> tuple[int, float] | None:
        """Unix milliseconds and value; None if the series was not there."""
        at = int(np.searchsorted(self.series, number))
        if at == len(self.series) or self.series[at] != number:
            return None
        return int(self.times_ms[at]), float(self.values[at])


def restored(
    store: SeriesStore, numbers: SeriesNumbers, reader: Reader, since_ms: int, interned: Callable[[int, Labels], None]
) -> LastSamples:
    """Fill an empty store with everything since a time.

    Args:
        store: takes the samples.
        numbers: is given the number of each series.
        reader: of the file.
        since_ms: Unix milliseconds.
        interned: called with each ref and the labels it stands for.
    """
    rows = reader.recent(since_ms)
    wanted = {*np.unique(rows.columns.series).tolist(), *(row.series for row in rows.histograms)}
    refs: dict[int, int] = {}
    for number, labels in reader.labels_of(wanted).items():
        numbers.remember(labels, number)
        refs[number] = store.intern(labels)
        if refs[number] != OVERFLOW_REF:
            interned(refs[number], labels)
    _append(store, rows.columns, refs)
    for row in rows.histograms:
        store.append_histogram(refs[row.series], row.time_ms, row.histogram())
    return _last_samples(rows.columns)


def _append(store: SeriesStore, columns: Columns, refs: dict[int, int]) -> None:
    """Append the first samples of all series, then the second ones, …: the store takes one of each fastest."""
    if not len(columns):
        return
    numbers, first, inverse = np.unique(columns.series, return_index=True, return_inverse=True)
    ref_of = np.array([refs.get(number, OVERFLOW_REF) for number in numbers.tolist()], np.int64)
    # Rows are ordered by series and time, so a row's distance from the first of its series is its rank in time there:
    # rows [s0 s0 s0 s1 s1] have ranks [0 1 2 0 1], and ordered by rank become the batches [s0 s1], [s0 s1], [s0].
    ranks = np.arange(len(columns)) - first[inverse]  # int64[row]
    order = np.argsort(ranks, kind="stable")
    bounds = np.append(np.flatnonzero(np.diff(ranks[order], prepend=-1)), len(order)).tolist()
    for begin, end in pairwise(bounds):
        some = order[begin:end]
        store.append(Batch(ref_of[inverse[some]], columns.times_ms[some], columns.values[some]))


def _last_samples(columns: Columns) -> LastSamples:
    is_last = np.ones(len(columns), np.bool_)
    is_last[:-1] = columns.series[1:] != columns.series[:-1]
    last = columns.where(is_last)
    return LastSamples(last.series, last.times_ms, last.values)
