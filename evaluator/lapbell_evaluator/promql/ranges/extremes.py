"""`min_over_time` and `max_over_time`: a series that did not fall within its window has its extremes at the ends.

Most series are counters, and the shipped rules ask each what it began with; looking at every sample of a 30-minute
window of thousands of them would be most of what an evaluation costs. Each series knows when it last fell or was NaN
(`Frame.last_resets`), as `rates` use it too, and only those that did since their first sample are read whole.

All arrays are [step, series]: times int64 in milliseconds, values float64, presence bool.
"""

import numpy as np

from lapbell_evaluator.promql.ranges.rates import ends
from lapbell_evaluator.promql.run import Budget
from lapbell_evaluator.promql.selectors.window import Window
from lapbell_evaluator.series.arrays import Bools, Floats, Ints

__all__ = ["greatest", "least"]


def least(window: Window, budget: Budget) -> tuple[Floats, Bools]:
    """`min_over_time`: value and presence; NaN only where a window holds nothing else."""
    first_time, first, _, _ = ends(window)
    return _extreme(window, budget, first_time, first, np.fmin)


def greatest(window: Window, budget: Budget) -> tuple[Floats, Bools]:
    """`max_over_time`: value and presence; NaN only where a window holds nothing else."""
    first_time, _, _, last = ends(window)
    return _extreme(window, budget, first_time, last, np.fmax)


def _extreme(window: Window, budget: Budget, first_time: Ints, values: Floats, pick: np.ufunc) -> tuple[Floats, Bools]:
    """`values` is right for series that never fell; those of the others are replaced."""
    count = window.count
    fell = (window.frame.last_resets() > first_time) & (count > 1)
    for step in np.flatnonzero(fell.any(axis=1)).tolist():
        series = np.flatnonzero(fell[step])
        samples, is_inside = window.samples_of(step, series)
        budget.spend(samples.size)
        values[step, series] = pick.reduce(np.where(is_inside, samples, np.nan), axis=0)
    return values, count > 0
