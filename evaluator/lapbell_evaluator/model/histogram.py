"""A native (exponential or custom-bucket) histogram as one sample."""

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["CUSTOM_SCHEMA", "CounterHint", "Histogram"]

CUSTOM_SCHEMA: Final = -53
"""Stands for explicit bounds, as in Prometheus' `histogram.CustomBucketsSchema`."""


def _no_buckets() -> npt.NDArray[np.float64]:
    return np.empty(0, np.float64)


class CounterHint(IntEnum):
    """What is known about a counter reset between the previous sample and this one."""

    UNKNOWN = 0
    RESET = 1
    NOT_RESET = 2
    GAUGE = 3


@dataclass(frozen=True, slots=True, eq=False)
class Histogram:
    """Buckets in dense arrays; bucket `i` of an exponential one holds (base^(i-1), base^i], base = 2^(2^-schema).

    Attributes:
        schema: -4..8, or `CUSTOM_SCHEMA`.
        count: observations.
        sum: of the observations.
        zero_threshold: width of the zero bucket.
        zero_count: observations in it.
        positive: float64[p], counts of the buckets from `positive_offset` on; not cumulated.
        positive_offset: index of the first of them.
        negative: float64[q], the same below zero.
        negative_offset: index of the first of them.
        bounds: upper bounds of custom buckets, without +Inf; empty if exponential.
        hint: counter reset hint.
    """

    schema: int
    count: float
    sum: float
    zero_threshold: float = 0.0
    zero_count: float = 0.0
    positive: npt.NDArray[np.float64] = field(default_factory=_no_buckets)
    positive_offset: int = 0
    negative: npt.NDArray[np.float64] = field(default_factory=_no_buckets)
    negative_offset: int = 0
    bounds: tuple[float, ...] = ()
    hint: CounterHint = CounterHint.UNKNOWN

    @property
    def is_custom(self) -> bool:
        """Whether the buckets have explicit bounds."""
        return self.schema == CUSTOM_SCHEMA
