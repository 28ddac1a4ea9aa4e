"""An evaluator to be killed: `victim.py FOLDER SINK_URL` runs rules on data of its own until it is.

The data is a function of the wall clock, so that every life sees the same world: `square` breaches in turns, `steady`
always. Each life makes a silence and acknowledges what fires; what it prints was written before it was printed.
"""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np

from alertlife.assembly import Assembly, assembled
from lapbell_evaluator.alerts import UnknownIncidentError
from lapbell_evaluator.database import Database
from lapbell_evaluator.model import METRIC_NAME, Batch, LabelMatcher, Silence, State, SystemClock, labels
from lapbell_evaluator.notify import Delivery, Destination, OtlpReceiver
from lapbell_evaluator.promql import Engine
from lapbell_evaluator.rules import load
from lapbell_evaluator.series import Limits, SeriesStore

RULES = """
groups:
- name: killed
  interval: 50ms
  rules:
  - alert: Square
    expr: square > 1
    annotations: {lapbell_on_no_data: keep, lapbell_reopen_within: 800ms}
  - alert: Restless
    expr: square > 1
    annotations: {lapbell_on_no_data: keep, lapbell_reopen_within: 10m}
  - alert: Steady
    expr: steady > 1
    for: 3s
    annotations: {lapbell_on_no_data: keep}
"""
SERIES = 20


def world(now: float) -> dict[str, float]:
    """The value of each series at a time."""
    turns = {f"square/{number}": 2.0 if int(now / 0.7 + number) % 3 == 0 else 0.5 for number in range(SERIES)}
    return {**turns, "steady/0": 2.0}


async def main(folder: str, sink: str) -> None:
    clock = SystemClock()
    store = SeriesStore(Limits(coalesce_ms=0))
    engine = Engine(store)
    database = await Database.open(f"sqlite:///{folder}/alerts.db", clock.now())
    evaluated = asyncio.Event()
    rooms = assembled(load(RULES), engine, database, clock, receivers=["otlp"], sharing=partial(noting, evaluated))
    receiver = OtlpReceiver(Destination(sink, "http/protobuf"), clock, rooms.alert_service.counts, rooms.muting.muter)
    delivery = Delivery("otlp", receiver, database, clock)
    rooms.committer.subscribe(lambda _: delivery.wake())
    silence = Silence("", (LabelMatcher("n", "1"),), clock.now(), clock.now() + 3600, "victim", "life")
    async with asyncio.TaskGroup() as tasks:
        push(store, clock.now())
        tasks.create_task(rooms.runner.run())
        tasks.create_task(delivery.run())
        print("silence", (await rooms.muting.put(silence)).id, flush=True)
        stop = Path(folder, "stop")
        while not (await asyncio.to_thread(stop.exists) and await is_steady(rooms)):
            evaluated.clear()
            push(store, clock.now())
            await acknowledge(rooms)
            await evaluated.wait()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
    await delivery.deliver()
    await receiver.close()
    engine.close()
    await database.close()


@contextmanager
def noting(evaluated: asyncio.Event) -> Iterator[None]:
    """Around each evaluation: the next samples are pushed once it is done."""
    try:
        yield
    finally:
        evaluated.set()


def push(store: SeriesStore, now: float) -> None:
    values = world(now)
    refs = [store.intern(labels({METRIC_NAME: each.split("/")[0], "n": each.split("/")[1]})) for each in values]
    times = np.full(len(refs), int(now * 1000), np.int64)
    store.append(Batch(np.array(refs, np.int64), times, np.array([*values.values()])))


async def is_steady(rooms: Assembly) -> bool:
    """Whether what always breaches fires by now: the last life goes on until it does, however slow the machine is."""
    firing = await rooms.alert_service.incidents((State.FIRING,))
    return any(("alertname", "Steady") in view.incident.labels for view in firing)


async def acknowledge(rooms: Assembly) -> None:
    """Take the first incident that nobody has."""
    for view in await rooms.alert_service.incidents((State.FIRING,)):
        if not view.is_acknowledged:
            try:
                taken = await rooms.alert_service.acknowledge(view.incident.key, "victim", "mine")
            except UnknownIncidentError:
                return  # it was resolved in between
            print("ack", taken.incident.id, flush=True)
            return


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
