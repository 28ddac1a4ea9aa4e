"""The newest sample behind a value, against a search through all samples, one by one."""

import asyncio

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lapbell_evaluator.model import METRIC_NAME, Batch, RawSample, labels
from lapbell_evaluator.promql import Engine, parse
from lapbell_evaluator.series import Limits, SeriesStore

AT = 400
QUESTIONS = {
    # what is asked: metrics, and the seconds after which and up to which a sample is read
    "load": ((("load",), AT - 300, AT),),
    "load offset 1m": ((("load",), AT - 360, AT - 60),),
    "load @ 200": ((("load",), -100, 200),),
    "max by (a) (load)": ((("load",), AT - 300, AT),),
    "count(load)": ((("load",), AT - 300, AT),),
    "sum by (b) (rate(load[2m]))": ((("load",), AT - 120, AT),),
    "increase(load[2m] anchored)": ((("load",), AT - 120, AT),),
    "max_over_time(load[1m] offset 30s)": ((("load",), AT - 90, AT - 30),),
    "max_over_time(max by (a) (load)[2m:1m])": ((("load",), 60, 360),),
    "load + on (a) group_left () size": ((("load",), AT - 300, AT), (("size",), AT - 300, AT)),
    "max by (a, b) (load) or max by (a) (size)": ((("load",), AT - 300, AT), (("size",), AT - 300, AT)),
    "max by (a) (load) or max by (a) (size)": ((("load",), AT - 300, AT), (("size",), AT - 300, AT)),
    '{__name__=~"load|size"}': ((("load", "size"), AT - 300, AT),),
}
rows = st.dictionaries(
    st.tuples(st.sampled_from(["load", "load", "size"]), st.sampled_from("xyz"), st.sampled_from(["", "p", "q"])),
    st.sets(st.integers(1, AT), min_size=1, max_size=6),
    min_size=1,
    max_size=8,
)


def series_of(name: str, a: str, b: str):
    return labels({METRIC_NAME: name, "a": a} | ({"b": b} if b and name == "load" else {}))


def has_all(series, raw, every) -> bool:
    """Whether a series has every label of a raw one that any series has."""
    names = {name for each in every for name, _ in each}
    return {pair for pair in raw if pair[0] in names} <= set(series)


def agrees(series, raw) -> bool:
    return all(dict(raw).get(name, text) == text for name, text in series)


def oracle(world, reads, series, every) -> float | None:
    read = [
        (own, second)
        for own, seconds in world.items()
        for names, after, until in reads
        if dict(own)[METRIC_NAME] in names
        for second in seconds
        if after < second <= until
    ]
    found = [second for own, second in read if has_all(series, own, every)]
    return max(found or [second for own, second in read if agrees(series, own)], default=None)


async def answered(store: SeriesStore, question: str):
    engine = Engine(store)
    try:
        result = await engine.query(question, AT)
        series = [each.labels for each in result.samples]
        return series, await engine.origins(parse(question), series, AT)
    finally:
        engine.close()


@given(rows, st.sampled_from(sorted(QUESTIONS)))
def test_the_newest_sample_is_the_one_that_a_search_finds(rows, question):
    world: dict = {}
    for key, seconds in rows.items():
        world.setdefault(series_of(*key), set()).update(seconds)
    store = SeriesStore(Limits(coalesce_ms=0))
    for own, seconds in world.items():
        times = np.array(sorted(seconds), np.int64) * 1000
        store.append(Batch(np.full(len(times), store.intern(own)), times, np.arange(len(times), dtype=float)))
    series, found = asyncio.run(answered(store, question))
    assert [None if each is None else each.time for each in found] == [
        oracle(world, QUESTIONS[question], each, series) for each in series
    ]
    assert all(each.time in world[each.labels] for each in found if isinstance(each, RawSample))


def test_absence_comes_from_no_sample():
    store = SeriesStore()
    store.append(Batch(np.array([store.intern(series_of("load", "x", ""))]), np.array([1000]), np.ones(1)))
    for question in ("absent(nothing)", "absent_over_time(nothing[1m])", "vector(1)", "1 + vector(2)"):
        series, found = asyncio.run(answered(store, question))
        assert len(series) == 1
        assert found == (None,)
