"""The functions `histogram_*`, on native and classic histograms alike."""

import math
from collections.abc import Callable
from typing import Final

import numpy as np

from lapbell_evaluator.model import METRIC_NAME, Histogram
from lapbell_evaluator.promql.arguments import Arguments, Function
from lapbell_evaluator.promql.histograms.classic import OfBuckets, bucket_plan
from lapbell_evaluator.promql.histograms.classic_buckets import bucket_fraction, bucket_quantile
from lapbell_evaluator.promql.histograms.native_quantiles import fraction, nan_count_matters, quantile, variance
from lapbell_evaluator.promql.merging import merged
from lapbell_evaluator.promql.run import Run
from lapbell_evaluator.promql.syntax.position import Position
from lapbell_evaluator.promql.value import Vector
from lapbell_evaluator.series import LabelTable, column_of
from lapbell_evaluator.series.arrays import Floats

__all__ = ["HISTOGRAM_FUNCTIONS"]

_OfNative = Callable[[int, Histogram], float]
_MOST_BAD_LABELS: Final = 100
_NOT_MONOTONIC: Final = (
    "input to histogram_quantile needed to be fixed for monotonicity "
    "(see https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)"
)


def _native(run: Run, vector: Vector, function: _OfNative) -> Vector:
    """A number of each native histogram; floats have no value then."""
    present = vector.has_histogram
    values = np.zeros(vector.values.shape)
    if vector.histograms is not None:
        for step, row in run.budget.counted(zip(*np.nonzero(present), strict=True)):
            values[step, row] = function(int(step), vector.histograms[step, row])
    return Vector(vector.table.dropping_name(), values, present)


def _part(part: Callable[[Histogram], float]) -> Function:
    return lambda args: _native(args.run, args.vector(0), lambda _, histogram: part(histogram))


def _average(histogram: Histogram) -> float:
    return histogram.sum / histogram.count if histogram.count else math.nan


def _deviation(histogram: Histogram) -> float:
    return math.sqrt(variance(histogram))


def _quantile(args: Arguments) -> Vector:
    return _quantile_of(args, args.vector(1), args.positions[1], quantile_at=0)


def _quantile_of(args: Arguments, vector: Vector, at: Position, *, quantile_at: int) -> Vector:
    """The quantile that one argument names; `at` is where the vector stands."""
    run, wanted = args.run, args.scalar(quantile_at)
    _check_quantile(run, wanted, args.positions[quantile_at])
    _check_buckets(run, vector, at)
    names = _names(vector)

    def native(step: int, histogram: Histogram) -> float:
        value = quantile(float(wanted[step]), histogram)
        if 0 <= wanted[step] <= 1 and nan_count_matters(histogram):
            end = "result is NaN" if math.isnan(value) else "result is skewed higher"
            text = f"input to histogram_quantile has NaN observations, {end}"
            run.annotations.inform(_named(text, names), at)
        return value

    def raised(histogram: int) -> None:
        name = bucket_plan(vector.table).table.texts(METRIC_NAME)[histogram]
        run.annotations.inform(_named(_NOT_MONOTONIC, name), at)

    classic = OfBuckets(
        lambda step, bounds, counts: bucket_quantile(float(wanted[step]), bounds, counts),
        mends=True,
        on_raised=raised,
        budget=run.budget,
    )(vector)
    return _together(run, vector, classic, native, at)


def _fraction(args: Arguments) -> Vector:
    run, at = args.run, args.positions[2]
    lower, upper, vector = args.scalar(0), args.scalar(1), args.vector(2)
    _check_buckets(run, vector, at)
    names = _names(vector)

    def native(step: int, histogram: Histogram) -> float:
        if nan_count_matters(histogram):
            text = "input to histogram_fraction has NaN observations, which are excluded from all fractions"
            run.annotations.inform(_named(text, names), at)
        return fraction(float(lower[step]), float(upper[step]), histogram)

    classic = OfBuckets(
        lambda step, bounds, counts: bucket_fraction(float(lower[step]), float(upper[step]), bounds, counts),
        mends=False,
        on_raised=lambda _: None,
        budget=run.budget,
    )(vector)
    return _together(run, vector, classic, native, at)


def _quantiles(args: Arguments) -> Vector:
    vector, label = args.vector(0), args.text(1)
    parts = []
    for quantile_at in range(2, len(args)):
        part = _quantile_of(args, vector, args.positions[0], quantile_at=quantile_at)
        column = column_of([_open_metrics_number(float(args.scalar(quantile_at)[0]))] * part.table.size)
        table = part.table.with_column(label, column, part.table.drops_name)
        parts.append(Vector(table, part.values, part.present))
    table = LabelTable.concatenated([part.table for part in parts])
    values = np.concatenate([part.values for part in parts], axis=1)
    return Vector(table, values, np.concatenate([part.present for part in parts], axis=1))


def _open_metrics_number(value: float) -> str:
    """Source: Prometheus, model/labels, `FormatOpenMetricsFloat`."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return repr(value)


def _together(run: Run, vector: Vector, classic: Vector, native: _OfNative, at: Position) -> Vector:
    """Values of classic histograms and of native ones; of neither where both are of the same series."""
    table = classic.table.dropping_name()
    if vector.histograms is None:
        return Vector(table, classic.values, classic.present)
    own = _native(run, vector, native)
    both = Vector(
        LabelTable.concatenated([own.table, table]),
        np.concatenate([own.values, classic.values], axis=1),
        np.concatenate([own.present, classic.present], axis=1),
    )
    grouping = both.table.group_all()
    counts = np.stack([np.bincount(grouping.ids[row], minlength=grouping.table.size) for row in both.present])
    clashes = counts > 1
    if clashes.any():
        text = "vector contains a mix of classic and native histograms"
        run.annotations.warn(_named(text, _names(vector)), at)
    return merged(Vector(both.table, both.values, both.present & ~clashes[:, grouping.ids]))


def _check_quantile(run: Run, wanted: Floats, at: Position) -> None:
    for value in wanted[np.isnan(wanted) | (wanted < 0) | (wanted > 1)].tolist():
        run.annotations.quantile_out_of_range(value, at)


def _check_buckets(run: Run, vector: Vector, at: Position) -> None:
    plan = bucket_plan(vector.table)
    is_bad = np.isnan(plan.bounds)
    if not is_bad.any():
        return
    labels, names = vector.table.texts("le"), vector.table.texts(METRIC_NAME)
    for row in np.flatnonzero(is_bad & vector.floats_present.any(axis=0)).tolist()[:_MOST_BAD_LABELS]:
        run.annotations.bad_bucket_label(names[row], labels[row], at)


def _names(vector: Vector) -> str:
    """The metric's name, as far as it is one."""
    names = set(vector.table.texts(METRIC_NAME))
    return names.pop() if len(names) == 1 else ""


def _named(text: str, name: str) -> str:
    return f'{text} for metric name "{name}"' if name else text


HISTOGRAM_FUNCTIONS: Final[dict[str, Function]] = {
    "histogram_count": _part(lambda histogram: histogram.count),
    "histogram_sum": _part(lambda histogram: histogram.sum),
    "histogram_avg": _part(_average),
    "histogram_stddev": _part(_deviation),
    "histogram_stdvar": _part(variance),
    "histogram_quantile": _quantile,
    "histogram_quantiles": _quantiles,
    "histogram_fraction": _fraction,
}
