"""How many rows of a table of samples lie before a time."""

import numpy as np

from lapbell_evaluator.series.arrays import Ints

__all__ = ["rows_before"]


def rows_before(times: Ints, row_min: Ints, row_max: Ints, time: int) -> Ints:
    """How many rows of each series have a time that is at most `time`.

    Rows before `first` count as a whole, rows from `after` on not at all; between, cells do.

    Args:
        times: int64[row, series], rising in each series.
        row_min: int64[row], no time of the row is earlier.
        row_max: int64[row], no time of the row is later.
        time: milliseconds.

    Returns:
        int64[series].
    """
    rows, series = times.shape
    is_past, is_future = row_max <= time, row_min > time
    first = int((~is_past).argmax()) if not is_past.all() else rows
    after = rows - int((~is_future[::-1]).argmax()) if not is_future.all() else 0
    count = np.full(series, first, np.int64)
    for row in range(first, after):
        count += times[row] <= time
    return count
