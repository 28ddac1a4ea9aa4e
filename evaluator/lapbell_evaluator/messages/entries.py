"""What a message says of one incident."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from lapbell_evaluator.messages.links import incident_link, web_link
from lapbell_evaluator.messages.message import ACKNOWLEDGE, Entry, Fact, Link
from lapbell_evaluator.messages.wording import clean, duration, moment, number, percent
from lapbell_evaluator.model import (
    ALERT_NAME,
    SEVERITY,
    Evidence,
    Incident,
    Labels,
    State,
    Transition,
    cause_of,
    trace_link,
)

__all__ = ["Surroundings", "entry_of"]

_SUMMARY: Final = 240
_DESCRIPTION: Final = 600
_CAUSE: Final = 160
_LABEL: Final = 80
_NAME: Final = 60
_MOST_LABELS: Final = 12
_MOST_PAIRS: Final = 64
_MOST_TRACES: Final = 3
_SHOWN_DIGITS: Final = 8


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all incidents of a message share.

    Attributes:
        external_url: where people reach this evaluator; empty if nobody said.
        trace_url: with `{trace_id}` in it; None if nobody said.
        zone: whose time is told; UTC if None.
        now: Unix seconds.
        is_repeat: everything was told before.
    """

    external_url: str
    trace_url: str | None
    zone: ZoneInfo | None
    now: float
    is_repeat: bool


def entry_of(transition: Transition, around: Surroundings, acknowledge: str | None, *, is_short: bool) -> Entry:
    """One incident.

    Args:
        transition: its last one.
        around: the rest of the message.
        acknowledge: the link by which a person takes it; None if there is none.
        is_short: its headline and links alone.
    """
    incident = transition.incident
    annotations = dict(incident.annotations)
    is_over = transition.state is State.RESOLVED
    runbook = annotations.get("runbook_url", "")
    return Entry(
        headline=_headline(transition, annotations, around),
        severity=clean(incident.severity, _NAME),
        status=str(transition.state),
        description="" if is_short or is_over else clean(annotations.get("description", ""), _DESCRIPTION),
        facts=() if is_short else tuple(_facts(transition, around)),
        labels=_pairs(incident.labels, _LABEL),
        annotations=_pairs(incident.annotations, _DESCRIPTION),
        links=tuple(_links(incident, around, None if is_over else acknowledge, "" if is_short else runbook)),
    )


def _headline(transition: Transition, annotations: Mapping[str, str], around: Surroundings) -> str:
    """What, where, how bad, since when, and what is to blame."""
    incident = transition.incident
    what = clean(annotations.get("summary", "") or _named(incident), _SUMMARY).rstrip(".")
    began_at = incident.opened_at if incident.fired_at is None else incident.fired_at
    if transition.state is State.RESOLVED:
        ended_at = transition.at if incident.resolved_at is None else incident.resolved_at
        value = _recovered(incident)
        return f"resolved after {duration(ended_at - began_at)}: {what}" + (f" — now {value}" if value else "")
    since = f"since {moment(began_at, around.now, around.zone)}"
    cause = None if incident.evidence is None else cause_of(incident.evidence)
    how = "recovering" if transition.state is State.RECOVERING else clean(incident.severity, _NAME) or "alert"
    return (
        f"{'still ' if around.is_repeat else ''}{how}: {what}, {since}"
        + (f" — {clean(cause, _CAUSE)}" if cause else "")
        + (f" (taken by {clean(incident.acknowledged_by, _NAME)})" if incident.acknowledged_by else "")
    )


def _named(incident: Incident) -> str:
    """An alert whose rule has no summary."""
    own = dict(incident.labels)
    where = ", ".join(f"{name}={value}" for name, value in own.items() if name not in {ALERT_NAME, SEVERITY})
    value = number(incident.value)
    return own.get(ALERT_NAME, "alert") + (f" ({where})" if where else "") + (f" is {value}" if value else "")


def _recovered(incident: Incident) -> str:
    """The value on the good side of the threshold; empty if nobody saw one."""
    peak = None if incident.figures is None else incident.figures.peak
    if peak is None or incident.threshold is None or not math.isfinite(incident.value):
        return ""
    is_back = (incident.value > incident.threshold) != (peak > incident.threshold) or incident.value == 0 < peak
    return number(incident.value) if is_back else ""


def _facts(transition: Transition, around: Surroundings) -> Iterator[Fact]:
    incident = transition.incident
    if incident.evidence is not None and transition.state is not State.RESOLVED:
        yield from _phase(incident.evidence)
    yield from _numbers(incident, is_over=transition.state is State.RESOLVED)
    if incident.acknowledged_by:
        yield Fact("taken by", _who(incident.acknowledged_by, incident.acknowledged_why))
    if incident.resolved_by:
        yield Fact("resolved by", _who(incident.resolved_by, incident.resolved_why))
    if incident.evidence is not None and incident.evidence.trace_ids:
        yield Fact("traces", links=tuple(_traces(incident.evidence.trace_ids, around.trace_url)))
    pairs = [pair for pair in incident.labels if pair[0] not in {ALERT_NAME, SEVERITY}]
    if pairs:
        shown = "  ".join(f"{clean(name, _NAME)}={clean(value, _LABEL)}" for name, value in pairs[:_MOST_LABELS])
        yield Fact("labels", shown + ("  …" if len(pairs) > _MOST_LABELS else ""))


def _phase(evidence: Evidence) -> Iterator[Fact]:
    """The phase to blame and those after it, where more than one has a part of it."""
    others = [f"{share.phase} {percent(share.share)}" for share in evidence.blame[1:3]]
    if evidence.phase is not None:
        share = percent(evidence.phase_share)
        yield Fact("phase", clean(", ".join([f"{evidence.phase} {share}".strip(), *others]), _CAUSE))
    line = None if evidence.latency is None else evidence.latency.explained_by
    if line is not None:
        yield Fact("event loop", clean(f"blocked for up to {number(line.blocked_s)} s by {line}", _CAUSE))


def _numbers(incident: Incident, *, is_over: bool) -> Iterator[Fact]:
    """Value, threshold, peak, where it comes from, and the counts behind it."""
    figures = incident.figures
    peak = "" if figures is None else number(figures.peak)
    value = _recovered(incident) if is_over else number(incident.value)
    values = {"": value, "threshold ": number(incident.threshold), "peak ": peak}
    yield from _fact("value", [f"{name}{text}" for name, text in values.items() if text])
    if figures is None or is_over:
        return
    before = {"a minute ago": number(figures.minute_ago), "five minutes ago": number(figures.five_minutes_ago)}
    yield from _fact("trend", [f"{text} {when}" for when, text in before.items() if text])
    if figures.bad is not None and figures.total is not None:
        yield Fact("counts", f"{figures.bad:,.0f} bad of {figures.total:,.0f}")


def _fact(name: str, parts: list[str]) -> Iterator[Fact]:
    if parts:
        yield Fact(name, ", ".join(parts))


def _pairs(of: Labels, limit: int) -> Labels:
    return tuple((clean(name, _NAME), clean(value, limit)) for name, value in of[:_MOST_PAIRS])


def _who(name: str, why: str | None) -> str:
    return clean(f"{name}: {why}" if why else name, _CAUSE)


def _traces(trace_ids: tuple[str, ...], trace_url: str | None) -> Iterator[Link]:
    """The worst ones; whole ids where there is nothing to open."""
    for trace_id in trace_ids[:_MOST_TRACES]:
        link = web_link(trace_id[:_SHOWN_DIGITS], trace_link(trace_url, trace_id) or "")
        yield link or Link(clean(trace_id, _NAME))
    if len(trace_ids) > _MOST_TRACES:
        yield Link(f"{len(trace_ids) - _MOST_TRACES} more")


def _links(incident: Incident, around: Surroundings, acknowledge: str | None, runbook: str) -> Iterator[Link]:
    found = (
        web_link(ACKNOWLEDGE, acknowledge or ""),
        incident_link(around.external_url, incident),
        web_link("runbook", runbook),
    )
    yield from (link for link in found if link is not None)
