"""Everything that moves an alert: one table.

An event that a state has no row for is an impossible move: it raises and changes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from lapbell_evaluator.model import EvaluatorError, Reason, State

__all__ = ["TABLE", "Event", "ImpossibleMoveError", "Move", "move"]


class Event(StrEnum):
    """What happens to an alert, all guards applied."""

    BREACH = "the condition holds, not yet for long enough"
    DUE = "the condition has held for long enough"
    DUE_UNDER_HOLD = "the condition has held for long enough, in an incident held at this severity"
    LINGER = "recovered or gone, but keep_firing_for runs"
    RECOVER = "evidence of recovery"
    EMPTY = "an empty result, where the rule takes it for recovery"
    END = "the series ended while its siblings report"
    IDLE = "no traffic for too long"
    PERSIST = "no longer over the limit, and not recovered either"
    STALL = "not known: no data, an error, a cold window"
    REMOVE = "the rule was removed"
    RESOLVE = "resolved by hand"
    REOPEN = "resolved by hand, but the condition still holds after reopen_after"
    RISE = "the incident fires again with a higher severity"


@dataclass(frozen=True, slots=True)
class Move:
    """Where a row of the table leads.

    Attributes:
        to: the next state.
        reason: why, where the state changes; None where it stays.
    """

    to: State
    reason: Reason | None = None


class ImpossibleMoveError(EvaluatorError):
    """An event that the alert's state has no row for."""


TABLE: Final[Mapping[tuple[State, Event], Move]] = MappingProxyType(
    {
        (State.INACTIVE, Event.BREACH): Move(State.PENDING, Reason.BREACHED),
        (State.INACTIVE, Event.DUE): Move(State.FIRING, Reason.BREACHED),
        (State.INACTIVE, Event.DUE_UNDER_HOLD): Move(State.HELD, Reason.INCIDENT_HELD),
        (State.PENDING, Event.BREACH): Move(State.PENDING),
        (State.PENDING, Event.DUE): Move(State.FIRING, Reason.HELD_LONG_ENOUGH),
        (State.PENDING, Event.DUE_UNDER_HOLD): Move(State.HELD, Reason.INCIDENT_HELD),
        (State.PENDING, Event.RECOVER): Move(State.INACTIVE, Reason.RECOVERED),
        (State.PENDING, Event.EMPTY): Move(State.INACTIVE, Reason.EMPTY),
        (State.PENDING, Event.END): Move(State.INACTIVE, Reason.SERIES_ENDED),
        (State.PENDING, Event.IDLE): Move(State.INACTIVE, Reason.IDLE),
        (State.PENDING, Event.STALL): Move(State.PENDING),
        (State.PENDING, Event.REMOVE): Move(State.INACTIVE, Reason.RULE_REMOVED),
        (State.FIRING, Event.DUE): Move(State.FIRING),
        (State.FIRING, Event.LINGER): Move(State.FIRING),
        (State.FIRING, Event.RECOVER): Move(State.INACTIVE, Reason.RECOVERED),
        (State.FIRING, Event.EMPTY): Move(State.INACTIVE, Reason.EMPTY),
        (State.FIRING, Event.END): Move(State.INACTIVE, Reason.SERIES_ENDED),
        (State.FIRING, Event.IDLE): Move(State.INACTIVE, Reason.IDLE),
        (State.FIRING, Event.PERSIST): Move(State.FIRING),
        (State.FIRING, Event.STALL): Move(State.FIRING),
        (State.FIRING, Event.REMOVE): Move(State.INACTIVE, Reason.RULE_REMOVED),
        (State.FIRING, Event.RESOLVE): Move(State.HELD, Reason.MANUAL),
        (State.HELD, Event.DUE): Move(State.HELD),
        (State.HELD, Event.RECOVER): Move(State.INACTIVE, Reason.RECOVERED),
        (State.HELD, Event.EMPTY): Move(State.INACTIVE, Reason.EMPTY),
        (State.HELD, Event.END): Move(State.INACTIVE, Reason.SERIES_ENDED),
        (State.HELD, Event.IDLE): Move(State.INACTIVE, Reason.IDLE),
        (State.HELD, Event.PERSIST): Move(State.HELD),
        (State.HELD, Event.STALL): Move(State.HELD),
        (State.HELD, Event.REMOVE): Move(State.INACTIVE, Reason.RULE_REMOVED),
        (State.HELD, Event.REOPEN): Move(State.FIRING, Reason.REOPENED),
        (State.HELD, Event.RISE): Move(State.FIRING, Reason.SEVERITY_ROSE),
    }
)


def move(state: State, event: Event) -> Move:
    """The row of the table.

    Raises:
        ImpossibleMoveError: there is none.
    """
    row = TABLE.get((state, event))
    if row is None:
        raise ImpossibleMoveError(f"An alert that is {state} cannot move when: {event}.")
    return row
