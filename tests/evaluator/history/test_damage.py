"""Damaged history: what can be read is used, what cannot is told, kept aside and counted, and it goes on at once."""

import asyncio
import random
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from budget import scaled
from lapbell import semconv
from lapbell_evaluator.history import History, HistoryError, check
from lapbell_evaluator.model import METRIC_NAME, Batch, Labels, labels
from lapbell_evaluator.series import Matcher, MatchOp, SeriesStore

SERIES, ROUNDS = 60, 40


class HandClock:
    def __init__(self, time: float = 1_800_000_000.0) -> None:
        self.time = time

    def now(self) -> float:
        return self.time


def name(number: int) -> Labels:
    return labels({METRIC_NAME: "m", "n": str(number), "text": "x" * 60})


async def written(path: Path, clock: HandClock, killed: Path | None = None) -> None:
    """A history with chunks, pages and a tail, each series at its own value; at `killed`, as a kill leaves it."""
    history = History(SeriesStore(), path, clock)
    for round_number in range(ROUNDS):
        refs = np.array([history.intern(name(number)) for number in range(SERIES)])
        times = np.full(SERIES, int(clock.now() * 1000))
        history.append(Batch(refs, times, np.arange(SERIES, dtype=np.float64) + round_number / 1000))
        await history.committed()
        clock.time += 300
        if round_number % 4 == 3 and round_number < ROUNDS - 2:
            history.go_round()
    if killed is not None:
        shutil.copytree(path.parent, killed)
    history.close()


@pytest.fixture(scope="module")
def sound(tmp_path_factory) -> tuple[Path, float]:
    path = tmp_path_factory.mktemp("sound") / "history.db"
    clock = HandClock()
    asyncio.run(written(path, clock))
    return path, clock.time


@pytest.fixture(scope="module")
def killed(tmp_path_factory) -> tuple[Path, float]:
    folder, clock = tmp_path_factory.mktemp("killed"), HandClock()
    asyncio.run(written(folder / "running" / "history.db", clock, folder / "copy"))
    return folder / "copy" / "history.db", clock.time


def samples(history: History, clock: HandClock) -> dict[str, int]:
    """How many samples of each series are found in the last two days."""
    matchers = [Matcher(METRIC_NAME, MatchOp.EQUAL, "m")]
    now_ms = int(clock.now() * 1000)
    counts = {}
    with history.select(matchers, now_ms - 2 * 86_400_000, now_ms) as selection:
        for frame in selection.frames:
            rows = frame.rows_until(now_ms) - frame.first_rows()
            for row, count in zip(selection.table.rows(), rows.tolist(), strict=True):
                counts[dict(row)["n"]] = int(count)
    return counts


async def goes_on(path: Path, clock: HandClock) -> tuple[dict[str, int], int]:
    """Start on a file, keep one more sample of each series, go a round; what is found then, and what is told."""
    history = History(SeriesStore(), path, clock)
    clock.time += 10
    refs = np.array([history.intern(name(number)) for number in range(SERIES)])
    appended = Batch(refs, np.full(SERIES, int(clock.now() * 1000)), np.arange(SERIES).astype(float))
    history.append(appended)
    for _ in range(2):
        try:
            await history.committed()
        except HistoryError:
            history.beat()  # the file turned out to be damaged: another one takes its place
    samples(history, clock)
    history.beat()
    history.go_round()
    history.beat()
    await history.committed()
    found = samples(history, clock)
    history.close()
    return found, history.damage.count


async def test_a_sound_file_has_everything_and_nothing_to_tell(sound, tmp_path):
    path, now = sound
    shutil.copytree(path.parent, tmp_path / "copy")
    found, told = await goes_on(tmp_path / "copy" / "history.db", HandClock(now))
    assert set(found.values()) == {ROUNDS + 1}
    assert told == 0


def flip(victim: Path, dice: random.Random) -> None:
    body = bytearray(victim.read_bytes())
    for _ in range(dice.choice([1, 20, 200])):
        body[dice.randrange(len(body))] ^= dice.randrange(1, 256)
    victim.write_bytes(body)


@pytest.mark.slow
async def test_whichever_bytes_are_flipped_it_starts_goes_on_and_tells(sound, tmp_path):
    path, now = sound
    untold = []
    for seed in range(scaled(15)):
        dice = random.Random(seed)
        folder = tmp_path / str(seed)
        shutil.copytree(path.parent, folder)
        victim = folder / "history.db"
        flip(victim, dice)
        found, told = await goes_on(victim, HandClock(now))
        assert set(found) == {str(number) for number in range(SERIES)}, seed
        assert min(found.values()) >= 1, seed
        if not told and set(found.values()) != {ROUNDS + 1}:
            untold.append(seed)
        assert check(victim, repair=True).is_sound is True, seed
        shutil.rmtree(folder)
    assert untold == []


@pytest.mark.slow
async def test_whichever_bytes_of_the_log_are_flipped_it_starts_goes_on_and_tells(killed, tmp_path):
    path, now = killed
    untold, whole = [], 0
    for seed in range(scaled(15)):
        folder = tmp_path / str(seed)
        shutil.copytree(path.parent, folder)
        flip(folder / "history.db-wal", random.Random(seed))
        found, told = await goes_on(folder / "history.db", HandClock(now))
        assert set(found) == {str(number) for number in range(SERIES)}, seed
        is_whole = set(found.values()) == {ROUNDS + 1}
        whole += is_whole
        if not told and not is_whole:
            untold.append(seed)
        assert check(folder / "history.db", repair=True).is_sound is True, seed
    assert untold == []
    assert whole > scaled(15) / 3


def spoil_log(path: Path) -> None:
    """Change the first sum of the first page."""
    log = Path(f"{path}-wal")
    body = bytearray(log.read_bytes())
    body[50] ^= 1
    log.write_bytes(body)


async def test_a_check_leaves_what_damage_in_the_log_hides_alone_and_a_repair_takes_it_over(killed, tmp_path):
    path, now = killed
    shutil.copytree(path.parent, tmp_path / "copy")
    victim = tmp_path / "copy" / "history.db"
    spoil_log(victim)
    found_sound = [check(victim).is_sound, check(victim).is_sound, check(victim, repair=True).is_sound]
    found, _ = await goes_on(victim, HandClock(now))
    assert found_sound == [False, False, True]
    assert set(found.values()) == {ROUNDS + 1}


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"GIF89a" + bytes(5000)),
        lambda path: path.write_bytes(path.read_bytes()[:100]),
        lambda path: path.write_bytes(path.read_bytes()[:20_000]),
        lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2 + 77]),
        lambda path: (path.unlink(), path.mkdir(), (path / "thing").write_text("a folder")),
        lambda path: Path(f"{path}-wal").write_bytes(bytes(range(256)) * 300),
        lambda path: Path(f"{path}-wal").mkdir(),
        lambda path: sqlite3.connect(path).executescript("DROP TABLE chunks; DROP TABLE series").close(),
        lambda path: sqlite3.connect(path).executescript("PRAGMA user_version = 77").close(),
    ],
    ids=["empty", "image", "header", "short", "half", "folder", "log", "folder_for_log", "tables_gone", "later"],
)
async def test_whatever_lies_in_its_place_it_starts_and_goes_on(sound, tmp_path, damage):
    path, now = sound
    shutil.copytree(path.parent, tmp_path / "copy")
    victim = tmp_path / "copy" / "history.db"
    damage(victim)
    found, _ = await goes_on(victim, HandClock(now))
    assert len(found) == SERIES
    assert check(victim, repair=True).is_sound is True


async def test_half_of_a_file_is_set_aside_whole_and_what_it_holds_is_taken_over(sound, tmp_path):
    path, now = sound
    shutil.copytree(path.parent, tmp_path / "copy")
    victim = tmp_path / "copy" / "history.db"
    half = victim.read_bytes()[: victim.stat().st_size // 16 * 15]
    victim.write_bytes(half)
    found, told = await goes_on(victim, HandClock(now))
    (aside,) = victim.parent.glob("history.db.damaged-20270*Z")
    assert aside.read_bytes() == half
    assert told >= 1
    assert sum(found.values()) > SERIES * ROUNDS / 4


async def test_a_page_that_is_lost_while_it_runs_costs_that_page(sound, tmp_path):
    path, now = sound
    shutil.copytree(path.parent, tmp_path / "copy")
    victim = tmp_path / "copy" / "history.db"
    clock = HandClock(now)
    history = History(SeriesStore(), victim, clock)
    connection = sqlite3.connect(victim)
    (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'chunks_by_series'").fetchone()
    connection.close()
    with victim.open("r+b") as file:
        file.seek((page - 1) * 8192)
        file.write(b"\xff" * 8192)
    samples(history, clock)
    history.beat()
    history.go_round()
    found = samples(history, clock)
    ref = np.array([history.intern(name(0))])
    history.append(Batch(ref, np.array([int(clock.now() * 1000)]), np.array([1.0])))
    await history.committed()
    history.close()
    assert set(found.values()) == {ROUNDS}
    assert len(list(victim.parent.glob("history.db.damaged-*Z"))) == 1
    assert check(victim).is_sound is True


async def test_damaged_entries_go_into_the_quarantine_and_are_counted_once(sound, tmp_path):
    path, now = sound
    shutil.copytree(path.parent, tmp_path / "copy")
    victim = tmp_path / "copy" / "history.db"
    connection = sqlite3.connect(victim)
    connection.executescript(
        "UPDATE chunks SET data = substr(data, 2) WHERE id IN (1, 2);"
        "UPDATE series SET labels = substr(labels, 2) WHERE id = 3;"
        "UPDATE tail SET data = x'00' WHERE seq = (SELECT max(seq) FROM tail);"
        "UPDATE pages SET data = 'text' WHERE id = (SELECT min(id) FROM pages);"
    )
    connection.close()
    clock = HandClock(now)
    history = History(SeriesStore(), victim, clock)
    for _ in range(3):
        samples(history, clock)
        history.beat()
    told = {reading.name: reading.value for reading in (*history.readings(), *history.damage.readings())}
    history.close()
    report = check(victim)
    assert told[semconv.LAPBELL_DATA_DAMAGED] == told[semconv.LAPBELL_HISTORY_DAMAGED] == 5
    assert report.quarantined == 5
    assert report.damaged == ()


async def test_a_folder_that_may_not_be_written_is_a_clear_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(HistoryError, match=r"cannot be opened: .*Set data_dir to a folder that this user may write to"):
        History(SeriesStore(), tmp_path / "file" / "history.db", HandClock())
