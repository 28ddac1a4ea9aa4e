"""From what a receiver is told at once to what its message says."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from heapq import nsmallest
from typing import Final
from zoneinfo import ZoneInfo

from lapbell_evaluator.messages.entries import Surroundings, entry_of
from lapbell_evaluator.messages.message import Fact, Message
from lapbell_evaluator.messages.wording import clean, cut, duration, moment
from lapbell_evaluator.model import (
    ALERT_NAME,
    Incident,
    Notification,
    State,
    Transition,
    cause_of,
    label_value,
    rank_of,
)

__all__ = ["Composer"]

_MOST_ENTRIES: Final = 10
_WHOLE_ENTRIES: Final = 3
_NAMED: Final = 3
_TITLE: Final = 250
_LABEL: Final = 60
_CAUSE: Final = 160


def _no_link(_: Incident) -> str | None:
    return None


@dataclass(frozen=True, slots=True)
class Composer:
    """Says what a notification tells.

    Attributes:
        external_url: where people reach this evaluator; empty: no links to it.
        trace_url: where traces are looked at, with `{trace_id}` in it; None if nobody said.
        zone: whose time is told; UTC if None.
        acknowledge_url: the link by which a person takes an incident; None if there is none.
    """

    external_url: str = ""
    trace_url: str | None = None
    zone: ZoneInfo | None = None
    acknowledge_url: Callable[[Incident], str | None] = _no_link

    def message(self, notification: Notification, now: float) -> Message:
        """Its message at Unix seconds; ten incidents at most are shown: those that fire first, then the cause."""
        transitions = notification.transitions
        cause = notification.cause
        shown = nsmallest(_MOST_ENTRIES, transitions, key=partial(_first, cause))
        around = Surroundings(self.external_url, self.trace_url, self.zone, now, is_repeat=not notification.news)
        is_short = len(shown) > _WHOLE_ENTRIES
        entries = tuple(
            entry_of(each, around, self.acknowledge_url(each.incident), is_short=is_short and at > 0)
            for at, each in enumerate(shown)
        )
        if cause is not None:
            entries = (replace(entries[0], facts=(*_problem(notification, shown[0]), *entries[0].facts)), *entries[1:])
        firing = [each for each in transitions if each.state is not State.RESOLVED]
        is_one = len(transitions) == 1
        title = entries[0].headline if is_one else self._title(notification, firing, _cause(shown, cause), now)
        return Message(
            title=title,
            severity=max((each.incident.severity for each in firing or transitions), key=rank_of),
            status="firing" if firing else "resolved",
            entries=entries,
            more=len(transitions) - len(shown),
        )

    def _title(self, notification: Notification, firing: list[Transition], cause: str, now: float) -> str:
        """Of several incidents: how severe, how many, which, where, since when, and what is to blame."""
        transitions = notification.transitions
        of = firing or list(transitions)
        again = "" if notification.news else "still "
        severity = max((each.incident.severity for each in of), key=rank_of) or "alert"
        how = f"{again}{clean(severity, _LABEL)}" if firing else "resolved"
        if firing:
            when = f"since {moment(min(map(_began, firing)), now, self.zone)}"
        else:
            when = f"the last after {duration(max(_lasted(each) for each in of))}"
        over = len(transitions) - len(firing)
        rest = f"; {over:,} resolved" if firing and over else ""
        return cut(f"{how}: {_what(notification, of)}, {when}{rest}{cause}", _TITLE)


def _what(notification: Notification, of: list[Transition]) -> str:
    """The cause and what it explains, if it is told; how many there are, which and where otherwise."""
    cause = notification.cause
    others = [each for each in of if cause is None or each.incident.id != cause.id]
    if cause is not None and len(others) < len(of):
        return _summary(cause) + (f", which explains {len(others):,} more ({_names(others)})" if others else "")
    return " ".join(filter(None, (f"{len(of):,} alerts ({_names(of)})", _where(notification))))


def _first(cause: Incident | None, transition: Transition) -> tuple[bool, bool, int, float, str]:
    """Those that fire before the others, of them the cause, then the most severe; the oldest first among equals."""
    incident = transition.incident
    is_over = transition.state is State.RESOLVED
    is_cause = cause is not None and incident.id == cause.id
    return is_over, not is_cause, -rank_of(incident.severity), _began(transition), incident.id


def _problem(notification: Notification, first: Transition) -> Iterator[Fact]:
    """What explains it, or what it explains, told here or not."""
    cause = notification.cause
    if cause is not None and first.incident.id != cause.id:
        yield Fact("caused by", _summary(cause))
    elif notification.explains:
        names = [_summary(each) for each in notification.explains[:_NAMED]]
        more = len(notification.explains) - len(names)
        yield Fact("explains", "; ".join(names) + (f"; {more:,} more" if more else ""))


def _summary(incident: Incident) -> str:
    name = label_value(incident.labels, ALERT_NAME)
    return clean(dict(incident.annotations).get("summary") or name, _CAUSE)


def _began(transition: Transition) -> float:
    incident = transition.incident
    return incident.opened_at if incident.fired_at is None else incident.fired_at


def _lasted(transition: Transition) -> float:
    ended_at = transition.incident.resolved_at
    return (transition.at if ended_at is None else ended_at) - _began(transition)


def _cause(shown: list[Transition], of: Incident | None) -> str:
    """What is to blame for the cause, or for all of them that fire; empty if that is not known, or differs."""
    firing = [each.incident for each in shown if each.state is not State.RESOLVED]
    evidence = [each.evidence for each in firing if of is None or each.id == of.id]
    found = {None if each is None else cause_of(each) for each in evidence}
    cause = found.pop() if len(found) == 1 else None
    return f" — {clean(cause, _CAUSE)}" if cause else ""


def _names(transitions: list[Transition]) -> str:
    """The names of some alerts, the most frequent kinds first."""
    counts: dict[str, int] = {}
    for each in transitions:
        name = label_value(each.incident.labels, ALERT_NAME)
        counts[name] = counts.get(name, 0) + 1
    ordered = sorted(counts, key=lambda name: (-counts[name], name))
    names = ", ".join(clean(name, _LABEL) for name in ordered[:_NAMED])
    return f"{names}, …" if len(ordered) > _NAMED else names


def _where(notification: Notification) -> str:
    pairs = ((name, value) for name, value in notification.group_labels if name != ALERT_NAME and value)
    return ", ".join(f"{clean(name, _LABEL)}={clean(value, _LABEL)}" for name, value in pairs)
