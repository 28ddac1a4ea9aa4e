"""The oracle of `tests/bench/detection.py` says what the shipped rule says, which a test holds to the engine."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from budget import scaled
from detection_kit.oracle import Request, first_breach, requests_of
from weeks_kit.share_rule import ShareRule

SECONDS = 700


def second(number: int, good: int, bad: int) -> list[Request]:
    """What was answered at the end of a second."""
    return [Request(float(number), "r", 1.2 if count < bad else 0.1, failed=False) for count in range(good + bad)]


@given(
    st.lists(st.tuples(st.integers(0, SECONDS - 1), st.integers(0, 30), st.integers(0, 30)), max_size=40),
    st.integers(0, SECONDS - 1),
)
@settings(max_examples=scaled(200), deadline=None)
def test_a_breach_begins_with_the_first_bad_request_at_which_the_shipped_rule_holds(busy, since):
    good, bad = np.zeros((1, SECONDS), np.int64), np.zeros((1, SECONDS), np.int64)
    good[0, 0] = 1  # of a route of which nothing was ever good another part of the rule speaks
    for at, fine, slow in busy:
        good[0, at] += fine
        bad[0, at] += slow
    met = ShareRule(step_s=1.0).conditions(good + bad, bad).met[0]
    holds = [at for at in range(since, SECONDS) if met[at] and bad[0, at]]
    requests = [request for at in range(SECONDS) for request in second(at, int(good[0, at]), int(bad[0, at]))]
    found = first_breach(requests, "r", lambda request: request.is_slow, float(since))
    assert found == (float(holds[0]) if holds else None)


def test_a_record_is_read_in_the_order_of_time(tmp_path):
    record = tmp_path / "record"
    record.write_text("12.5 route1 1.25 0\n11.0 route2 0.01 1\n")
    assert requests_of(record) == [
        Request(11.0, "route2", 0.01, failed=True),
        Request(12.5, "route1", 1.25, failed=False),
    ]
