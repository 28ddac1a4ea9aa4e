"""What is too old is forgotten, a few rows at a time: between two steps every write that waits has its turn.

An incident stays whole until it has been over for the time that is kept, and for as long as one of its notices waits,
however old it is: a receiver that was told of its beginning must not look like one that never heard of its end. A step
goes along an index and deletes `step_rows` incidents, moves or rows of another table at most, and the notices of those
moves.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Label, Row, Table, and_, delete, or_, select, tuple_

from lapbell_evaluator.database import tables
from lapbell_evaluator.database.restoring import SILENCES_KEPT_S
from lapbell_evaluator.model import State

__all__ = ["KEPT_S", "Place", "Round", "forget"]

KEPT_S: Final = 400 * 86_400.0
_SET_BACK_S: Final = 86_400.0
"""Rows are in the order of writing; a clock that was set back by no more than a day hides none of them."""
_OVER: Final = (State.RESOLVED, State.INACTIVE)
_INCIDENTS: Final = tables.incidents.c
_MOVES: Final = tables.transitions.c
_OUTBOX: Final = tables.outbox.c
_TRACES: Final = tables.traces.c


@dataclass(frozen=True, slots=True)
class Round:
    """What one round forgets.

    Attributes:
        now: Unix seconds when it began.
        keep_s: what was over for as long is forgotten.
        step_rows: how many rows a step looks at.
    """

    now: float
    keep_s: float
    step_rows: int = 200

    @property
    def horizon(self) -> float:
        """Unix seconds before which what was over is forgotten."""
        return self.now - self.keep_s


@dataclass(frozen=True, slots=True)
class Place:
    """How far a round has come.

    Attributes:
        sweep: the number of the table that is looked through.
        seq: of the last move that was looked at.
        incident: end and id of the last incident of its state that was looked at.
        number: of the last row of another table that was looked at.
    """

    sweep: int = 0
    seq: int = 0
    incident: tuple[float, str] = (-1.0, "")
    number: int = 0

    def after_sweep(self) -> "Place":
        """Where the next table begins."""
        return Place(self.sweep + 1, self.seq)


def forget(connection: Connection, what: Round, place: Place) -> Place | None:
    """One step of a round: where the next one goes on; None if the round is over.

    Args:
        connection: in a transaction that may write.
        what: the round.
        place: where the last step came to.
    """
    following = _SWEEPS[place.sweep](connection, what, place)
    return following if following.sweep < len(_SWEEPS) else None


_Sweep = Callable[[Connection, Round, Place], Place]


def _forget_moves(connection: Connection, what: Round, place: Place) -> Place:
    """Moves of incidents that are over, with their notices, in the order of writing."""
    is_over = or_(_INCIDENTS.id.is_(None), and_(_INCIDENTS.state.in_(_OVER), _INCIDENTS.resolved_at < what.horizon))
    query = (
        select(
            _MOVES.seq,
            _MOVES.id,
            _MOVES.incident_id,
            _MOVES.incident_key,
            and_(_MOVES.at < what.horizon, is_over).label("is_old"),
        )
        .add_columns(_is_new(_MOVES.at, what))
        .outerjoin(tables.incidents, _INCIDENTS.id == _MOVES.incident_id)
        .where(_MOVES.seq > place.seq)
        .order_by(_MOVES.seq)
        .limit(what.step_rows)
    )
    rows = connection.execute(query).all()
    old = [row for row in rows if row.is_old]
    waiting = _waiting(connection, old)
    gone = [row.id for row in old if row.incident_id not in waiting]
    connection.execute(delete(tables.outbox).where(_OUTBOX.transition_id.in_(gone)))
    connection.execute(delete(tables.transitions).where(_MOVES.id.in_(gone)))
    looked_at = replace(place, seq=rows[-1].seq if rows else place.seq)
    return looked_at.after_sweep() if _is_end(rows, what) else looked_at


def _waiting(connection: Connection, moves: Sequence[Row[Any]]) -> set[str]:
    """The incidents of moves that a receiver has yet to hear of, whichever of their moves it is."""
    query = (
        select(_MOVES.incident_id)
        .join(tables.outbox, _OUTBOX.transition_id == _MOVES.id)
        .where(_MOVES.incident_key.in_([*{move.incident_key for move in moves}]))  # the index is by key
        .where(_MOVES.incident_id.in_([*{move.incident_id for move in moves}]))
        .where(_OUTBOX.delivered_at.is_(None), _OUTBOX.refused_at.is_(None), _OUTBOX.dropped_at.is_(None))
    )
    return set(connection.execute(query.distinct()).scalars())


def _forget_incidents(state: State) -> _Sweep:
    """Incidents that ended in a state and of which no old move is left, in the order of their ends."""

    def sweep(connection: Connection, what: Round, place: Place) -> Place:
        query = (
            select(_INCIDENTS.resolved_at, _INCIDENTS.id, _INCIDENTS.key)
            .where(_INCIDENTS.state == state, _INCIDENTS.resolved_at < what.horizon)
            .where(tuple_(_INCIDENTS.resolved_at, _INCIDENTS.id) > tuple_(*place.incident))
            .order_by(_INCIDENTS.resolved_at, _INCIDENTS.id)
            .limit(what.step_rows)
        )
        rows = connection.execute(query).all()
        own = [row.id for row in rows]
        is_of_one = _MOVES.incident_key.in_([*{row.key for row in rows}]) & _MOVES.incident_id.in_(own)
        moved = select(_MOVES.incident_id).where(is_of_one, _MOVES.seq <= place.seq).distinct()  # the index is by key
        gone = set(own).difference(connection.execute(moved).scalars())
        connection.execute(delete(tables.incidents).where(_INCIDENTS.id.in_([*gone])))
        if len(rows) < what.step_rows:
            return place.after_sweep()
        return replace(place, incident=(rows[-1].resolved_at, rows[-1].id))

    return sweep


def _forget_rows(table: Table) -> _Sweep:
    """Rows of a table that are numbered in the order of writing."""
    columns = table.c

    def sweep(connection: Connection, what: Round, place: Place) -> Place:
        query = (
            select(columns.id, (columns.at < what.horizon).label("is_old"), _is_new(columns.at, what))
            .where(columns.id > place.number)
            .order_by(columns.id)
            .limit(what.step_rows)
        )
        rows = connection.execute(query).all()
        connection.execute(delete(table).where(columns.id.in_([row.id for row in rows if row.is_old])))
        return place.after_sweep() if _is_end(rows, what) else replace(place, number=rows[-1].id)

    return sweep


def _forget_traces(connection: Connection, what: Round, place: Place) -> Place:
    """Traces of incidents that are gone, in the order of writing."""
    is_old = and_(_INCIDENTS.id.is_(None), _TRACES.at < what.horizon)
    query = (
        select(_TRACES.id, is_old.label("is_old"), _is_new(_TRACES.at, what))
        .outerjoin(tables.incidents, _INCIDENTS.id == _TRACES.incident_id)
        .where(_TRACES.id > place.number)
        .order_by(_TRACES.id)
        .limit(what.step_rows)
    )
    rows = connection.execute(query).all()
    connection.execute(delete(tables.traces).where(_TRACES.id.in_([row.id for row in rows if row.is_old])))
    return place.after_sweep() if _is_end(rows, what) else replace(place, number=rows[-1].id)


def _forget_silences(connection: Connection, what: Round, place: Place) -> Place:
    """Silences that ended a while ago."""
    silences = tables.silences.c
    ended = select(silences.id).where(silences.ends_at < what.now - SILENCES_KEPT_S).limit(what.step_rows)
    gone = connection.execute(delete(tables.silences).where(silences.id.in_(ended))).rowcount
    return place.after_sweep() if gone < what.step_rows else place


def _is_new(at: ColumnElement[float], what: Round) -> Label[bool]:
    return (at >= what.horizon + _SET_BACK_S).label("is_new")


def _is_end(rows: Sequence[Row[Any]], what: Round) -> bool:
    """Whether nothing old can follow; a few rows that a wrong clock dated ahead are no end."""
    return len(rows) < what.step_rows or all(row.is_new for row in rows)


_SWEEPS: Final[tuple[_Sweep, ...]] = (
    _forget_moves,
    *map(_forget_incidents, _OVER),
    _forget_traces,
    _forget_rows(tables.audit),
    _forget_rows(tables.quarantine),
    _forget_silences,
)
