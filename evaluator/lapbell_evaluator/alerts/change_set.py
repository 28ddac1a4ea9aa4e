"""What one instant changes: planned first, written to the database, and only then applied to the store."""

from dataclasses import dataclass

from lapbell_evaluator.model import Alert, Change

__all__ = ["ChangeSet"]


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """What a plan would change.

    Attributes:
        change: what has to be written.
        at: Unix seconds of the plan.
        alerts: every alert that is not as it was and not inactive, written or not.
        ended: those that became inactive, with the value that they last had while their condition was met.
        recovered: those that fired in incidents that recovered and are over now, as they last fired.
    """

    change: Change
    at: float = 0.0
    alerts: tuple[Alert, ...] = ()
    ended: tuple[Alert, ...] = ()
    recovered: tuple[Alert, ...] = ()
