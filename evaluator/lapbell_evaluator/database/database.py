"""Alert state, history and outbox: what changed together is written together.

SQLAlchemy's sync engine in one thread of its own, not an async engine: SQLite has one writer anyway, aiosqlite would
be the same thread behind a greenlet, and psycopg speaks sync just as well. One thread puts what is written in order.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from sqlalchemy import Connection, delete, func, select

from lapbell_evaluator.database import dead_letters, opening, pages, payloads, tables, writing
from lapbell_evaluator.database.deliveries import AT_ONCE, deliveries
from lapbell_evaluator.database.errors import DatabaseError, UnavailableError
from lapbell_evaluator.database.lease import Lease
from lapbell_evaluator.database.writer import Writer
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
    Reading,
    Silence,
    State,
    Transition,
)

__all__ = ["Database", "Restored"]

_UNREACHABLE_LONG_S: Final = 900.0
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

    def __init__(self, writer: Writer, restored: Restored, elapsed: Callable[[], float]) -> None:
        self._writer = writer
        self._elapsed = elapsed
        self._dead_letters: dict[str, int] = {}
        self.restored = restored

    @classmethod
    async def open(
        cls,
        url: str,
        now: float,
        *,
        on_waiting: Callable[[str], None] | None = None,
        elapsed: Callable[[], float] = time.monotonic,
    ) -> "Database":
        """Take the database, bring its tables up to date, read what the last evaluator left.

        On PostgreSQL, wait until no other evaluator has it.

        Args:
            url: SQLAlchemy's, for example `sqlite:///.lapbell/alerts.db`.
            now: Unix seconds.
            on_waiting: called with who has it, whenever that changes.
            elapsed: seconds that only grow.

        Raises:
            DatabaseInUseError: another evaluator works on it, and it is a SQLite file.
            DatabaseError: it cannot be opened.
        """
        thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="lapbell-database")
        began = elapsed()
        try:
            opened = await opening.opened(url, thread, on_waiting)
            try:
                restored = await opening.in_thread(thread, opened.read, partial(_restore, now=now + elapsed() - began))
                start = await opening.in_thread(thread, opened.begin, now + elapsed() - began)
            except BaseException:
                await opening.in_thread(thread, opened.close)
                raise
        except BaseException:
            thread.shutdown(wait=False)
            raise
        writer = Writer(opened.connections, opened.tenure, thread, start, elapsed)
        if isinstance(opened.tenure, Lease):
            loop = asyncio.get_running_loop()

            def renewed(error: DatabaseError | None) -> None:
                if error is not None and not loop.is_closed():
                    loop.call_soon_threadsafe(writer.fails, error)

            opened.tenure.watch(renewed)
        return cls(writer, restored, elapsed)

    async def close(self) -> None:
        """End what is under way, then let the next evaluator in."""
        await self._writer.close()

    @property
    def trouble(self) -> str:
        """Why the database takes nothing: the same text for as long as that lasts; empty while it does."""
        if self._writer.lost is not None:
            return str(self._writer.lost)
        return "" if self._writer.trouble is None else self._writer.trouble.reason

    @property
    def permanent_trouble(self) -> str:
        """Why the evaluator should be started anew: another has taken over, or the database was away for 15 minutes."""
        trouble = self._writer.trouble
        if self._writer.lost is not None:
            return str(self._writer.lost)
        if trouble is None or self._elapsed() - trouble.since < _UNREACHABLE_LONG_S:
            return ""
        return trouble.reason

    def readings(self) -> tuple[Reading, ...]:
        """What the database says about itself."""
        return self._writer.readings()

    def subscribe_recovered(self, subscriber: Callable[[], None]) -> None:
        """Call `subscriber` when the database takes writes again, and all that waited in memory is written."""
        self._writer.subscribe_recovered(subscriber)

    async def commit(self, change: Change, receivers: Sequence[str]) -> None:
        """Write a change and one outbox row for each transition and receiver, all or nothing.

        While the database takes nothing, the change waits in memory, and is written once it does.

        Raises:
            DatabaseError: nothing was written, nor will it be: another evaluator has taken over, or a row can't be.
        """
        await self._writer.commit(change, receivers)

    async def pending(self, receiver: str, limit: int) -> tuple[Notice, ...]:
        """The notices that were not delivered to a receiver yet and that it did not refuse, the oldest first.

        While the database takes nothing, those that wait in memory: their ids are below zero.
        """
        return await self._writer.pending(receiver, limit, partial(_pending, receiver=receiver, limit=limit))

    async def delivered(self, ids: Sequence[int], at: float) -> None:
        """Note that the notices reached their receiver."""
        await self._writer.note(writing.Mark(tuple(ids), (), writing.delivered(at)))

    async def sending(self, ids: Sequence[int], at: float) -> None:
        """Note that delivery of the notices is tried now; the time of the first attempt stays."""
        await self._writer.note(writing.Mark(tuple(ids), (), writing.sending(at)))

    async def failed(self, ids: Sequence[int], error: str) -> None:
        """Note that the notices did not reach their receiver; they stay pending."""
        await self._writer.note(writing.Mark(tuple(ids), (), writing.failed(error)))

    async def refused(self, ids: Sequence[int], at: float, status: str, error: str) -> None:
        """Note that a receiver will never take the notices, since Unix seconds: they are dead letters from now on."""
        await self._writer.note(writing.Mark(tuple(ids), (), writing.refused(at, status, error)))

    async def dead_letter_count(self, receiver: str) -> int:
        """How many dead letters of a receiver are kept; as last seen while the database does not answer."""
        with suppress(UnavailableError):
            counted = partial(dead_letters.count, receiver=receiver)
            self._dead_letters[receiver] = await self._writer.read(counted)
        return self._dead_letters.get(receiver, 0)

    async def dead_letters(self, limit: int = 100, before: int | None = None) -> Page[DeadLetter]:
        """A page of what receivers refused for ever, the newest first."""
        return await self._writer.read(lambda connection: dead_letters.page(connection, limit, before))

    async def replay(self, ids: Sequence[int] | None, audit: AuditEntry) -> int:
        """Have dead letters (None: all) delivered once more, with the audit row of who wants it; returns how many."""
        return await self._writer.transact(lambda connection: dead_letters.replay(connection, ids, audit))

    async def history(self, wanted: HistoryQuery) -> Page[Transition]:
        """A page of the transitions that are wanted, the newest first."""
        return await self._writer.read(lambda connection: pages.history(connection, wanted))

    async def resolved(self, limit: int = 100) -> tuple[Incident, ...]:
        """The incidents that were resolved last, the newest first."""
        return await self._writer.read(lambda connection: _resolved(connection, limit))

    async def incident(self, key: str) -> Incident | None:
        """The last incident of a key that fires, waits to fire, or was resolved; None if there is none."""
        return await self._writer.read(lambda connection: _incident(connection, key))

    async def deliveries(self, incidents: Collection[Incident]) -> dict[str, tuple[DeliveryView, ...]]:
        """What became of the notices of incidents, by id, in order; those delivered a week ago are forgotten."""
        keys = [(incident.id, incident.key) for incident in incidents]
        views: dict[str, tuple[DeliveryView, ...]] = {}
        for begin in range(0, len(keys), AT_ONCE):
            some = dict(keys[begin : begin + AT_ONCE])
            views |= await self._writer.read(partial(deliveries, keys=some))
        return views

    async def audit(self, limit: int = 100, before: int | None = None) -> Page[AuditEntry]:
        """A page of what was changed by hand, the newest first."""
        return await self._writer.read(lambda connection: pages.audit(connection, limit, before))

    async def tidy(self, now: float) -> None:
        """Forget notices that were delivered a week ago, dead letters of a month ago, and old silences.

        Args:
            now: Unix seconds.
        """
        ended = delete(tables.silences).where(tables.silences.c.ends_at < now - _SILENCES_KEPT_S)

        def forget(connection: Connection) -> None:
            connection.execute(ended)
            dead_letters.forget(connection, now, now - _DELIVERED_KEPT_S)

        await self._writer.transact(forget)


def _restore(connection: Connection, now: float) -> Restored:
    starts = connection.execute(select(func.count()).select_from(tables.evaluator_starts)).scalar_one()
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
