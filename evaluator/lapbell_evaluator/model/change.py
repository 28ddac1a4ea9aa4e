"""What one step of the alert life changes: everything in it is written in one transaction, or nothing is."""

from dataclasses import dataclass

from lapbell_evaluator.model.alert import Alert, Incident, Transition
from lapbell_evaluator.model.labels import Labels
from lapbell_evaluator.model.silence import Silence

__all__ = ["AlertId", "AuditEntry", "Change"]

AlertId = tuple[str, Labels]
"""The rule's key and the alert's labels: two rules may make alerts with the same labels."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who changed what by hand.

    Attributes:
        at: Unix seconds.
        actor: who.
        action: `resolve`, `acknowledge`, `silence`, …
        target: the incident key, silence id, …
        why: the reason they gave.
    """

    at: float
    actor: str
    action: str
    target: str
    why: str


@dataclass(frozen=True, slots=True)
class Change:
    """The difference between two states of the alert life.

    Attributes:
        alerts: new or moved alerts.
        gone: alerts that became inactive.
        incidents: new or changed incidents, each once.
        transitions: what receivers are notified of and history keeps, in order.
        audit: the changes by hand.
        silences: new or changed silences.
        watched: names of groups whose pending alerts were looked at, each with the Unix seconds: after a restart, time
            that nobody watched does not count towards `for`.
    """

    alerts: tuple[Alert, ...] = ()
    gone: tuple[AlertId, ...] = ()
    incidents: tuple[Incident, ...] = ()
    transitions: tuple[Transition, ...] = ()
    audit: tuple[AuditEntry, ...] = ()
    silences: tuple[Silence, ...] = ()
    watched: tuple[tuple[str, float], ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write."""
        return self == _NOTHING

    def followed_by(self, later: "Change") -> "Change":
        """One change that leaves the same as this one and then a later one: of what both change, the later is kept.

        Moves and what was done by hand are kept all, in order.
        """
        alerts = {(alert.rule, alert.labels): alert for alert in self.alerts}
        gone = dict.fromkeys(self.gone)
        for alert in later.alerts:
            alerts[alert.rule, alert.labels] = alert
            gone.pop((alert.rule, alert.labels), None)
        for key in later.gone:
            alerts.pop(key, None)
            gone[key] = None
        incidents = {incident.id: incident for incident in (*self.incidents, *later.incidents)}
        silences = {silence.id: silence for silence in (*self.silences, *later.silences)}
        return Change(
            alerts=tuple(alerts.values()),
            gone=tuple(gone),
            incidents=tuple(incidents.values()),
            transitions=(*self.transitions, *later.transitions),
            audit=(*self.audit, *later.audit),
            silences=tuple(silences.values()),
            watched=tuple((dict(self.watched) | dict(later.watched)).items()),
        )


_NOTHING = Change()
