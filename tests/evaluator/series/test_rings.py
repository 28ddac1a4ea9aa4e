"""The rings beside a plain dictionary of lists, whatever comes in and in whatever order."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from budget import scaled
from lapbell_evaluator.model import Batch, labels
from lapbell_evaluator.series import BEFORE, Limits, Matcher, MatchOp, SeriesStore, is_stale

SERIES = 5
RETENTION_MS, LATE_MS = 300_000, 60_000
FOREVER = 1 << 50

_samples = st.lists(
    st.tuples(
        st.integers(0, SERIES - 1),
        st.integers(0, 120).map(lambda at: at * 5_000),
        st.sampled_from([0.0, 1.0, 2.0, 2.5, -1.0, float("nan"), float("inf")]),
    ),
    min_size=1,
    max_size=6,
)
_batches = st.lists(_samples, min_size=1, max_size=40)


class _Lists:
    """What the store promises, as plainly as it can be said."""

    def __init__(self, coalesce_ms):
        self.coalesce_ms = coalesce_ms
        self.points: dict[int, dict[int, float]] = {at: {} for at in range(SERIES)}
        self.opened = {}
        self.newest = -1

    def append(self, samples):
        self.newest = max(self.newest, *(time for _, time, _ in samples))
        for series, time, value in samples:
            held = self.points[series]
            last = max(held, default=-1)
            if time > last:
                if last >= 0 and time - self.opened[series] < self.coalesce_ms:
                    del held[last]
                else:
                    self.opened[series] = time
                held[time] = value
            elif time not in held and time >= self.newest - LATE_MS:
                held[time] = value

    def recent(self):
        """By series, what must be there: samples within the retention."""
        oldest = self.newest - RETENTION_MS
        return {at: {t: repr(v) for t, v in held.items() if t >= oldest} for at, held in self.points.items()}


def _contents(store, newest):
    with store.select([Matcher("__name__", MatchOp.EQUAL, "x")], 0, FOREVER) as selection:
        found: dict[int, dict[int, str]] = {at: {} for at in range(SERIES)}
        names = selection.table.texts("at")
        row = 0
        for frame in selection.frames:
            ends, starts = frame.rows_until(FOREVER), frame.first_rows()
            for column in range(frame.size):
                first, end = int(starts[column]), int(ends[column])
                times, values = (
                    frame.times(first, end)[:, column].tolist(),
                    frame.values(first, end)[:, column].tolist(),
                )
                found[int(names[row])] = {t: repr(v) for t, v in zip(times, values, strict=True)}
                row += 1
    oldest = newest - RETENTION_MS
    return {at: {t: v for t, v in held.items() if t >= oldest} for at, held in found.items()}


def _fill(batches, coalesce_ms):
    store = SeriesStore(Limits(retention_ms=RETENTION_MS, late_ms=LATE_MS, coalesce_ms=coalesce_ms))
    lists = _Lists(coalesce_ms)
    for samples in batches:
        refs = [store.intern(labels({"__name__": "x", "at": str(series)})) for series, _, _ in samples]
        times, values = np.array([time for _, time, _ in samples]), np.array([value for _, _, value in samples])
        result = store.append(Batch(np.array(refs, np.int64), times, values))
        assert not len(result.gone)
        lists.append(samples)
    return store, lists


@settings(max_examples=scaled(150), deadline=None)
@given(_batches)
def test_a_store_holds_what_lists_would_hold(batches):
    store, lists = _fill(batches, 0)
    assert _contents(store, lists.newest) == lists.recent()


@settings(max_examples=scaled(100), deadline=None)
@given(_batches)
def test_the_rows_until_a_time_are_those_of_samples_at_or_before_it(batches):
    store, _ = _fill(batches, 0)
    with store.select([Matcher("__name__", MatchOp.EQUAL, "x")], 0, FOREVER) as selection:
        for frame in selection.frames:
            top = int(frame.rows_until(FOREVER).max(initial=0))
            first, times = frame.first_rows(), frame.times(0, top)
            for time in range(0, 605_000, 23_000):
                inside = (np.arange(top)[:, None] >= first) & (times <= time)
                np.testing.assert_array_equal(frame.rows_until(time) - first, inside.sum(axis=0))


@settings(max_examples=scaled(100), deadline=None)
@given(_batches)
def test_a_series_that_fell_or_was_nan_after_a_time_is_never_said_not_to_have(batches):
    store, _ = _fill(batches, 0)
    with store.select([Matcher("__name__", MatchOp.EQUAL, "x")], 0, FOREVER) as selection:
        for frame in selection.frames:
            ends, starts, resets = frame.rows_until(FOREVER), frame.first_rows(), frame.last_resets()
            for column in range(frame.size):
                rows = slice(int(starts[column]), int(ends[column]))
                times = frame.times(0, rows.stop)[rows, column]
                values = frame.values(0, rows.stop)[rows, column]
                fell = times[1:][~(values[1:] >= values[:-1])]
                assert resets[column] >= fell.max(initial=BEFORE)


def test_markers_are_told_from_other_nans():
    assert is_stale(np.array([0x7FF0000000000002, 0x7FF8000000000001, 0], np.int64).view(np.float64)).tolist() == [
        True,
        False,
        False,
    ]
