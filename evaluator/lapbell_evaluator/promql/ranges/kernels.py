"""Functions of range vectors on floats: choose the kernel, keep stale markers out of it, put the answers together.

A kernel takes the windows of one frame, all steps and series of it at once, and gives values, float64[step, series],
and where there is one, bool[step, series]; what `values` holds elsewhere means nothing. Three kinds exist: those that
read the ends of a window only (`rates`; `extremes`, unless a series fell), those that count, and those that look at
every sample (`over_time`).

Stale markers are rare, so kernels know nothing of them: the whole frame is computed as if there were none, then the
series that had a marker since the first window began are computed again from a copy without markers.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from lapbell_evaluator.promql.ranges.extremes import greatest, least
from lapbell_evaluator.promql.ranges.over_time import OVER_TIME, BlockFunction, quantile_over_time, regression, smoothed
from lapbell_evaluator.promql.ranges.rates import anchored, ends, extrapolated, instant_change
from lapbell_evaluator.promql.run import Budget
from lapbell_evaluator.promql.selectors.range_vector import RangeVector
from lapbell_evaluator.promql.selectors.selected import rows_until_each
from lapbell_evaluator.promql.selectors.window import Window, dense
from lapbell_evaluator.series.arrays import Bools, Floats, Ints

__all__ = ["RANGE_FUNCTIONS", "Kernel", "Moment", "anchored_kernel", "apply_kernel", "kernel_of"]

Kernel = Callable[[Window, "Moment"], tuple[Floats, Bools]]
"""From windows to values and presence, each float64 or bool [step, series]."""


@dataclass(frozen=True, slots=True)
class Moment:
    """What a kernel may ask beside the samples.

    Attributes:
        times: int64[step], milliseconds, of the evaluation.
        args: the function's scalar arguments, float64[step] each.
        budget: what is left.
    """

    times: Ints
    args: tuple[Floats, ...]
    budget: Budget

    def step(self, at: int) -> "Moment":
        """One step alone."""
        return Moment(self.times[at : at + 1], tuple(arg[at : at + 1] for arg in self.args), self.budget)


def apply_kernel(kernel: Kernel, ranges: RangeVector, moment: Moment) -> tuple[Floats, Bools]:
    """The kernel's answer for all series of floats, each [step, series]."""
    parts = [_of_window(kernel, window, moment) for window in ranges.windows]
    if len(parts) == 1:
        return parts[0]
    if not parts:
        shape = (len(ranges.until_ms), 0)
        return np.zeros(shape), np.zeros(shape, np.bool_)
    values, present = (np.concatenate(arrays, axis=1) for arrays in zip(*parts, strict=True))
    return values, present


def _of_window(kernel: Kernel, window: Window, moment: Moment) -> tuple[Floats, Bools]:
    stales = window.frame.last_stales()
    is_dirty = stales > window.after_ms[0]
    if not is_dirty.any():
        return kernel(window, moment)
    values, present = kernel(window, moment)
    series = np.flatnonzero(is_dirty)
    clean = dense(window.frame, series, int(window.after_ms[0]), int(window.until_ms[-1]))
    own, own_present = kernel(Window.of(clean, window.after_ms, window.until_ms, moment.budget), moment)
    values, present = values.copy(), present.copy()
    values[:, series], present[:, series] = own, own_present
    return values, present


def _rate(window: Window, moment: Moment) -> tuple[Floats, Bools]:
    del moment
    return extrapolated(window, is_counter=True, is_rate=True)


def _increase(window: Window, moment: Moment) -> tuple[Floats, Bools]:
    del moment
    return extrapolated(window, is_counter=True, is_rate=False)


def _delta(window: Window, moment: Moment) -> tuple[Floats, Bools]:
    del moment
    return extrapolated(window, is_counter=False, is_rate=False)


def _irate(window: Window, moment: Moment) -> tuple[Floats, Bools]:
    del moment
    return instant_change(window, is_counter=True)


def _idelta(window: Window, moment: Moment) -> tuple[Floats, Bools]:
    del moment
    return instant_change(window, is_counter=False)


def _count(window: Window, moment: Moment) -> tuple[Floats, Bools]:
    del moment
    count = window.count
    return count.astype(np.float64), count > 0


def _present(window: Window, moment: Moment) -> tuple[Floats, Bools]:
    del moment
    present = window.count > 0
    return np.ones(present.shape), present


def _first(window: Window, moment: Moment) -> tuple[Floats, Bools]:
    del moment
    return ends(window)[1], window.count > 0


def _last(window: Window, moment: Moment) -> tuple[Floats, Bools]:
    del moment
    return ends(window)[3], window.count > 0


def _first_time(window: Window, moment: Moment) -> tuple[Floats, Bools]:
    del moment
    return ends(window)[0] / 1000, window.count > 0


def _last_time(window: Window, moment: Moment) -> tuple[Floats, Bools]:
    del moment
    return ends(window)[2] / 1000, window.count > 0


def _min(window: Window, moment: Moment) -> tuple[Floats, Bools]:
    return least(window, moment.budget)


def _max(window: Window, moment: Moment) -> tuple[Floats, Bools]:
    return greatest(window, moment.budget)


def _by_block(function: BlockFunction) -> Kernel:
    def kernel(window: Window, moment: Moment) -> tuple[Floats, Bools]:
        return _blocks(window, moment, lambda _: function)

    return kernel


def _blocks(window: Window, moment: Moment, function_at: Callable[[int], BlockFunction]) -> tuple[Floats, Bools]:
    """A function of whole blocks, step by step."""
    count = window.count
    values = np.zeros(count.shape)
    for step in range(len(count)):
        times, samples, counted = window.block(step)
        moment.budget.spend(samples.size)
        if len(samples):
            values[step] = function_at(step)(times, samples, counted, count[step])
    return values, count > 0


def _quantile(window: Window, moment: Moment) -> tuple[Floats, Bools]:
    return _blocks(window, moment, lambda step: quantile_over_time(float(moment.args[0][step])))


def _smoothed(window: Window, moment: Moment) -> tuple[Floats, Bools]:
    values, _ = _blocks(window, moment, lambda step: smoothed(float(moment.args[0][step]), float(moment.args[1][step])))
    return values, window.count >= 2


def _deriv(window: Window, moment: Moment) -> tuple[Floats, Bools]:
    first_times = ends(window)[0]

    def at(step: int) -> BlockFunction:
        return lambda times, values, counted, _: regression(times, values, counted, first_times[step])[0]

    return _blocks(window, moment, at)[0], window.count >= 2


def _predict_linear(window: Window, moment: Moment) -> tuple[Floats, Bools]:
    def at(step: int) -> BlockFunction:
        def block(times: Ints, values: Floats, counted: Bools | None, count: Ints) -> Floats:
            now = np.full(len(count), moment.times[step])
            slope, intercept = regression(times, values, counted, now)
            predicted: Floats = slope * moment.args[0][step] + intercept
            return predicted

        return block

    return _blocks(window, moment, at)[0], window.count >= 2


_KERNELS: Final[dict[str, Kernel]] = {
    "rate": _rate,
    "increase": _increase,
    "delta": _delta,
    "irate": _irate,
    "idelta": _idelta,
    "count_over_time": _count,
    "present_over_time": _present,
    "absent_over_time": _present,
    "first_over_time": _first,
    "last_over_time": _last,
    "ts_of_first_over_time": _first_time,
    "ts_of_last_over_time": _last_time,
    "min_over_time": _min,
    "max_over_time": _max,
    "quantile_over_time": _quantile,
    "double_exponential_smoothing": _smoothed,
    "deriv": _deriv,
    "predict_linear": _predict_linear,
    **{name: _by_block(function) for name, function in OVER_TIME.items()},
}

RANGE_FUNCTIONS: Final = frozenset(_KERNELS)
"""Names of the functions that take a range."""


def anchored_kernel(function: str, range_ms: int) -> Kernel:
    """The kernel of `rate`, `increase` or `delta` of an anchored range."""
    is_counter, is_rate = function != "delta", function == "rate"

    def kernel(window: Window, moment: Moment) -> tuple[Floats, Bools]:
        before = rows_until_each(window.frame, window.until_ms - range_ms, moment.budget)
        return anchored(window, before, range_ms, is_counter=is_counter, is_rate=is_rate)

    return kernel


def kernel_of(function: str) -> Kernel:
    """The kernel of a range function."""
    return _KERNELS[function]
