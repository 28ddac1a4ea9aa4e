"""Sums that keep what plain addition would lose, as Prometheus' do.

Prometheus adds one value after the other and carries what each addition rounds away (Neumaier's variant of Kahan's
summation). Row by row over all columns, numpy does the same (`kahan_add`). Where all values have one sign nothing can
cancel, and a faster way gives as many digits: split each value on a grid so coarse that the high parts add up without
any rounding, and add the low parts plainly (`_extracted_sum`).

Axes: float64[row, column], summed down the rows; in `grouped_sums`, float64[n] cut into runs.
Sources: Neumaier, "Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen", 1974; Rump, Ogita, Oishi,
"Accurate floating-point summation, part I", 2008.
"""

from typing import Final

import numpy as np

from lapbell_evaluator.series.arrays import Bools, Floats, Ints

__all__ = ["compensated_sum", "grouped_sums", "is_easy", "kahan_add", "mean_of_large"]


def kahan_add(value: Floats, total: Floats, lost: Floats) -> tuple[Floats, Floats]:
    """Neumaier's step: the new total, and what rounding took from it so far.

    Source: Prometheus 3.14, util/kahansum/kahansum.go.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        new = total + value
        is_larger = np.abs(total) >= np.abs(value)
        correction = np.where(is_larger, (total - new) + value, (value - new) + total)
    return new, np.where(np.isinf(new), 0.0, lost + correction)


def compensated_sum(values: Floats, counted: Bools | None) -> tuple[Floats, Floats]:
    """Sum down the rows: total and compensation, float64[column] each.

    Args:
        values: float64[row, column].
        counted: bool[row, column], which of them count; None means all.
    """
    if counted is not None:
        values = np.where(counted, values, 0.0)
    if len(values) > _FEW and is_easy(values):
        return _extracted_sum(values)
    total = np.zeros(values.shape[1])
    lost = np.zeros(values.shape[1])
    for row in values:
        total, lost = kahan_add(row, total, lost)
    return total, lost


_FEW: Final = 4
_LARGE: Final = 1e280


def is_easy(values: Floats) -> bool:
    """Whether all are finite, not huge and of one sign: then nothing cancels."""
    low, high = values.min(initial=0.0), values.max(initial=0.0)
    return bool((low >= 0.0 or high <= 0.0) and high < _LARGE and low > -_LARGE)


def _extracted_sum(values: Floats) -> tuple[Floats, Floats]:
    """The high parts of all values sum without any rounding, the low parts are small.

    Source: Rump, Ogita, Oishi, "Accurate floating-point summation", part I, algorithm 3.2 (ExtractVector).
    """
    largest = np.maximum(values.max(axis=0), -values.min(axis=0))
    exponent = np.frexp(largest)[1] + int(np.ceil(np.log2(len(values) + 1)))
    grid = np.ldexp(1.0, exponent)
    high = (values + grid) - grid
    return high.sum(axis=0), (values - high).sum(axis=0)


def grouped_sums(values: Floats, starts: Ints, counts: Ints) -> tuple[Floats, Floats]:
    """The sum of each run of values, and what rounding would take from it, float64[run] each.

    Args:
        values: float64[n], easy ones.
        starts: int64[run], where each run begins.
        counts: int64[run], how long it is; none is empty.
    """
    largest = np.maximum(np.maximum.reduceat(values, starts), -np.minimum.reduceat(values, starts))
    exponent = np.frexp(largest)[1] + np.ceil(np.log2(counts + 1)).astype(np.int64)
    grid = np.repeat(np.ldexp(1.0, exponent), counts)
    high = (values + grid) - grid
    return np.add.reduceat(high, starts), np.add.reduceat(values - high, starts)


def mean_of_large(values: Floats) -> float:
    """The mean of numbers whose sum is infinite: incremental from where the sum overflows.

    Source: Prometheus 3.14, promql/functions.go, `funcAvgOverTime`.
    """
    total, lost, mean = values[:1].copy(), np.zeros(1), np.zeros(1)
    is_incremental = False
    for count, value in enumerate(values[1:], 2):
        if not is_incremental:
            new, new_lost = kahan_add(np.array([value]), total, lost)
            if not np.isinf(new[0]):
                total, lost = new, new_lost
                continue
            is_incremental = True
            mean, lost = total / (count - 1), lost / (count - 1)
        share = (count - 1) / count
        with np.errstate(all="ignore"):
            mean, lost = kahan_add(np.array([value / count]), share * mean, share * lost)
    return float((mean + lost)[0]) if is_incremental else float((total / len(values) + lost / len(values))[0])
