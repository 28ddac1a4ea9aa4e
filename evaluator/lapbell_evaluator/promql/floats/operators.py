"""Binary operators on numbers, elementwise."""

from collections.abc import Callable
from typing import Final

import numpy as np

from lapbell_evaluator.series.arrays import Bools, Floats

__all__ = ["ARITHMETIC", "COMPARING", "larger", "smaller"]

ARITHMETIC: Final[dict[str, Callable[[Floats, Floats], Floats]]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "%": np.fmod,
    "^": np.float_power,
    "atan2": np.arctan2,
}

COMPARING: Final[dict[str, Callable[[Floats, Floats], Bools]]] = {
    "==": np.equal,
    "!=": np.not_equal,
    "<": np.less,
    ">": np.greater,
    "<=": np.less_equal,
    ">=": np.greater_equal,
}


def larger(first: Floats, second: Floats) -> Floats:
    """Go's `math.Max`: NaN if either is, but for +Inf, which is the largest of all."""
    is_largest = np.isposinf(first) | np.isposinf(second)
    return np.where(is_largest, np.inf, np.maximum(first, second))


def smaller(first: Floats, second: Floats) -> Floats:
    """Go's `math.Min`: NaN if either is, but for -Inf, which is the smallest of all."""
    is_smallest = np.isneginf(first) | np.isneginf(second)
    return np.where(is_smallest, -np.inf, np.minimum(first, second))
