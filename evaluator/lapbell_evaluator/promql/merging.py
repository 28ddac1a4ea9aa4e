"""Series that came to have the very same labels become one."""

import numpy as np

from lapbell_evaluator.promql.syntax.errors import PromqlError
from lapbell_evaluator.promql.value import Vector

__all__ = ["merged"]


def merged(vector: Vector) -> Vector:
    """Series with the very same labels made one.

    Raises:
        PromqlError: two of them have a value at the same step.
    """
    grouping = vector.table.memo("merging", vector.table.group_all)
    if grouping.table.size >= vector.table.size:
        return vector
    size, steps = grouping.table.size, len(vector.values)
    counts = np.stack([np.bincount(grouping.ids[row], minlength=size) for row in vector.present])
    if (counts > 1).any():
        raise PromqlError("vector cannot contain metrics with the same labelset", remedy="Keep a label that differs.")
    values, present = np.zeros((steps, size)), counts > 0
    at_step, at_row = np.nonzero(vector.present)
    values[at_step, grouping.ids[at_row]] = vector.values[at_step, at_row]
    histograms = None
    if vector.histograms is not None:
        histograms = np.full((steps, size), None, np.object_)
        histograms[at_step, grouping.ids[at_row]] = vector.histograms[at_step, at_row]
    return Vector(grouping.table, values, present, histograms)
