"""Each fast path beside a slow, obvious one."""

import math
import statistics
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from budget import scaled
from lapbell_evaluator.model import Batch, labels
from lapbell_evaluator.promql import Engine, parse
from lapbell_evaluator.promql.aggregation.groups import groups_of
from lapbell_evaluator.promql.floats.sums import compensated_sum
from lapbell_evaluator.promql.histograms.classic_buckets import bucket_fraction, bucket_quantile, monotonic
from lapbell_evaluator.series import LabelTable, Limits, SeriesStore
from promql_kit.comparing import almost_equal

STEP_MS, RANGE_S = 5_000, 60
_values = st.one_of(
    st.integers(0, 50).map(float),
    st.floats(-1e6, 1e6),
    st.sampled_from([0.0, 1e15, -1e15, 1e-9, math.inf, -math.inf, math.nan]),
)
_points = st.dictionaries(st.integers(1, 40), _values, min_size=1, max_size=40).map(
    lambda held: sorted((at * STEP_MS, value) for at, value in held.items())
)
_many = st.lists(_points, min_size=1, max_size=6)


def _asked(function, series, at_ms):
    """The engine's answers, by series."""
    store = SeriesStore(Limits(retention_ms=10_000_000, coalesce_ms=0))
    for number, points in enumerate(series):
        ref = store.intern(labels({"__name__": "x_total", "n": str(number)}))
        times, values = zip(*points, strict=True)
        store.append(Batch(np.full(len(times), ref), np.array(times), np.array(values)))
    engine = Engine(store)
    found = engine.evaluate(parse(function.replace("$x", f"x_total[{RANGE_S}s]")), at_ms / 1000).samples
    engine.close()
    return {int(dict(one.labels)["n"]): one.value for one in found}


def _expected(function, series, at_ms):
    windows = [[point for point in points if at_ms - RANGE_S * 1000 < point[0] <= at_ms] for points in series]
    answers = {number: function(window, at_ms) for number, window in enumerate(windows) if window}
    return {number: answer for number, answer in answers.items() if answer is not None}


def _increase(window, at_ms):
    if len(window) < 2:
        return None
    (first_t, first), (last_t, last) = window[0], window[-1]
    change = last - first + sum(old for (_, old), (_, new) in pairwise(window) if new < old)
    sampled = (last_t - first_t) / 1000
    mean = sampled / (len(window) - 1)
    to_start = (first_t - (at_ms - RANGE_S * 1000)) / 1000
    to_end = (at_ms - last_t) / 1000
    to_start = mean / 2 if to_start >= mean * 1.1 else to_start
    if change > 0 and first >= 0:
        to_start = min(to_start, sampled * (first / change) if not math.isinf(change) or math.isinf(first) else 0.0)
    to_end = mean / 2 if to_end >= mean * 1.1 else to_end
    return change * ((sampled + to_start + to_end) / sampled)


def _values_of(window):
    return [value for _, value in window]


_OBVIOUS = {
    "count_over_time($x)": lambda window, _: float(len(window)),
    "last_over_time($x)": lambda window, _: window[-1][1],
    "first_over_time($x)": lambda window, _: window[0][1],
    "max_over_time($x)": lambda window, _: max((v for v in _values_of(window) if not math.isnan(v)), default=math.nan),
    "min_over_time($x)": lambda window, _: min((v for v in _values_of(window) if not math.isnan(v)), default=math.nan),
    "resets($x)": lambda window, _: float(sum(new < old for (_, old), (_, new) in pairwise(window))),
    "changes($x)": lambda window, _: float(
        sum(new != old and not (new != new and old != old) for (_, old), (_, new) in pairwise(window))
    ),
}


@settings(max_examples=scaled(60), deadline=None)
@given(_many, st.integers(5, 220))
def test_functions_of_windows_are_what_they_are_defined_to_be(series, at):
    for text, function in _OBVIOUS.items():
        ours, plain = _asked(text, series, at * 1_000), _expected(function, series, at * 1_000)
        assert ours.keys() == plain.keys(), text
        assert all(almost_equal(ours[one], plain[one], 1e-12) for one in plain), (text, ours, plain)


_finite = st.lists(
    st.dictionaries(st.integers(1, 40), st.floats(-1e6, 1e6), min_size=1, max_size=40).map(
        lambda held: sorted((at * STEP_MS, value) for at, value in held.items())
    ),
    min_size=1,
    max_size=6,
)

_ARITHMETIC = {
    "increase($x)": _increase,
    "sum_over_time($x)": lambda window, _: math.fsum(_values_of(window)),
    "avg_over_time($x)": lambda window, _: math.fsum(_values_of(window)) / len(window),
    "stdvar_over_time($x)": lambda window, _: statistics.pvariance(_values_of(window)),
    "quantile_over_time(0.5, $x)": lambda window, _: statistics.median(_values_of(window)),
}


@settings(max_examples=scaled(60), deadline=None)
@given(_finite, st.integers(5, 220))
def test_arithmetic_over_windows_agrees_with_plain_python(series, at):
    for text, function in _ARITHMETIC.items():
        ours, plain = _asked(text, series, at * 1_000), _expected(function, series, at * 1_000)
        assert ours.keys() == plain.keys(), text
        assert all(almost_equal(ours[one], plain[one], 1e-9) or abs(ours[one] - plain[one]) < 1e-3 for one in plain), (
            text,
            ours,
            plain,
        )


@settings(max_examples=scaled(100), deadline=None)
@given(st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=50))
def test_a_compensated_sum_is_the_exact_one_to_the_last_digits(values):
    total, lost = compensated_sum(np.array(values)[:, None], None)
    exact = math.fsum(values)
    assert almost_equal(float((total + lost)[0]), exact, 1e-12) or abs(exact) < 1e-10 * max(map(abs, values))


_rows = st.lists(
    st.dictionaries(st.sampled_from(["__name__", "a", "b", "c"]), st.sampled_from(["", "x", "y", "z"])),
    min_size=1,
    max_size=40,
)


@settings(max_examples=scaled(100), deadline=None)
@given(_rows, st.sets(st.sampled_from(["a", "b", "nope"])), st.booleans())
def test_groups_hold_the_rows_whose_labels_are_equal(rows, names, without):
    own = [labels(row) for row in rows]
    table = LabelTable.from_rows(own)
    groups = groups_of(table, tuple(names), without=without)
    plain: dict[tuple, list[int]] = {}
    for number, row in enumerate(own):
        dropped = {*names, "__name__"}
        key = tuple(pair for pair in row if ((pair[0] not in dropped) if without else (pair[0] in names)))
        plain.setdefault(key, []).append(number)
    found = {row: np.flatnonzero(groups.ids == group).tolist() for group, row in enumerate(groups.table.full_rows())}
    assert found == plain


@settings(max_examples=scaled(100), deadline=None)
@given(st.lists(st.tuples(st.integers(0, 7), st.floats(0, 1e6)), min_size=1, max_size=300), st.booleans())
def test_sums_by_group_are_the_exact_ones(cells, has_negative):
    table = LabelTable.from_rows([labels({"g": str(group), "n": str(at)}) for at, (group, _) in enumerate(cells)])
    values = np.array([[-value if has_negative and at % 3 else value for at, (_, value) in enumerate(cells)]])
    groups = groups_of(table, ("g",), without=False)
    total, lost = groups.sums(values, np.ones(values.shape, np.bool_))
    for group in range(groups.size):
        members = values[0, groups.ids == group].tolist()
        assert math.isclose(total[0, group] + lost[0, group], math.fsum(members), rel_tol=1e-12, abs_tol=1e-6)


_counts = st.lists(st.integers(0, 20), min_size=2, max_size=8)


def _plain_quantile(quantile, bounds, counts):
    total = counts[-1]
    if total == 0:
        return math.nan
    rank = quantile * total
    at = next((at for at, count in enumerate(counts[:-1]) if count >= rank), len(counts) - 1)
    if at == len(counts) - 1:
        return bounds[-2]
    if at == 0 and bounds[0] <= 0:
        return bounds[0]
    start, before = (bounds[at - 1], counts[at - 1]) if at else (0.0, 0.0)
    inside = counts[at] - before
    return start + (bounds[at] - start) * ((rank - before) / inside) if inside else math.nan


@settings(max_examples=scaled(150), deadline=None)
@given(_counts, st.sampled_from([0.0, 0.1, 0.5, 0.9, 0.99, 1.0]), st.sampled_from([-1.0, 0.5]))
def test_a_quantile_of_buckets_lies_where_its_rank_does(inside, quantile, first):
    counts = np.cumsum(inside).astype(np.float64)
    bounds = np.array([first + at for at in range(len(counts) - 1)] + [math.inf])
    ours = float(bucket_quantile(quantile, bounds, counts[None, :])[0])
    assert almost_equal(ours, _plain_quantile(quantile, bounds.tolist(), counts.tolist()), 1e-12)


@settings(max_examples=scaled(100), deadline=None)
@given(_counts)
def test_the_shares_of_buckets_that_border_on_each_other_add_up(inside):
    counts = np.cumsum(inside).astype(np.float64)[None, :]
    bounds = np.array([*range(1, len(inside)), math.inf], np.float64)
    if counts[0, -1] == 0:
        return
    edges = [-math.inf, 0.5, 1.5, 3.0, math.inf]
    shares = [bucket_fraction(low, high, bounds, counts)[0] for low, high in pairwise(edges)]
    assert math.isclose(sum(shares), 1.0)


@settings(max_examples=scaled(100), deadline=None)
@given(st.lists(st.floats(0, 100), min_size=1, max_size=10))
def test_counts_made_monotonic_never_fall_and_never_lose(counts):
    fixed, raised = monotonic(np.array([counts]))
    assert (np.diff(fixed[0]) >= 0).all()
    assert (fixed[0][raised[0]] > np.array(counts)[raised[0]]).all()
