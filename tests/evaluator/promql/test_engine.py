"""The engine around the functions: cycles, threads, kinds of answers."""

import asyncio
import threading
from contextlib import contextmanager

import numpy as np
import pytest

from lapbell_evaluator.model import Batch, Histogram, QueryResult, Sample, ValueKind, labels
from lapbell_evaluator.promql import Engine, EngineLimits, PromqlError, QueryLimitError, parse
from lapbell_evaluator.series import Limits, SeriesStore

NOW = 100.0


@pytest.fixture
def store():
    return SeriesStore(Limits(coalesce_ms=0))


@pytest.fixture
def engine(store):
    running = Engine(store)
    yield running
    running.close()


def _put(store, name, value, at=NOW):
    ref = store.intern(labels({"__name__": name}))
    store.append(Batch(np.array([ref]), np.array([round(at * 1000)]), np.array([value])))


async def _values(engine, *exprs, at=NOW):
    return [(await engine.query(expr, at)).samples[0].value for expr in exprs]


async def test_queries_of_one_cycle_see_what_arrives_between_them(store, engine):
    _put(store, "load", 1.0, NOW - 2)
    with engine.cycle():
        first = await _values(engine, "sum(load)")
        _put(store, "load", 2.0, NOW - 1)
        second = await _values(engine, "sum(load) * 1")
    third = await _values(engine, "sum(load)")
    assert first == [1.0]
    assert second == [2.0]
    assert third == [2.0]


async def test_a_cycle_shares_by_time_and_never_what_depends_on_the_query(store, engine):
    _put(store, "load", 1.0, NOW - 10)
    _put(store, "load", 2.0, NOW)
    with engine.cycle():
        values = [await _values(engine, "load + 0", at=at) for at in (NOW - 5, NOW)]
        ends = [await _values(engine, "load * 0 + end()", at=at) for at in (NOW - 5, NOW)]
    assert values == [[1.0], [2.0]]
    assert ends == [[NOW - 5], [NOW]]


async def test_a_cycle_keeps_the_place_of_a_warning_with_the_rule_that_has_it(store, engine):
    for at in (NOW - 10, NOW):
        _put(store, "load", at, at)
    with engine.cycle():
        plain = await engine.query("rate(load[1m])", NOW)
        indented = await engine.query("1 * (rate(load[1m]))", NOW)
    assert [one.infos[0].rpartition(" ")[2] for one in (plain, indented)] == ["(1:6)", "(1:11)"]


class _SlowDisk:
    """A store that answers selections of `many` only once its door is open."""

    def __init__(self, store):
        self._store = store
        self.door = threading.Event()
        self.asked = threading.Event()

    @contextmanager
    def select(self, matchers, start_ms, end_ms, spend):
        if any(matcher.value == "many" for matcher in matchers):
            self.asked.set()
            self.door.wait(10)
        with self._store.select(matchers, start_ms, end_ms, spend) as selection:
            yield selection

    @property
    def version(self) -> int:
        return self._store.version

    def unchanged(self):
        return self._store.unchanged()

    def matching(self, matchers, start_ms, end_ms, spend):
        return self._store.matching(matchers, start_ms, end_ms, spend)


async def test_rules_do_not_wait_for_charts(store):
    disk = _SlowDisk(store)
    engine = Engine(disk)
    chart = asyncio.create_task(engine.query_range("many", 0, 10, 1))
    await asyncio.to_thread(disk.asked.wait, 10)
    with engine.cycle():
        answer = await engine.query("vector(1)", NOW)
    was_running = not chart.done()
    disk.door.set()
    await chart
    engine.close()
    assert answer.samples[0].value == 1.0
    assert was_running is True


async def test_a_query_that_takes_too_long_says_so(store):
    impatient = Engine(store, EngineLimits(timeout_s=0.0))
    with pytest.raises(QueryLimitError, match="too long"):
        await impatient.query("vector(1)", NOW)
    impatient.close()


def test_a_string_and_a_scalar_are_answers_of_their_own_kind(engine):
    assert engine.evaluate(parse('"text"'), NOW) == QueryResult((), kind=ValueKind.STRING, text="text")
    assert engine.evaluate(parse("time() * 2"), NOW) == QueryResult((Sample((), NOW, 200.0),), kind=ValueKind.SCALAR)


def test_two_series_that_become_one_are_refused(store, engine):
    _put(store, "first", 1.0)
    _put(store, "second", 2.0)
    with pytest.raises(PromqlError, match="same labelset"):
        engine.evaluate(parse('abs({__name__=~"first|second"})'), NOW)


def test_native_histograms_answer_like_classic_ones(store, engine):
    ref = store.intern(labels({"__name__": "latency"}))
    for at, count in ((NOW - 60, 0.0), (NOW - 30, 50.0), (NOW, 100.0)):
        buckets = np.array([0.0, count, 0.0])  # all of them in (1, 2]
        store.append_histogram(ref, round(at * 1000), Histogram(0, count, count * 1.5, positive=buckets))
    asked = ("histogram_quantile(0.5, $r)", "histogram_fraction(1, 2, $r)", "histogram_avg($r)", "histogram_count($r)")
    found = [engine.evaluate(parse(text.replace("$r", "rate(latency[61s])")), NOW).samples[0].value for text in asked]
    assert found == pytest.approx([2**0.5, 1.0, 1.5, 100 / 61], rel=1e-9)


def test_end_is_the_querys_own_where_no_step_falls_on_it():
    """From 5 to 20 s every 10 s there are steps at 5 and 15; `@ end()` looks at 20, as in Prometheus."""
    store = SeriesStore(Limits(coalesce_ms=0))
    ref = np.array([store.intern(labels({"__name__": "c2"}))])
    for at in range(5):
        store.append(Batch(ref, np.array([at * 5_000]), np.array([float(at)])))
    engine = Engine(store)
    result = engine.evaluate_range(parse("min(max(c2 @ end())) + 100 * (c2 @ start())"), 5.0, 20.0, 10.0)
    engine.close()
    assert [series.points for series in result.series] == [((5.0, 104.0), (15.0, 104.0))]


@pytest.mark.parametrize("operator", ["</", ">/"])
async def test_two_numbers_cannot_be_trimmed_as_prometheus_says_it_too(engine, operator):
    with pytest.raises(PromqlError, match=f'operator "{operator}" not allowed for Scalar operations'):
        await engine.query(f"1 {operator} 1", NOW)
