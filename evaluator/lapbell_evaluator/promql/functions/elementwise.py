"""Functions of one float at a time, like `abs`, `sqrt` and `sin`."""

from collections.abc import Callable
from typing import Final

import numpy as np

from lapbell_evaluator.promql.arguments import Function
from lapbell_evaluator.promql.value import Vector
from lapbell_evaluator.series.arrays import Floats

__all__ = ["OF_FLOATS", "Elementwise", "of_floats"]

Elementwise = Callable[[Floats], Floats]
"""From values to as many values, of any shape."""


def of_floats(vector: Vector, function: Elementwise) -> Vector:
    """A function of each float; histograms have no value then."""
    with np.errstate(all="ignore"):
        values = function(vector.values)
    return Vector(vector.table.dropping_name(), values, vector.floats_present)


def _sgn(values: Floats) -> Floats:
    return np.where(values < 0, -1.0, np.where(values > 0, 1.0, values))


_ELEMENTWISE: Final[dict[str, Elementwise]] = {
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


def _function(elementwise: Elementwise) -> Function:
    return lambda args: of_floats(args.vector(0), elementwise)


OF_FLOATS: Final[dict[str, Function]] = {name: _function(function) for name, function in _ELEMENTWISE.items()}
