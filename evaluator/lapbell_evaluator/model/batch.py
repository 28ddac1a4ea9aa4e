"""What the receiver hands to the series store: columns of samples."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Batch"]


@dataclass(frozen=True, slots=True)
class Batch:
    """Columns of float samples of one arrival, in the order they were sent.

    Attributes:
        refs: int64[n], series as interned by the store.
        times_ms: int64[n], Unix milliseconds.
        values: float64[n]; a stale marker is Prometheus' NaN with the bits 0x7ff0000000000002.
    """

    refs: npt.NDArray[np.int64]
    times_ms: npt.NDArray[np.int64]
    values: npt.NDArray[np.float64]
