"""The input series of a test, loaded as its time goes on."""

import math
from bisect import bisect_left
from collections.abc import Sequence
from operator import itemgetter

import numpy as np

from lapbell_evaluator.model import Batch, Histogram
from lapbell_evaluator.rule_tests.cases import InputSeries, TestGroup
from lapbell_evaluator.rule_tests.histogram_notation import check_storable
from lapbell_evaluator.rule_tests.notation import Column, Values, parse_metric, parse_values
from lapbell_evaluator.series import SeriesStore

__all__ = ["Inputs"]


class Inputs:
    """The input series of one test group, on their way into one store.

    Raises:
        NotationError: a series, or a value of it, can't be read.
    """

    def __init__(self, test: TestGroup, store: SeriesStore) -> None:
        self._test = test
        self._store = store
        self._series = [(store.intern(parse_metric(series.series)), _storable(series)) for series in test.inputs]
        self._loaded = 0

    def load(self, until_s: float) -> None:
        """The input up to a time, as promtool loads it: what comes later is not there yet."""
        until = math.floor(until_s / self._test.interval_s + 1e-9) + 1
        refs: list[int] = []
        times: list[int] = []
        values: list[Column] = []
        for ref, values_given in self._series:
            first, end = (bisect_left(values_given.positions, position) for position in (self._loaded, until))
            refs.extend([ref] * (end - first))
            times.extend(map(self._time_ms, values_given.positions[first:end]))
            values.append(values_given.numbers[first:end])
            for position, histogram in _between(values_given.histograms, self._loaded, until):
                self._store.append_histogram(ref, self._time_ms(position), histogram)
        self._loaded = max(self._loaded, until)
        if refs:
            self._store.append(Batch(np.array(refs, np.int64), np.array(times, np.int64), np.concatenate(values)))

    def _time_ms(self, position: int) -> int:
        return round((self._test.start + position * self._test.interval_s) * 1000)


def _between(histograms: Sequence[tuple[int, Histogram]], first: int, end: int) -> Sequence[tuple[int, Histogram]]:
    """Those at positions from `first` up to `end`, exclusive."""
    start, stop = (bisect_left(histograms, position, key=itemgetter(0)) for position in (first, end))
    return histograms[start:stop]


def _storable(series: InputSeries) -> Values:
    values = parse_values(series.values)
    for _, histogram in values.histograms:
        check_storable(histogram)
    return values
