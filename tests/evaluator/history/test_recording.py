"""What rules write beside what is received: nobody waits for it, and several threads write at once."""

import asyncio
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from budget import scaled
from lapbell_evaluator.damage import DamageLog
from lapbell_evaluator.history import History, HistoryError, Recording
from lapbell_evaluator.history.columns import Columns
from lapbell_evaluator.history.numbered_refs import NumberedRefs
from lapbell_evaluator.history.reader import Reader
from lapbell_evaluator.model import Batch, SystemClock, labels
from lapbell_evaluator.series import Limits, SeriesStore

NOON = 1_800_000_000.0
ROUNDS = scaled(200)
MOST_WAITING = 8_000_000


class HandClock:
    time = NOON

    def now(self):
        return self.time


@pytest.fixture
def history(tmp_path):
    opened = History(SeriesStore(Limits(retention_ms=10_000, coalesce_ms=0)), tmp_path / "history.db", HandClock())
    yield opened
    opened.close()


def on_disk(tmp_path):
    """Labels and value of every sample."""
    reader = Reader(tmp_path / "history.db", DamageLog("history", SystemClock()))
    columns = reader.recent(0).columns
    names = reader.labels_of(set(columns.series.tolist()))
    reader.close()
    return [
        (names[number], value) for number, value in zip(columns.series.tolist(), columns.values.tolist(), strict=True)
    ]


def series(name):
    return labels({"__name__": "m", "name": name})


def value_of(own):
    """Tells the series of a sample from its value."""
    return float(zlib.crc32(repr(own).encode()))


def write_rounds(sink, who):
    """In each round a series that others write too, and one that is soon let go."""
    for round_number in range(ROUNDS):
        mine = [series("shared"), series(f"shared {round_number}"), series(f"{who} {round_number}")]
        refs = np.array([sink.intern(each) for each in mine], np.int64)
        times = np.full(len(mine), round(NOON * 1000) + 1_000 * round_number, np.int64)
        sink.append(Batch(refs, times, np.array([value_of(each) for each in mine])))


async def test_threads_that_write_at_once_never_mistake_a_series_for_another(tmp_path, history):
    sinks = (history, Recording(history), Recording(history))
    with ThreadPoolExecutor(len(sinks)) as threads:
        list(threads.map(write_rounds, sinks, ("receiver", "rule", "other rule")))
    await history.committed()
    written = on_disk(tmp_path)
    assert [each for each in written if each[1] != value_of(each[0])] == []
    assert {"receiver 0", "rule 7", f"other rule {ROUNDS - 1}", "shared"} <= {dict(own)["name"] for own, _ in written}


def test_a_slot_that_another_series_has_by_now_keeps_its_number():
    numbered = NumberedRefs(lambda born: [1 if own == series("older") else 2 for own in born])
    older, younger = 7, 7 | 1 << 32
    numbered.interned(younger, series("younger"))
    numbered.of(np.array([younger]))
    numbered.interned(older, series("older"))
    assert numbered.of(np.array([younger, older, 0, 5_000])).tolist() == [2, 0, 0, 0]


async def test_what_nobody_awaits_is_written_soon(tmp_path, history):
    sink = Recording(history)
    sink.append(Batch(np.array([sink.intern(series("a"))]), np.array([round(NOON * 1000)]), np.array([7.0])))
    async with asyncio.timeout(10):
        while not on_disk(tmp_path):
            await asyncio.to_thread(threading.Event().wait, 0.05)
    assert on_disk(tmp_path) == [(series("a"), 7.0)]


@pytest.mark.slow
async def test_where_history_can_take_no_more_senders_are_refused_and_rules_go_on_in_memory(history):
    disk_is_back = threading.Event()
    history._writer.run(lambda _: disk_is_back.wait())
    full = np.zeros(MOST_WAITING + 1, np.int64)
    history._writer.put(columns=Columns(full, full, full.astype(np.float64)))
    batch = Batch(np.array([history.intern(series("a"))]), np.array([round(NOON * 1000)]), np.array([7.0]))
    with pytest.raises(HistoryError):
        history.append(batch)
    again = Batch(batch.refs, batch.times_ms + 5_000, batch.values)
    accepted = Recording(history).append(again).accepted
    disk_is_back.set()
    assert accepted == 1
