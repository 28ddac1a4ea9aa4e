"""Sums and means of many native histograms."""

from collections.abc import Sequence

from lapbell_evaluator.model import CounterHint, Histogram
from lapbell_evaluator.promql.annotations import Annotations
from lapbell_evaluator.promql.ast import Position
from lapbell_evaluator.promql.native import IncompatibleSchemasError, added, compacted, divided

__all__ = ["average", "total"]


def total(members: Sequence[Histogram], annotations: Annotations, metric: str, at: Position) -> Histogram | None:
    """The sum; None if exponential and custom buckets are among them."""
    result = members[0]
    try:
        for member in members[1:]:
            combined = added(result, member)
            result = combined.histogram
            if combined.bounds_reconciled:
                annotations.bounds_reconciled("aggregation", at)
    except IncompatibleSchemasError:
        annotations.mixed_schemas(metric, at)
        return None
    hints = {member.hint for member in members}
    if {CounterHint.RESET, CounterHint.NOT_RESET} <= hints:
        annotations.hints_collide("aggregation", at)
    return compacted(result)


def average(members: Sequence[Histogram], annotations: Annotations, metric: str, at: Position) -> Histogram | None:
    """The mean; None as `total`."""
    result = total(members, annotations, metric, at)
    return None if result is None else compacted(divided(result, len(members)))
