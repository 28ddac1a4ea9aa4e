"""Hostile expressions: a clear error within a second, no crash, bounded memory."""

import asyncio
import resource
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from lapbell_evaluator.model import Batch, Histogram, labels
from lapbell_evaluator.promql import Engine, EngineLimits, PromqlError, QueryLimitError, parse
from lapbell_evaluator.promql.run import Storage
from lapbell_evaluator.series import Limits, Selection, SeriesStore

MEMORY = 600 << 20
SERIES, SAMPLES, STEP_MS = 10_000, 60, 5_000
END = SAMPLES * STEP_MS / 1000


@pytest.fixture(scope="module")
def store():
    held = SeriesStore(Limits())
    refs = np.array(
        [held.intern(labels({"__name__": f"metric_{at % 20}", "instance": str(at)})) for at in range(SERIES)]
    )
    native = [held.intern(labels({"__name__": "native", "instance": str(at)})) for at in range(200)]
    for at in range(SAMPLES):
        held.append(Batch(refs, np.full(SERIES, (at + 1) * STEP_MS), np.full(SERIES, float(at))))
        for ref in native if at % 10 == 9 else ():
            held.append_histogram(ref, (at + 1) * STEP_MS, Histogram(0, at + 1.0, 1.0, positive=np.array([at + 1.0])))
    return held


@pytest.fixture
def engine(store):
    running = Engine(store, EngineLimits(timeout_s=1.0))
    yield running
    running.close()


@pytest.mark.parametrize(
    "expr",
    [
        "1" + " + 1" * 10_000,
        "(" * 10_000,
        "(" * 10_000 + "1" + ")" * 10_000,
        "-" * 7_000 + "1",
        "a" * 40_000,
        "sum(" * 1_500 + "x" + ")" * 1_500,
        "x[1h:1m]" * 500,
        'x{a=~"((a{100}){100}){100}"}',
        "x[" + "(" * 2_000 + "5m" + ")" * 2_000 + "]",
        '"\\' + "x" * 100 + '"',
        "x offset " + "-" * 5_000 + "1m",
    ],
    ids=lambda expr: f"{expr[:12]}…{len(expr)}",
)
def test_an_expression_too_large_or_too_deep_is_refused_at_once(expr):
    begin = time.monotonic()
    with pytest.raises(PromqlError):
        parse(expr)
    assert time.monotonic() - begin < 1.0


def test_a_regex_that_backtracking_engines_die_of_is_answered(engine):
    begin = time.monotonic()
    answer = engine.evaluate(parse('metric_1{instance=~"(([0-9]+)+)+[^0-9]"}'), END)
    assert answer.samples == ()
    assert time.monotonic() - begin < 1.0


@pytest.mark.parametrize(
    "expr",
    [
        'count_over_time({__name__=~".+"}[1d])',
        'quantile_over_time(0.5, {__name__=~".+"}[1d])',
        '{__name__=~".+"}',
        'sum by (instance) (rate({__name__=~".+"}[5m]))',
        'max_over_time({__name__=~".+"}[1d:1s])',
        'sum_over_time((sum_over_time({__name__=~".+"}[1h:1s]))[1h:1s])',
    ],
)
def test_everything_over_11_000_steps_is_refused_within_bounds(engine, expr):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
    begin = time.process_time()
    with pytest.raises(QueryLimitError):
        engine.evaluate_range(parse(expr), 0, 10_999, 1)
    took, grown = time.process_time() - begin, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10) - before
    assert took < 5.0  # of the processor; without a limit it would be hours
    assert grown < MEMORY


def test_a_subquery_of_a_year_in_milliseconds_is_refused(engine):
    with pytest.raises(QueryLimitError):
        engine.evaluate(parse("sum_over_time(metric_1[1y:1ms])"), END)


@pytest.mark.parametrize(
    "expr", ["{0}[1h:1ms]", "rate({0}[1m])[1h:1ms]", "timestamp({0})[1h:1ms]", "info({0})[1h:1ms]"]
)
def test_moments_without_end_see_the_time_limit(engine, expr):
    node = parse(f"sum_over_time({expr})".replace("{0}", 'metric_1{instance="1"}'))
    begin = time.process_time()
    with pytest.raises(QueryLimitError, match="the query takes too long"):
        engine.evaluate(node, END)
    assert time.process_time() - begin < 20.0  # of the processor; without a limit it would be minutes


@pytest.mark.parametrize(
    "expr", ["metric_1[1m:1e-9]", "metric_1[1m:1us]", "metric_1[1m:(1ms / 2)]"], ids=["a number", "a unit", "a share"]
)
def test_moments_less_than_a_millisecond_apart_are_refused(engine, expr):
    with pytest.raises(PromqlError):
        engine.evaluate(parse(f"sum_over_time({expr})"), END)


def test_a_chart_that_is_large_but_not_hostile_is_answered_in_pieces(store):
    engine = Engine(store, EngineLimits(cells=20_000))
    whole = Engine(store)
    asked = (parse("sum by (instance) (rate(metric_3[1m]))"), 60.0, 300.0, 5.0)
    pieces, at_once = engine.evaluate_range(*asked), whole.evaluate_range(*asked)
    engine.close()
    whole.close()
    assert pieces == at_once
    assert len(pieces.series) == SERIES // 20


class Abandoned:
    """A storage whose reader hangs up once `after` selections were made.

    Args:
        storage: where series come from.
        after: how many selections there are before.
    """

    def __init__(self, storage: Storage, after: int) -> None:
        self._storage = storage
        self._left = after
        self.is_cancelled = threading.Event()

    @contextmanager
    def select(self, matchers, start_ms, end_ms, spend) -> Iterator[Selection]:
        with self._storage.select(matchers, start_ms, end_ms, spend) as selection:
            self._left -= 1
            if not self._left:
                self.is_cancelled.set()
            yield selection

    @property
    def version(self) -> int:
        return self._storage.version

    def unchanged(self):
        return self._storage.unchanged()

    def matching(self, matchers, start_ms, end_ms, spend):
        return self._storage.matching(matchers, start_ms, end_ms, spend)


@pytest.mark.parametrize(
    ("expr", "selections"),
    [
        ('label_replace(metric_1, "z", "$1", "instance", "(.*)")', 1),
        ('label_join(metric_1, "z", "-", "instance", "instance")', 1),
        ('sort_by_label(metric_1, "instance")', 1),
        ("topk(3, metric_1)", 1),
        ("limitk(3, metric_1)", 1),
        ("limit_ratio(0.5, metric_1)", 1),
        ('count_values("v", metric_1)', 1),
        ("info(metric_1)", 2),
        ("metric_1 + on (instance) fill (0) metric_2", 2),
        ("histogram_quantile(0.5, metric_1)", 1),
        ("histogram_count(native)", 1),
        ("sum(native)", 1),
        ("native * 2", 1),
        ("native + native", 2),
        ("rate(native[1m])", 1),
        ("sum_over_time(metric_1[5m:5s])", 1),
        ("metric_1[5m]", 1),
    ],
)
def test_each_loop_over_series_notices_that_nobody_waits(store, expr, selections):
    storage = Abandoned(store, selections)
    engine = Engine(storage)
    with pytest.raises(QueryLimitError, match="the query was cancelled"):
        engine.evaluate(parse(expr), END, cancelled=storage.is_cancelled)
    engine.close()


def test_a_thousand_references_in_a_replacement_are_refused_by_the_text_they_make(store):
    engine = Engine(store)
    with pytest.raises(QueryLimitError, match="the query makes too much text"):
        engine.evaluate(parse(f'label_replace({{__name__=~".+"}}, "z", "{"$1" * 1_000}", "instance", "(.*)")'), END)
    engine.close()


@pytest.mark.parametrize(
    ("replacement", "made"),
    [
        ("$1-$2", "metric-7"),
        ("${1}x$$", "metricx$"),
        ("$1x", ""),
        ("$", "$"),
        ("$" + "9" * 50, ""),
        ("$n$0", "metricmetric_7"),
    ],
)
def test_references_are_those_of_go(engine, replacement, made):
    expr = f'label_replace(metric_7{{instance="7"}}, "z", "{replacement}", "__name__", "(?P<n>metric)_(.)")'
    (sample,) = engine.evaluate(parse(expr), END).samples
    assert dict(sample.labels).get("z", "") == made


async def test_a_query_that_nobody_waits_for_stops(store):
    engine = Engine(store, EngineLimits(timeout_s=60))
    slow = asyncio.create_task(engine.query_range('quantile_over_time(0.5, {__name__=~".+"}[5m])', 0, 1_000, 1))
    await asyncio.to_thread(lambda: None)  # the loop has turned: the query is under way
    slow.cancel()
    with pytest.raises(asyncio.CancelledError):
        await slow
    begin = time.monotonic()
    await engine.query_range("vector(1)", 0, 1, 1)
    engine.close()
    assert time.monotonic() - begin < 5.0
