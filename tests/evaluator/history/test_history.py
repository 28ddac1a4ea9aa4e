"""Memory and disk as one."""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from budget import scaled
from lapbell_evaluator.history import History, HistorySettings, check, info
from lapbell_evaluator.model import Batch, Histogram, labels
from lapbell_evaluator.promql import Engine, EngineLimits, QueryLimitError
from lapbell_evaluator.series import Limits, Matcher, MatchOp, SeriesStore

NOON = 1_800_000_000.0
HOUR = 3_600
UP = labels({"__name__": "up", "job": "app"})
DOWN = labels({"__name__": "up", "job": "other"})
DEPTH = labels({"__name__": "depth"})
EVERY_UP = (Matcher("__name__", MatchOp.EQUAL, "up"),)


@dataclass
class HandClock:
    time: float = NOON

    def now(self):
        return self.time


def store(**limits):
    return SeriesStore(Limits(**{"coalesce_ms": 0, "late_ms": 900_000} | limits))


@pytest.fixture
def clock():
    return HandClock()


@pytest.fixture
def opened(tmp_path, clock):
    """Opens the same history again and again; what is still open at the end is closed."""
    open_now: list[History] = []

    def open_history(memory=None, **kept):
        while open_now:
            open_now.pop().close()
        history = History(memory or store(), tmp_path / "history.db", clock, HistorySettings(**kept))
        open_now.append(history)
        return history

    yield open_history
    for history in open_now:
        history.close()


async def keep(history, *rows):
    """Rows are (labels, Unix seconds, value)."""
    refs = np.array([history.intern(of) for of, _, _ in rows], np.int64)
    times = np.array([round(time * 1000) for _, time, _ in rows], np.int64)
    history.append(Batch(refs, times, np.array([value for _, _, value in rows], np.float64)))
    await history.committed()


def found(history, start, end, matchers=EVERY_UP):
    """Every sample between two times, in no particular order of series."""
    with history.select(matchers, round(start * 1000), round(end * 1000)) as selection:
        rows = selection.table.rows()
        samples = []
        first = 0
        for frame in selection.frames:
            begins, ends = frame.first_rows(), frame.rows_until(round(end * 1000))
            for column in range(frame.size):
                for row in range(int(begins[column]), int(ends[column])):
                    time = int(frame.times(row, row + 1)[0, column]) / 1000
                    if time >= start:
                        samples.append((rows[first + column], time, float(frame.values(row, row + 1)[0, column])))
            first += frame.size
        return sorted(samples)


async def test_what_was_committed_is_in_memory_again_after_a_restart(opened):
    await keep(opened(), (UP, NOON, 1.0), (DEPTH, NOON, 7.0))
    history = opened()
    assert found(history, NOON - 60, NOON) == [(UP, NOON, 1.0)]


async def test_a_window_older_than_memory_is_read_from_disk(opened, clock):
    history = opened()
    await keep(history, (UP, NOON, 1.0))
    history.go_round()
    clock.time += 5 * HOUR
    await keep(history, (UP, clock.time, 2.0))
    history = opened()
    assert found(history, NOON - 60, clock.time) == [(UP, NOON, 1.0), (UP, clock.time, 2.0)]


async def test_pages_become_chunks_and_say_the_same(opened, clock, tmp_path):
    history = opened()
    expected = []
    for minute in range(0, 300, 5):
        clock.time = NOON + 60 * minute
        rows = [(UP, clock.time, float(minute)), (DOWN, clock.time, minute / 7)]
        expected += rows
        await keep(history, *rows)
        history.go_round()
    assert info(tmp_path / "history.db").chunks > 0
    assert found(history, NOON, clock.time) == sorted(expected)


async def test_a_clock_that_was_set_back_by_days_keeps_no_samples_from_becoming_chunks(opened, clock, tmp_path):
    clock.time = NOON + 3 * 24 * HOUR
    history = opened()
    for minute in range(0, 300, 5):
        clock.time = NOON + 60 * minute
        await keep(history, (UP, clock.time, float(minute)))
        history.beat()
    assert info(tmp_path / "history.db").chunks > 0


async def test_what_only_memory_holds_is_found_beside_what_disk_holds(opened, clock):
    memory = store()
    history = opened(memory=memory)
    await keep(history, (UP, NOON, 1.0))
    clock.time += 2 * HOUR
    recorded = Batch(np.array([memory.intern(DOWN)]), np.array([round(clock.time * 1000)]), np.array([5.0]))
    memory.append(recorded)
    history.go_round()
    assert found(history, NOON, clock.time) == [(UP, NOON, 1.0), (DOWN, clock.time, 5.0)]
    await keep(history, (DOWN, clock.time, 6.0))
    assert found(opened(), clock.time - 60, clock.time) == [(DOWN, clock.time, 6.0)]


async def test_native_histograms_survive_and_are_found(opened, clock):
    history = opened()
    ref = history.intern(UP)
    history.append_histogram(ref, round(NOON * 1000), Histogram(0, 3, 6.0, positive=np.array([1.0, 2.0])))
    await history.committed()
    history.go_round()
    for _ in range(2):
        clock.time += 5 * HOUR
        history.go_round()
    with opened().select(EVERY_UP, round((NOON - 1) * 1000), round(clock.time * 1000)) as selection:
        held = selection.histograms[0]
    assert held.times == [round(NOON * 1000)]
    assert [each.positive.tolist() for each in held.histograms] == [[1.0, 2.0]]


async def test_chunks_that_are_too_old_go(opened, clock, tmp_path):
    history = opened(keep_s=24 * HOUR)
    await keep(history, (UP, NOON, 1.0))
    for _ in range(3):
        clock.time += 13 * HOUR
        await keep(history, (DOWN, clock.time, 2.0))
        history.go_round()
    kept = {of for of, _, _ in found(history, NOON - 60, clock.time)}
    assert kept == {DOWN}
    assert check(tmp_path / "history.db").damaged == ()


async def test_the_oldest_chunks_go_where_the_file_becomes_too_large(opened, clock, tmp_path):
    history = opened(keep_bytes=1)
    await keep(history, (UP, NOON, 1.0))
    clock.time += 5 * HOUR
    history.go_round()
    assert info(tmp_path / "history.db").chunks == 0


async def test_series_of_which_nothing_is_left_are_forgotten(opened, clock, tmp_path):
    await keep(opened(keep_s=24 * HOUR), (UP, NOON, 1.0), (DEPTH, NOON, 1.0))
    history = opened(keep_s=24 * HOUR)
    counts = []
    for _ in range(5):
        clock.time += 13 * HOUR
        await keep(history, (DOWN, clock.time, 2.0))
        history.go_round()
        history = opened(keep_s=24 * HOUR)
        counts.append(info(tmp_path / "history.db").series)
    assert counts == [3, 1, 1, 1, 1]
    await keep(history, (UP, clock.time, 3.0))
    assert found(opened(), clock.time - 60, clock.time) == [(UP, clock.time, 3.0), (DOWN, clock.time, 2.0)]


async def test_coverage_has_a_gap_where_nobody_listened(opened, clock):
    history = opened()
    for begin in (NOON, NOON + 30, NOON + 500):
        clock.time = begin
        history = opened()
        await keep(history, (UP, clock.time, 1.0))
        clock.time += 10
        await keep(history, (UP, clock.time, 1.0))
    assert history.coverage() == ((NOON, NOON + 40), (NOON + 500, NOON + 510))


async def test_somebody_listens_even_where_nobody_sends(opened, clock):
    history = opened()
    for _ in range(40):
        clock.time += 15
        history.beat()
    assert history.coverage() == ((NOON, NOON + 600),)


async def test_a_short_restart_leaves_memory_warm_and_a_long_one_does_not(opened, clock):
    await keep(opened(), (UP, NOON, 1.0))
    clock.time += 50
    warm = opened().warm_since()
    clock.time += 1_000
    assert warm == NOON
    assert opened().warm_since() is None


async def test_the_last_sample_before_a_restart_is_known(opened):
    await keep(opened(), (UP, NOON - 5, 1.0), (UP, NOON, 4.0))
    history = opened()
    assert history.recovered(UP) == (round(NOON * 1000), 4.0)
    assert history.recovered(DOWN) is None


async def test_history_says_how_it_is(opened, clock):
    history = opened()
    await keep(history, (UP, NOON, 1.0))
    clock.time += 5 * HOUR
    history.go_round()
    assert {reading.name: reading.value for reading in history.readings()} == {
        "lapbell.history.commits": 1,
        "lapbell.history.waiting_samples": 0,
        "lapbell.history.chunks": 1,
        "lapbell.history.damaged": 0,
    }


SERIES = [labels({"__name__": "up", "n": str(n)}) for n in range(3)]
ROWS = st.lists(
    st.tuples(st.sampled_from(SERIES), st.integers(0, 400), st.integers(0, 50).map(float)),
    min_size=1,
    max_size=60,
    unique_by=lambda row: row[:2],
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=scaled(25))
@given(ROWS, st.lists(st.integers(0, 59), max_size=3), st.integers(5, 120))
async def test_queries_over_disk_say_what_queries_over_memory_say(tmp_path_factory, rows, rounds, window):
    clock = HandClock()
    path = tmp_path_factory.mktemp("history") / "history.db"
    memory = store(retention_ms=86_400_000, late_ms=86_400_000)
    history = History(store(), path, clock, HistorySettings(memory_s=1, late_s=1e9))
    cuts = [0, *sorted(rounds), len(rows)]
    for begin, end in pairwise(cuts):
        await keep(history, *((of, NOON + 10 * minute, value) for of, minute, value in rows[begin:end]))
        history.go_round()
    for of, minute, value in rows:
        time_ms = round((NOON + 10 * minute) * 1000)
        memory.append(Batch(np.array([memory.intern(of)]), np.array([time_ms]), np.array([value])))
    clock.time = NOON + 10 * HOUR
    history.go_round()
    answers = []
    for storage in (memory, history):
        with_engine = Engine(storage)
        answers.append(
            [
                await with_engine.query_range(query.format(window), NOON, NOON + 4_000, 70)
                for query in ("up", "sum(increase(up[{}s]))", "max_over_time(up[{}s])")
            ]
        )
        with_engine.close()
    history.close()
    assert comparable(answers[0]) == comparable(answers[1])


def comparable(answers):
    return [
        {
            each.labels: [(time, None if math.isnan(value) else value) for time, value in each.points]
            for each in a.series
        }
        for a in answers
    ]


@pytest.mark.parametrize("expr", ["up @ -9.3e15", "up @ 9.2e18 offset -290y", "rate(up[290y] @ -9.2e18 offset 290y)"])
async def test_no_sample_is_at_the_end_of_time(opened, expr):
    history = opened()
    await keep(history, (UP, NOON, 1.0))
    engine = Engine(history)
    answer = await engine.query(expr, NOON)
    engine.close()
    assert answer.samples == ()


@pytest.mark.parametrize("hours", [0, 5], ids=["pages", "chunks"])
async def test_what_is_read_from_disk_is_spent(opened, clock, hours):
    history = opened(store(retention_ms=10_000))
    many = [labels({"__name__": "up", "job": str(at)}) for at in range(100)]
    await keep(history, *((of, NOON + second, 1.0) for of in many for second in range(10)))
    history.go_round()
    clock.time += hours * HOUR
    history.go_round()
    start, end = round((NOON - HOUR) * 1000), round((NOON + 60) * 1000)
    spent: list[int] = []
    with history.select(EVERY_UP, start, end, spent.append):
        pass
    assert sum(spent) == 100 + 1_000  # series that were looked at, and samples


async def test_a_query_that_reads_more_from_disk_than_it_may_is_refused(opened):
    history = opened(store(retention_ms=10_000))
    await keep(history, *((UP, NOON + second, 1.0) for second in range(100)))
    history.go_round()
    engine = Engine(history, EngineLimits(samples=50))
    with pytest.raises(QueryLimitError, match="the query touches too many samples"):
        await engine.query("count_over_time(up[1h])", NOON + 100)
    engine.close()


@pytest.mark.parametrize("selectors", [[], ['{__name__=~"u.*"}']], ids=["all", "some"])
async def test_names_of_more_series_on_disk_than_a_query_may_touch_are_refused(opened, selectors):
    history = opened(store(retention_ms=10_000))
    await keep(history, *((labels({"__name__": "up", "job": str(at)}), NOON, 1.0) for at in range(100)))
    history.go_round()
    engine = Engine(history, EngineLimits(samples=50))
    with pytest.raises(QueryLimitError, match="the query touches too many samples"):
        await engine.series(selectors, NOON - HOUR, NOON + 60)
    engine.close()


async def test_a_tail_that_is_laid_into_pages_in_parts_loses_nothing(opened):
    history = opened(store(retention_ms=10_000), memory_s=1, cut_rows=10)
    for second in range(100):
        await keep(history, *((labels({"__name__": "up", "job": str(at)}), NOON + second, 1.0) for at in range(7)))
    history.go_round()
    engine = Engine(history)
    answer = await engine.query("sum(count_over_time(up[2m]))", NOON + 100)
    engine.close()
    assert [sample.value for sample in answer.samples] == [700.0]
