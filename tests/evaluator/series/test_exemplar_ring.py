"""Exemplars by series, within bounds."""

import threading

from hypothesis import given
from hypothesis import strategies as st

from budget import scaled
from lapbell_evaluator.model import Exemplar, SeriesExemplars, labels
from lapbell_evaluator.series import ExemplarRing, Matcher, MatchOp

EVERY = [[Matcher("__name__", MatchOp.REGEX, ".+")]]
ALWAYS = (0, 1 << 62)


def series(name, **pairs):
    return labels({"__name__": name, **pairs})


def exemplar(time_ms, value=1.0, **pairs):
    return Exemplar(time_ms, value, labels(pairs))


def told(ring, selectors=EVERY, start_ms=0, end_ms=1 << 62):
    return [(dict(each.labels), list(each.exemplars)) for each in ring.select(selectors, start_ms, end_ms)]


def test_series_are_sorted_and_their_exemplars_in_the_order_of_time():
    ring = ExemplarRing()
    ring.add([(series("b"), exemplar(2)), (series("a", le="1"), exemplar(9)), (series("a", le="1"), exemplar(3))])
    assert ring.select(EVERY, *ALWAYS) == (
        SeriesExemplars(series("a", le="1"), (exemplar(3), exemplar(9))),
        SeriesExemplars(series("b"), (exemplar(2),)),
    )


def test_any_selector_may_mean_a_series_and_all_its_matchers_must():
    ring = ExemplarRing()
    ring.add((series(name, job=job), exemplar(1)) for name in "abc" for job in ("x", "y"))
    selectors = [
        [Matcher("__name__", MatchOp.EQUAL, "a"), Matcher("job", MatchOp.EQUAL, "x")],
        [Matcher("__name__", MatchOp.REGEX, "b|c"), Matcher("job", MatchOp.NOT_EQUAL, "x")],
        [
            Matcher("__name__", MatchOp.EQUAL, "c"),
            Matcher("absent", MatchOp.EQUAL, ""),
            Matcher("job", MatchOp.EQUAL, "y"),
        ],
    ]
    assert [(own["__name__"], own["job"]) for own, _ in told(ring, selectors)] == [("a", "x"), ("b", "y"), ("c", "y")]


def test_both_ends_of_the_time_belong_to_it():
    ring = ExemplarRing()
    ring.add((series("a"), exemplar(time_ms)) for time_ms in range(1, 6))
    found = [[each.time_ms for _, of in told(ring, EVERY, *ends) for each in of] for ends in ((2, 4), (5, 9), (6, 9))]
    assert found == [[2, 3, 4], [5], []]


def test_an_exemplar_that_comes_again_counts_once_and_others_of_its_time_count_too():
    ring = ExemplarRing()
    same_time = [exemplar(5, 1.0, trace_id="a"), exemplar(5, 1.0, trace_id="b"), exemplar(5, 2.0, trace_id="a")]
    for _ in range(3):
        ring.add((series("a"), each) for each in (exemplar(9), *same_time))
    assert told(ring) == [({"__name__": "a"}, [*same_time, exemplar(9)])]


def test_new_ones_take_the_place_of_those_that_came_first():
    ring = ExemplarRing(most=30)
    ring.add((series(f"s{n % 15:02}"), exemplar(n + 1)) for n in range(100))
    kept = sorted(each.time_ms for _, of in told(ring) for each in of)
    assert kept == list(range(71, 101))


def test_a_busy_series_does_not_push_out_the_others():
    ring = ExemplarRing(most=100)
    ring.add([(series("quiet"), exemplar(1))])
    ring.add((series("busy"), exemplar(n + 1)) for n in range(1_000))
    assert {own["__name__"]: len(of) for own, of in told(ring)} == {"busy": 10, "quiet": 1}


def test_memory_is_bounded_whatever_labels_are_sent():
    ring = ExemplarRing(budget_bytes=100_000)
    for n in range(100):
        ring.add([(series("s", n=str(n), long="x" * 10_000), exemplar(n + 1))])
    kept = [int(own["n"]) for own, _ in told(ring)]
    assert sorted(kept) == list(range(91, 100))


def test_what_alone_is_too_large_is_not_kept():
    ring = ExemplarRing(budget_bytes=1_000)
    ring.add([(series("s", long="x" * 10_000), exemplar(1))])
    assert told(ring) == []


def test_one_thread_may_ask_while_another_adds():
    ring = ExemplarRing(most=100)

    def add() -> None:
        for n in range(scaled(20_000)):
            ring.add([(series(f"s{n % 50}"), exemplar(n + 1))])

    adding = threading.Thread(target=add)
    adding.start()
    counts = []
    while adding.is_alive():
        counts.append(sum(len(of) for _, of in told(ring)))
    adding.join()
    assert max(counts, default=0) <= 100


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 9), st.sampled_from([1.0, 2.0])), max_size=60),
    st.integers(0, 9),
    st.integers(0, 9),
)
def test_with_room_enough_it_is_a_sorted_set(arrivals, start_ms, end_ms):
    ring = ExemplarRing()
    ring.add((series(name), exemplar(time_ms, value)) for name, time_ms, value in arrivals)
    wanted: dict[str, list[Exemplar]] = {}
    for name, time_ms, value in sorted(set(arrivals)):
        if start_ms <= time_ms <= end_ms:
            wanted.setdefault(name, []).append(exemplar(time_ms, value))
    assert [(own["__name__"], of) for own, of in told(ring, EVERY, start_ms, end_ms)] == sorted(wanted.items())


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(1, 400)), max_size=200), st.integers(10, 40))
def test_however_they_come_it_keeps_as_many_as_it_may_and_no_more(arrivals, most):
    ring = ExemplarRing(most=most)
    for name, time_ms in arrivals:
        ring.add([(series(name), exemplar(time_ms))])
    kept = {(own["__name__"], each.time_ms) for own, of in told(ring) for each in of}
    assert kept <= set(arrivals)
    assert len(kept) <= most
