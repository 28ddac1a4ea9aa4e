"""Range functions over native histograms."""

from collections.abc import Callable
from itertools import pairwise
from typing import Final

import numpy as np

from lapbell_evaluator.model import METRIC_NAME, CounterHint, Histogram
from lapbell_evaluator.promql.histograms.native_sums import average, total
from lapbell_evaluator.promql.ranges.arguments import RangeArguments
from lapbell_evaluator.promql.selectors.range_vector import RangeVector, histograms_within
from lapbell_evaluator.promql.selectors.window import Window
from lapbell_evaluator.promql.value import Vector
from lapbell_evaluator.series import is_stale
from lapbell_evaluator.series.arrays import Objects
from lapbell_evaluator.series.native import (
    IncompatibleSchemasError,
    added,
    compacted,
    divided,
    multiplied,
    reduced,
    subtracted,
    with_hint,
)
from lapbell_evaluator.series.native_comparison import equal, is_reset

__all__ = ["range_of_histograms"]

_Points = list[tuple[int, Histogram]]
_Floats = list[tuple[int, float]]
_Result = float | Histogram | None

_FLOATS_ONLY: Final = frozenset(
    {
        "deriv",
        "predict_linear",
        "double_exponential_smoothing",
        "max_over_time",
        "min_over_time",
        "mad_over_time",
        "quantile_over_time",
        "stddev_over_time",
        "stdvar_over_time",
        "ts_of_max_over_time",
        "ts_of_min_over_time",
    }
)


def range_of_histograms(args: RangeArguments, vector: Vector) -> Vector:
    """`vector`, which knows the floats of the windows, with the series that have histograms done right."""
    ranges = args.ranges
    present, values = vector.present.copy(), vector.values.copy()
    histograms: Objects = np.full(present.shape, None, np.object_)
    names = vector.table.texts(METRIC_NAME)
    for row, series in ranges.histograms.items():
        window, column = _place(ranges, row)
        for step in range(len(ranges.until_ms)):
            after, until = int(ranges.after_ms[step]), int(ranges.until_ms[step])
            points = histograms_within(series, after, until)
            args.run.budget.spend(1 + len(points))
            if not points:
                continue
            floats = _floats_of(window, step, column)
            call = _Call(args, names[row], after, until)
            result = call.result(points, floats, float(values[step, row]) if present[step, row] else None)
            present[step, row] = result is not None
            if isinstance(result, Histogram):
                histograms[step, row] = result
            elif result is not None:
                values[step, row] = result
    return Vector(vector.table, values, present, histograms)


def _place(ranges: RangeVector, row: int) -> tuple[Window, int]:
    for window in ranges.windows:
        if row < window.frame.size:
            return window, row
        row -= window.frame.size
    raise IndexError(row)


def _floats_of(window: Window, step: int, column: int) -> _Floats:
    first, end = int(window.first[step, column]), int(window.end[step, column])
    times, values = window.frame.times(first, end)[:, column], window.frame.values(first, end)[:, column]
    is_live = ~is_stale(np.ascontiguousarray(values))
    return list(zip(times[is_live].tolist(), values[is_live].tolist(), strict=True))


class _Call:
    """One window of one series with histograms."""

    def __init__(self, args: RangeArguments, metric: str, after: int, until: int) -> None:
        self.run = args.run
        self.function = args.function
        self.range_s = args.ranges.range_ms / 1000
        self.metric = metric
        self.at = args.range_position
        self.after = after
        self.until = until

    def result(self, points: _Points, floats: _Floats, of_floats: float | None) -> _Result:
        """The value of the function; None if there is none."""
        if self.function in _FLOATS_ONLY:
            if floats:
                self.run.annotations.histograms_ignored_in_range(self.metric, self.at)
            return of_floats
        return _FUNCTIONS[self.function](self, points, floats)

    def mixed(self, floats: _Floats) -> bool:
        """Whether there are floats too, which these functions cannot take together."""
        if floats:
            self.run.annotations.mixed_range(self.metric, self.at)
        return bool(floats)

    def rate(self, points: _Points, floats: _Floats) -> _Result:
        if self.mixed(floats) or len(points) < 2:
            return None
        is_counter = self.function != "delta"
        change = _increase([one for _, one in points], self, is_counter=is_counter)
        if change is None:
            return None
        factor = self._extrapolation(points, change, is_counter=is_counter)
        return compacted(multiplied(change, factor / (self.range_s if self.function == "rate" else 1.0)))

    def _extrapolation(self, points: _Points, change: Histogram, *, is_counter: bool) -> float:
        """Source: Prometheus 3.14, `extrapolatedRate`."""
        sampled = (points[-1][0] - points[0][0]) / 1000
        mean = sampled / (len(points) - 1)
        to_start, to_end = (points[0][0] - self.after) / 1000, (self.until - points[-1][0]) / 1000
        to_start = mean / 2 if to_start >= mean * 1.1 else to_start
        first = points[0][1].count
        if is_counter and change.count > 0 and first >= 0:
            to_start = min(to_start, sampled * (first / change.count))
        to_end = mean / 2 if to_end >= mean * 1.1 else to_end
        return (sampled + to_start + to_end) / sampled if sampled else 1.0

    def last_change(self, points: _Points, floats: _Floats) -> _Result:
        """`irate` and `idelta`."""
        last = _ordered(points, floats)[-2:]
        if len(last) < 2:
            return None
        (old_time, old), (new_time, new) = last
        is_rate = self.function == "irate"
        seconds = (new_time - old_time) / 1000
        if isinstance(old, Histogram) and isinstance(new, Histogram):
            return self._last_histograms(old, new, seconds if is_rate else None)
        if isinstance(old, Histogram) or isinstance(new, Histogram):
            self.run.annotations.mixed_range(self.metric, self.at)
            return None
        change = new if is_rate and new < old else new - old
        return change / seconds if is_rate else change

    def _last_histograms(self, old: Histogram, new: Histogram, seconds: float | None) -> Histogram | None:
        has_gauge = CounterHint.GAUGE in (old.hint, new.hint)
        both_gauges = old.hint is new.hint is CounterHint.GAUGE
        if seconds is not None and has_gauge:
            self.run.annotations.not_a_counter_histogram(self.metric, self.at)
        if seconds is None and not both_gauges:
            self.run.annotations.not_a_gauge_histogram(self.metric, self.at)
        result = new
        if seconds is None or not is_reset(new, old):
            try:
                combined = subtracted(new, old)
            except IncompatibleSchemasError:
                self.run.annotations.mixed_schemas(self.metric, self.at)
                return None
            if combined.bounds_reconciled:
                self.run.annotations.bounds_reconciled("subtraction", self.at)
            result = combined.histogram
        result = with_hint(compacted(result), CounterHint.GAUGE)
        return result if seconds is None else divided(result, seconds)

    def summed(self, points: _Points, floats: _Floats) -> _Result:
        if self.mixed(floats):
            return None
        return total([one for _, one in points], self.run.annotations, self.metric, self.at)

    def averaged(self, points: _Points, floats: _Floats) -> _Result:
        if self.mixed(floats):
            return None
        return average([one for _, one in points], self.run.annotations, self.metric, self.at)

    def count(self, points: _Points, floats: _Floats) -> _Result:
        return float(len(points) + len(floats))

    def present(self, points: _Points, floats: _Floats) -> _Result:
        del points, floats
        return 1.0

    def first(self, points: _Points, floats: _Floats) -> _Result:
        return floats[0][1] if floats and floats[0][0] < points[0][0] else points[0][1]

    def last(self, points: _Points, floats: _Floats) -> _Result:
        return floats[-1][1] if floats and floats[-1][0] > points[-1][0] else points[-1][1]

    def first_time(self, points: _Points, floats: _Floats) -> _Result:
        return min(one[0][0] for one in (points, floats) if one) / 1000

    def last_time(self, points: _Points, floats: _Floats) -> _Result:
        return max(one[-1][0] for one in (points, floats) if one) / 1000

    def changes(self, points: _Points, floats: _Floats) -> _Result:
        return float(sum(_differs(old, new) for old, new in _neighbours(points, floats)))

    def resets(self, points: _Points, floats: _Floats) -> _Result:
        return float(sum(_fell(old, new) for old, new in _neighbours(points, floats)))


def _ordered(points: _Points, floats: _Floats) -> list[tuple[int, float | Histogram]]:
    both: list[tuple[int, float | Histogram]] = [*points, *floats]
    return sorted(both, key=lambda point: point[0])


def _neighbours(points: _Points, floats: _Floats) -> list[tuple[float | Histogram, float | Histogram]]:
    return [(old[1], new[1]) for old, new in pairwise(_ordered(points, floats))]


def _differs(old: float | Histogram, new: float | Histogram) -> bool:
    if isinstance(old, Histogram) and isinstance(new, Histogram):
        return not equal(old, new)
    if isinstance(old, Histogram) or isinstance(new, Histogram):
        return True
    return old != new and not (np.isnan(old) and np.isnan(new))


def _fell(old: float | Histogram, new: float | Histogram) -> bool:
    if isinstance(old, Histogram) and isinstance(new, Histogram):
        return is_reset(new, old)
    if isinstance(old, Histogram) or isinstance(new, Histogram):
        return True
    return new < old


def _increase(points: list[Histogram], call: _Call, *, is_counter: bool) -> Histogram | None:
    """What was counted between the first and the last of the points.

    Source: Prometheus 3.14, promql/functions.go, `histogramRate`.
    """
    annotations, last = call.run.annotations, points[-1]
    first = points[0]
    if is_counter and any(one.hint is CounterHint.GAUGE for one in points):
        annotations.not_a_counter_histogram(call.metric, call.at)
    if not is_counter and not (first.hint is last.hint is CounterHint.GAUGE):
        annotations.not_a_gauge_histogram(call.metric, call.at)
    if is_counter and is_reset(points[1], first):
        first = Histogram(points[1].schema, 0.0, 0.0, bounds=points[1].bounds)
    seen = [first, *points[1:]] if is_counter else [first, last]
    if len({one.is_custom for one in seen}) > 1:
        annotations.mixed_schemas(call.metric, call.at)
        return None
    schema = min(one.schema for one in seen)
    combined = subtracted(reduced(last, schema), first)
    result = combined.histogram
    if combined.bounds_reconciled:
        annotations.bounds_reconciled("subtraction", call.at)
    previous = first
    for current in points[1:] if is_counter else ():
        if is_reset(current, previous):
            more = added(result, previous)
            result = more.histogram
            if more.bounds_reconciled:
                annotations.bounds_reconciled("addition", call.at)
        previous = current
    return compacted(with_hint(result, CounterHint.GAUGE))


_FUNCTIONS: Final[dict[str, Callable[[_Call, _Points, _Floats], _Result]]] = {
    "rate": _Call.rate,
    "increase": _Call.rate,
    "delta": _Call.rate,
    "irate": _Call.last_change,
    "idelta": _Call.last_change,
    "sum_over_time": _Call.summed,
    "avg_over_time": _Call.averaged,
    "count_over_time": _Call.count,
    "present_over_time": _Call.present,
    "absent_over_time": _Call.present,
    "first_over_time": _Call.first,
    "last_over_time": _Call.last,
    "ts_of_first_over_time": _Call.first_time,
    "ts_of_last_over_time": _Call.last_time,
    "changes": _Call.changes,
    "resets": _Call.resets,
}
