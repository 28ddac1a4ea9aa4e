"""Samples of one export, gathered in pieces until they leave as one batch.

Pieces are arrays, not single samples: one call for all points of a metric. `batch` concatenates them once, in the order
in which they were appended.
"""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from lapbell_evaluator.model import Batch

__all__ = ["Samples", "milliseconds"]

_NS_PER_MS: Final = 1_000_000

_Ints = npt.NDArray[np.int64]
_Floats = npt.NDArray[np.float64]


@dataclass(slots=True)
class Samples:
    """Three columns in pieces; piece k has the same length n in each of them.

    Attributes:
        refs: int64[n] each.
        times_ms: int64[n] each.
        values: float64[n] each.
        shift_ms: what is taken off the times of those that are added next: their sender's clock is ahead by it.
    """

    refs: list[_Ints] = field(default_factory=list)
    times_ms: list[_Ints] = field(default_factory=list)
    values: list[_Floats] = field(default_factory=list)
    shift_ms: int = 0

    def add(self, refs: _Ints, times_ms: _Ints, values: _Floats) -> None:
        """Append columns of equal length."""
        self.refs.append(refs)
        self.times_ms.append(times_ms - self.shift_ms if self.shift_ms else times_ms)
        self.values.append(values)

    def add_points(
        self,
        refs: list[_Ints],
        times_ms: _Ints,
        values: _Floats,
        has_no_sum: npt.NDArray[np.bool_] | None = None,
    ) -> None:
        """Append points of which each has one sample in several series, such as a histogram's buckets, sum and count.

        The matrix is laid out row by row: point 0 with all of its series, then point 1. So the refs are concatenated
        point by point, and each time is repeated once per series.

        Args:
            refs: int64[series] of each point.
            times_ms: int64[point].
            values: float64[point, series].
            has_no_sum: bool[point], true where the last but one series (the sum) has no sample; None if all have it.
        """
        all_refs = np.concatenate(refs)
        times, flat = np.repeat(times_ms, values.shape[1]), values.reshape(-1)
        if has_no_sum is not None:
            is_present = np.ones(values.shape, np.bool_)
            is_present[has_no_sum, -2] = False
            present = is_present.reshape(-1)
            all_refs, times, flat = all_refs[present], times[present], flat[present]
        self.add(all_refs, times, flat)

    def batch(self) -> Batch:
        """Everything appended so far: int64[n] refs, int64[n] times, float64[n] values."""
        if not self.refs:
            return Batch(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float64))
        return Batch(np.concatenate(self.refs), np.concatenate(self.times_ms), np.concatenate(self.values))


def milliseconds(times_ns: list[int]) -> _Ints:
    """int64[n] Unix milliseconds of Unix nanoseconds, rounded down.

    OTLP's times are fixed64: above 2^63 they would be negative as int64, so the division is done unsigned.
    """
    return (np.array(times_ns, np.uint64) // _NS_PER_MS).astype(np.int64)
