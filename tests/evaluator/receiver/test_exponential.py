"""OpenTelemetry specification, compatibility/prometheus_and_openmetrics.md, "Exponential Histograms"."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lapbell_evaluator.receiver.exponential import OtlpBuckets, added, histogram_of
from lapbell_evaluator.series import is_stale
from otlp_kit import NO_RECORDED_VALUE
from otlp_kit.exponential import exponential, exponential_point
from otlp_kit.offline_receiver import OfflineReceiver


def bucket_bounds(schema, offset, counts):
    """(lower, upper, count) of each bucket that holds something, by Prometheus' definition."""
    return [
        (2.0 ** ((offset + n - 1) * 2.0**-schema), 2.0 ** ((offset + n) * 2.0**-schema), count)
        for n, count in enumerate(counts)
        if count
    ]


def otlp_bounds(scale, offset, counts):
    """(lower, upper, count) by OTLP's definition."""
    return [
        (2.0 ** ((offset + n) * 2.0**-scale), 2.0 ** ((offset + n + 1) * 2.0**-scale), count)
        for n, count in enumerate(counts)
        if count
    ]


@pytest.mark.parametrize("scale", [-4, 0, 3, 8])
def test_buckets_keep_their_bounds(scale):
    receiver = OfflineReceiver()
    receiver.take(exponential("h", [exponential_point([1, 0, 2], 110, scale=scale, offset=-1, zero_count=4, sum_=9)]))
    name, time, got = receiver.store.histograms[0]
    assert name == "h_seconds"
    assert time == 110_000
    assert got.count == 7.0
    assert got.sum == 9.0
    assert got.zero_count == 4.0
    assert bucket_bounds(got.schema, got.positive_offset, got.positive) == otlp_bounds(scale, -1, [1, 0, 2])


@given(st.integers(9, 20), st.integers(-500, 500), st.lists(st.integers(0, 9), min_size=1, max_size=40))
def test_a_scale_finer_than_eight_is_merged_into_buckets_that_hold_the_same(scale, offset, counts):
    got = histogram_of(
        scale=scale,
        count=sum(counts),
        sum_=0.0,
        zero_count=0,
        zero_threshold=0.0,
        positive=OtlpBuckets(offset, counts),
        negative=OtlpBuckets(0, ()),
    )
    assert got is not None
    expected: dict[int, int] = {}
    for n, count in enumerate(counts):
        upper = math.ceil((offset + n + 1) / 2 ** (scale - 8))
        expected[upper] = expected.get(upper, 0) + count
    found = {got.positive_offset + n: int(count) for n, count in enumerate(got.positive)}
    assert got.schema == 8
    assert {k: v for k, v in found.items() if v} == {k: v for k, v in expected.items() if v}


def test_a_known_start_is_an_empty_histogram_then():
    receiver = OfflineReceiver()
    receiver.take(exponential("h", [exponential_point([1], 110, start=100, sum_=1)]))
    assert [(time, got.count) for _, time, got in receiver.store.histograms] == [(100_000, 0), (110_000, 1.0)]


def test_no_recorded_value_is_a_stale_sum():
    receiver = OfflineReceiver()
    receiver.take(exponential("h", [exponential_point([], 110, flags=NO_RECORDED_VALUE)]))
    assert is_stale(np.array([receiver.store.histograms[0][2].sum])).all()


@pytest.mark.parametrize(
    "point",
    [
        exponential_point([1], 110, scale=-5),
        exponential_point([1], 110, scale=21),
        exponential_point([1], 110, scale=0, offset=2_000),
        exponential_point([1] * 10_001, 110, scale=20),
    ],
)
def test_a_histogram_that_no_double_falls_into_is_rejected(point):
    rejected = OfflineReceiver().take(exponential("h", [point])).rejected
    assert rejected == {"exponential histogram points whose scale or buckets are out of range": 1}


def one_bucket(scale, offset):
    return histogram_of(
        scale=scale,
        count=1,
        sum_=1.0,
        zero_count=0,
        zero_threshold=0.0,
        positive=OtlpBuckets(offset, [1]),
        negative=OtlpBuckets(0, ()),
    )


def test_histograms_at_both_ends_of_the_doubles_add_up_in_bounded_memory():
    merged = added(one_bucket(8, -1_074 * 256), one_bucket(8, 1_023 * 256))
    assert merged.count == 2.0
    assert merged.positive.sum() == 2.0
    assert len(merged.positive) <= 10_000
