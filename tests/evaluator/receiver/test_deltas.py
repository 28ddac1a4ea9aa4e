"""OpenTelemetry metrics data model, "Sums: Delta-to-Cumulative": deltas become totals, each counted once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otlp_kit import DELTA, distribution, histogram, number, total
from otlp_kit.exponential import exponential, exponential_point
from otlp_kit.offline_receiver import OfflineReceiver


def deltas(*points):
    return total("orders", points, temporality=DELTA)


def test_deltas_add_up_from_a_known_start():
    receiver = OfflineReceiver()
    receiver.take(deltas(number(3, 110, start=100)))
    receiver.take(deltas(number(2, 120, start=110)))
    assert receiver.store.samples == [
        ("orders_total", 100_000, 0.0),
        ("orders_total", 110_000, 3.0),
        ("orders_total", 120_000, 5.0),
    ]


def test_deltas_of_a_sum_that_may_fall_add_up_as_well():
    receiver = OfflineReceiver()
    for value, start, at in ((3, 100, 110), (-1, 110, 120)):
        receiver.take(total("pool", [number(value, at, start=start)], monotonic=False, temporality=DELTA))
    assert [value for _, _, value in receiver.store.of("pool")][-2:] == [3.0, 2.0]


def test_deltas_of_histograms_add_up_bucket_by_bucket():
    receiver = OfflineReceiver()
    for start, at in ((100, 110), (110, 120)):
        point = distribution([1, 2], at, bounds=[1], sum_=4.5, start=start)
        receiver.take(histogram("h", [point], temporality=DELTA))
    assert receiver.store.samples[-4:] == [
        ('h_seconds_bucket{le="1"}', 120_000, 2.0),
        ('h_seconds_bucket{le="+Inf"}', 120_000, 6.0),
        ("h_seconds_sum", 120_000, 9.0),
        ("h_seconds_count", 120_000, 6.0),
    ]


def test_deltas_of_exponential_histograms_add_up_at_the_coarser_scale():
    receiver = OfflineReceiver()
    fine = exponential_point([1, 1, 1, 1], 110, scale=1, offset=0, sum_=4, start=100)
    coarse = exponential_point([5], 120, scale=0, offset=2, sum_=20, start=110)
    for point in (fine, coarse):
        receiver.take(exponential("h", [point], temporality=DELTA))
    _, time, merged = receiver.store.histograms[-1]
    assert time == 120_000
    assert merged.schema == 0
    assert merged.count == 9.0
    assert merged.sum == 24.0
    assert merged.positive_offset == 1
    assert merged.positive.tolist() == [2.0, 2.0, 5.0]


def test_a_total_of_deltas_that_are_left_out_is_repeated_once_a_minute():
    receiver = OfflineReceiver()
    receiver.take(deltas(number(3, 110, start=100)))
    for at in (130, 170, 180, 231):
        receiver.take(total("other", [number(1, at)]))
    assert receiver.store.of("orders_total")[2:] == [("orders_total", 170_000, 3.0), ("orders_total", 231_000, 3.0)]


@given(
    st.lists(st.integers(0, 1_000), min_size=1, max_size=20).flatmap(
        lambda values: st.tuples(st.just(values), st.permutations(range(len(values))), st.lists(st.integers(0, 19)))
    )
)
def test_no_delta_is_lost_or_counted_twice_whatever_order_they_come_in(case):
    values, order, repeated = case
    receiver = OfflineReceiver()
    intervals = [(100 + 10 * n, 110 + 10 * n, value) for n, value in enumerate(values)]
    for n in [*order, *(n for n in repeated if n < len(values))]:
        start, end, value = intervals[n]
        receiver.take(deltas(number(value, end, start=start)))
    receiver.take(deltas(number(0, 1_000, start=990)))
    assert receiver.store.of("orders_total")[-1] == ("orders_total", 1_000_000, float(sum(values)))


@pytest.mark.parametrize("repeats", [1, 3])
def test_a_delta_that_comes_again_is_no_fault_of_the_sender(repeats):
    receiver = OfflineReceiver()
    translated = [receiver.take(deltas(number(3, 110, start=100))) for _ in range(repeats)]
    assert translated[-1].rejected == {}
    assert receiver.store.of("orders_total")[-1][2] == 3.0
