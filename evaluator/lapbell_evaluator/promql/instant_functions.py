"""Functions of one float at a time, and of times."""

from collections.abc import Callable
from typing import Final

import numpy as np

from lapbell_evaluator.promql.value import Floats, Ints

__all__ = ["OF_FLOAT", "OF_TIME"]

OfFloat = Callable[[Floats], Floats]


def _sgn(values: Floats) -> Floats:
    return np.where(values < 0, -1.0, np.where(values > 0, 1.0, values))


OF_FLOAT: Final[dict[str, OfFloat]] = {
    "abs": np.abs,
    "acos": np.arccos,
    "acosh": np.arccosh,
    "asin": np.arcsin,
    "asinh": np.arcsinh,
    "atan": np.arctan,
    "atanh": np.arctanh,
    "ceil": np.ceil,
    "cos": np.cos,
    "cosh": np.cosh,
    "deg": lambda values: values * 180 / np.pi,
    "exp": np.exp,
    "floor": np.floor,
    "ln": np.log,
    "log10": np.log10,
    "log2": np.log2,
    "rad": lambda values: values * np.pi / 180,
    "sgn": _sgn,
    "sin": np.sin,
    "sinh": np.sinh,
    "sqrt": np.sqrt,
    "tan": np.tan,
    "tanh": np.tanh,
}
"""Elementwise, any shape."""

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


def _of_floats(part: Callable[[Ints], Ints]) -> OfFloat:
    def function(values: Floats) -> Floats:
        usable = np.where(np.abs(values) < _FURTHEST_S, values, 0.0)
        result: Floats = part(np.trunc(usable).astype(np.int64)).astype(np.float64)
        return np.where(np.abs(values) < _FURTHEST_S, result, np.nan)

    return function


OF_TIME: Final[dict[str, OfFloat]] = {name: _of_floats(part) for name, part in _PARTS.items()}
"""Parts of a UTC time given as Unix seconds; NaN for times that no calendar holds."""
