"""Which traces are kept as examples."""

from hypothesis import given
from hypothesis import strategies as st

from lapbell_evaluator.evidence.examples import Example, Examples

MANY_BYTES = 1 << 20


def example(time, duration_s, *, failed=False, trace_id=None):
    return Example(time, duration_s, failed, trace_id or f"{time}-{duration_s}")


def filled(*examples, budget_bytes=MANY_BYTES):
    index = Examples(budget_bytes)
    for each in examples:
        index.add("app", "/w", each)
    return index


def worst(index, start=0, end=1_000, *, failed=False, limit=3, job="app", name="/w"):
    return [(e.time, e.duration_s) for e in index.worst(job, name, start, end, failed=failed, limit=limit)]


def test_the_slowest_of_a_window_come_first():
    index = filled(example(10, 0.2), example(20, 3.0), example(31, 1.0), example(500, 9.0))
    assert worst(index, 5, 40) == [(20, 3.0), (31, 1.0), (10, 0.2)]


def test_failed_ones_are_found_among_any_number_of_slower_ones():
    slow = [example(10, float(n)) for n in range(1, 20)]
    index = filled(*slow, example(11, 0.01, failed=True))
    assert worst(index, failed=True) == [(11, 0.01)]


def test_services_and_routes_are_kept_apart():
    index = filled(example(10, 0.2))
    assert worst(index, job="other") == []
    assert worst(index, name="/other") == []


def test_the_oldest_go_where_memory_is_short():
    index = filled(*(example(15 * n, 1.0) for n in range(100)), budget_bytes=20_000)
    assert worst(index, end=2_000, limit=100) == [(15 * n, 1.0) for n in range(91, 100)]


@given(st.lists(st.tuples(st.floats(0, 900), st.floats(0, 9), st.booleans()), max_size=60), st.floats(0, 900))
def test_the_worst_one_of_any_window_that_begins_with_a_quarter_minute_is_the_worst_of_all(rows, start):
    start = start // 15 * 15
    examples = [example(time, took, failed=failed, trace_id=str(n)) for n, (time, took, failed) in enumerate(rows)]
    inside = [e for e in examples if start <= e.time]
    slowest = max((e.duration_s for e in inside), default=None)
    found = filled(*examples).worst("app", "/w", start, 1_000, failed=False, limit=1)
    assert (found[0].duration_s if found else None) == slowest
