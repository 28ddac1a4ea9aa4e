"""What was acknowledged survives: `kill -9`, a full disk, a damaged chunk."""

import asyncio
import contextlib
import itertools
import random
import subprocess
import sys
import time
from pathlib import Path

import httpx
import numpy as np
import pytest

import otlp_kit.victim
from budget import scaled
from lapbell_evaluator.damage import DamageLog
from lapbell_evaluator.history import History, HistoryError, check, info
from lapbell_evaluator.history.reader import Reader
from lapbell_evaluator.model import Batch, SystemClock, labels
from lapbell_evaluator.series import SeriesStore
from otlp_kit import DELTA, gauge, metrics_export, number, total
from peers.process import pipe

PROTOBUF = {"content-type": "application/x-protobuf"}
KILLS = scaled(20)
KILLS_AT_BIRTH = scaled(4)
SCRIPT = Path(otlp_kit.victim.__file__)


@contextlib.contextmanager
def victim(path):
    """An evaluator that is killed when the block ends."""
    process = subprocess.Popen([sys.executable, SCRIPT, path], stdout=subprocess.PIPE, text=True)
    try:
        yield int(pipe(process.stdout).readline().split()[0])
    finally:
        process.kill()
        process.wait()
        pipe(process.stdout).close()


def kept(path):
    """Values of every sample on disk, by time."""
    reader = Reader(path, DamageLog("history", SystemClock()))
    columns = reader.recent(0).columns
    reader.close()
    return set(zip(columns.times_ms.tolist(), columns.values.tolist(), strict=True))


def kept_series(path):
    """Name of the series of every sample on disk, by time."""
    reader = Reader(path, DamageLog("history", SystemClock()))
    columns = reader.recent(0).columns
    names = {number: dict(own)["__name__"] for number, own in reader.labels_of(set(columns.series.tolist())).items()}
    reader.close()
    return {
        (at_ms, names[number]) for at_ms, number in zip(columns.times_ms.tolist(), columns.series.tolist(), strict=True)
    }


class Acknowledged:
    """What was promised, and when there is enough of it."""

    def __init__(self):
        self.samples = set()
        self._changed = asyncio.Event()

    def add(self, sample):
        self.samples.add(sample)
        self._changed.set()

    async def more(self, count):
        target = len(self.samples) + count
        while len(self.samples) < target:
            await self._changed.wait()
            self._changed.clear()


async def send_until_it_dies(port, acknowledged, times_ms, name):
    """Post exports on one connection, each at the next of `times_ms`, and note those that were acknowledged.

    Where the name has a place for it, each export is of a series that is named after its time.
    """
    async with httpx.AsyncClient(timeout=60) as client:
        while True:
            at_ms = next(times_ms)
            body = metrics_export(gauge(name.format(at_ms), [point(at_ms)])).SerializeToString()
            try:
                answer = await client.post(f"http://127.0.0.1:{port}/v1/metrics", content=body, headers=PROTOBUF)
            except httpx.TransportError:
                return
            if answer.status_code == 200:
                acknowledged.add((at_ms, float(at_ms)))


def point(at_ms):
    made = number(at_ms, 1)
    made.time_unix_nano = at_ms * 1_000_000
    return made


@pytest.mark.slow
async def test_nothing_acknowledged_is_lost_over_many_kills_under_load(tmp_path):
    path, dice = tmp_path / "history.db", random.Random(7)
    times_ms = itertools.count(int(time.time() * 1000))  # no two at one time: of those, one would be kept
    acknowledged = Acknowledged()
    for _ in range(KILLS):
        with victim(path) as port:
            senders = [
                asyncio.create_task(send_until_it_dies(port, acknowledged, times_ms, f"g{who}")) for who in range(4)
            ]
            await acknowledged.more(dice.randrange(1, 60))
        await asyncio.gather(*senders)
    assert acknowledged.samples - kept(path) == set()


@pytest.mark.slow
async def test_a_series_that_began_with_an_acknowledged_export_keeps_its_name_over_kills(tmp_path):
    path, dice = tmp_path / "history.db", random.Random(8)
    times_ms = itertools.count(int(time.time() * 1000))
    acknowledged = Acknowledged()
    for _ in range(KILLS_AT_BIRTH):
        with victim(path) as port:
            senders = [
                asyncio.create_task(send_until_it_dies(port, acknowledged, times_ms, "began_{}")) for _ in range(4)
            ]
            await acknowledged.more(dice.randrange(1, 60))
        await asyncio.gather(*senders)
    assert {(at_ms, f"began_{at_ms}") for at_ms, _ in acknowledged.samples} - kept_series(path) == set()


@pytest.mark.slow
async def test_deltas_go_on_from_their_total_after_a_kill(tmp_path):
    path = tmp_path / "history.db"
    began = int(time.time()) - 100
    for life in range(3):
        with victim(path) as port:
            async with httpx.AsyncClient(timeout=60) as client:
                for n in range(5):
                    start = began + 10 * life + n
                    delta = total("orders", [number(2, start + 1, start=start)], temporality=DELTA)
                    for _ in range(2):  # sent again, as after a lost answer
                        body = metrics_export(delta).SerializeToString()
                        await client.post(f"http://127.0.0.1:{port}/v1/metrics", content=body, headers=PROTOBUF)
    values = [value for _, value in sorted(kept(path))]
    assert values == [0.0, *(2.0 * n for n in range(1, 16))]


def batch(history, n):
    ref = history.intern(labels({"__name__": "m", "n": str(n)}))
    return Batch(np.full(1, ref), np.array([int(time.time() * 1000)]), np.array([float(n)]))


async def fill_until_full(history):
    """Values that were promised, and whether the promise failed at last."""
    promised: list[float] = []
    noise = np.random.default_rng(1).normal(size=5_000)
    refs = np.array([history.intern(labels({"__name__": "noise", "n": str(n)})) for n in range(5_000)])
    for n in range(1_000):
        history.append(Batch(refs, np.full(5_000, int(time.time() * 1000)), noise + n))
        history.append(batch(history, n))
        try:
            await history.committed()
        except HistoryError:
            return promised
        promised.append(float(n))
    raise AssertionError("the disk never became full")


@pytest.mark.slow
async def test_a_full_disk_is_said_and_costs_nothing_that_was_promised(small_disk):
    path = small_disk / "history.db"
    history = History(SeriesStore(), path, SystemClock())
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * 1_000_000)
    promised = await fill_until_full(history)
    ballast.unlink()
    await history.committed()
    history.close()
    values = {value for _, value in kept(path)}
    assert len(promised) > 3
    assert set(promised) <= values
    assert check(path).is_sound is True


async def test_a_damaged_chunk_costs_itself_alone_and_can_be_set_aside(tmp_path):
    path = tmp_path / "history.db"
    clock = HandClock()
    history = History(SeriesStore(), path, clock)
    for n in range(3):
        ref = history.intern(labels({"__name__": "m", "n": str(n)}))
        history.append(Batch(np.full(1, ref), np.array([int(clock.now() * 1000)]), np.array([float(n)])))
    await history.committed()
    clock.time += 20_000
    history.go_round()
    history._writer.run(
        lambda connection: connection.execute("UPDATE chunks SET data = substr(data, 2) WHERE series = 2")
    ).result()
    history.close()
    report = check(path, repair=True)
    assert len(report.damaged) == 1
    assert report.removed == 1
    assert report.is_sound is True
    assert {value for _, value in kept(path)} == {0.0, 2.0}
    assert info(path).chunks == 2
    assert check(path).quarantined == 1


class HandClock:
    time = 1_800_000_000.0

    def now(self):
        return self.time
