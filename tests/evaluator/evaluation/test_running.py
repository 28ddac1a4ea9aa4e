"""The loop that evaluates when something is due, on the machine's clock."""

import asyncio
from contextlib import suppress

import numpy as np

from alertlife.assembly import assembled
from lapbell_evaluator.database import Database
from lapbell_evaluator.model import METRIC_NAME, Batch, SystemClock, Transition, labels
from lapbell_evaluator.promql import Engine
from lapbell_evaluator.rules import load
from lapbell_evaluator.series import SeriesStore

RULES = "groups: [{name: g, rules: [{alert: Deep, expr: depth > 100}]}, {name: quick, interval: 50ms, rules: []}]"
INTERVAL_S = 60.0


def push(store: SeriesStore, value: float) -> None:
    ref = store.intern(labels({METRIC_NAME: "depth", "job": "app"}))
    now_ms = int(SystemClock().now() * 1000)
    store.append(Batch(np.array([ref], np.int64), np.array([now_ms], np.int64), np.array([value])))


async def test_data_that_touches_a_group_fires_long_before_its_interval(tmp_path):
    store = SeriesStore()
    engine = Engine(store)
    database = await Database.open(f"sqlite:///{tmp_path}/alerts.db", 0.0)
    rooms = assembled(load(RULES), engine, database, SystemClock(), interval_s=INTERVAL_S)
    told: asyncio.Queue[Transition] = asyncio.Queue()
    rooms.committer.subscribe(told.put_nowait)
    await rooms.runner.tick()
    running = asyncio.ensure_future(rooms.runner.run())
    push(store, 150)
    begin = asyncio.get_running_loop().time()
    rooms.runner.touch({"depth"})
    transition = await asyncio.wait_for(told.get(), 10)
    elapsed = asyncio.get_running_loop().time() - begin
    assert transition.state == "firing"
    assert elapsed < INTERVAL_S / 2
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    engine.close()
    await database.close()


async def test_who_unsubscribes_is_told_no_more(tmp_path):
    store = SeriesStore()
    engine = Engine(store)
    database = await Database.open(f"sqlite:///{tmp_path}/alerts.db", 0.0)
    rooms = assembled(load(RULES), engine, database, SystemClock())
    told: list[Transition] = []
    leave = rooms.committer.subscribe(told.append)
    leave()
    push(store, 150)
    await rooms.runner.tick()
    assert told == []
    assert len(await rooms.alert_service.incidents()) == 1
    engine.close()
    await database.close()
