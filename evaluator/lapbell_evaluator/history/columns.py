"""Samples of many series in columns, keyed by the numbers that history gives them.

Three arrays of one length instead of one object per sample: a million samples are 24 MB, are sorted, filtered and
packed by single numpy calls, and lie on disk in the same shape (`packing.pack_tail`).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Columns", "Floats", "Ints", "concatenated", "no_columns", "ordered"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Samples, one per row.

    Attributes:
        series: int64[n], history's numbers.
        times_ms: int64[n], Unix milliseconds.
        values: float64[n].
    """

    series: Ints
    times_ms: Ints
    values: Floats

    def __len__(self) -> int:
        return len(self.series)

    def where(self, chosen: npt.NDArray[np.bool_] | npt.NDArray[np.int64] | slice) -> "Columns":
        """Some of the rows."""
        return Columns(self.series[chosen], self.times_ms[chosen], self.values[chosen])


def no_columns() -> Columns:
    """No rows."""
    return Columns(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float64))


def concatenated(parts: list[Columns]) -> Columns:
    """All rows, in the order of the parts."""
    if not parts:
        return no_columns()
    return Columns(
        np.concatenate([part.series for part in parts]),
        np.concatenate([part.times_ms for part in parts]),
        np.concatenate([part.values for part in parts]),
    )


def ordered(columns: Columns) -> Columns:
    """Rows by series and time; of several at one time of one series, the last one written stays."""
    if not len(columns):
        return columns
    # The last key of lexsort is its first criterion; the sort is stable, so copies stay in the order of writing.
    order = np.lexsort((columns.times_ms, columns.series))  # int64[n]
    rows = columns.where(order)
    is_last = np.ones(len(rows), np.bool_)  # bool[n], of the rows of one series and time
    is_last[:-1] = (rows.series[1:] != rows.series[:-1]) | (rows.times_ms[1:] != rows.times_ms[:-1])
    return rows if is_last.all() else rows.where(is_last)
