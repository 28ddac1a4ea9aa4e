"""Parts of a time in UTC, like `hour`, `day_of_week` and `days_in_month`."""

from collections.abc import Callable
from typing import Final

import numpy as np

from lapbell_evaluator.promql.arguments import Arguments, Function
from lapbell_evaluator.promql.functions.elementwise import Elementwise, of_floats
from lapbell_evaluator.promql.value import Value, Vector
from lapbell_evaluator.series import LabelTable
from lapbell_evaluator.series.arrays import Floats, Ints

__all__ = ["OF_TIMES"]

_SECONDS_PER_DAY: Final = 86_400
_MONDAY_OFFSET: Final = 4  # 1970-01-01 was a Thursday
_FURTHEST_S: Final = 1 << 46  # about two million years


def _months(seconds: Ints) -> Ints:
    months: Ints = _days(seconds).astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    return months


def _days(seconds: Ints) -> Ints:
    days: Ints = seconds // _SECONDS_PER_DAY
    return days


def _day_of(seconds: Ints, unit: str) -> Ints:
    """Days since the beginning of the month or year."""
    days = _days(seconds).astype("datetime64[D]")
    since: Ints = (days - days.astype(f"datetime64[{unit}]").astype("datetime64[D]")).astype(np.int64)
    return since


def _days_in_month(seconds: Ints) -> Ints:
    months = _months(seconds).astype("datetime64[M]")
    days: Ints = ((months + 1).astype("datetime64[D]") - months.astype("datetime64[D]")).astype(np.int64)
    return days


_PARTS: Final[dict[str, Callable[[Ints], Ints]]] = {
    "minute": lambda seconds: seconds // 60 % 60,
    "hour": lambda seconds: seconds // 3600 % 24,
    "day_of_week": lambda seconds: (_days(seconds) + _MONDAY_OFFSET) % 7,
    "day_of_month": lambda seconds: _day_of(seconds, "M") + 1,
    "day_of_year": lambda seconds: _day_of(seconds, "Y") + 1,
    "days_in_month": _days_in_month,
    "month": lambda seconds: _months(seconds) % 12 + 1,
    "year": lambda seconds: _months(seconds) // 12 + 1970,
}


def _of_seconds(part: Callable[[Ints], Ints]) -> Elementwise:
    def function(values: Floats) -> Floats:
        usable = np.where(np.abs(values) < _FURTHEST_S, values, 0.0)
        result: Floats = part(np.trunc(usable).astype(np.int64)).astype(np.float64)
        return np.where(np.abs(values) < _FURTHEST_S, result, np.nan)

    return function


def _function(part: Elementwise) -> Function:
    def function(args: Arguments) -> Value:
        if len(args):
            return of_floats(args.vector(0), part)
        seconds = np.floor(args.run.times / 1000)[:, None]
        return Vector(LabelTable(1, {}), part(seconds), np.ones((args.run.steps, 1), np.bool_))

    return function


OF_TIMES: Final[dict[str, Function]] = {name: _function(_of_seconds(part)) for name, part in _PARTS.items()}
"""Of a vector of Unix seconds, or of each step's time; NaN for times that no calendar holds."""
