"""`absent` and `absent_over_time`: the series that tells of nothing."""

import numpy as np

from lapbell_evaluator.model import METRIC_NAME, Labels, labels
from lapbell_evaluator.promql.syntax.ast import Expr, MatrixSelector, VectorSelector
from lapbell_evaluator.promql.value import Vector
from lapbell_evaluator.series import LabelTable, MatchOp
from lapbell_evaluator.series.arrays import Bools

__all__ = ["absent", "absent_labels"]


def absent(present: Bools, own: Labels) -> Vector:
    """One series of value 1 at the steps where no series is present."""
    is_absent = np.logical_not(np.any(present, axis=1)).reshape(-1, 1)
    return Vector(LabelTable.from_rows([own]), np.ones(is_absent.shape), is_absent)


def absent_labels(node: Expr) -> Labels:
    """What the absent series would certainly have had: labels with one equality matcher.

    Source: Prometheus 3.14, promql/functions.go, `createLabelsForAbsentFunction`.
    """
    match node:
        case VectorSelector(matchers=matchers) | MatrixSelector(selector=VectorSelector(matchers=matchers)):
            certain: dict[str, str] = {}
            seen: set[str] = set()
            for matcher in matchers:
                if matcher.name == METRIC_NAME:
                    continue
                if matcher.op is MatchOp.EQUAL and matcher.name not in seen:
                    certain[matcher.name] = matcher.value
                    seen.add(matcher.name)
                else:
                    certain.pop(matcher.name, None)
            return labels(certain)
        case _:
            return ()
