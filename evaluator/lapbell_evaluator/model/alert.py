"""The dataclasses of an alert's life: the alert, its incident, one transition, one notice to send."""

from dataclasses import dataclass
from enum import StrEnum

from lapbell_evaluator.model.evidence import Evidence
from lapbell_evaluator.model.figures import AlertFigures
from lapbell_evaluator.model.labels import Labels, fingerprint
from lapbell_evaluator.model.onset import Onset
from lapbell_evaluator.model.rule import SEVERITY

__all__ = ["Alert", "Health", "Incident", "Notice", "Reason", "State", "Transition", "incident_key"]


class State(StrEnum):
    """Where an alert or an incident stands.

    `HELD` is a resolved one (by hand) whose condition was not yet seen to clear. `RECOVERING` is an incident whose
    condition has cleared and that is not yet told as resolved, because it may return; an alert never is.
    """

    INACTIVE = "inactive"
    PENDING = "pending"
    FIRING = "firing"
    RECOVERING = "recovering"
    HELD = "held"
    RESOLVED = "resolved"


class Health(StrEnum):
    """Whether the last evaluation could say anything about an alert."""

    OK = "ok"
    NO_DATA = "no_data"
    ERROR = "error"
    COLD = "cold"


class Reason(StrEnum):
    """Why an alert or an incident moved."""

    BREACHED = "breached"
    HELD_LONG_ENOUGH = "held_long_enough"
    ESCALATED = "escalated"
    DEESCALATED = "deescalated"
    RECOVERED = "recovered"
    EMPTY = "empty"
    SERIES_ENDED = "series_ended"
    IDLE = "idle"
    RULE_REMOVED = "rule_removed"
    MANUAL = "manual"
    REOPENED = "reopened"
    SEVERITY_ROSE = "severity_rose"
    INCIDENT_HELD = "incident_held"
    ACKNOWLEDGED = "acknowledged"
    EXPLAINED = "explained"
    OUTLASTED = "outlasted"


def incident_key(labels: Labels) -> str:
    """The fingerprint of the labels without `severity`: warning and critical of one threshold are one incident."""
    return fingerprint(tuple(pair for pair in labels if pair[0] != SEVERITY))


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert that is not inactive.

    Attributes:
        group: name of the rule's group.
        rule: key of the rule within all groups; survives a reload that keeps name and labels.
        labels: its identity, with `alertname` and the rule's labels.
        incident: the key of the incident it belongs to.
        series: the labels of the sample that breached, with its name if it has one, without the rule's own.
        state: pending, firing or held.
        active_at: Unix seconds since which the condition is proven to hold; unproven time is not counted.
        fired_at: Unix seconds when it fired; None while pending.
        proven_at: Unix seconds when the condition was last seen to hold.
        value: the last value seen.
        threshold: the number that the value is compared with; None if it is no constant.
        cleared_at: Unix seconds when the condition was first seen not to hold while `keep_firing_for` runs.
        held_at: Unix seconds when it was resolved by hand.
        health: whether the last evaluation could say anything.
        health_since: Unix seconds since which `health` is what it is.
        detail: the error or the reason behind `health`, for people.
        quiet_since: Unix seconds since which its series are there and nothing happens; None if something does, or if
            that is not known.
        onset: how its breach began; None if an older lapbell saw that.
        peak: the worst value for which its condition held; None if there was no number.
    """

    group: str
    rule: str
    labels: Labels
    incident: str
    series: Labels
    state: State
    active_at: float
    proven_at: float
    value: float
    threshold: float | None = None
    fired_at: float | None = None
    cleared_at: float | None = None
    held_at: float | None = None
    health: Health = Health.OK
    health_since: float = 0.0
    detail: str = ""
    quiet_since: float | None = None
    onset: Onset | None = None
    peak: float | None = None


@dataclass(frozen=True, slots=True)
class Incident:
    """Alerts that differ in severity alone, from the first pending to the last resolved.

    Attributes:
        id: unique for each opening.
        key: `incident_key`, the seed's `alert_key`.
        state: pending, firing, recovering, held, resolved, or inactive if it never fired.
        severity: of the highest alert that fires; the last known once resolved.
        labels: of that alert.
        annotations: its rendered annotations at the last transition.
        value: of that alert.
        threshold: of that alert.
        opened_at: Unix seconds of the first pending or firing.
        fired_at: Unix seconds when it first fired.
        resolved_at: Unix seconds when it was resolved.
        reason: why it last moved.
        acknowledged_at: Unix seconds; None if it was not acknowledged.
        acknowledged_by: who.
        acknowledged_why: why.
        resolved_by: who, if by hand.
        resolved_why: why, if by hand.
        evidence: who is slow, and examples; None until some was collected.
        moves: how many transitions it has made.
        storm_began_at: Unix seconds when the storm that it belongs to began; None if it belongs to none.
        onset: of the alert of it that breached first; None if an older lapbell saw that.
        figures: peak, trend and counts at its last transition; None if an older lapbell wrote it.
        recovering_at: Unix seconds when its condition cleared; None while it holds.
        reopen_within_s: seconds from then on in which a return is the same incident.
        last_fired: while it recovers, the alerts that fired until then, as they last were.
        paged_severity: the highest severity that receivers were paged for; None once they heard that it is resolved.
        is_quiet: it returned without a word: receivers last heard that it recovers.
        last_acknowledged_at: Unix seconds when it was last acknowledged, also if somebody has to take it anew since.
        problem_id: the id of the problem that it belongs to: that of the problem's first incident, or of the move by
            which an incident outlasted its cause; None while it is alone.
        caused_by: the key of the incident that explains it; None if it is the cause itself, or none is known.
        cause_ended_at: Unix seconds when the condition of that incident cleared; None while it holds.
    """

    id: str
    key: str
    state: State
    severity: str
    labels: Labels
    value: float
    opened_at: float
    reason: Reason
    annotations: Labels = ()
    threshold: float | None = None
    fired_at: float | None = None
    resolved_at: float | None = None
    acknowledged_at: float | None = None
    acknowledged_by: str | None = None
    acknowledged_why: str | None = None
    resolved_by: str | None = None
    resolved_why: str | None = None
    evidence: Evidence | None = None
    moves: int = 0
    storm_began_at: float | None = None
    onset: Onset | None = None
    figures: AlertFigures | None = None
    recovering_at: float | None = None
    reopen_within_s: float = 0.0
    last_fired: tuple[Alert, ...] = ()
    paged_severity: str | None = None
    is_quiet: bool = False
    last_acknowledged_at: float | None = None
    problem_id: str | None = None
    caused_by: str | None = None
    cause_ended_at: float | None = None

    @property
    def problem(self) -> str:
        """The id of its problem: one that is alone is a problem by itself."""
        return self.id if self.problem_id is None else self.problem_id


@dataclass(frozen=True, slots=True)
class Transition:
    """One move of one incident, as history keeps it and receivers are notified of it.

    Attributes:
        id: unique; the same however often it is delivered.
        incident: the incident after the move.
        previous: the incident's state before it.
        state: the incident's state after it; `resolved` also for one resolved by hand.
        reason: why.
        at: Unix seconds.
        actor: who moved it; empty for the evaluator itself.
        why: the reason they gave.
        is_news: whether receivers are notified; history keeps every transition.
        is_page: whether that should wake somebody; an update should not.
        joins: its incident begins, or gets worse, within a problem that woke somebody for as much already: only who has
            not heard of the problem is woken.
    """

    id: str
    incident: Incident
    previous: State
    state: State
    reason: Reason
    at: float
    actor: str = ""
    why: str = ""
    is_news: bool = True
    is_page: bool = False
    joins: bool = False


@dataclass(frozen=True, slots=True)
class Notice:
    """One transition to be delivered to one receiver.

    Attributes:
        id: of the outbox row; rises in the order of writing.
        receiver: the name of the receiver.
        transition: what to notify of.
        attempts: how often delivery was tried.
        message: key of the message that it was last sent in and may have arrived with; empty if there is none.
        sent_at: Unix seconds when the receiver last took it; None before that.
    """

    id: int
    receiver: str
    transition: Transition
    attempts: int = 0
    message: str = ""
    sent_at: float | None = None
