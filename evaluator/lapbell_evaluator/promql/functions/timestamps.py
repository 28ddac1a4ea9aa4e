"""`timestamp`: of a selector, when each sample was taken; of anything else, when it was evaluated."""

import numpy as np

from lapbell_evaluator.promql.run import Run
from lapbell_evaluator.promql.value import Vector

__all__ = ["evaluation_times", "taken_times"]


def taken_times(times: Vector) -> Vector:
    """The times of samples, Unix seconds, as the value of `timestamp`."""
    return Vector(times.table.dropping_name(), times.values, times.present)


def evaluation_times(run: Run, vector: Vector) -> Vector:
    """The time of each step, Unix seconds, where `vector` has a value."""
    values = np.repeat(run.times[:, None] / 1000, vector.table.size, axis=1)
    return Vector(vector.table.dropping_name(), values, vector.present)
