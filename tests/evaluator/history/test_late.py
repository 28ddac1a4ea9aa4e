"""Late samples are kept: in memory as far as it reaches, on disk as far as history does."""

import random
import time

import httpx
import numpy as np
import pytest

from evaluator.history.test_survival import PROTOBUF, victim
from lapbell_evaluator.history import History, HistorySettings
from lapbell_evaluator.model import Batch, Histogram, SystemClock, labels
from lapbell_evaluator.promql import Engine
from lapbell_evaluator.series import SeriesStore
from otlp_kit import gauge, metrics_export, number

NOON = 1_800_000_000.0
UP = labels({"__name__": "up"})
AGES_S = [60 * minutes + 1 for minutes in range(31)]
ORDERS = {
    "oldest first": sorted(AGES_S, reverse=True),
    "newest first": AGES_S,
    "shuffled": random.Random(3).sample(AGES_S, k=31),
}


class HandClock:
    time = NOON

    def now(self):
        return self.time


@pytest.fixture
def clock():
    return HandClock()


@pytest.fixture
def history(tmp_path, clock):
    settings = HistorySettings(keep_s=86_400.0, longer_s={"longer": 1_200.0})
    history = History(SeriesStore(), tmp_path / "history.db", clock, settings)
    yield history
    history.close()


async def keep(history, at, value, series=UP):
    refs = np.array([history.intern(series)])
    result = history.append(Batch(refs, np.array([round(at * 1000)]), np.array([value])))
    await history.committed()
    return result


async def counted(history, window, at, name="up"):
    engine = Engine(history)
    answer = await engine.query(f"count_over_time({name}[{window}])", at)
    engine.close()
    return [sample.value for sample in answer.samples]


@pytest.mark.parametrize("order", ORDERS)
async def test_samples_of_any_age_are_found_at_once_after_a_round_and_as_chunks(history, clock, order):
    counts = []
    for age_s in ORDERS[order]:
        await keep(history, NOON - age_s, float(age_s))
    counts.append(await counted(history, "35m", NOON))
    history.go_round()
    counts.append(await counted(history, "35m", NOON))
    clock.time = NOON + 10 * 3_600
    history.go_round()
    counts.append(await counted(history, "35m", NOON))
    assert counts == [[31], [31], [31]]


@pytest.mark.parametrize("order", ORDERS)
async def test_windows_within_memory_hold_what_came_late(history, order):
    for age_s in ORDERS[order]:
        await keep(history, NOON - age_s, float(age_s))
    assert await counted(history, "13m", NOON) == [13]


async def test_a_late_sample_of_a_metric_that_memory_holds_longer_is_found_there(tmp_path, clock):
    longer = labels({"__name__": "longer"})
    store = SeriesStore()
    history = History(store, tmp_path / "history.db", clock, HistorySettings(longer_s={"longer": 1_200.0}))
    await keep(history, NOON, 1.0, longer)
    await keep(history, NOON - 1_500, 2.0, longer)
    found = await counted(history, "30m", NOON, "longer")
    history.close()
    assert found == [2]


async def test_what_history_does_not_keep_is_said(history):
    too_old = await keep(history, NOON - 86_401, 1.0)
    result = history.append_histogram(history.intern(UP), round((NOON - 86_401) * 1000), Histogram(0, 1, 1.0))
    assert [(too_old.accepted, too_old.out_of_window), (result.accepted, result.out_of_window)] == [(0, 1), (0, 1)]


async def test_exports_of_all_ages_survive_a_kill(tmp_path):
    path, now = tmp_path / "history.db", time.time()
    with victim(path) as port:
        async with httpx.AsyncClient(timeout=60) as client:
            for ages_s in zip(*ORDERS.values(), strict=True):
                points = [number(1.0, now - age_s, order=order) for order, age_s in zip(ORDERS, ages_s, strict=True)]
                body = metrics_export(gauge("late", points)).SerializeToString()
                answer = await client.post(f"http://127.0.0.1:{port}/v1/metrics", content=body, headers=PROTOBUF)
                answer.raise_for_status()
    history = History(SeriesStore(), path, SystemClock())
    found = await counted(history, "35m", now, "late")
    history.close()
    assert found == [31, 31, 31]
