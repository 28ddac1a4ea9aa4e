"""A series that is known but has no sample yet."""

import numpy as np

from lapbell_evaluator.model import Batch
from lapbell_evaluator.series import Matcher, MatchOp, SeriesStore

OF_METRIC = (Matcher("__name__", MatchOp.EQUAL, "m"),)


def rows_until(store: SeriesStore, time_ms: int) -> list[list[int]]:
    with store.select(OF_METRIC, 0, time_ms) as selection:
        return [frame.rows_until(time_ms).tolist() for frame in selection.frames]


def test_it_is_there_in_a_question_about_a_moment_that_was_asked_about_before():
    store = SeriesStore()
    refs = np.array([store.intern((("__name__", "m"), ("i", str(i)))) for i in range(2)])
    store.append(Batch(refs, np.array([1000, 1000]), np.array([1.0, 2.0])))
    before = rows_until(store, 2000)
    store.intern((("__name__", "m"), ("i", "new")))

    assert before == [[1, 1]]
    assert rows_until(store, 2000) == [[1, 1, 0]]
