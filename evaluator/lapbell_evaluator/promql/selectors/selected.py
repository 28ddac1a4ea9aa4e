"""Series with their samples: held in place for a moment, or copied for a longer look."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from lapbell_evaluator.promql.run import Budget, Run
from lapbell_evaluator.series import Frame, Matcher, Selection
from lapbell_evaluator.series.arrays import Ints

__all__ = ["rows_until_each", "selected"]


@contextmanager
def selected(
    run: Run, matchers: Sequence[Matcher], times: Ints, before_ms: int, *, is_brief: bool
) -> Iterator[Selection]:
    """The series that match, with what they have from `before_ms` before the first time up to the last one.

    Nobody can append, and nobody can be told how full memory is, while a selection is held in place.

    Args:
        run: whose storage and budget.
        matchers: all must match.
        times: int64[step], milliseconds, ascending.
        before_ms: how far one looks back.
        is_brief: whether a look at one time takes no longer than a copy would.
    """
    after, until = int(times[0]) - before_ms, int(times[-1])
    with run.storage.select(matchers, after, until, run.budget.spend) as selection:
        run.budget.reserve(selection.table.size, len(times))
        if is_brief and len(times) == 1:
            yield selection
            return
        held = selection.held(after, until)
    yield held


def rows_until_each(frame: Frame, times: Ints, budget: Budget) -> Ints:
    """int64[step, series]: see `Frame.rows_until`."""
    return np.stack([frame.rows_until(time) for time in budget.counted(times.tolist())])
