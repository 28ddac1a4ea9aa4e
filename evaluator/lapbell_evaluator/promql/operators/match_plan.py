"""Which series of two vectors may belong together: those that agree in the labels that `on` or `ignoring` compares.

Each distinct combination of compared labels (Prometheus calls it a signature) gets a number, the same on both sides, so
that matching series is comparing integers. Made once per pair of label tables.
"""

from dataclasses import dataclass

import numpy as np

from lapbell_evaluator.model import METRIC_NAME
from lapbell_evaluator.promql.syntax.matching import Matching
from lapbell_evaluator.series import LabelTable
from lapbell_evaluator.series.arrays import Ints

__all__ = ["MatchPlan", "match_plan"]


@dataclass(frozen=True, slots=True, eq=False)
class MatchPlan:
    """Rows of two tables by the labels that are compared.

    Attributes:
        left: int64[row of left], the number of each row's combination.
        right: int64[row of right], likewise: equal numbers are a match.
        size: how many numbers there are.
        is_right_unique: whether no two rows of the right table have the same.
        is_left_unique: the same of the left table.
    """

    left: Ints
    right: Ints
    size: int
    is_right_unique: bool
    is_left_unique: bool


def match_plan(left: LabelTable, right: LabelTable, matching: Matching) -> MatchPlan:
    """The plan for two tables; made once."""
    key = ("signatures", matching.on, matching.labels)
    return left.pair_memo(key, right, lambda: _new_plan(left, right, matching))


def _new_plan(left: LabelTable, right: LabelTable, matching: Matching) -> MatchPlan:
    names = matching.labels if matching.on else (*matching.labels, METRIC_NAME)
    of_left = left.group(names, without=not matching.on)
    of_right = right.group(names, without=not matching.on)
    numbers: dict[object, int] = {}
    left_numbers = np.array([numbers.setdefault(row, len(numbers)) for row in of_left.table.full_rows()], np.int64)
    right_numbers = np.array([numbers.setdefault(row, len(numbers)) for row in of_right.table.full_rows()], np.int64)
    return MatchPlan(
        left_numbers[of_left.ids] if left.size else np.empty(0, np.int64),
        right_numbers[of_right.ids] if right.size else np.empty(0, np.int64),
        len(numbers),
        is_right_unique=of_right.table.size >= right.size,
        is_left_unique=of_left.table.size >= left.size,
    )
