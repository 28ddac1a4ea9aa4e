"""Places for series are shared: a noisy job costs others nothing, and what rules read has places of its own."""

import logging

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from budget import scaled
from lapbell_evaluator.model import METRIC_NAME, Batch, Histogram, labels
from lapbell_evaluator.series import OVERFLOW_REF, Limits, SeriesStore, ShortageLog, stale_marker


class HandMoved:
    """A clock."""

    def __init__(self) -> None:
        self.time = 1_000.0

    def now(self) -> float:
        return self.time


def send(store, job, names, at_ms=1_000_000, **more):
    """How many of these series of a job are held after a sample of each."""
    held = 0
    for name in names:
        own = labels({METRIC_NAME: name, "job": job, **more})
        ref = store.intern(own)
        result = store.append(Batch(np.array([ref]), np.array([at_ms]), np.ones(1)))
        held += result.accepted + result.duplicates
    return held


def names(prefix, count):
    return [f"{prefix}_{number}" for number in range(count)]


def live(store, wants):
    """How many series each job has of those that it wants."""
    return {
        job: sum(store.ref_of(labels({METRIC_NAME: name, "job": job})) is not None for name in names(job, size))
        for job, size in wants.items()
    }


def test_a_job_with_twenty_thousand_names_leaves_room_for_what_rules_read():
    store = SeriesStore(Limits(series=2_000, reserved=500))
    store.reserve({"messaging_queue_messages"})
    noisy = send(store, "noisy", names("noise", 20_000))
    depth = send(store, "shop", ["messaging_queue_messages"], priority="high")
    readings = {
        (reading.name, dict(reading.attributes).get("lapbell.reason")): reading.value for reading in store.readings()
    }
    assert {
        "noisy": noisy,
        "depth": depth,
        "refused": readings["lapbell.series.refused", "series.reserve"],
        "cut": readings["lapbell.series.cut", "series.reserve"],
    } == {"noisy": 1_500, "depth": 1, "refused": 18_500, "cut": 0}


def test_a_small_job_gets_its_series_and_the_largest_gives_them_up():
    store = SeriesStore(Limits(series=2_000))
    send(store, "noisy", names("noisy", 3_000))
    small = send(store, "small", names("small", 200))
    again = send(store, "noisy", names("noisy", 3_000))
    largest = live(store, {"noisy": 3_000})["noisy"]
    assert {"small": small, "still": live(store, {"small": 200}), "again": again} == {
        "small": 200,
        "still": {"small": 200},
        "again": largest,
    }
    assert 2_000 - 200 - 2_000 // 64 <= largest <= 1_800


def test_a_job_that_is_cut_keeps_the_series_that_it_had_first():
    store = SeriesStore(Limits(series=640))
    send(store, "noisy", names("established", 300), at_ms=1_000_000)
    send(store, "noisy", names("grown", 340), at_ms=1_010_000)
    send(store, "small", names("small", 100), at_ms=1_010_000)
    kept = [store.ref_of(labels({METRIC_NAME: name, "job": "noisy"})) is not None for name in names("established", 300)]
    assert all(kept)


def test_of_a_job_that_is_cut_those_go_first_that_no_rule_reads():
    store = SeriesStore(Limits(series=640))
    store.reserve(names("read", 300))
    send(store, "noisy", names("unread", 340), at_ms=1_000_000)
    send(store, "noisy", names("read", 300), at_ms=1_010_000)
    send(store, "small", names("small", 100), at_ms=1_010_000)
    kept = [store.ref_of(labels({METRIC_NAME: name, "job": "noisy"})) is not None for name in names("read", 300)]
    assert all(kept)


def test_rules_that_are_read_anew_have_their_metrics_in_the_reserve():
    store = SeriesStore(Limits(series=100, reserved=50))
    send(store, "noisy", names("noisy", 100))
    store.reserve(names("noisy", 50))  # a new rule reads what was noise before
    assert send(store, "noisy", names("noisy", 100)) == 100


def fair_shares(wants: dict[str, int], capacity: int) -> dict[str, int]:
    """Max-min fair, place by place: the next one goes to the job with fewest that wants one more."""
    shares = dict.fromkeys(wants, 0)
    for _ in range(capacity):
        hungry = [job for job in wants if shares[job] < wants[job]]
        if hungry:
            shares[min(hungry, key=lambda job: shares[job])] += 1
    return shares


@settings(max_examples=scaled(40), deadline=None)
@given(st.lists(st.integers(1, 120), min_size=1, max_size=6), st.integers(10, 150))
def test_jobs_end_with_max_min_fair_shares(sizes, capacity):
    store = SeriesStore(Limits(series=capacity))
    wants = {f"job{number}": size for number, size in enumerate(sizes)}
    before: dict[str, int] | None = None
    held: dict[str, int] = {}
    while held != before:
        before = held
        for job, size in wants.items():
            for name in names(job, size):
                store.intern(labels({METRIC_NAME: name, "job": job}))
        held = live(store, wants)
    expected = fair_shares(wants, capacity)
    tolerance = capacity // 64 + 2  # so many places are taken from a job at once
    assert {job: abs(held[job] - expected[job]) <= tolerance for job in wants} == dict.fromkeys(wants, True)


def test_a_pod_every_thirty_seconds_is_never_refused():
    """500 series each, none of which says that it ended; the 21st met a limit of 10,000 before."""
    store = SeriesStore(Limits(series_per_metric=10_000))
    held = []
    for pod in range(scaled(60)):
        at_ms = 1_000_000 + 30_000 * pod
        refs = np.array(
            [
                store.intern(labels({METRIC_NAME: "m", "job": "shop", "instance": f"pod{pod}", "of": str(number)}))
                for number in range(500)
            ]
        )
        held.append(store.append(Batch(refs, np.full(500, at_ms), np.ones(500))).accepted)
    assert held == [500] * scaled(60)


def test_what_ended_leaves_before_its_time_only_where_there_is_no_room():
    store = SeriesStore(Limits(series=3))
    send(store, "shop", ["first"], at_ms=1_000_000)
    ended = store.intern(labels({METRIC_NAME: "ended", "job": "shop"}))
    store.append(Batch(np.array([ended]), np.array([1_001_000]), np.ones(1)))
    store.append(Batch(np.array([ended]), np.array([1_003_000]), stale_marker()))
    send(store, "shop", ["second"], at_ms=1_004_000)
    before = store.labels_of(ended)
    third = send(store, "shop", ["third"], at_ms=1_005_000)
    assert {"before": bool(before), "third": third, "after": store.labels_of(ended)} == {
        "before": True,
        "third": 1,
        "after": (),
    }


def test_a_native_histogram_that_ended_leaves_too_and_one_that_goes_on_stays():
    store = SeriesStore(Limits(series=2, ended_ms=60_000))
    ended, going = (store.intern(labels({METRIC_NAME: name, "job": "shop"})) for name in ("ended", "going"))
    histogram = Histogram(0, 1.0, 1.0, positive=np.ones(1))
    store.append_histogram(ended, 1_000_000, histogram)
    store.append_histogram(going, 1_100_000, histogram)
    third = send(store, "shop", ["third"], at_ms=1_100_000)
    assert {"third": third, "ended": store.labels_of(ended), "going": bool(store.labels_of(going))} == {
        "third": 1,
        "ended": (),
        "going": True,
    }


def test_a_series_that_never_gets_a_sample_does_not_hold_its_place_for_ever():
    store = SeriesStore(Limits(series=2, retention_ms=60_000))
    send(store, "shop", ["clock"], at_ms=1_000_000)
    waiting = store.intern(labels({METRIC_NAME: "waiting", "job": "shop"}))
    for at_ms in range(1_005_000, 1_200_000, 5_000):
        send(store, "shop", ["clock"], at_ms=at_ms)
    assert store.labels_of(waiting) == ()


def test_twelve_processes_have_room_for_twenty_routes_and_six_phases_of_twenty_four_buckets():
    store = SeriesStore()
    refs = [
        store.intern(
            labels(
                {
                    METRIC_NAME: "webhook_phase_duration_seconds_bucket",
                    "job": "shop",
                    "instance": f"process{number // 2_880}",
                    "http_route": f"/{number % 2_880 // 144}",
                    "webhook_phase_name": f"phase{number % 144 // 24}",
                    "le": str(number % 24),
                }
            )
        )
        for number in range(12 * 2_880)
    ]
    assert refs.count(OVERFLOW_REF) == 0


def test_the_log_names_who_lost_series_and_what_gives_room_once_a_minute(caplog):
    clock = HandMoved()
    store = SeriesStore(Limits(series=100))
    log = ShortageLog(store.losses, clock)
    send(store, "noisy\n", names("noise", 150))
    send(store, "small", names("small", 10))
    with caplog.at_level(logging.WARNING):
        log.look()
        send(store, "noisy\n", names("other", 7))
        clock.time += 30
        log.look()
        at_once = [record.getMessage() for record in caplog.records]
        clock.time += 31
        log.look()
    lines = [record.getMessage() for record in caplog.records]
    assert at_once == lines[:1]
    lost = (
        "There is no room for all series of job 'noisy\\n': {} lost to jobs with fewer, new ones refused {} times, of"
    )
    remedy = "Raise series.limit, or send fewer names and label values."
    assert lines == [
        f"{lost.format(10, 50)} metrics such as 'noise_100', 'noise_101', 'noise_102'. {remedy}",
        f"{lost.format(0, 7)} metrics such as 'other_0', 'other_1', 'other_2'. {remedy}",
    ]
