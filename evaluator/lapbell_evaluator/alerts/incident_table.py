"""Everything that moves an incident: one table, beside the alert's in `machine`.

An incident follows its alerts. Each instant gives it one event: what the worst of its alerts is now, a person's act, or
the end of a wait. The row of its state and that event says where it goes and what receivers are notified of; an event
that a state has no row for is an impossible move: it raises and changes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from lapbell_evaluator.alerts.machine import ImpossibleMoveError
from lapbell_evaluator.model import State

__all__ = ["INCIDENT_TABLE", "IncidentEvent", "IncidentMove", "News", "incident_move"]


class IncidentEvent(StrEnum):
    """What happens to an incident at one instant."""

    ALERT_PENDING = "an alert of it is pending, none fires or is held"
    ALERT_FIRING = "an alert of it fires"
    SEVERITY_ROSE = "an alert of it fires, with a higher severity than any that receivers were paged for"
    ALERTS_HELD = "every alert of it that fired is held: resolved by hand"
    ALERTS_CLEARED = "the last alert of it that fired has cleared, and may return within reopen_within"
    ALERTS_OVER = "no alert of it is left"
    WAIT_OVER = "reopen_within has passed, and no alert of it is pending"
    RULES_REMOVED = "the rules of the alerts that fired were removed"
    RESOLVE = "a person resolves it"
    ACKNOWLEDGE = "a person takes it"
    CAUSE_FOUND = "another incident is found to explain it"
    CAUSE_OUTLASTED = "new requests breach longer than its window and a minute after its cause ended"


class News(StrEnum):
    """What receivers make of a transition; history keeps every one."""

    NOTHING = "nothing"
    UPDATE = "update"
    """Wakes nobody; left out while an incident is quiet, because it returned without a word."""
    PAGE = "page"
    END = "end"


@dataclass(frozen=True, slots=True)
class IncidentMove:
    """Where a row of the table leads.

    Attributes:
        to: the next state.
        news: what receivers are notified of.
        announced: the state that the transition names, where it is not `to`.
        begins_anew: alerts that are left begin another incident of the same key, by a move of their own.
    """

    to: State
    news: News
    announced: State | None = None
    begins_anew: bool = False


INCIDENT_TABLE: Final[Mapping[tuple[State, IncidentEvent], IncidentMove]] = MappingProxyType(
    {
        (State.INACTIVE, IncidentEvent.ALERT_PENDING): IncidentMove(State.PENDING, News.UPDATE),
        (State.INACTIVE, IncidentEvent.ALERT_FIRING): IncidentMove(State.FIRING, News.PAGE),
        (State.PENDING, IncidentEvent.ALERT_PENDING): IncidentMove(State.PENDING, News.UPDATE),
        (State.PENDING, IncidentEvent.ALERT_FIRING): IncidentMove(State.FIRING, News.PAGE),
        (State.PENDING, IncidentEvent.ALERTS_OVER): IncidentMove(State.INACTIVE, News.UPDATE),
        (State.PENDING, IncidentEvent.ACKNOWLEDGE): IncidentMove(State.PENDING, News.NOTHING),
        (State.FIRING, IncidentEvent.ALERT_PENDING): IncidentMove(State.RESOLVED, News.END, begins_anew=True),
        (State.FIRING, IncidentEvent.ALERT_FIRING): IncidentMove(State.FIRING, News.UPDATE),
        (State.FIRING, IncidentEvent.SEVERITY_ROSE): IncidentMove(State.FIRING, News.PAGE),
        (State.FIRING, IncidentEvent.ALERTS_HELD): IncidentMove(State.HELD, News.END, announced=State.RESOLVED),
        (State.FIRING, IncidentEvent.ALERTS_CLEARED): IncidentMove(State.RECOVERING, News.UPDATE),
        (State.FIRING, IncidentEvent.ALERTS_OVER): IncidentMove(State.RESOLVED, News.END),
        (State.FIRING, IncidentEvent.ACKNOWLEDGE): IncidentMove(State.FIRING, News.NOTHING),
        (State.FIRING, IncidentEvent.CAUSE_FOUND): IncidentMove(State.FIRING, News.UPDATE),
        (State.FIRING, IncidentEvent.CAUSE_OUTLASTED): IncidentMove(State.FIRING, News.PAGE),
        (State.RECOVERING, IncidentEvent.ALERT_PENDING): IncidentMove(State.RECOVERING, News.NOTHING),
        (State.RECOVERING, IncidentEvent.ALERT_FIRING): IncidentMove(State.FIRING, News.NOTHING),
        (State.RECOVERING, IncidentEvent.SEVERITY_ROSE): IncidentMove(State.FIRING, News.PAGE),
        (State.RECOVERING, IncidentEvent.ALERTS_OVER): IncidentMove(State.RECOVERING, News.NOTHING),
        (State.RECOVERING, IncidentEvent.WAIT_OVER): IncidentMove(State.RESOLVED, News.END),
        (State.RECOVERING, IncidentEvent.RULES_REMOVED): IncidentMove(State.RESOLVED, News.END, begins_anew=True),
        (State.RECOVERING, IncidentEvent.RESOLVE): IncidentMove(State.RESOLVED, News.END, begins_anew=True),
        (State.RECOVERING, IncidentEvent.ACKNOWLEDGE): IncidentMove(State.RECOVERING, News.NOTHING),
        (State.HELD, IncidentEvent.ALERT_PENDING): IncidentMove(State.RESOLVED, News.NOTHING, begins_anew=True),
        (State.HELD, IncidentEvent.ALERT_FIRING): IncidentMove(State.FIRING, News.PAGE),
        (State.HELD, IncidentEvent.ALERTS_HELD): IncidentMove(State.HELD, News.NOTHING),
        (State.HELD, IncidentEvent.ALERTS_OVER): IncidentMove(State.RESOLVED, News.NOTHING),
    }
)


def incident_move(state: State, event: IncidentEvent) -> IncidentMove:
    """The row of the table.

    Raises:
        ImpossibleMoveError: there is none.
    """
    row = INCIDENT_TABLE.get((state, event))
    if row is None:
        raise ImpossibleMoveError(f"An incident that is {state} cannot move when: {event}.")
    return row
