"""The same question to our engine and to the real Prometheus."""

import asyncio
import random
from dataclasses import dataclass, field

import httpx
import numpy as np

from lapbell_evaluator.model import Batch, EvaluatorError, Labels, QueryResult, RangeResult
from lapbell_evaluator.promql import Engine, HttpQuerier, PromqlError, Querier, parse
from lapbell_evaluator.series import Limits, SeriesStore
from promql_kit.comparing import almost_equal
from promql_kit.random_queries import END_MS_AFTER_START, RandomQueries, RandomSeries, random_series
from promql_kit.remote_write import RemoteWriter

_DAY_MS = 86_400_000
_EPSILON = 1e-9

Answer = dict[Labels, dict[int, float]] | str
"""Values by series and milliseconds, or an error."""


@dataclass
class Verdict:
    """How many queries were asked, and which had two answers."""

    queries: int = 0
    answered: int = 0
    differences: list[str] = field(default_factory=list)


def store_of(series: list[RandomSeries]) -> SeriesStore:
    """Our store with these series."""
    store = SeriesStore(Limits(retention_ms=_DAY_MS, late_ms=_DAY_MS, coalesce_ms=0))
    for one in series:
        ref = store.intern(one.labels)
        times = np.array([time for time, _ in one.points], np.int64)
        values = np.zeros(len(times))
        for at, (_, value) in enumerate(one.points):
            values[at : at + 1] = np.frombuffer(value, np.float64) if isinstance(value, bytes) else value
        store.append(Batch(np.full(len(times), ref, np.int64), times, values))
    return store


async def duel(url: str, seed: int, count: int, start_ms: int) -> Verdict:
    """Ask `count` random questions about random series that are written to both."""
    rng = random.Random(seed)
    series = random_series(rng, start_ms)
    await asyncio.to_thread(RemoteWriter(url).write, [(one.labels, one.points) for one in series])
    engine = Engine(store_of(series))
    queries = RandomQueries(rng)
    verdict = Verdict()
    try:
        async with httpx.AsyncClient(timeout=30) as client:
            other = HttpQuerier(url, client)
            for _ in range(count):
                await _round(verdict, rng, queries, engine, other, start_ms)
    finally:
        engine.close()
    return verdict


async def _round(
    verdict: Verdict, rng: random.Random, queries: RandomQueries, engine: Engine, other: HttpQuerier, start_ms: int
) -> None:
    expr = queries.vector()
    begin = start_ms + rng.randint(60_000, END_MS_AFTER_START)
    end = begin if rng.random() < 0.5 else begin + rng.randint(1, 300) * 1_000
    step = rng.choice((7_000, 15_000, 60_000))
    parse(expr)
    ours, theirs = await asyncio.gather(*(_answer(one, expr, begin, end, step) for one in (engine, other)))
    verdict.queries += 1
    verdict.answered += bool(theirs) and not isinstance(theirs, str)
    if not _agree(ours, theirs):
        verdict.differences.append(
            f"{expr} at {begin}..{end}/{step}\n  ours   {_brief(ours)}\n  theirs {_brief(theirs)}"
        )


async def _answer(querier: Querier, expr: str, begin: int, end: int, step: int) -> Answer:
    try:
        if begin == end:
            return _of_instant(await querier.query(expr, begin / 1000))
        return _of_range(await querier.query_range(expr, begin / 1000, end / 1000, step / 1000))
    except PromqlError as error:
        return error.reason
    except EvaluatorError as error:
        return f"failure: {error}"


def _of_instant(result: QueryResult) -> Answer:
    return {sample.labels: {round(sample.time * 1000): sample.value} for sample in result.samples}


def _of_range(result: RangeResult) -> Answer:
    return {one.labels: {round(time * 1000): value for time, value in one.points} for one in result.series}


def _agree(ours: Answer, theirs: Answer) -> bool:
    if isinstance(ours, str) and ours.startswith("the engine failed"):
        return False
    if isinstance(ours, str) or isinstance(theirs, str):
        return isinstance(ours, str) and isinstance(theirs, str)
    if ours.keys() != theirs.keys():
        return False
    for own, values in ours.items():
        if values.keys() != theirs[own].keys():
            return False
        if not all(_same(value, theirs[own][time]) for time, value in values.items()):
            return False
    return True


def _same(first: float, second: float) -> bool:
    return almost_equal(first, second, _EPSILON) or (abs(first) < 1e-9 and abs(second) < 1e-9)


def _brief(answer: Answer) -> str:
    if isinstance(answer, str):
        return f"error: {answer[:200]}"
    return str({own: dict(list(values.items())[:3]) for own, values in list(answer.items())[:4]})[:600]
