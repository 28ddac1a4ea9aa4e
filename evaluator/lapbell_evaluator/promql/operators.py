"""Binary operators on numbers, elementwise."""

from collections.abc import Callable
from typing import Final

import numpy as np

from lapbell_evaluator.promql.value import Bools, Floats

__all__ = ["ARITHMETIC", "COMPARING"]

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
