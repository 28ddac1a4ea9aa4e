"""`clamp`, `clamp_min`, `clamp_max` and `round`."""

from typing import Final

import numpy as np

from lapbell_evaluator.promql.arguments import Arguments, Function
from lapbell_evaluator.promql.floats.operators import larger, smaller
from lapbell_evaluator.promql.functions.elementwise import of_floats
from lapbell_evaluator.promql.value import Value, Vector

__all__ = ["LIMITING"]


def _clamp(args: Arguments) -> Value:
    vector = args.vector(0)
    bounds = [args.scalar(at)[:, None] for at in range(1, len(args))]
    infinite = np.full((args.run.steps, 1), np.inf)
    match args.function:
        case "clamp_min":
            low, high = bounds[0], infinite
        case "clamp_max":
            low, high = -infinite, bounds[0]
        case _:
            low, high = bounds
    values = larger(low, smaller(high, vector.values))
    return Vector(vector.table.dropping_name(), values, vector.floats_present & ~(high < low))


def _round(args: Arguments) -> Value:
    nearest = args.scalar(1)[:, None] if len(args) > 1 else np.ones((args.run.steps, 1))
    with np.errstate(all="ignore"):
        inverse = 1.0 / nearest
        return of_floats(args.vector(0), lambda values: np.floor(values * inverse + 0.5) / inverse)


LIMITING: Final[dict[str, Function]] = {
    "clamp": _clamp,
    "clamp_min": _clamp,
    "clamp_max": _clamp,
    "round": _round,
}
