"""Maintenance windows: the times, again and again, at which nobody is told of some alerts."""

from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from lapbell_evaluator.model.silence import LabelMatcher

__all__ = ["Maintenance", "MaintenanceState"]


@dataclass(frozen=True, slots=True)
class Maintenance:
    """One window that recurs.

    Attributes:
        name: unique.
        matchers: at least one; alerts that match all of them are muted while it lasts.
        schedule: when it begins, as five fields of cron.
        duration_s: how long it lasts each time, in seconds that pass.
        zone: whose local time the schedule means.
        first_day: the first local day on which it may begin; None: there is none.
        last_day: the last one.
        comment: why.
    """

    name: str
    matchers: tuple[LabelMatcher, ...]
    schedule: str
    duration_s: float
    zone: ZoneInfo
    first_day: date | None = None
    last_day: date | None = None
    comment: str = ""


@dataclass(frozen=True, slots=True)
class MaintenanceState:
    """Where a window stands.

    Attributes:
        window: which one.
        began_at: Unix seconds when it began; None while it is not on.
        ends_at: Unix seconds when it ends; None while it is not on, or if the next one always begins before it ends.
        begins_at: Unix seconds when it begins the next time after that; None if it never does.
    """

    window: Maintenance
    began_at: float | None
    ends_at: float | None
    begins_at: float | None

    @property
    def is_on(self) -> bool:
        """Whether alerts are muted by it."""
        return self.began_at is not None
