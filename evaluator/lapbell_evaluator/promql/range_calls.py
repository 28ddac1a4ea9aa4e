"""Calls of range functions: windows in, an instant vector out."""

from contextlib import AbstractContextManager
from typing import Final

import numpy as np

from lapbell_evaluator.model import METRIC_NAME
from lapbell_evaluator.promql.absence import absent, absent_labels
from lapbell_evaluator.promql.ast import Call, Expr, MatrixSelector, Subquery
from lapbell_evaluator.promql.errors import PromqlError
from lapbell_evaluator.promql.native_ranges import range_of_histograms
from lapbell_evaluator.promql.range_functions import Kernel, Moment, anchored_kernel, apply_kernel, kernel_of
from lapbell_evaluator.promql.run import Run
from lapbell_evaluator.promql.selectors import RangeVector
from lapbell_evaluator.promql.value import Floats, Vector

__all__ = ["range_call"]

_KEEP_NAME: Final = frozenset({"first_over_time", "last_over_time"})
_COUNTERS: Final = ("_total", "_sum", "_count", "_bucket")
_TIMELESS: Final = frozenset({"predict_linear"})


def range_call(
    run: Run,
    node: Call,
    ranges: AbstractContextManager[RangeVector],
    scalars: tuple[Floats, ...],
    selector: MatrixSelector | Subquery,
) -> Vector:
    """The value of a range function.

    Args:
        run: the steps.
        node: the call.
        ranges: the windows of the range argument.
        scalars: the other arguments, float64[step] each.
        selector: the range argument.
    """
    _check_arguments(run, node, scalars)
    with ranges as windows:
        vector = _applied(run, node, windows, scalars, selector)
    if node.function == "absent_over_time":
        return absent(vector.present, absent_labels(selector))
    if node.function in ("rate", "increase"):
        _note_non_counters(run, vector, node.args[0])
    return vector


def _applied(run: Run, node: Call, ranges: RangeVector, scalars: tuple[Floats, ...], selector: Expr) -> Vector:
    is_fixed = ranges.is_fixed and run.steps > 1
    moment = Moment(run.times, scalars, run.budget)
    if is_fixed and _varies(node, scalars):
        ranges, is_fixed = _unfixed(ranges, run.steps), False
    with np.errstate(all="ignore"):
        values, present = apply_kernel(_kernel(node.function, ranges, selector), ranges, moment)
    table = ranges.table if node.function in _KEEP_NAME else ranges.table.dropping_name()
    vector = Vector(table, values, present)
    if ranges.histograms:
        vector = range_of_histograms(run, node, ranges, vector, moment, selector)
    if not is_fixed:
        return vector
    histograms = None if vector.histograms is None else np.repeat(vector.histograms, run.steps, axis=0)
    values = np.repeat(vector.values, run.steps, axis=0)
    return Vector(vector.table, values, np.repeat(vector.present, run.steps, axis=0), histograms)


def _kernel(function: str, ranges: RangeVector, selector: Expr) -> Kernel:
    if isinstance(selector, MatrixSelector) and selector.is_anchored:
        if ranges.histograms:
            place = selector.position
            said = "anchored modifier is not supported for native histograms"
            raise PromqlError(said, place.line, place.column, "Leave it out.")
        return anchored_kernel(function, ranges.range_ms)
    return kernel_of(function)


def _varies(node: Call, scalars: tuple[Floats, ...]) -> bool:
    """Whether the same window gives other values at other steps."""
    return node.function in _TIMELESS or any(bool((one != one[0]).any()) for one in scalars)


def _unfixed(ranges: RangeVector, steps: int) -> RangeVector:
    after, until = np.repeat(ranges.after_ms, steps), np.repeat(ranges.until_ms, steps)
    windows = tuple(type(window).of(window.frame, after, until) for window in ranges.windows)
    return RangeVector(ranges.table, windows, ranges.histograms, after, until, ranges.range_ms, is_fixed=False)


def _check_arguments(run: Run, node: Call, scalars: tuple[Floats, ...]) -> None:
    if node.function == "double_exponential_smoothing":
        for name, values in zip(("smoothing", "trend"), scalars, strict=True):
            wrong = values[(values <= 0) | (values >= 1)]
            if len(wrong):
                raise PromqlError(
                    f"invalid {name} factor. Expected: 0 < {name[0]}f < 1, got: {wrong[0]:f}",
                    node.position.line,
                    node.position.column,
                )
    if node.function == "quantile_over_time":
        values = scalars[0]
        for value in values[np.isnan(values) | (values < 0) | (values > 1)].tolist():
            run.annotations.quantile_out_of_range(value, node.args[0].position)


def _note_non_counters(run: Run, vector: Vector, arg: Expr) -> None:
    column = vector.table.columns.get(METRIC_NAME)
    if column is None:
        return
    suspects = [(code, name) for code, name in enumerate(column.values) if name and not name.endswith(_COUNTERS)]
    if not suspects:
        return
    is_float = vector.floats_present.any(axis=0)
    for code, name in suspects:
        if bool((is_float & (column.codes == code)).any()):
            run.annotations.not_a_counter(name, arg.position)
