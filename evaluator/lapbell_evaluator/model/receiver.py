"""How a receiver wants to be told: of what, in which groups, how often, and when not."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from lapbell_evaluator.model.alert import Transition
from lapbell_evaluator.model.silence import LabelMatcher

__all__ = ["NOBODY", "QuietHours", "ReceiverPolicy", "Recipients", "everyone"]

Recipients = Callable[[Transition], Collection[str]]
"""The names of the receivers that a transition is written to the outbox for."""


def everyone(*names: str) -> Recipients:
    """The same receivers for every transition."""
    return lambda _transition: names


NOBODY: Final = everyone()


@dataclass(frozen=True, slots=True)
class QuietHours:
    """A part of the day in which a receiver is told nothing.

    Attributes:
        begin: local time of its first instant.
        end: local time after it; before `begin` if it goes over midnight.
        weekdays: the days on which it begins, 0 for Monday.
        zone: whose local time.
    """

    begin: time
    end: time
    weekdays: frozenset[int]
    zone: ZoneInfo

    def until(self, now: float) -> float | None:
        """Unix seconds of its end if it is quiet at Unix seconds `now`, None otherwise."""
        local = datetime.fromtimestamp(now, self.zone)
        for began_on in (local.date(), local.date() - timedelta(days=1)):
            ends_on = began_on if self.begin < self.end else began_on + timedelta(days=1)
            begin = datetime.combine(began_on, self.begin, self.zone)
            end = datetime.combine(ends_on, self.end, self.zone)
            if began_on.weekday() in self.weekdays and _unix(begin) <= now < _unix(end):
                return _unix(end)
        return None


@dataclass(frozen=True, slots=True)
class ReceiverPolicy:
    """What one receiver is told of, and when.

    Attributes:
        name: the receiver's, unique.
        matchers: all must hold of an incident's labels; none: it is told of everything.
        group_by: incidents with the same values of these labels are told together; of none: each incident for itself,
            and those of one storm together.
        group_wait_s: seconds from the first incident of a group to its first message.
        group_interval_s: seconds between two messages of one group; what gets worse is told at once.
        repeat_interval_s: seconds until what still fires, and nobody has taken, is told again.
        send_resolved: whether it is told of ends.
        quiet_hours: when it is told nothing.
        hears_acknowledgements: whether it is told when somebody takes what it knows of.
        hears_every_move: it is told each move of each incident in order, at once, and nothing again: a machine.
        after_s: seconds in which somebody may acknowledge an incident, so that it is not told of it; 0: told at once.
    """

    name: str
    matchers: tuple[LabelMatcher, ...] = ()
    group_by: tuple[str, ...] = ()
    group_wait_s: float = 0.0
    group_interval_s: float = 60.0
    repeat_interval_s: float = 14_400.0
    send_resolved: bool = True
    quiet_hours: tuple[QuietHours, ...] = ()
    hears_acknowledgements: bool = False
    hears_every_move: bool = False
    after_s: float = 0.0

    def quiet_until(self, now: float) -> float | None:
        """Unix seconds at which it may be told again; None if it may now, at Unix seconds `now`."""
        return max((end for hours in self.quiet_hours if (end := hours.until(now)) is not None), default=None)


def _unix(moment: datetime) -> float:
    return moment.astimezone(UTC).timestamp()
