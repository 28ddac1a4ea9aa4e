"""Damaged alerts: each row that can be read is used, a damaged file is mended, and alerting begins."""

import asyncio
import random
import shutil
import sqlite3
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from alertlife.databases import postgres_server, url
from budget import scaled
from lapbell import semconv
from lapbell_evaluator.alerts import AlertPolicy, AlertStore, Condition, EvaluationResult
from lapbell_evaluator.database import Database
from lapbell_evaluator.model import NOBODY, Change, HistoryQuery, LabelMatcher, Labels, Silence, everyone, labels

__all__ = ["postgres_server", "url"]  # fixtures

JOBS = 12
POLICY = AlertPolicy(group="g", rule="g/warning", threshold=1.0)
SILENCE = Silence("5f0c6d3e-6a3b-4c34-9d55-0b8d2f1c7a11", (LabelMatcher("a", "b"),), 0.0, 1e9, "ann", "why")


def identity(job: int) -> Labels:
    return labels({"alertname": "Slow", "job": f"{job:02}", "severity": "warning", "category": "webhook"})


def fired(store: AlertStore, jobs: range, at: float) -> Change:
    results = [EvaluationResult(identity(job), labels({"job": f"{job:02}"}), Condition.MET, 2.0, "") for job in jobs]
    planned = store.plan([(POLICY, results)], at)
    store.apply(planned)
    return planned.change


async def written(url: str) -> AlertStore:
    """A database in which twelve alerts fire, one notice of each waits, and one silence is there."""
    database, store = await Database.open(url, 0.0), AlertStore()
    await fill(database, store)
    await database.close()
    return store


async def fill(database: Database, store: AlertStore) -> None:
    for job in range(JOBS):
        await database.commit(fired(store, range(job, job + 1), 10.0 + job), everyone("otlp"))
    await database.commit(Change(silences=(SILENCE,)), NOBODY)


def spoil(url: str, *statements: str) -> None:
    engine = create_engine(url)
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


def damaged_count(database: Database) -> float:
    (count,) = [reading.value for reading in database.readings() if reading.name == semconv.LAPBELL_DATA_DAMAGED]
    return float(count)


async def test_one_bad_row_of_alerts_is_made_anew_from_its_incident_and_kept_apart(url):
    store = await written(url)
    spoil(url, "UPDATE alerts SET payload = 'rubbish' WHERE incident_key = (SELECT min(incident_key) FROM alerts)")
    database = await Database.open(url, 100.0)
    (own,) = [alert for alert in database.restored.alerts if alert.detail == "its row was damaged"]
    before = store.of_incident(own.incident)[0]
    count = damaged_count(database)
    await database.close()
    again = await Database.open(url, 200.0)
    await again.close()
    kept = ("rule", "group", "labels", "series", "incident", "state", "value", "threshold", "fired_at", "active_at")
    assert {name: getattr(own, name) for name in kept} == {
        name: getattr(before, name) for name in kept if name != "series"
    } | {"series": labels({"job": dict(own.labels)["job"]})}
    assert len(database.restored.alerts) == JOBS
    assert count == 1
    assert again.restored.damaged == ()


async def test_a_bad_incident_is_as_its_last_move_had_it(url):
    store = await written(url)
    spoil(url, "UPDATE incidents SET payload = 'rubbish' WHERE key = (SELECT min(key) FROM incidents)")
    database = await Database.open(url, 100.0)
    await database.close()
    assert {incident.key for incident in database.restored.incidents} == set(store.incidents)
    assert len(database.restored.alerts) == JOBS


async def test_an_incident_of_which_nothing_is_left_takes_its_alert_with_it_so_that_it_fires_anew(url):
    store = await written(url)
    lost = min(store.incidents)
    spoil(
        url,
        f"UPDATE incidents SET payload = 'rubbish' WHERE key = '{lost}'",
        f"UPDATE transitions SET payload = 'rubbish' WHERE incident_key = '{lost}'",
    )
    database = await Database.open(url, 100.0)
    notices = await database.pending("otlp", 100)
    letters = (await database.dead_letters()).items
    moves = (await database.history(HistoryQuery())).items
    count = damaged_count(database)
    await database.close()
    assert {alert.incident for alert in database.restored.alerts} == set(store.incidents) - {lost}
    assert len(notices) == JOBS - 1
    assert [(letter.incident_key, letter.status) for letter in letters] == [(lost, "damaged")]
    assert len(moves) == JOBS - 1
    assert count == 2


async def test_of_an_incident_whose_alert_is_gone_the_end_is_told(url):
    store = await written(url)
    lost = min(store.incidents)
    spoil(url, f"DELETE FROM alerts WHERE incident_key = '{lost}'")
    database = await Database.open(url, 100.0)
    await database.close()
    assert [alert.rule for alert in database.restored.alerts if alert.incident == lost] == ["lost"]


async def test_bad_silences_and_rows_of_the_wrong_kind_stop_nothing(tmp_path):
    url = f"sqlite:///{tmp_path}/alerts.db"
    await written(url)
    spoil(
        url,
        "UPDATE silences SET payload = 17",
        "UPDATE alerts SET payload = 'text' WHERE rowid = 1",
        "UPDATE alerts SET payload = 1.5 WHERE rowid = 2",
        "UPDATE incidents SET payload = x'' WHERE rowid = 3",
    )
    database = await Database.open(url, 100.0)
    await database.close()
    assert database.restored.silences == ()
    assert len(database.restored.alerts) == JOBS
    assert {row.table for row in database.restored.damaged} == {"alerts", "incidents", "silences"}


async def test_a_move_whose_state_is_none_hides_no_delivery_of_another(url):
    store = await written(url)
    lost = min(store.incidents)
    spoil(url, f"UPDATE transitions SET state = 'firinh' WHERE incident_key = '{lost}'")
    database = await Database.open(url, 100.0)
    deliveries = await database.deliveries(database.restored.incidents)
    await database.close()
    assert len(deliveries) == JOBS - 1


@pytest.fixture
async def sound(tmp_path) -> Path:
    folder = tmp_path / "sound"
    await written(f"sqlite:///{folder}/alerts.db")
    return folder / "alerts.db"


@dataclass(frozen=True, slots=True)
class Starts:
    """How many alerts were restored by two starts between which another one fired, and how much the first one told."""

    before: int
    after: int
    told: float


async def goes_on(path: Path) -> Starts:
    """Start, have another alert fire, end, start again."""
    database = await Database.open(f"sqlite:///{path}", 100.0)
    told = damaged_count(database)
    before = len(database.restored.alerts)
    store = AlertStore.restored(database.restored.alerts, database.restored.incidents, 100.0)
    await database.commit(fired(store, range(50, 51), 101.0), everyone("otlp"))
    notices = await database.pending("otlp", 100)
    assert notices[-1].transition.incident.labels == identity(50)
    assert database.trouble == ""
    await database.close()
    database = await Database.open(f"sqlite:///{path}", 200.0)
    await database.close()
    return Starts(before, len(database.restored.alerts), told)


@pytest.fixture
async def killed(tmp_path) -> Path:
    """A database as a kill leaves it: all that was committed lies in its log."""
    folder = tmp_path / "running"
    database = await Database.open(f"sqlite:///{folder}/alerts.db", 0.0)
    await fill(database, AlertStore())
    shutil.copytree(folder, tmp_path / "killed")
    await database.close()
    return tmp_path / "killed" / "alerts.db"


def flip(victim: Path, dice: random.Random) -> None:
    body = bytearray(victim.read_bytes())
    for _ in range(dice.choice([1, 20, 200])):
        body[dice.randrange(len(body))] ^= dice.randrange(1, 256)
    victim.write_bytes(body)


def spoil_log(path: Path) -> bytes:
    """Change the first sum of the first page."""
    log = Path(f"{path}-wal")
    body = bytearray(log.read_bytes())
    body[50] ^= 1
    log.write_bytes(body)
    return bytes(body)


def cut_log(path: Path) -> None:
    """End it within the last page."""
    log = Path(f"{path}-wal")
    log.write_bytes(log.read_bytes()[:-1000])


@pytest.mark.slow
async def test_whichever_bytes_are_flipped_alerting_begins_and_what_can_be_read_is_there(sound, tmp_path):
    restored = []
    for seed in range(scaled(15)):
        dice = random.Random(seed)
        folder = tmp_path / str(seed)
        shutil.copytree(sound.parent, folder)
        victim = folder / "alerts.db"
        flip(victim, dice)
        starts = await goes_on(victim)
        assert starts.after == starts.before + 1, seed
        restored.append(starts.before)
    assert max(restored) == JOBS


@pytest.mark.slow
async def test_whichever_bytes_of_the_log_are_flipped_what_lies_behind_them_is_there_or_its_loss_is_told(
    killed, tmp_path
):
    found = []
    for seed in range(scaled(15)):
        folder = tmp_path / str(seed)
        shutil.copytree(killed.parent, folder)
        flip(folder / "alerts.db-wal", random.Random(seed))
        starts = await goes_on(folder / "alerts.db")
        found.append(starts)
    assert [starts for starts in found if starts.after != starts.before + 1] == []
    assert [starts for starts in found if starts.before < JOBS and not starts.told] == []
    assert sum(starts.before == JOBS for starts in found) > len(found) / 2


async def test_one_damaged_byte_early_in_the_log_costs_none_of_the_transactions_behind_it(killed):
    body = spoil_log(killed)
    assert await goes_on(killed) == Starts(JOBS, JOBS + 1, told=1)
    (aside,) = killed.parent.glob("alerts.db.damaged-*Z-wal.damaged")
    assert aside.read_bytes() == body


async def test_a_log_that_a_kill_cut_off_is_no_damage(killed):
    cut_log(killed)
    assert await goes_on(killed) == Starts(JOBS, JOBS + 1, told=0)


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"GIF89a" + bytes(5000)),
        lambda path: path.write_bytes(path.read_bytes()[:100]),
        lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2 + 77]),
        lambda path: (path.unlink(), path.mkdir(), (path / "thing").write_text("a folder")),
        lambda path: Path(f"{path}-wal").write_bytes(bytes(range(256)) * 300),
        lambda path: Path(f"{path}-wal").mkdir(),
        lambda path: sqlite3.connect(path).executescript("DROP TABLE alerts").close(),
    ],
    ids=["empty", "image", "header", "half", "folder", "log", "folder_for_log", "table_gone"],
)
async def test_whatever_lies_in_its_place_alerting_begins(sound, damage):
    damage(sound)
    starts = await goes_on(sound)
    assert starts.after == starts.before + 1


async def test_a_page_that_is_lost_while_it_runs_is_mended_without_a_restart(sound):
    connection = sqlite3.connect(sound)
    (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'transitions'").fetchone()
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    connection.close()
    database = await Database.open(f"sqlite:///{sound}", 100.0)
    with sound.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)
    store = AlertStore.restored(database.restored.alerts, database.restored.incidents, 100.0)
    change = fired(store, range(60, 61), 101.0)
    await database.commit(change, everyone("otlp"))
    noticed = database.trouble
    recovered = asyncio.Event()
    database.subscribe_recovered(recovered.set)
    await recovered.wait()
    count = damaged_count(database)
    await database.close()
    again = await Database.open(f"sqlite:///{sound}", 200.0)
    await again.close()
    assert "malformed" in noticed
    assert {alert.labels for alert in again.restored.alerts} == {identity(job) for job in (*range(JOBS), 60)}
    assert count >= 1
    assert len(list(sound.parent.glob("alerts.db.damaged-*Z"))) == 1
