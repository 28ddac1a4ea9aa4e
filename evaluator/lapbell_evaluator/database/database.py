"""Alert state, history and outbox: what changed together is written together.

SQLAlchemy's sync engine in one thread of its own, not an async engine: SQLite has one writer anyway, aiosqlite would
be the same thread behind a greenlet, and psycopg speaks sync just as well. The one thread puts transactions in order.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from sqlalchemy import Connection, Engine, create_engine, delete, event, func, insert, select, update
from sqlalchemy.engine import make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from lapbell_evaluator.database import dead_letters, lock, pages, payloads, schema, tables, writing
from lapbell_evaluator.database.deliveries import AT_ONCE, deliveries
from lapbell_evaluator.database.errors import DatabaseError
from lapbell_evaluator.model import (
    Alert,
    AuditEntry,
    Change,
    DeadLetter,
    DeliveryView,
    Health,
    HistoryQuery,
    Incident,
    Notice,
    Page,
    Silence,
    State,
    Transition,
)

__all__ = ["Database", "Restored"]

T = TypeVar("T")
_KEEPALIVE_S: Final = 20.0
_DELIVERED_KEPT_S: Final = 7 * 86_400.0
_SILENCES_KEPT_S: Final = 5 * 86_400.0
_OPEN: Final = (State.PENDING, State.FIRING, State.RECOVERING, State.HELD)


@dataclass(frozen=True, slots=True)
class Restored:
    """What the evaluator that ran before left in the database.

    Attributes:
        alerts: those that were not inactive.
        incidents: those that were not over.
        silences: those that have not ended for long.
        is_first_start: no evaluator ever ran on this database.
    """

    alerts: tuple[Alert, ...]
    incidents: tuple[Incident, ...]
    silences: tuple[Silence, ...]
    is_first_start: bool


class Database:
    """One evaluator's database, from `open` to `close`."""

    def __init__(self, engine: Engine, held_lock: lock.Lock, thread: ThreadPoolExecutor, restored: Restored) -> None:
        self._engine = engine
        self._lock = held_lock
        self._thread = thread
        self._keepalive = asyncio.ensure_future(self._keep_lock_alive())
        self.restored = restored

    @classmethod
    async def open(cls, url: str, now: float) -> "Database":
        """Take the database, bring its tables up to date, read what the last evaluator left.

        Args:
            url: SQLAlchemy's, for example `sqlite:///.lapbell/alerts.db`.
            now: Unix seconds.

        Raises:
            DatabaseInUseError: another evaluator works on it.
        """
        thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="lapbell-database")
        loop = asyncio.get_running_loop()
        try:
            engine, held_lock, restored = await loop.run_in_executor(thread, _open, url, now)
        except BaseException:
            thread.shutdown(wait=False)
            raise
        return cls(engine, held_lock, thread, restored)

    async def close(self) -> None:
        """End what is under way, then let the next evaluator in."""
        self._keepalive.cancel()
        await self._run(_close, self._engine, self._lock)
        self._thread.shutdown(wait=False)

    async def commit(self, change: Change, receivers: Sequence[str]) -> None:
        """Write a change and one outbox row for each transition and receiver, all or nothing.

        Raises:
            DatabaseError: nothing was written: the transaction failed, or another evaluator has taken over.
        """
        await self._run(self._lock.check)
        await self._transact(lambda connection: writing.write(connection, change, receivers))

    async def pending(self, receiver: str, limit: int) -> tuple[Notice, ...]:
        """The notices that were not delivered to a receiver yet and that it did not refuse, the oldest first."""
        return await self._transact(lambda connection: _pending(connection, receiver, limit))

    async def delivered(self, ids: Sequence[int], at: float) -> None:
        """Note that the notices reached their receiver."""
        mark = update(tables.outbox).where(tables.outbox.c.id.in_(ids)).values(delivered_at=at, last_error=None)
        await self._transact(lambda connection: connection.execute(mark))

    async def sending(self, ids: Sequence[int], at: float) -> None:
        """Note that delivery of the notices is tried now; the time of the first attempt stays."""
        outbox = tables.outbox.c
        mark = (
            update(tables.outbox)
            .where(outbox.id.in_(ids))
            .values(attempts=outbox.attempts + 1, first_attempt_at=func.coalesce(outbox.first_attempt_at, at))
        )
        await self._transact(lambda connection: connection.execute(mark))

    async def failed(self, ids: Sequence[int], error: str) -> None:
        """Note that the notices did not reach their receiver; they stay pending."""
        mark = update(tables.outbox).where(tables.outbox.c.id.in_(ids)).values(last_error=error)
        await self._transact(lambda connection: connection.execute(mark))

    async def refused(self, ids: Sequence[int], at: float, status: str, error: str) -> None:
        """Note that a receiver will never take the notices, since Unix seconds: they are dead letters from now on."""
        await self._transact(lambda connection: dead_letters.refuse(connection, ids, at, status, error))

    async def dead_letter_count(self, receiver: str) -> int:
        """How many dead letters of a receiver are kept."""
        return await self._transact(lambda connection: dead_letters.count(connection, receiver))

    async def dead_letters(self, limit: int = 100, before: int | None = None) -> Page[DeadLetter]:
        """A page of what receivers refused for ever, the newest first."""
        return await self._transact(lambda connection: dead_letters.page(connection, limit, before))

    async def replay(self, ids: Sequence[int] | None, audit: AuditEntry) -> int:
        """Have dead letters (None: all) delivered once more, with the audit row of who wants it; returns how many."""
        return await self._transact(lambda connection: dead_letters.replay(connection, ids, audit))

    async def history(self, wanted: HistoryQuery) -> Page[Transition]:
        """A page of the transitions that are wanted, the newest first."""
        return await self._transact(lambda connection: pages.history(connection, wanted))

    async def resolved(self, limit: int = 100) -> tuple[Incident, ...]:
        """The incidents that were resolved last, the newest first."""
        return await self._transact(lambda connection: _resolved(connection, limit))

    async def incident(self, key: str) -> Incident | None:
        """The last incident of a key that fires, waits to fire, or was resolved; None if there is none."""
        return await self._transact(lambda connection: _incident(connection, key))

    async def deliveries(self, incidents: Collection[Incident]) -> dict[str, tuple[DeliveryView, ...]]:
        """What became of the notices of incidents, by id, in order; those delivered a week ago are forgotten."""
        keys = [(incident.id, incident.key) for incident in incidents]
        views: dict[str, tuple[DeliveryView, ...]] = {}
        for begin in range(0, len(keys), AT_ONCE):
            some = dict(keys[begin : begin + AT_ONCE])
            views |= await self._transact(partial(deliveries, keys=some))
        return views

    async def audit(self, limit: int = 100, before: int | None = None) -> Page[AuditEntry]:
        """A page of what was changed by hand, the newest first."""
        return await self._transact(lambda connection: pages.audit(connection, limit, before))

    async def tidy(self, now: float) -> None:
        """Forget notices that were delivered a week ago, dead letters of a month ago, and old silences.

        Args:
            now: Unix seconds.
        """
        ended = delete(tables.silences).where(tables.silences.c.ends_at < now - _SILENCES_KEPT_S)
        await self._transact(lambda connection: connection.execute(ended))
        await self._transact(lambda connection: dead_letters.forget(connection, now, now - _DELIVERED_KEPT_S))

    async def _keep_lock_alive(self) -> None:
        """Keep the lock's session from looking dead; the next commit raises if the lock was lost."""
        while True:
            await asyncio.sleep(_KEEPALIVE_S)
            with suppress(DatabaseError):
                await self._run(self._lock.check)

    async def _transact(self, work: Callable[[Connection], T]) -> T:
        return await self._run(_transact, self._engine, work)

    async def _run(self, work: Callable[..., T], *args: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *args)


def _open(url: str, now: float) -> tuple[Engine, lock.Lock, Restored]:
    engine = _engine(url)
    if engine.dialect.name == "sqlite":
        Path(engine.url.database or "").parent.mkdir(parents=True, exist_ok=True)
        event.listen(engine, "connect", _sqlite_pragmas)
    with ExitStack() as undo:
        undo.callback(engine.dispose)
        try:
            held_lock = lock.take(engine)
        except SQLAlchemyError as error:
            raise _failed(engine, error, "Start it, or mend database.url (or database.url_file).") from error
        undo.callback(held_lock.close)
        _transact(engine, schema.upgrade)
        restored = _transact(engine, lambda connection: _restore(connection, now))
        undo.pop_all()
        return engine, held_lock, restored


def _engine(url: str) -> Engine:
    try:
        return create_engine(make_url(url))
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError, ValueError):
        # neither the URL nor what is wrong with it is shown: a password may be part of both
        raise DatabaseError(
            "database.url (or database.url_file) is no URL of a database that can be used.",
            "Write postgresql+psycopg://user@host:5432/name, and pip install 'lapbell[postgres]'.",
        ) from None


def _failed(engine: Engine, error: SQLAlchemyError, remedy: str) -> DatabaseError:
    where = engine.url.set(query={}).render_as_string(hide_password=True)  # a password may be a parameter as well
    what = getattr(error, "orig", None) or error
    return DatabaseError(f"The alert database {where} failed: {what}.", remedy)


def _close(engine: Engine, held_lock: lock.Lock) -> None:
    held_lock.close()
    engine.dispose()


def _sqlite_pragmas(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")  # an acknowledged transition survives a power cut
    cursor.execute("PRAGMA busy_timeout=5000")
    cursor.close()


def _transact(engine: Engine, work: Callable[[Connection], T]) -> T:
    try:
        with engine.begin() as connection:
            return work(connection)
    except SQLAlchemyError as error:
        remedy = "Nothing was written. Free some space if the disk is full; if the file is damaged, restore it."
        raise _failed(engine, error, remedy) from error


def _restore(connection: Connection, now: float) -> Restored:
    starts = connection.execute(select(func.count()).select_from(tables.evaluator_starts)).scalar_one()
    connection.execute(insert(tables.evaluator_starts).values(started_at=now))
    groups = connection.execute(select(tables.rule_groups))
    evaluated_at = {row.name: row.last_evaluated_at for row in groups}
    rows = connection.execute(select(tables.alerts.c.payload)).scalars()
    is_open = tables.incidents.c.state.in_(_OPEN)
    open_incidents = connection.execute(select(tables.incidents.c.payload).where(is_open)).scalars()
    since = tables.silences.c.ends_at > now - _SILENCES_KEPT_S
    silences = connection.execute(select(tables.silences.c.payload).where(since)).scalars()
    return Restored(
        alerts=tuple(_last_evaluated(payloads.alert(row), evaluated_at) for row in rows),
        incidents=tuple(payloads.incident(row) for row in open_incidents),
        silences=tuple(payloads.silence(row) for row in silences),
        is_first_start=starts == 0,
    )


def _last_evaluated(alert: Alert, evaluated_at: dict[str, float]) -> Alert:
    """A pending alert was proven at the last evaluation of its group: its row is not rewritten at every evaluation."""
    if alert.state is not State.PENDING or alert.health is not Health.OK:
        return alert
    return replace(alert, proven_at=max(alert.proven_at, evaluated_at.get(alert.group, alert.proven_at)))


def _pending(connection: Connection, receiver: str, limit: int) -> tuple[Notice, ...]:
    rows = connection.execute(
        select(tables.outbox.c.id, tables.outbox.c.attempts, tables.transitions.c.payload)
        .join(tables.transitions, tables.transitions.c.id == tables.outbox.c.transition_id)
        .where(tables.outbox.c.receiver == receiver)
        .where(tables.outbox.c.delivered_at.is_(None), tables.outbox.c.refused_at.is_(None))
        .order_by(tables.outbox.c.id)
        .limit(limit)
    )
    return tuple(Notice(row, receiver, payloads.transition(payload), attempts) for row, attempts, payload in rows)


def _resolved(connection: Connection, limit: int) -> tuple[Incident, ...]:
    query = (
        select(tables.incidents.c.payload)
        .where(tables.incidents.c.state == State.RESOLVED)
        .order_by(tables.incidents.c.resolved_at.desc())
        .limit(limit)
    )
    return tuple(payloads.incident(payload) for payload in connection.execute(query).scalars())


def _incident(connection: Connection, key: str) -> Incident | None:
    incidents = tables.incidents.c
    query = (
        select(incidents.payload)
        .where(incidents.key == key, incidents.state != State.INACTIVE)
        .order_by(incidents.opened_at.desc(), incidents.id.desc())
        .limit(1)
    )
    payload = connection.execute(query).scalar_one_or_none()
    return None if payload is None else payloads.incident(payload)
