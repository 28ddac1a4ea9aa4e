"""Our engine beside the real Prometheus: one contract for both queriers, and random questions."""

import asyncio
import random
import time

import httpx
import numpy as np
import pytest

from budget import scaled
from lapbell_evaluator.model import Batch, QueryResult, RangeResult, RangeSeries, Sample, ValueKind, labels
from lapbell_evaluator.promql import Engine, HttpQuerier, PromqlError, Querier, QuerierUnreachableError, QueryLimitError
from lapbell_evaluator.series import Limits, SeriesStore
from peers.prometheus import prometheus
from promql_kit.duel import duel
from promql_kit.remote_write import RemoteWriter

START = int(time.time()) - 1_800
UP = [labels({"__name__": "up", "job": job}) for job in ("a", "b")]
POINTS = [[(START + 10 * at, float(at * factor)) for at in range(30)] for factor in (1, 2)]


@pytest.fixture(scope="module")
def server():
    with prometheus() as running:
        RemoteWriter(running.url).write(
            (own, [(at * 1_000, value) for at, value in points]) for own, points in zip(UP, POINTS, strict=True)
        )
        yield running


@pytest.fixture(params=["engine", "http"])
async def querier(request, server):
    if request.param == "http":
        async with httpx.AsyncClient(timeout=60) as client:
            yield HttpQuerier(server.url, client)
        return
    store = SeriesStore(Limits(retention_ms=7_200_000, coalesce_ms=0))
    for own, points in zip(UP, POINTS, strict=True):
        ref = store.intern(own)
        times, values = zip(*points, strict=True)
        store.append(Batch(np.full(len(points), ref), np.array(times) * 1_000, np.array(values)))
    engine = Engine(store)
    yield engine
    engine.close()


async def test_a_querier_answers_an_instant_query_with_a_vector(querier):
    result = await querier.query('up{job="a"} * 2', START + 50)
    assert result == QueryResult((Sample(labels({"job": "a"}), START + 50.0, 10.0),))


async def test_a_querier_answers_a_scalar_as_one_sample_without_labels(querier):
    assert await querier.query("1 + 1", START) == QueryResult((Sample((), float(START), 2.0),), kind=ValueKind.SCALAR)


async def test_a_querier_answers_a_string(querier):
    assert await querier.query('"text"', START) == QueryResult((), kind=ValueKind.STRING, text="text")


async def test_a_querier_answers_a_range_selector_with_raw_samples(querier):
    result = await querier.query('up{job="b"}[25s]', START + 50)
    points = tuple((START + 10.0 * at, 2.0 * at) for at in (3, 4, 5))
    assert result == QueryResult((), kind=ValueKind.MATRIX, series=(RangeSeries(UP[1], points),))


async def test_a_querier_answers_several_expressions_at_one_time_in_their_order(querier: Querier):
    results = await querier.query_all(["sum(up)", 'up{job="b"} / 2', "1 + 1"], START + 50)
    assert results == (
        QueryResult((Sample((), START + 50.0, 15.0),)),
        QueryResult((Sample(labels({"job": "b"}), START + 50.0, 5.0),)),
        QueryResult((Sample((), START + 50.0, 2.0),), kind=ValueKind.SCALAR),
    )


async def test_one_wrong_expression_among_several_is_the_querier_s_answer(querier: Querier):
    with pytest.raises(PromqlError):
        await querier.query_all(["up", "sum(up"], START + 50)


async def test_a_querier_answers_a_range_query_with_series(querier):
    result = await querier.query_range("sum(up)", START + 10, START + 30, 10)
    points = tuple((START + 10.0 * at, 3.0 * at) for at in (1, 2, 3))
    assert result == RangeResult((RangeSeries((), points),))


async def test_a_querier_says_what_may_be_a_mistake_and_where(querier):
    result = await querier.query("rate(up[1m])", START + 100)
    text = "metric might not be a counter, name does not end in _total/_sum/_count/_bucket"
    assert result.infos == (f'PromQL info: {text}: "up" (1:6)',)


async def test_a_querier_says_where_an_expression_is_wrong(querier):
    with pytest.raises(PromqlError) as caught:
        await querier.query("sum(up", START)
    assert caught.value.line == 1
    assert caught.value.column > 0


async def test_a_querier_refuses_a_join_that_has_two_meanings(querier):
    with pytest.raises(PromqlError, match=r"many-to-many matching not allowed|must be explicit"):
        await querier.query("sum(up) / on () up", START + 100)


async def test_a_querier_refuses_more_steps_than_a_chart_can_show(querier):
    with pytest.raises(QueryLimitError, match=r"too many steps|maximum resolution"):
        await querier.query_range("up", START, START + 20_000, 1)


async def test_a_querier_knows_series_and_labels(querier):
    end = START + 300
    found = (
        await querier.series(['up{job="a"}', "up"], START, end),
        await querier.label_names(["up"], START, end),
        await querier.label_values("job", [], START, end),
    )
    assert found == (tuple(UP), ("__name__", "job"), ("a", "b"))


async def test_a_server_that_is_not_there_is_no_fault_of_the_query():
    async with httpx.AsyncClient(timeout=60) as client:
        with pytest.raises(QuerierUnreachableError):
            await HttpQuerier("http://127.0.0.1:9", client).query("up", START)


def test_random_questions_have_the_same_answers():
    seed = random.SystemRandom().randrange(1 << 32)
    with prometheus() as server:
        verdict = asyncio.run(duel(server.url, seed, scaled(300), (START - 1_800) * 1_000))
    assert len(verdict.differences) <= scaled(1), f"seed {seed}\n" + "\n".join(verdict.differences)
