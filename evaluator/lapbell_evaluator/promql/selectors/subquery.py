"""Subqueries: an expression evaluated at many moments becomes a range vector."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import numpy as np

from lapbell_evaluator.model import CounterHint
from lapbell_evaluator.promql.run import Budget, Run
from lapbell_evaluator.promql.selectors.range_vector import RangeVector
from lapbell_evaluator.promql.selectors.times import shifted_times
from lapbell_evaluator.promql.selectors.window import Window, compacted
from lapbell_evaluator.promql.syntax.ast import Duration, Expr, Subquery
from lapbell_evaluator.promql.syntax.duration_arithmetic import duration_ms
from lapbell_evaluator.promql.syntax.errors import PromqlError
from lapbell_evaluator.promql.value import Vector
from lapbell_evaluator.series import HistogramSeries
from lapbell_evaluator.series.arrays import Ints
from lapbell_evaluator.series.native import with_hint

__all__ = ["moments_of", "subquery"]

_MAX_HINTS = (CounterHint.RESET, CounterHint.NOT_RESET)


def moments_of(run: Run, node: Subquery) -> Ints:
    """int64[moment]: when the inner expression of a subquery is evaluated, milliseconds; none if no step falls in."""
    until, _ = shifted_times(run, node.offset, node.at)
    after_ms = int(until[0]) - duration_ms(node.range, run.step_s, run.range_s)
    step_ms = _step_ms(run, node.step)
    first = after_ms // step_ms * step_ms + step_ms
    run.budget.reserve(1, max(0, (int(until[-1]) - first) // step_ms + 1))
    return np.arange(first, int(until[-1]) + 1, step_ms)


def _step_ms(run: Run, step: Duration | None) -> int:
    if step is None:
        return run.interval_ms
    step_ms = duration_ms(step, run.step_s, run.range_s)
    if not step_ms:
        where = step.position
        raise PromqlError("the step is less than a millisecond", where.line, where.column, "Write 1ms or more.")
    return step_ms


def subquery(run: Run, node: Subquery, evaluate: Callable[[Run, Expr], Vector]) -> AbstractContextManager[RangeVector]:
    """The windows of a subquery; moments are multiples of its step, wherever the query begins."""
    until, is_fixed = shifted_times(run, node.offset, node.at)
    range_ms = duration_ms(node.range, run.step_s, run.range_s)
    after = until - range_ms
    moments = moments_of(run, node)
    vector = evaluate(run.at(moments if len(moments) else until[:1]), node.expr)
    run.budget.reserve(vector.table.size, len(until))
    return _windows(vector, moments, after, until, range_ms, run.budget, is_fixed=is_fixed)


@contextmanager
def _windows(
    vector: Vector, moments: Ints, after: Ints, until: Ints, range_ms: int, budget: Budget, *, is_fixed: bool
) -> Iterator[RangeVector]:
    times = np.repeat(moments[:, None], vector.table.size, axis=1)
    rows = len(moments)
    frame = compacted(times, vector.values[:rows], vector.floats_present[:rows], is_grid=True)
    yield RangeVector(
        vector.table,
        (Window.of(frame, after, until, budget),),
        _histograms(vector, moments, budget),
        after,
        until,
        range_ms,
        is_fixed,
    )


def _histograms(vector: Vector, moments: Ints, budget: Budget) -> dict[int, HistogramSeries]:
    """Native histograms by series; what they say of resets is not true of the moments any more."""
    if vector.histograms is None:
        return {}
    by_row: dict[int, HistogramSeries] = {}
    for row in budget.counted(np.flatnonzero(vector.has_histogram.any(axis=0)).tolist()):
        steps = [step for step in np.flatnonzero(vector.has_histogram[:, row]).tolist() if step < len(moments)]
        own = [vector.histograms[step, row] for step in steps]
        own = [with_hint(one, CounterHint.UNKNOWN) if one.hint in _MAX_HINTS else one for one in own]
        by_row[row] = HistogramSeries([int(moments[step]) for step in steps], own)
    return by_row
