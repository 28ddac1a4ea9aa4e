"""The series store: who a series is, what becomes of its samples, what is held at most."""

import threading

import numpy as np
import pytest

from budget import scaled
from lapbell_evaluator.model import Batch, CounterHint, Histogram, labels
from lapbell_evaluator.promql import Engine, parse
from lapbell_evaluator.series import OVERFLOW_REF, STALE_BITS, Limits, Matcher, MatchOp, SeriesStore, stale_marker
from promql_kit.ring_bytes import ring_bytes

FOREVER = 1 << 50


def _batch(*samples):
    refs, times, values = zip(*samples, strict=True)
    return Batch(np.array(refs, np.int64), np.array(times, np.int64), np.array(values, np.float64))


def _series(name, **more):
    return labels({"__name__": name, **more})


def _points(store, name, until_ms=10_000_000):
    engine = Engine(store)
    found = engine.evaluate(parse(f"{name}[1d]"), until_ms / 1000).series
    engine.close()
    return {one.labels: [(round(time * 1000), value) for time, value in one.points] for one in found}


def test_the_same_labels_are_the_same_series():
    store = SeriesStore()
    first, again, other = (store.intern(_series("up", job=job)) for job in ("a", "a", "b"))
    assert first == again
    assert first != other
    assert store.labels_of(first) == _series("up", job="a")


def test_a_batch_says_what_became_of_its_samples_and_whose_they_are():
    store = SeriesStore(Limits(late_ms=10_000, coalesce_ms=0))
    up, load = store.intern(_series("up")), store.intern(_series("load"))
    store.append(_batch((up, 100_000, 1.0), (load, 100_000, 2.0)))
    result = store.append(_batch((up, 100_000, 1.0), (up, 95_000, 0.5), (up, 50_000, 0.1), (load, 105_000, 3.0)))
    counts = (result.accepted, result.duplicates, result.out_of_window, result.metrics)
    assert counts == (2, 1, 1, frozenset({"up", "load"}))


def test_a_late_sample_goes_to_its_place():
    store = SeriesStore(Limits(coalesce_ms=0))
    up = store.intern(_series("up"))
    for time in (10_000, 30_000, 20_000, 5_000):
        store.append(_batch((up, time, time / 1000)))
    assert _points(store, "up") == {_series("up"): [(5_000, 5.0), (10_000, 10.0), (20_000, 20.0), (30_000, 30.0)]}


def test_one_batch_may_hold_several_samples_of_a_series_in_order():
    store = SeriesStore(Limits(coalesce_ms=0))
    up, load = store.intern(_series("up")), store.intern(_series("load"))
    store.append(_batch((up, 1_000, 0.0), (load, 2_000, 7.0), (up, 2_000, 1.0), (up, 3_000, 2.0)))
    assert _points(store, "up") == {_series("up"): [(1_000, 0.0), (2_000, 1.0), (3_000, 2.0)]}


def test_a_sample_within_a_second_replaces_the_last_one_but_never_for_longer():
    store = SeriesStore(Limits(coalesce_ms=1_000))
    up = store.intern(_series("up"))
    for at in range(12):
        store.append(_batch((up, 10_000 + 250 * at, float(at))))
    assert _points(store, "up") == {_series("up"): [(10_750, 3.0), (11_750, 7.0), (12_750, 11.0)]}


def test_a_stale_marker_keeps_its_bits_and_is_never_swallowed():
    store = SeriesStore(Limits(coalesce_ms=1_000))
    up = store.intern(_series("up"))
    store.append(_batch((up, 1_000, 1.0)))
    store.append(Batch(np.array([up]), np.array([1_100]), stale_marker()))
    store.append(_batch((up, 1_200, 2.0)))
    with store.select([Matcher("__name__", MatchOp.EQUAL, "up")], 0, 9_000) as selection:
        column = np.ascontiguousarray(selection.frames[0].values(0, 3)[:, 0])
    assert column.view(np.int64).tolist()[1] == STALE_BITS
    assert _points(store, "up") == {_series("up"): [(1_000, 1.0), (1_200, 2.0)]}


def test_series_beyond_the_limit_are_counted_and_nothing_else_suffers():
    store = SeriesStore(Limits(series=3, series_per_metric=2))
    refs = [store.intern(_series("up", job=str(at))) for at in range(3)] + [store.intern(_series("load"))]
    over = store.intern(_series("third"))
    result = store.append(_batch(*((ref, 1_000, 1.0) for ref in (*refs, over))))
    assert refs[2] == OVERFLOW_REF
    assert over == OVERFLOW_REF
    assert result.accepted == 3
    assert result.over_limit == 2
    assert store.fullness().series == 3


def test_a_series_that_ended_leaves_and_its_ref_says_so():
    store = SeriesStore(Limits(retention_ms=60_000))
    old, new = store.intern(_series("up", job="old")), store.intern(_series("up", job="new"))
    store.append(_batch((old, 1_000, 1.0), (new, 1_000, 1.0)))
    before = store.generation
    for time in range(6_000, 120_000, 5_000):
        store.append(_batch((new, time, 1.0)))
    result = store.append(_batch((new, 121_000, 1.0), (old, 121_000, 2.0)))
    again = store.intern(_series("up", job="old"))
    store.append(_batch((again, 122_000, 3.0)))
    gone = (store.generation > before, result.gone.tolist(), store.labels_of(old), again != old)
    assert gone == (True, [1], (), True)
    assert _points(store, 'up{job="old"}') == {_series("up", job="old"): [(122_000, 3.0)]}


def test_what_a_window_needs_is_kept_and_older_samples_go():
    store = SeriesStore(Limits(retention_ms=300_000, coalesce_ms=0))
    up = store.intern(_series("up"))
    for time in range(0, 3_600_000, 5_000):
        store.append(_batch((up, time, float(time))))
    times = [time for time, _ in _points(store, "up")[_series("up")]]
    assert times[-60:] == list(range(3_300_000, 3_600_000, 5_000))
    assert len(times) < 120


def test_a_metric_that_a_rule_looks_further_back_to_is_kept_longer_than_others():
    store = SeriesStore(Limits(retention_ms=60_000, longer_ms={"workers": 120_000}))
    refs = [store.intern(_series(name)) for name in ("workers", "other")]
    for at in range(0, 1_000_000, 5_000):
        store.append(_batch(*((ref, at, 1.0) for ref in refs)))
    kept = {name: min(time for time, _ in _points(store, name)[_series(name)]) for name in ("workers", "other")}
    assert kept["workers"] <= 995_000 - 180_000
    assert 995_000 - 180_000 < kept["other"] <= 995_000 - 60_000


def test_a_native_histogram_remembers_whether_its_counter_was_reset():
    store = SeriesStore()
    ref = store.intern(_series("latency"))
    for at, count in enumerate((3.0, 5.0, 1.0)):
        histogram = Histogram(0, count, 1.0, positive=np.array([count]))
        store.append_histogram(ref, 1_000 * (at + 1), histogram)
    with store.select([Matcher("__name__", MatchOp.EQUAL, "latency")], 0, 9_000) as selection:
        hints = [one.hint for one in selection.histograms[0].histograms]
    assert hints == [CounterHint.UNKNOWN, CounterHint.NOT_RESET, CounterHint.RESET]


def test_a_histogram_of_a_series_that_left_does_not_go_to_its_heir():
    store = SeriesStore(Limits(retention_ms=60_000))
    old, other = store.intern(_series("old")), store.intern(_series("other"))
    store.append(_batch((old, 1_000, 1.0), (other, 1_000, 1.0)))
    store.append(_batch((other, 100_000, 1.0)))
    heir = store.intern(_series("heir"))
    result = store.append_histogram(old, 100_000, Histogram(0, 1.0, 1.0, positive=np.ones(1)))
    assert result.gone.tolist() == [0]
    assert result.accepted == 0
    assert store.labels_of(heir) == _series("heir")


def test_matchers_choose_series_by_name_and_labels():
    store = SeriesStore()
    refs = [store.intern(_series(name, job=job)) for name in ("up", "load") for job in ("a", "b")]
    store.append(_batch(*((ref, 1_000, 1.0) for ref in refs)))
    chosen = store.matching(
        [Matcher("__name__", MatchOp.REGEX, "u.*|l"), Matcher("job", MatchOp.NOT_EQUAL, "a")], 0, 2_000
    )
    assert chosen == (_series("up", job="b"),)


def test_readers_never_see_half_a_batch():
    store = SeriesStore(Limits(retention_ms=120_000, coalesce_ms=0))
    refs = np.array([store.intern(_series("pair", side=str(at))) for at in range(50)])
    store.append(Batch(refs, np.full(50, 1_000), np.zeros(50)))
    spreads: set[float] = set()
    is_done = threading.Event()

    def read():
        while not is_done.is_set():
            with store.select([Matcher("__name__", MatchOp.EQUAL, "pair")], 0, FOREVER) as selection:
                frame = selection.frames[0]
                values = frame.values_at(frame.rows_until(FOREVER) - 1)
                spreads.add(float(values.max() - values.min()))

    reader = threading.Thread(target=read)
    reader.start()
    for at in range(scaled(2_000)):
        store.append(Batch(refs, np.full(50, 2_000 + 1_000 * at), np.full(50, float(at))))
    is_done.set()
    reader.join()
    assert spreads == {0.0}


@pytest.mark.slow
def test_hours_of_pods_that_come_and_go_cost_no_more_than_one_hour():
    """Every minute ten pods start and the ten oldest end; each lives for ten minutes and sends 20 series."""
    store = SeriesStore(Limits(retention_ms=360_000))
    engine = Engine(store)
    count = parse("count(pod_requests_total)")
    rate = parse("sum(rate(pod_requests_total[1m]))")
    seen, sizes, sizes_bytes = [], [], []
    pods: list[np.ndarray] = []
    for minute in range(60 * scaled(6, least=2)):
        pods.append(_pods(store, minute))
        pods = pods[-10:]
        refs = np.concatenate(pods)
        for second in range(0, 60, 5):
            time_ms = (minute * 60 + second) * 1_000
            age_s = np.repeat(np.arange(len(pods))[::-1] * 60 + second, 200).astype(np.float64)
            result = store.append(Batch(refs, np.full(len(refs), time_ms), age_s * 2))
            assert result.accepted == len(refs)
        if minute >= 20 and minute % 20 == 0:
            now = minute * 60 + 55
            alive = engine.evaluate(count, now).samples[0].value
            seen.append((alive >= 2_000, round(engine.evaluate(rate, now).samples[0].value, 3)))
            sizes.append(store.fullness().series)
            sizes_bytes.append(ring_bytes(store))
    engine.close()
    assert {series for series, _ in seen} == {True}
    assert max(sizes) <= 2_000 * 2
    assert sizes_bytes[-1] <= sizes_bytes[1] * 1.25
    assert len({value for _, value in seen}) == 1
    known = store._directory.metrics["pod_requests_total"].values["pod"]
    assert len(known) <= 2 * (sizes[-1] // 20) + 100


def _pods(store, minute):
    return np.array(
        [
            store.intern(_series("pod_requests_total", pod=f"pod-{minute}-{pod}", path=str(path)))
            for pod in range(10)
            for path in range(20)
        ]
    )
