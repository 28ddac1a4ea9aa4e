"""Which traces outlive the crowd."""

from statistics import median

from hypothesis import given, settings
from hypothesis import strategies as st

from budget import scaled
from lapbell_evaluator.evidence import SERVER, RecentTraces
from lapbell_evaluator.evidence.examples import Example
from lapbell_evaluator.evidence.trace_store import MOST_SPANS
from lapbell_evaluator.evidence.typical_requests import TypicalRequests
from trace_kit import TRACE, span


def webhook(number: int, took_ms: int, *, end_ms: int, failed: bool = False, route: str = "/w"):
    trace = f"{number:032x}"
    return span("POST", end_ms - took_ms, end_ms, kind=SERVER, trace=trace, failed=failed, http__route=route)


def test_the_slowest_the_failed_and_a_typical_trace_outlive_ten_thousand_others():
    traces = RecentTraces(traces_bytes=100_000)
    traces.add([webhook(20_001, 4_000, end_ms=5_000), webhook(20_002, 300, end_ms=5_000, failed=True)])
    for number in range(10, 10_000):
        traces.add([webhook(number, 100 + number % 50, end_ms=5_000 + number)])
    told = {number: traces.trace(f"{number:032x}") is not None for number in (20_001, 20_002, 5_000)}
    typical = traces.typical("shop", "/w", 0, 60)
    assert told == {20_001: True, 20_002: True, 5_000: False}
    assert typical is not None
    assert 0.1 <= typical.spans[0].duration_s < 0.15


def test_a_late_span_finds_its_trace_where_it_is_held():
    traces = RecentTraces(traces_bytes=50_000)
    traces.add([webhook(1, 4_000, end_ms=5_000)])
    for number in range(10, 500):
        traces.add([webhook(number, 100, end_ms=5_000)])
    traces.add([span("late", 4_000, 4_500, id_=9, parent=1, trace=f"{1:032x}")])
    trace = traces.trace(f"{1:032x}")
    assert trace is not None
    assert sorted(each.name for each in trace.spans) == ["POST", "late"]


def test_memory_stays_within_its_bounds_whatever_is_worth_holding():
    traces = RecentTraces(traces_bytes=100_000, held_bytes=100_000)
    for number in range(1, 5_000):
        traces.add([webhook(number, number, end_ms=5_000 + number, failed=True, route=f"/{number}")])
    held = sum(traces.trace(f"{number:032x}") is not None for number in range(1, 5_000))
    assert 100 < held < 300


def test_of_a_hundred_thousand_spans_of_one_trace_two_thousand_are_kept_and_the_rest_counted():
    traces = RecentTraces()
    traces.add([span("x", 0, 1, id_=number) for number in range(1, 100_001)])
    trace = traces.trace(TRACE)
    assert trace is not None
    assert {"spans": len(trace.spans), "cut": trace.cut} == {"spans": MOST_SPANS, "cut": 100_000 - MOST_SPANS}


@given(
    st.lists(
        st.tuples(st.integers(0, 2**64), st.integers(0, 299), st.integers(1, 1_000)),
        max_size=60,
        unique_by=lambda each: each[0],
    ),
    st.integers(0, 299),
    st.integers(0, 299),
)
@settings(max_examples=scaled(200), deadline=None)
def test_the_typical_one_is_the_nearest_to_the_median_of_the_sample(requests, start, end):
    sampled = TypicalRequests(10**6)
    by_minute: dict[int, list[Example]] = {}
    for number, at, took_ms in requests:
        example = Example(float(at), took_ms / 1_000, failed=False, trace_id=f"{number:032x}")
        sampled.add("shop", "/w", example)
        by_minute.setdefault(at // 60, []).append(example)
    lowest = [
        example
        for examples in by_minute.values()
        for example in sorted(examples, key=lambda each: (each.trace_id[16:], each.trace_id))[:8]
        if start <= example.time <= end
    ]
    found = sampled.nearest_to_median("shop", "/w", float(start), float(end))
    middle = median(example.duration_s for example in lowest) if lowest else 0.0
    assert sorted(found) == sorted(example.trace_id for example in lowest)
    distances = [abs(example.duration_s - middle) for key in found for example in lowest if example.trace_id == key]
    assert distances == sorted(distances)
