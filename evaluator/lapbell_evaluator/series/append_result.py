"""What became of a batch."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

__all__ = ["AppendResult"]


def _nothing() -> npt.NDArray[np.int64]:
    return np.empty(0, np.int64)


@dataclass(frozen=True, slots=True)
class AppendResult:
    """Counts of samples by what became of them.

    Attributes:
        accepted: kept, as a sample of their own or in place of one within the last second.
        duplicates: of a time that the series already has.
        out_of_window: older than what the store still takes.
        over_limit: of series beyond the cardinality limit.
        metrics: names of the metrics that got samples.
        gone: int64[k], positions in the batch of samples whose series were evicted: intern them again, append again.
    """

    accepted: int = 0
    duplicates: int = 0
    out_of_window: int = 0
    over_limit: int = 0
    metrics: frozenset[str] = frozenset()
    gone: npt.NDArray[np.int64] = field(default_factory=_nothing)
