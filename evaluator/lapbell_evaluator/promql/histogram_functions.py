"""The functions `histogram_*`, on native and classic histograms alike."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import numpy as np

from lapbell_evaluator.model import METRIC_NAME, Histogram
from lapbell_evaluator.promql.ast import Call, Expr, Position
from lapbell_evaluator.promql.buckets import bucket_fraction, bucket_quantile
from lapbell_evaluator.promql.classic_histograms import OfBuckets, bucket_plan
from lapbell_evaluator.promql.joins import merged
from lapbell_evaluator.promql.native_quantiles import fraction, nan_count_matters, quantile, variance
from lapbell_evaluator.promql.run import Run
from lapbell_evaluator.promql.value import Floats, Vector
from lapbell_evaluator.series import LabelTable, column_of

if TYPE_CHECKING:
    from lapbell_evaluator.promql.evaluator import Evaluator

__all__ = ["HISTOGRAM_FUNCTIONS"]

_HistogramFunction = Callable[["Evaluator", Call, tuple[Expr, ...]], Vector]
_OfNative = Callable[[int, Histogram], float]
_NOT_MONOTONIC: Final = (
    "input to histogram_quantile needed to be fixed for monotonicity "
    "(see https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)"
)


def _native(vector: Vector, function: _OfNative) -> Vector:
    """A number of each native histogram; floats have no value then."""
    present = vector.has_histogram
    values = np.zeros(vector.values.shape)
    if vector.histograms is not None:
        for step, row in zip(*np.nonzero(present), strict=True):
            values[step, row] = function(int(step), vector.histograms[step, row])
    return Vector(vector.table.dropping_name(), values, present)


def _part(function: Callable[[Histogram], float]) -> _HistogramFunction:
    def apply(evaluator: "Evaluator", node: Call, args: tuple[Expr, ...]) -> Vector:
        del node
        return _native(evaluator.vector(args[0]), lambda _, histogram: function(histogram))

    return apply


def _average(histogram: Histogram) -> float:
    return histogram.sum / histogram.count if histogram.count else math.nan


def _deviation(histogram: Histogram) -> float:
    return math.sqrt(variance(histogram))


def _quantile(evaluator: "Evaluator", node: Call, args: tuple[Expr, ...]) -> Vector:
    wanted = evaluator.scalar(args[0])
    vector = evaluator.vector(args[1])
    return _quantile_of(evaluator.run, node, (args[0], args[1]), wanted, vector)


def _quantile_of(run: Run, node: Call, at: tuple[Expr, Expr], wanted: Floats, vector: Vector) -> Vector:
    del node
    _check_quantile(run, wanted, at[0].position)
    _check_buckets(run, vector, at[1].position)
    names = _names(vector)

    def native(step: int, histogram: Histogram) -> float:
        value = quantile(float(wanted[step]), histogram)
        if 0 <= wanted[step] <= 1 and nan_count_matters(histogram):
            end = "result is NaN" if math.isnan(value) else "result is skewed higher"
            text = f"input to histogram_quantile has NaN observations, {end}"
            run.annotations.inform(_named(text, names), at[1].position)
        return value

    def raised(histogram: int) -> None:
        name = bucket_plan(vector.table).table.texts(METRIC_NAME)[histogram]
        run.annotations.inform(_named(_NOT_MONOTONIC, name), at[1].position)

    classic = OfBuckets(
        lambda step, bounds, counts: bucket_quantile(float(wanted[step]), bounds, counts),
        mends=True,
        on_raised=raised,
    )(vector)
    return _together(run, vector, classic, native, at[1].position)


def _fraction(evaluator: "Evaluator", node: Call, args: tuple[Expr, ...]) -> Vector:
    del node
    run = evaluator.run
    lower, upper = evaluator.scalar(args[0]), evaluator.scalar(args[1])
    vector = evaluator.vector(args[2])
    _check_buckets(run, vector, args[2].position)
    names = _names(vector)

    def native(step: int, histogram: Histogram) -> float:
        if nan_count_matters(histogram):
            text = "input to histogram_fraction has NaN observations, which are excluded from all fractions"
            run.annotations.inform(_named(text, names), args[2].position)
        return fraction(float(lower[step]), float(upper[step]), histogram)

    classic = OfBuckets(
        lambda step, bounds, counts: bucket_fraction(float(lower[step]), float(upper[step]), bounds, counts),
        mends=False,
        on_raised=lambda _: None,
    )(vector)
    return _together(run, vector, classic, native, args[2].position)


def _quantiles(evaluator: "Evaluator", node: Call, args: tuple[Expr, ...]) -> Vector:
    vector, label = evaluator.vector(args[0]), evaluator.text(args[1])
    parts = []
    for arg in args[2:]:
        wanted = evaluator.scalar(arg)
        part = _quantile_of(evaluator.run, node, (arg, args[0]), wanted, vector)
        column = column_of([_open_metrics_number(float(wanted[0]))] * part.table.size)
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
    own = _native(vector, native)
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
    for row in np.flatnonzero(is_bad & vector.floats_present.any(axis=0)).tolist():
        run.annotations.bad_bucket_label(names[row], labels[row], at)


def _names(vector: Vector) -> str:
    """The metric's name, as far as it is one."""
    names = set(vector.table.texts(METRIC_NAME))
    return names.pop() if len(names) == 1 else ""


def _named(text: str, name: str) -> str:
    return f'{text} for metric name "{name}"' if name else text


HISTOGRAM_FUNCTIONS: Final[dict[str, _HistogramFunction]] = {
    "histogram_count": _part(lambda histogram: histogram.count),
    "histogram_sum": _part(lambda histogram: histogram.sum),
    "histogram_avg": _part(_average),
    "histogram_stddev": _part(_deviation),
    "histogram_stdvar": _part(variance),
    "histogram_quantile": _quantile,
    "histogram_quantiles": _quantiles,
    "histogram_fraction": _fraction,
}
