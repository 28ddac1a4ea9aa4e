"""Samples of many series, time-major: what range functions work on."""

from typing import Final, Protocol

import numpy as np

from lapbell_evaluator.series.arrays import Bools, Floats, Ints

__all__ = ["AFTER", "BEFORE", "STALE_BITS", "Frame", "is_stale", "stale_marker"]

BEFORE: Final = -(1 << 62)
"""Stands in `times` above a series' first sample."""

AFTER: Final = 1 << 62
"""Stands in `times` below a series' last sample."""

STALE_BITS: Final = 0x7FF0000000000002
"""The NaN that ends a series. Source: Prometheus, model/value/value.go, `StaleNaN`."""


def is_stale(values: Floats) -> Bools:
    """Which of the values are stale markers."""
    bits: Ints = values.view(np.int64)
    return np.equal(bits, STALE_BITS)


def stale_marker() -> Floats:
    """float64[1] with the marker; an array, because a Python float may lose the NaN's bits."""
    return np.array([STALE_BITS], np.int64).view(np.float64)


class Frame(Protocol):
    """A matrix of samples by row (oldest first) and series; each series has its own first and last row.

    A row holds one sample of each series, of about the same time. The rows of one series are in the order of time.
    """

    @property
    def size(self) -> int:
        """Number of series."""
        ...

    def rows_until(self, time_ms: int) -> Ints:
        """int64[series]: the row after the last sample at or before `time_ms`."""
        ...

    def first_rows(self) -> Ints:
        """int64[series]: the row of the first sample."""
        ...

    def times(self, begin: int, end: int) -> Ints:
        """int64[row, series]: milliseconds, of rows begin..end; `BEFORE` and `AFTER` where a series has no sample."""
        ...

    def values(self, begin: int, end: int) -> Floats:
        """float64[row, series]: of rows begin..end; anything where a series has no sample."""
        ...

    def times_at(self, rows: Ints) -> Ints:
        """int64[…, series]: milliseconds of the samples at `rows`, int64[…, series]."""
        ...

    def values_at(self, rows: Ints) -> Floats:
        """float64[…, series]: values of the samples at `rows`, int64[…, series]."""
        ...

    def last_resets(self) -> Ints:
        """int64[series]: when a sample was last less than the one before it, or one of the two NaN; `BEFORE` if never.

        It may be said to be later than it was.
        """
        ...

    def last_stales(self) -> Ints:
        """int64[series]: the time of the last stale marker, `BEFORE` if there is none."""
        ...
