"""Alert state, history and outbox: what changed together is written together.

SQLAlchemy's sync engine in one thread of its own, not an async engine: SQLite has one writer anyway, aiosqlite would
be the same thread behind a greenlet, and psycopg speaks sync just as well. One thread puts what is written in order.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Final

from sqlalchemy import Connection, insert, select, type_coerce
from sqlalchemy.types import NullType

from lapbell_evaluator.damage import FAULTS, DamageLog
from lapbell_evaluator.database import dead_letters, notices, opening, pages, payloads, tables, writing
from lapbell_evaluator.database.connections import Connections
from lapbell_evaluator.database.deliveries import AT_ONCE, deliveries
from lapbell_evaluator.database.errors import DatabaseError, UnavailableError
from lapbell_evaluator.database.lease import Lease
from lapbell_evaluator.database.mending import Mending
from lapbell_evaluator.database.quarantine import move, readable
from lapbell_evaluator.database.restoring import Restored, restore
from lapbell_evaluator.database.retention import KEPT_S, Place, Round, forget
from lapbell_evaluator.database.traces import IncidentTraces
from lapbell_evaluator.database.writer import Writer
from lapbell_evaluator.model import (
    AuditEntry,
    Change,
    Clock,
    DeadLetter,
    DeliveryView,
    HistoryQuery,
    Incident,
    Notice,
    Page,
    Reading,
    Recipients,
    State,
    Transition,
)

__all__ = ["Database", "Restored"]

_UNREACHABLE_LONG_S: Final = 900.0


class Database:
    """One evaluator's database, from `open` to `close`.

    Attributes:
        restored: what the last evaluator left.
        traces: those that are kept with incidents.
    """

    def __init__(
        self,
        writer: Writer,
        restored: Restored,
        elapsed: Callable[[], float],
        clock: Clock,
        damage: DamageLog,
        keep_s: float,
    ) -> None:
        self._writer = writer
        self._keep_s = keep_s
        self._clock = clock
        self._damage = damage
        self._elapsed = elapsed
        self._dead_letters: dict[str, int] = {}
        self.restored = restored
        self.traces = IncidentTraces(writer, damage)

    @classmethod
    async def open(
        cls,
        url: str,
        now: float,
        *,
        on_waiting: Callable[[str], None] | None = None,
        elapsed: Callable[[], float] = time.monotonic,
        keep_s: float = KEPT_S,
    ) -> "Database":
        """Take the database, bring its tables up to date, read what the last evaluator left.

        On PostgreSQL, wait until no other evaluator has it.

        Args:
            url: SQLAlchemy's, for example `sqlite:///.lapbell/alerts.db`.
            now: Unix seconds.
            on_waiting: called with who has it, whenever that changes.
            elapsed: seconds that only grow.
            keep_s: what has been over for as long is forgotten by `tidy`.

        Raises:
            DatabaseInUseError: another evaluator works on it, and it is a SQLite file.
            DatabaseError: it cannot be opened.
        """
        thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="lapbell-database")
        clock = _Since(now, elapsed(), elapsed)
        damage = DamageLog("alerts", clock)
        try:
            connections = Connections(url)
            mending = Mending(connections, damage, clock)
            opened = await opening.opened(connections, thread, mending, on_waiting)
            try:
                restored = await opening.in_thread(thread, _restored, opened, mending, damage, clock)
                start = await opening.in_thread(thread, opened.begin, clock.now())
            except BaseException:
                await opening.in_thread(thread, opened.close)
                raise
        except BaseException:
            thread.shutdown(wait=False)
            raise

        def mended(error: DatabaseError) -> bool:
            if not mending.mended(error):
                return False
            opened.write(partial(_start_again, start=start, now=clock.now()))
            return True

        writer = Writer(opened.connections, opened.tenure, thread, start, elapsed, mended)
        if isinstance(opened.tenure, Lease):
            loop = asyncio.get_running_loop()

            def renewed(error: DatabaseError | None) -> None:
                if error is not None and not loop.is_closed():
                    loop.call_soon_threadsafe(writer.fails, error)

            opened.tenure.watch(renewed)
        return cls(writer, restored, elapsed, clock, damage, keep_s)

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
        return (*self._writer.readings(), *self._damage.readings())

    def subscribe_recovered(self, subscriber: Callable[[], None]) -> None:
        """Call `subscriber` when the database takes writes again, and all that waited in memory is written."""
        self._writer.subscribe_recovered(subscriber)

    async def commit(self, change: Change, recipients: Recipients) -> None:
        """Write a change and one outbox row for each transition and recipient, all or nothing.

        While the database takes nothing, the change waits in memory, and is written once it does.

        Raises:
            DatabaseError: nothing was written, nor will it be: another evaluator has taken over, or a row can't be.
        """
        await self._writer.commit(change, recipients)

    async def pending(self, receiver: str, limit: int) -> tuple[Notice, ...]:
        """The notices that were not delivered to a receiver yet and that it did not refuse, the oldest first.

        While the database takes nothing, those that wait in memory: their ids are below zero.
        """
        while True:
            damaged: dict[int, str] = {}
            read = partial(notices.waiting, receiver=receiver, limit=limit, damage=self._damage, damaged=damaged)
            waiting = await self._writer.pending(receiver, limit, read)
            for number, error in damaged.items():
                await self.refused([number], self._clock.now(), "damaged", error)
            if waiting or not damaged:
                return waiting

    async def drop_others(self, receivers: Sequence[str]) -> int:
        """Drop what waits for receivers other than these; returns how many notices that were."""
        now = self._clock.now()
        return await self._writer.transact(lambda connection: notices.drop_others(connection, receivers, now))

    async def told(self, receiver: str) -> tuple[Notice, ...]:
        """The last notice that a receiver took of each incident whose end it did not hear of."""
        return await self._writer.read(lambda connection: notices.told(connection, receiver, self._damage))

    async def delivered(self, ids: Sequence[int], at: float) -> None:
        """Note that the notices reached their receiver."""
        await self._writer.note(writing.Mark(tuple(ids), (), writing.delivered(at)))

    async def sending(self, ids: Sequence[int], at: float, message: str) -> None:
        """Note that delivery of the notices is tried now, in the message of this key."""
        await self._writer.note(writing.Mark(tuple(ids), (), writing.sending(at, message)))

    async def failed(self, ids: Sequence[int], error: str, *, may_have_arrived: bool) -> None:
        """Note that the notices did not reach their receiver, as far as we know; they stay pending."""
        marked = writing.failed(error, may_have_arrived=may_have_arrived)
        await self._writer.note(writing.Mark(tuple(ids), (), marked))

    async def dropped(self, ids: Sequence[int], at: float, why: str) -> None:
        """Note that the receiver will not be told of the notices, since Unix seconds, and why."""
        await self._writer.note(writing.Mark(tuple(ids), (), writing.dropped(at, why)))

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
        return await self._writer.read(lambda connection: pages.history(connection, wanted, self._damage))

    async def resolved(self, limit: int = 100) -> tuple[Incident, ...]:
        """The incidents that were resolved last, the newest first."""
        return await self._writer.read(lambda connection: _resolved(connection, limit, self._damage))

    async def incident(self, key: str) -> Incident | None:
        """The last incident of a key that fires, waits to fire, or was resolved; None if there is none."""
        return await self._writer.read(lambda connection: _incident(connection, key, self._damage))

    async def deliveries(self, incidents: Collection[Incident]) -> dict[str, tuple[DeliveryView, ...]]:
        """What became of the notices of incidents, by id, in order."""
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
        """Forget what has been over for longer than is kept, in short transactions: what waits is written in between.

        Args:
            now: Unix seconds.
        """
        what, place = Round(now, self._keep_s), Place()
        while (following := await self._writer.transact(partial(forget, what=what, place=place))) is not None:
            place = following


@dataclass(frozen=True, slots=True)
class _Since:
    """The time, from a moment on, by seconds that only grow."""

    began: float
    elapsed_then: float
    elapsed: Callable[[], float]

    def now(self) -> float:
        """Unix seconds."""
        return self.began + self.elapsed() - self.elapsed_then


def _restored(opened: opening.Opened, mending: Mending, damage: DamageLog, clock: Clock) -> Restored:
    """What the last evaluator left; what cannot be read of it goes into the quarantine."""
    try:
        restored = opened.read(partial(restore, now=clock.now()))
    except (DatabaseError, *FAULTS) as error:
        if not mending.mended(error):
            raise
        restored = opened.read(partial(restore, now=clock.now()))
    for row in restored.damaged:
        damage.note(row.name, row.reason)
    if restored.damaged:
        opened.write(partial(_set_aside, restored=restored, now=clock.now()))
    return restored


def _set_aside(connection: Connection, restored: Restored, now: float) -> None:
    """Move damaged rows into the quarantine, and write what was made anew in their place."""
    move(connection, restored.damaged, now)
    writing.write(connection, restored.remade, ())


def _start_again(connection: Connection, start: int, now: float) -> None:
    """Have the row of this start in a database that lost it: batches are numbered there."""
    starts = tables.evaluator_starts.c
    if connection.execute(select(starts.id).where(starts.id == start)).scalar() is None:
        connection.execute(insert(tables.evaluator_starts).values(id=start, started_at=now))


def _resolved(connection: Connection, limit: int, damage: DamageLog) -> tuple[Incident, ...]:
    incidents = tables.incidents.c
    query = (
        select(incidents.id, type_coerce(incidents.payload, NullType()))
        .where(incidents.state == State.RESOLVED)
        .order_by(incidents.resolved_at.desc())
        .limit(limit)
    )
    read = [
        readable(payloads.incident, payload, f"incidents {key}", damage) for key, payload in connection.execute(query)
    ]
    return tuple(incident for incident in read if incident is not None)


def _incident(connection: Connection, key: str, damage: DamageLog) -> Incident | None:
    incidents = tables.incidents.c
    query = (
        select(incidents.id, type_coerce(incidents.payload, NullType()).label("payload"))
        .where(incidents.key == key, incidents.state != State.INACTIVE)
        .order_by(incidents.opened_at.desc(), incidents.id.desc())
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else readable(payloads.incident, row.payload, f"incidents {row.id}", damage)
