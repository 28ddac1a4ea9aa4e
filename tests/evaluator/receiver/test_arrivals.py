"""When samples arrived, against a dictionary that forgets nothing."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lapbell_evaluator.model import METRIC_NAME, Batch, RawSample, labels
from lapbell_evaluator.receiver import Arrivals
from lapbell_evaluator.series import SeriesStore

NAMES = [labels({METRIC_NAME: "load", "instance": str(number)}) for number in range(5)]
batches = st.lists(st.lists(st.tuples(st.sampled_from(NAMES), st.integers(0, 20)), max_size=8), max_size=10)


def noted(exports) -> Arrivals:
    store = SeriesStore()
    arrivals = Arrivals(store.ref_of)
    for at, export in enumerate(exports):
        refs = [store.intern(own) for own, _ in export]
        times = np.array([1000 * second for _, second in export], np.int64)
        arrivals.note(Batch(np.array(refs, np.int64), times, np.ones(len(export))), 100.0 + at)
    return arrivals


@given(batches)
def test_the_newest_sample_of_a_series_has_the_time_of_its_first_arrival(exports):
    newest: dict = {}
    for at, export in enumerate(exports):
        for own, second in export:
            if own not in newest or second > newest[own][0]:
                newest[own] = (second, 100.0 + at)
    asked = [RawSample(own, float(second)) for own in NAMES for second in range(21)]
    wanted = [
        newest[each.labels][1] if each.labels in newest and newest[each.labels][0] == each.time else None
        for each in asked
    ]
    assert noted(exports).received_at([*asked, None]) == [*wanted, None]


def test_more_series_than_there_was_room_for_are_remembered():
    store = SeriesStore()
    arrivals = Arrivals(store.ref_of)
    many = [labels({METRIC_NAME: "load", "instance": str(number)}) for number in range(5_000)]
    refs = np.array([store.intern(each) for each in many], np.int64)
    arrivals.note(Batch(refs, np.full(len(refs), 1000), np.ones(len(refs))), 2.0)
    assert arrivals.received_at([RawSample(each, 1.0) for each in many]) == [2.0] * len(many)
