"""The arrays that the series and the engine are made of, by what an element is."""

import numpy as np
import numpy.typing as npt

__all__ = ["Bools", "Codes", "Floats", "Ints", "Objects"]

Ints = npt.NDArray[np.int64]
"""Times in milliseconds, row numbers, counts."""

Floats = npt.NDArray[np.float64]
"""Values of samples."""

Bools = npt.NDArray[np.bool_]
"""Where something is."""

Codes = npt.NDArray[np.int32]
"""Positions in a list of distinct label values."""

Objects = npt.NDArray[np.object_]
"""Native histograms, None where there is none."""
