"""What a query holds while it looks at samples."""

import math
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budget import scaled
from lapbell_evaluator.model import Batch, labels
from lapbell_evaluator.promql.annotations import Annotations
from lapbell_evaluator.promql.run import Budget, Run
from lapbell_evaluator.promql.selectors.selected import selected
from lapbell_evaluator.series import Limits, Matcher, MatchOp, SeriesStore

LOAD = labels({"__name__": "load"})
EVERY_LOAD = (Matcher("__name__", MatchOp.EQUAL, "load"),)
PATIENCE_S = 60.0


def run_of(store):
    budget = Budget(1_000_000, 1_000_000, math.inf, threading.Event())
    return Run(store, np.array([0]), 0, 0, 0, 1_000, 300_000, budget, Annotations())


def put(store, time_ms, value):
    return store.append(Batch(np.array([store.intern(LOAD)]), np.array([time_ms]), np.array([value]))).accepted


def values(selection):
    (frame,) = selection.frames
    return frame.values_at(frame.rows_until(2_000) - 1).tolist()


@pytest.mark.parametrize(("times", "is_brief"), [([1_000, 2_000], True), ([2_000], False)])
def test_memory_takes_samples_during_a_long_look_which_does_not_see_them(times, is_brief):
    store = SeriesStore(Limits(coalesce_ms=0))
    put(store, 1_000, 1.0)
    with (
        selected(run_of(store), EVERY_LOAD, np.array(times), 300_000, is_brief=is_brief) as selection,
        ThreadPoolExecutor() as other,
    ):
        taken = other.submit(put, store, 2_000, 2.0).result(PATIENCE_S)
        seen = values(selection)
    assert {"taken": taken, "seen": seen} == {"taken": 1, "seen": [1.0]}


SAMPLES = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 60), st.sampled_from([0.0, 1.0, 2.0, math.nan])),
    min_size=1,
    max_size=80,
)


@settings(max_examples=scaled(100), deadline=None)
@given(SAMPLES, st.integers(-5, 65), st.integers(-5, 65))
def test_a_copy_shows_what_stands_in_memory_between_two_times(samples, one, other):
    store, (after, until) = SeriesStore(Limits(coalesce_ms=0, late_ms=1_000_000)), sorted((one * 1_000, other * 1_000))
    for number, at, value in samples:
        ref = store.intern(labels({"__name__": "load", "number": str(number)}))
        store.append(Batch(np.array([ref]), np.array([at * 1_000]), np.array([value])))
    with store.select(EVERY_LOAD, after, until) as selection:
        held = selection.held(after, until)
        pairs = list(zip(selection.frames, held.frames, strict=True))
        assert [shown(own, after, until) for _, own in pairs] == [shown(frame, after, until) for frame, _ in pairs]


def shown(frame, after, until):
    """By series: its samples after one time up to another, and when it last fell and ended."""
    first, end = frame.rows_until(after), frame.rows_until(until)
    rows = [
        [
            (int(frame.times(row, row + 1)[0, column]), repr(frame.values(row, row + 1)[0, column]))
            for row in range(a, b)
        ]
        for column, (a, b) in enumerate(zip(first.tolist(), end.tolist(), strict=True))
    ]
    return rows, frame.last_resets().tolist(), frame.last_stales().tolist()
