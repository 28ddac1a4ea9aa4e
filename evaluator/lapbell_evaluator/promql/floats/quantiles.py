"""Quantiles of the columns of a matrix."""

import numpy as np

from lapbell_evaluator.series.arrays import Bools, Floats, Ints

__all__ = ["sorted_quantile"]


def sorted_quantile(quantile: float, values: Floats, inside: Bools, count: Ints) -> Floats:
    """Interpolated quantiles of the columns; `count` is how many of a column's cells are `inside`."""
    width = values.shape[1]
    if np.isnan(quantile) or quantile < 0 or quantile > 1:
        return np.full(width, np.nan if np.isnan(quantile) else np.inf if quantile > 1 else -np.inf)
    if not len(values):
        return np.full(width, np.nan)
    is_nan = np.isnan(values)
    rank = np.where(inside, np.where(is_nan, 0, 1), 2)  # NaN first, what does not count last
    order = np.lexsort((np.where(is_nan, 0.0, values), rank), axis=0)
    ordered = np.take_along_axis(values, order, axis=0)
    position = quantile * np.maximum(count - 1, 0)
    lower = np.floor(position).astype(np.int64)
    upper = np.minimum(lower + 1, np.maximum(count - 1, 0))
    weight = position - lower
    columns = np.arange(width)
    with np.errstate(invalid="ignore"):
        between: Floats = ordered[lower, columns] * (1 - weight) + ordered[upper, columns] * weight
    return between
