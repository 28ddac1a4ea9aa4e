"""Calls of range functions: windows in, an instant vector out."""

from dataclasses import replace
from typing import Final

import numpy as np

from lapbell_evaluator.model import METRIC_NAME
from lapbell_evaluator.promql.ranges.arguments import RangeArguments
from lapbell_evaluator.promql.ranges.kernels import Kernel, Moment, anchored_kernel, apply_kernel, kernel_of
from lapbell_evaluator.promql.ranges.native import range_of_histograms
from lapbell_evaluator.promql.run import Budget
from lapbell_evaluator.promql.selectors.range_vector import RangeVector
from lapbell_evaluator.promql.syntax.errors import PromqlError
from lapbell_evaluator.promql.value import Vector

__all__ = ["range_call"]

_KEEP_NAME: Final = frozenset({"first_over_time", "last_over_time"})
_COUNTERS: Final = ("_total", "_sum", "_count", "_bucket")
_TIMELESS: Final = frozenset({"predict_linear"})


def range_call(args: RangeArguments) -> Vector:
    """The value of a range function at every step.

    Raises:
        PromqlError: an argument is out of its range, or an anchored range holds native histograms.
    """
    _check_arguments(args)
    vector = _applied(args)
    if args.function in ("rate", "increase"):
        _note_non_counters(args, vector)
    return vector


def _applied(args: RangeArguments) -> Vector:
    run, ranges = args.run, args.ranges
    is_fixed = ranges.is_fixed and run.steps > 1
    moment = Moment(run.times, args.scalars, run.budget)
    if is_fixed and _varies(args):
        ranges, is_fixed = _unfixed(ranges, run.steps, run.budget), False
    with np.errstate(all="ignore"):
        values, present = apply_kernel(_kernel(args), ranges, moment)
    table = ranges.table if args.function in _KEEP_NAME else ranges.table.dropping_name()
    vector = Vector(table, values, present)
    if ranges.histograms:
        vector = range_of_histograms(replace(args, ranges=ranges), vector)
    if not is_fixed:
        return vector
    histograms = None if vector.histograms is None else np.repeat(vector.histograms, run.steps, axis=0)
    values = np.repeat(vector.values, run.steps, axis=0)
    return Vector(vector.table, values, np.repeat(vector.present, run.steps, axis=0), histograms)


def _kernel(args: RangeArguments) -> Kernel:
    if not args.ranges.is_anchored:
        return kernel_of(args.function)
    if args.ranges.histograms:
        where = args.range_position
        reason = "anchored modifier is not supported for native histograms"
        raise PromqlError(reason, where.line, where.column, "Leave it out.")
    return anchored_kernel(args.function, args.ranges.range_ms)


def _varies(args: RangeArguments) -> bool:
    """Whether the same window gives other values at other steps."""
    return args.function in _TIMELESS or any(bool((scalar != scalar[0]).any()) for scalar in args.scalars)


def _unfixed(ranges: RangeVector, steps: int, budget: Budget) -> RangeVector:
    after, until = np.repeat(ranges.after_ms, steps), np.repeat(ranges.until_ms, steps)
    windows = tuple(type(window).of(window.frame, after, until, budget) for window in ranges.windows)
    return replace(ranges, windows=windows, after_ms=after, until_ms=until, is_fixed=False)


def _check_arguments(args: RangeArguments) -> None:
    if args.function == "double_exponential_smoothing":
        for name, values in zip(("smoothing", "trend"), args.scalars, strict=True):
            wrong = values[(values <= 0) | (values >= 1)]
            if len(wrong):
                raise PromqlError(
                    f"invalid {name} factor. Expected: 0 < {name[0]}f < 1, got: {wrong[0]:f}",
                    args.position.line,
                    args.position.column,
                )
    if args.function == "quantile_over_time":
        values = args.scalars[0]
        for value in values[np.isnan(values) | (values < 0) | (values > 1)].tolist():
            args.run.annotations.quantile_out_of_range(value, args.first_position)


def _note_non_counters(args: RangeArguments, vector: Vector) -> None:
    """Note metrics whose name is not a counter's, as far as they have a value."""
    column = vector.table.columns.get(METRIC_NAME)
    if column is None:
        return
    suspects = [(code, name) for code, name in enumerate(column.values) if name and not name.endswith(_COUNTERS)]
    if not suspects:
        return
    is_float = vector.floats_present.any(axis=0)
    for code, name in suspects:
        if bool((is_float & (column.codes == code)).any()):
            args.run.annotations.not_a_counter(name, args.first_position)
