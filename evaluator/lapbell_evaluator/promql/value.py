"""What expressions are worth while they are evaluated: all steps of a query at once."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from lapbell_evaluator.series import LabelTable
from lapbell_evaluator.series.arrays import Bools, Floats, Objects

__all__ = ["Scalar", "Text", "Value", "Vector", "empty_vector", "is_object"]


@dataclass(frozen=True, slots=True, eq=False)
class Vector:
    """Series with one value per step, or none.

    Attributes:
        table: labels of the series.
        values: float64[step, series].
        present: bool[step, series], where there is a value.
        histograms: object[step, series], a native histogram or None; None if there is no histogram at all.
    """

    table: LabelTable
    values: Floats
    present: Bools
    histograms: Objects | None = None

    @property
    def floats_present(self) -> Bools:
        """bool[step, series]: where the value is a float."""
        return self.present if self.histograms is None else self.present & ~self.has_histogram

    @property
    def has_histogram(self) -> Bools:
        """bool[step, series]: where the value is a native histogram."""
        if self.histograms is None:
            return np.zeros(self.present.shape, np.bool_)
        return is_object(self.histograms) & self.present


@dataclass(frozen=True, slots=True, eq=False)
class Scalar:
    """One number per step; `values` is float64[step]."""

    values: Floats


@dataclass(frozen=True, slots=True)
class Text:
    """A string."""

    value: str


Value = Vector | Scalar | Text

_NO_SERIES: Final = LabelTable(0, {})
_is_something = np.frompyfunc(lambda one: one is not None, 1, 1)


def is_object(cells: Objects) -> Bools:
    """Which cells hold something, of an array of any shape."""
    result: Bools = _is_something(cells).astype(np.bool_)
    return result


def empty_vector(steps: int) -> Vector:
    """No series."""
    return Vector(_NO_SERIES, np.zeros((steps, 0)), np.zeros((steps, 0), np.bool_))
