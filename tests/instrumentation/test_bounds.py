"""What the bounds of the histograms promise."""

from itertools import pairwise
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.metrics.export import HistogramDataPoint

from lapbell import semconv
from lapbell.instruments import bounds_s
from lapbell.ledger import Ledger
from lapbell.provider_deadlines import deadlines_s, provider_deadlines

ERROR = 0.125
"""Of the true value, as semconv says of a percentile between 1 and 15 s."""


def percentile(share: float, durations_s: list[float]) -> float:
    """As PromQL's histogram_quantile reads it from what the library exports."""
    ledger = Ledger((0.5, 2.0))
    for duration_s in durations_s:
        ledger.record(semconv.WEBHOOK_REQUEST_DURATION, duration_s, {}, None)
    ((point,),) = [metric.data.data_points for metric in ledger.collect()]
    assert isinstance(point, HistogramDataPoint)
    rank, below, lower = share * point.count, 0, 0.0
    for count, upper in zip(point.bucket_counts, point.explicit_bounds, strict=False):
        if count and below + count >= rank:
            return lower + (upper - lower) * (rank - below) / count
        below, lower = below + count, upper
    return lower


def test_no_bucket_from_1_to_15_s_is_wider_than_the_error_that_is_promised():
    dense = [bound for bound in semconv.REQUEST_BOUNDS_S if 1 <= bound <= 15]
    assert dense[0] == 1
    assert dense[-1] == 15
    assert max(upper / lower for lower, upper in pairwise(dense)) - 1 <= ERROR + 1e-9


@given(st.floats(1.001, 15.0), st.floats(0.01, 1.0))
def test_a_percentile_between_1_and_15_s_is_wrong_by_an_eighth_at_most(duration_s, share):
    assert percentile(share, [duration_s] * 100) == pytest.approx(duration_s, rel=ERROR)


def test_requests_of_1_51_s_no_longer_read_as_1_75_and_2_00():
    p50, p99 = (percentile(share, [1.51] * 100) for share in (0.5, 0.99))
    assert p50 == pytest.approx(1.575)
    assert p99 == pytest.approx(1.6485)


@pytest.mark.parametrize("metric", [semconv.WEBHOOK_REQUEST_DURATION, semconv.WEBHOOK_PHASE_SELF_DURATION])
def test_targets_are_bounds_of_requests_and_phases(metric):
    assert {0.33, 4.2} <= set(bounds_s(metric, (0.33, 4.2)))


def test_every_provider_s_deadline_is_a_bound_of_requests():
    assert deadlines_s() == {
        "twilio": 15,
        "github": 10,
        "shopify": 5,
        "slack": 3,
        "sentry": 1,
        "gitlab": 10,
        "svix": 15,
    }
    assert set(deadlines_s().values()) <= set(semconv.REQUEST_BOUNDS_S)


def test_every_provider_s_deadline_names_a_source_a_day_and_how_sure_it_is():
    rows = {
        row.provider: (urlsplit(row.source).scheme, row.read.year >= 2026, row.confidence)
        for row in provider_deadlines()
    }
    assert set(rows.values()) == {("https", True, "high"), ("https", True, "medium")}
