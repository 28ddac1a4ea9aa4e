"""A database that an older lapbell wrote opens with all that is in it, and no migration loses a row."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import msgspec
import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Engine, MetaData, Table, create_engine, text

from alertlife.databases import postgres_server, url
from lapbell_evaluator.database import Database, DatabaseError, payloads, schema
from lapbell_evaluator.database.tables import metadata
from lapbell_evaluator.model import (
    Alert,
    AuditEntry,
    Evidence,
    HistoryQuery,
    Incident,
    Onset,
    PhaseShare,
    Reason,
    Silence,
    State,
    Transition,
    labels,
)

__all__ = ["postgres_server", "url"]  # fixtures

DUMPS = Path(__file__).parent / "revision_0002"
NOON = 1_800_000_000.0
SILENCE = "5f0c6d3e-6a3b-4c34-9d55-0b8d2f1c7a11"
APP, PENDING, HELD, NO_DATA = "f218339b7328522f", "ba97e835e1579373", "83d7253e4324f6dd", "0612225e5565f929"

RENAMED = {
    "lives": {"": "evaluator_starts"},
    "groups": {"": "rule_groups", "watched_at": "last_evaluated_at"},
    "alerts": {"group": "rule_group", "incident": "incident_key", "parcel": "payload"},
    "incidents": {"parcel": "payload"},
    "transitions": {"incident": "incident_id", "key": "incident_key", "parcel": "payload"},
    "outbox": {"transition": "transition_id", "sent_at": "first_attempt_at", "error": "last_error"},
    "audit": {"why": "reason"},
    "silences": {"parcel": "payload"},
}
"""What revision 0003 calls the tables (the empty name) and columns of revision 0002."""

ADDED: dict[str, dict] = {
    "evaluator_starts": {"last_write": 0},
    "incidents": {"problem_id": None},
    "outbox": {"refused_at": None, "refused_status": None, "message": None, "last_sent_at": None, "dropped_at": None},
}
"""What rows of revision 0002 hold in the columns that came later."""


@pytest.fixture
def old_url(url: str) -> str:
    """A database as revision 0002 left it."""
    if url.startswith("sqlite"):
        connection = sqlite3.connect(url.removeprefix("sqlite:///"))
        connection.executescript((DUMPS / "sqlite.sql").read_text())
        connection.close()
    else:
        with psycopg.connect(url.replace("+psycopg", "")) as server:
            server.execute((DUMPS / "postgresql.sql").read_bytes())
    return url


@pytest.fixture
def old(old_url):
    """The engine of such a database."""
    engine = create_engine(old_url)
    yield engine
    engine.dispose()


def upgraded(engine: Engine) -> None:
    with engine.begin() as connection:
        schema.upgrade(connection)


def rows(connection: Connection) -> dict[str, list[dict]]:
    """Every row of every table, by the table's name, in an order that does not depend on where it lies."""
    known = MetaData()
    known.reflect(connection)
    return {
        table.name: sorted((dict(row) for row in connection.execute(table.select()).mappings()), key=repr)
        for table in known.sorted_tables
        if table.name != "alembic_version"
    }


def as_now(database: dict[str, list[dict]]) -> dict[str, list[dict]]:
    """The same rows under today's names, in today's tables."""
    tables = {
        RENAMED[table].get("", table): [
            {RENAMED[table].get(column, column): value for column, value in row.items()} for row in content
        ]
        for table, content in database.items()
    }
    added = {table: [row | ADDED.get(table, {}) for row in content] for table, content in tables.items()}
    return {table: sorted(content, key=repr) for table, content in added.items()} | {
        "evaluator_lease": [{"epoch": 0, "owner": "", "until": 0.0}],
        "quarantine": [],
        "traces": [],
    }


def test_every_row_of_the_last_commits_database_is_there_under_todays_names(old):
    with old.connect() as connection:
        before = rows(connection)
    upgraded(old)
    with old.connect() as connection:
        assert rows(connection) == as_now(before)


def test_the_way_back_gives_every_row_back_as_it_was(old):
    with old.connect() as connection:
        before = rows(connection)
    upgraded(old)
    with old.begin() as connection:
        command.downgrade(schema.alembic_config(connection), "0002")
    with old.connect() as connection:
        assert rows(connection) == before


async def test_the_last_commits_database_opens_with_its_alerts_and_incidents(old_url):
    database = await Database.open(old_url, NOON + 200)
    restored = database.restored
    await database.close()
    assert {(alert.rule, alert.incident): (alert.state, alert.health, alert.detail) for alert in restored.alerts} == {
        ("g/warning", APP): ("firing", "ok", ""),
        ("g/critical", APP): ("firing", "ok", ""),
        ("g/warning", PENDING): ("pending", "ok", ""),
        ("g/warning", HELD): ("held", "ok", ""),
        ("g/warning", NO_DATA): ("firing", "error", "no such function"),
        ("g/ok", NO_DATA): ("firing", "ok", "why ok"),
        ("g/no_data", NO_DATA): ("firing", "no_data", "why no_data"),
        ("g/error", NO_DATA): ("firing", "error", "why error"),
        ("g/cold", NO_DATA): ("firing", "cold", "why cold"),
    }
    incidents = {incident.key: incident for incident in restored.incidents}
    assert {key: (incident.state, incident.severity, incident.value) for key, incident in incidents.items()} == {
        APP: ("firing", "critical", 9.5),
        PENDING: ("pending", "warning", float("inf")),
        HELD: ("held", "warning", 2.0),
        NO_DATA: ("firing", "warning", 2.0),
    }
    app = incidents[APP]
    assert app == Incident(
        id=f"{APP}-665172e8e6100",
        key=APP,
        state=State.FIRING,
        severity="critical",
        labels=labels({"alertname": "Slow", "job": "app", "severity": "critical"}),
        value=9.5,
        opened_at=NOON + 100,
        reason=Reason.ESCALATED,
        annotations=labels({"summary": "slow é"}),
        threshold=1.0,
        fired_at=NOON + 100,
        acknowledged_at=NOON + 120,
        acknowledged_by="bob",
        acknowledged_why="mine",
        evidence=Evidence((PhaseShare("signature_validation", 0.9, 1.5),), ("ab" * 16,)),
        moves=3,
        storm_began_at=NOON + 105,
        onset=app.onset,
    )
    assert app.onset == Onset(NOON + 100)
    assert not restored.is_first_start


async def test_the_last_commits_database_opens_with_its_silences_history_audit_and_outbox(old_url):
    database = await Database.open(old_url, NOON + 200)
    history = (await database.history(HistoryQuery())).items
    audit = (await database.audit()).items
    waiting = await database.pending("otlp", 100)
    (over,) = await database.resolved(1)
    deliveries = (await database.deliveries([over]))[over.id]
    (silence,) = database.restored.silences
    await database.close()
    assert silence.id == SILENCE
    assert [(matcher.name, matcher.value, matcher.is_regex, matcher.is_equal) for matcher in silence.matchers] == [
        ("job", "app|web", True, True),
        ("severity", "critical", False, False),
    ]
    assert [f"{move.incident.key} {move.previous} {move.state} {move.reason} {move.actor}" for move in history] == [
        f"{NO_DATA} inactive firing breached ",
        f"{HELD} firing resolved manual ann",
        f"{HELD} inactive firing breached ",
        f"{PENDING} inactive pending breached ",
        f"{APP} firing firing acknowledged bob",
        f"{APP} firing firing escalated ",
        f"{APP} inactive firing breached ",
        f"{APP} firing resolved recovered ",
        f"{APP} inactive firing breached ",
    ]
    assert audit == (
        AuditEntry(NOON + 10, "ann", "silence", SILENCE, "deploy"),
        AuditEntry(NOON + 140, "ann", "resolve", HELD, "fixed"),
        AuditEntry(NOON + 120, "bob", "acknowledge", APP, "mine"),
    )
    assert {notice.id: notice.attempts for notice in waiting} == {3: 1, 5: 0, 7: 0, 9: 0, 10: 0, 11: 0, 12: 0}
    assert [(view.receiver, view.attempts, view.sent_at, view.delivered_at, view.error) for view in deliveries] == [
        ("otlp", 1, NOON + 0.5, NOON + 1, ""),
        ("oncall", 0, None, None, ""),
        ("otlp", 1, NOON + 61, None, "503 from https://example.com"),
        ("oncall", 0, None, None, ""),
    ]


READ: dict[str, Callable[[bytes], Alert | Incident | Silence | Transition]] = {
    "alerts": payloads.alert,
    "incidents": payloads.incident,
    "silences": payloads.silence,
    "transitions": payloads.transition,
}


def cut_to(known: object, payload: object) -> object:
    """The payload without the fields that `known` does not have: a newer lapbell may add some."""
    if isinstance(known, dict) and isinstance(payload, dict):
        return {name: cut_to(known[name], payload.get(name)) for name in known}
    if isinstance(known, list) and isinstance(payload, list) and len(known) == len(payload):
        return [cut_to(*pair) for pair in zip(known, payload, strict=True)]
    return payload


@pytest.mark.parametrize("table", READ)
def test_nothing_of_an_old_payload_is_lost_when_it_is_read_and_written_again(old, table):
    """A field that is renamed in Python keeps its name in the payload: one that is dropped shows here."""
    with old.connect() as connection:
        stored = connection.execute(text(f"SELECT parcel FROM {table}")).scalars().all()
    before = [msgspec.msgpack.decode(payload) for payload in stored]
    after = [msgspec.msgpack.decode(payloads.pack(READ[table](payload))) for payload in stored]
    assert cut_to(before, after) == before


async def test_alerts_of_the_first_tables_are_read_without_the_onset_that_nobody_knew_then(old, old_url):
    """Revision 0001 had neither onsets nor the times of first attempts."""
    with old.begin() as connection:
        command.downgrade(schema.alembic_config(connection), "0001")
        for table in ("alerts", "incidents", "transitions"):
            known = Table(table, MetaData(), autoload_with=connection)
            for row in connection.execute(known.select()).all():
                key = [column == row._mapping[column.name] for column in known.primary_key]
                connection.execute(known.update().where(*key).values(parcel=without_onset(row.parcel)))
    database = await Database.open(old_url, NOON + 200)
    (over,) = await database.resolved(1)
    deliveries = (await database.deliveries([over]))[over.id]
    restored = database.restored
    await database.close()
    onsets = [alert.onset for alert in restored.alerts] + [incident.onset for incident in restored.incidents]
    assert set(onsets) == {None}
    assert [(view.attempts, view.sent_at, view.delivered_at) for view in deliveries] == [
        (1, None, NOON + 1),
        (0, None, None),
        (1, None, None),
        (0, None, None),
    ]


def without_onset(payload: bytes) -> bytes:
    def cut(value: object) -> object:
        if isinstance(value, dict):
            return {name: cut(inner) for name, inner in value.items() if name != "onset"}
        return value

    return msgspec.msgpack.encode(cut(msgspec.msgpack.decode(payload)))


def test_a_migrated_database_has_the_tables_that_the_code_knows(old):
    upgraded(old)
    with old.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_a_fresh_database_has_the_tables_that_the_code_knows(url):
    engine = create_engine(url)
    upgraded(engine)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


async def test_a_migration_that_fails_half_way_changes_nothing(old, old_url):
    with old.begin() as connection:
        before = rows(connection)
        connection.execute(text("CREATE INDEX ix_outbox_transition_id ON outbox (id)"))  # in the way of the last step
    with pytest.raises(DatabaseError, match="ix_outbox_transition_id"):
        await Database.open(old_url, NOON + 200)
    with old.connect() as connection:
        assert rows(connection) == before


async def test_a_database_of_a_newer_lapbell_is_refused(url):
    await (await Database.open(url, 0.0)).close()
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(DatabaseError, match="newer lapbell"):
        await Database.open(url, 0.0)
