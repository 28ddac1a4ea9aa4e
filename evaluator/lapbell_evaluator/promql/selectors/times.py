"""The times that a selector looks at, as `offset` and `@` move them."""

from typing import Final

import numpy as np

from lapbell_evaluator.promql.run import Run
from lapbell_evaluator.promql.syntax.ast import At, Duration
from lapbell_evaluator.promql.syntax.duration_arithmetic import duration_ms
from lapbell_evaluator.series.arrays import Ints

__all__ = ["shifted_times"]

_FARTHEST_MS: Final = 1 << 61
"""No sample is as far away; ranges and lookbacks beside it still are 64-bit numbers."""


def shifted_times(run: Run, offset: Duration | None, at: float | At | None) -> tuple[Ints, bool]:
    """The times that a selector looks at, and whether these are one time for all steps."""
    back = 0 if offset is None else duration_ms(offset, run.step_s, run.range_s, may_be_negative=True)
    match at:
        case None:
            return run.times - back, False
        case At.START:
            fixed = run.start_ms
        case At.END:
            fixed = run.end_ms
        case _:
            fixed = round(at * 1000)
    return np.array([max(-_FARTHEST_MS, min(_FARTHEST_MS, fixed - back))]), True
