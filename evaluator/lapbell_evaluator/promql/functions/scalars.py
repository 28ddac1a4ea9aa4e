"""Functions that give a scalar, or make a vector of one, like `time`, `scalar`, `vector` and `min_of`."""

from collections.abc import Callable
from typing import Final

import numpy as np

from lapbell_evaluator.promql.arguments import Arguments, Function
from lapbell_evaluator.promql.floats.operators import larger, smaller
from lapbell_evaluator.promql.run import Run
from lapbell_evaluator.promql.value import Scalar, Value, Vector
from lapbell_evaluator.series import LabelTable
from lapbell_evaluator.series.arrays import Floats

__all__ = ["OF_SCALARS"]


def _time(args: Arguments) -> Value:
    return Scalar(args.run.times / 1000)


def _constant(value: Callable[[Run], float]) -> Function:
    def function(args: Arguments) -> Value:
        return Scalar(np.full(args.run.steps, value(args.run)))

    return function


def _choice(choose: Callable[[Floats, Floats], Floats]) -> Function:
    def function(args: Arguments) -> Value:
        return Scalar(choose(args.scalar(0), args.scalar(1)))

    return function


def _vector(args: Arguments) -> Value:
    values = args.scalar(0)
    return Vector(LabelTable(1, {}), values[:, None].copy(), np.ones((len(values), 1), np.bool_))


def _scalar(args: Arguments) -> Value:
    """The only float of each step; NaN where there is none or more than one."""
    vector = args.vector(0)
    present = vector.floats_present
    total = np.where(present, vector.values, 0.0).sum(axis=1)
    return Scalar(np.where(present.sum(axis=1) == 1, total, np.nan))


OF_SCALARS: Final[dict[str, Function]] = {
    "time": _time,
    "pi": _constant(lambda _: np.pi),
    "start": _constant(lambda run: run.start_ms / 1000),
    "end": _constant(lambda run: run.end_ms / 1000),
    "step": _constant(lambda run: run.step_s),
    "range": _constant(lambda run: run.range_s),
    "min_of": _choice(smaller),
    "max_of": _choice(larger),
    "vector": _vector,
    "scalar": _scalar,
}
