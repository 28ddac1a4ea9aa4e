"""Every alert and incident that is not over, in memory: what would change is planned first, written, then applied.

Nothing here changes while planning: the plan is written to the database, and only then applied.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from lapbell_evaluator.alerts.condition import AlertPolicy, Condition, EvaluationResult
from lapbell_evaluator.alerts.incidents import ManualAction, incident_change
from lapbell_evaluator.alerts.machine import Event
from lapbell_evaluator.alerts.severity import rank, rank_of
from lapbell_evaluator.alerts.step import Step, act, step
from lapbell_evaluator.model import (
    SEVERITY,
    Alert,
    AlertId,
    AuditEntry,
    Change,
    EvaluatorError,
    Evidence,
    Health,
    Incident,
    Labels,
    Reason,
    State,
    Transition,
    incident_key,
)

__all__ = ["AlertStore", "ChangeSet", "UnknownIncidentError"]

ResultsByRule = Sequence[tuple[AlertPolicy, Sequence[EvaluationResult]]]


class UnknownIncidentError(EvaluatorError):
    """No incident of that key is open, or it is not in a state that this can be done to."""


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """What a step would change.

    Attributes:
        change: what has to be written.
        alerts: every alert that is not as it was and not inactive, written or not.
        ended: those that became inactive, with the value that they last had while their condition held.
    """

    change: Change
    alerts: tuple[Alert, ...] = ()
    ended: tuple[Alert, ...] = ()


class AlertStore:
    """The alerts and incidents that are not over."""

    def __init__(self, alerts: Iterable[Alert] = (), incidents: Iterable[Incident] = ()) -> None:
        self._by_rule: dict[str, dict[Labels, Alert]] = defaultdict(dict)
        self._by_incident: dict[str, dict[AlertId, Alert]] = defaultdict(dict)
        self._incidents = {incident.key: incident for incident in incidents}
        for alert in alerts:
            self._put(alert)

    @classmethod
    def restored(cls, alerts: Iterable[Alert], incidents: Iterable[Incident], at: float) -> "AlertStore":
        """The store after a restart: nobody watched since, so no alert's time counts until its condition is seen again.

        Args:
            alerts: as the database has them.
            incidents: those that are not over.
            at: Unix seconds of the restart.
        """
        cold = (
            replace(each, health=Health.COLD, health_since=at, detail="restarted", quiet_since=None) for each in alerts
        )
        return cls(cold, incidents)

    @property
    def incidents(self) -> Mapping[str, Incident]:
        """Those that are not over, by key."""
        return MappingProxyType(self._incidents)

    def of_rule(self, rule: str) -> Mapping[Labels, Alert]:
        """The alerts of one rule that are not inactive, by labels."""
        return MappingProxyType(self._by_rule.get(rule, {}))

    def of_incident(self, key: str) -> tuple[Alert, ...]:
        """The alerts of one incident that are not inactive, the highest severity first."""
        return tuple(sorted(self._by_incident.get(key, {}).values(), key=lambda each: (-rank(each), each.labels)))

    def rules(self) -> frozenset[str]:
        """Keys of the rules that have alerts."""
        return frozenset(rule for rule, alerts in self._by_rule.items() if alerts)

    def steps(self, policy: AlertPolicy, results: Sequence[EvaluationResult], now: float) -> list[Step]:
        """What the results of one rule make of its alerts; nothing changes yet.

        Args:
            policy: the rule's.
            results: one for each alert.
            now: Unix seconds.
        """
        holds = self._holds()
        known = self._by_rule.get(policy.rule, {})
        found = []
        for seen in results:
            is_held = bool(holds) and seen.condition is Condition.MET and _is_held(seen.labels, holds)
            made = step(known.get(seen.labels), seen, policy, now, is_held=is_held)
            if made is not None:
                found.append(made)
        return found

    def is_current(self, steps: Iterable[Step]) -> bool:
        """Whether every step still begins with the alert that the store has."""
        return all(self._by_rule.get(each.alert.rule, {}).get(each.alert.labels) is each.before for each in steps)

    def plan(self, results_by_rule: ResultsByRule, now: float) -> ChangeSet:
        """What the results of one evaluation change.

        Args:
            results_by_rule: for each rule its policy and one observation per alert.
            now: Unix seconds.
        """
        return self.change_set(
            [each for policy, seen in results_by_rule for each in self.steps(policy, seen, now)], now
        )

    def change_set(self, steps: Sequence[Step], now: float) -> ChangeSet:
        """What the steps of one evaluation mean for the incidents.

        Args:
            steps: of one instant, current.
            now: Unix seconds.
        """
        return self._change_set(list(steps), now)

    def resolve(self, key: str, action: ManualAction, now: float) -> ChangeSet:
        """Resolve an incident by action: it is held until its condition clears and returns.

        Raises:
            UnknownIncidentError: no incident of that key fires.
        """
        firing = [alert for alert in self.of_incident(key) if alert.state is State.FIRING]
        if not firing:
            raise UnknownIncidentError(f"No incident {key} is firing.", "List what fires: GET /api/performance/alerts.")
        steps = [act(alert, Event.RESOLVE, now) for alert in firing]
        audit = AuditEntry(at=now, actor=action.by, action="resolve", target=key, why=action.why)
        plan = self._change_set(steps, now, action)
        return replace(plan, change=replace(plan.change, audit=(audit,)))

    def acknowledge(self, key: str, action: ManualAction, now: float) -> ChangeSet:
        """Take an incident: repeats stop, the resolved message does not.

        Raises:
            UnknownIncidentError: no incident of that key is open.
        """
        incident = self._incidents.get(key)
        if incident is None or incident.state not in (State.PENDING, State.FIRING):
            raise UnknownIncidentError(f"No incident {key} is open.", "List them: GET /api/performance/alerts.")
        after = replace(
            incident,
            acknowledged_at=now,
            acknowledged_by=action.by,
            acknowledged_why=action.why,
            moves=incident.moves + 1,
        )
        told = Transition(
            id=f"{after.id}-{after.moves}",
            incident=after,
            previous=after.state,
            state=after.state,
            reason=Reason.ACKNOWLEDGED,
            at=now,
            actor=action.by,
            why=action.why,
            is_news=False,
        )
        audit = AuditEntry(at=now, actor=action.by, action="acknowledge", target=key, why=action.why)
        return ChangeSet(Change(incidents=(after,), transitions=(told,), audit=(audit,)))

    def evidence_added(self, incident: Incident, evidence: Evidence) -> ChangeSet:
        """Evidence added to an incident; nothing if it has the same already, or has ended since."""
        now = self._incidents.get(incident.key)
        if now is None or now.id != incident.id or now.evidence == evidence:
            return ChangeSet(Change())
        return ChangeSet(Change(incidents=(replace(now, evidence=evidence),)))

    def apply(self, plan: ChangeSet) -> None:
        """Make a written plan the present."""
        for alert in plan.alerts:
            self._put(alert)
        for rule, labels in plan.change.gone:
            self._drop(rule, labels)
        for incident in plan.change.incidents:
            if incident.state in (State.RESOLVED, State.INACTIVE):
                self._incidents.pop(incident.key, None)
            else:
                self._incidents[incident.key] = incident

    def _holds(self) -> dict[str, int]:
        """The incidents that are held, each with the rank at which it is."""
        return {key: rank_of(each.severity) for key, each in self._incidents.items() if each.state is State.HELD}

    def _change_set(self, steps: list[Step], now: float, action: ManualAction | None = None) -> ChangeSet:
        moved: dict[str, list[Step]] = {each.alert.incident: [] for each in steps if each.reason is not None}
        for each in steps:
            if each.alert.incident in moved:
                moved[each.alert.incident].append(each)
        incidents: list[Incident] = []
        transitions: list[Transition] = []
        for key, group in moved.items():
            risen = self._risen(key, group, now)
            steps.extend(risen)
            told = incident_change(
                self._incidents.get(key), self._after(key, [*group, *risen]), [*group, *risen], now, action
            )
            incidents.extend(told.incidents)
            transitions.extend(told.transitions)
        return ChangeSet(
            Change(
                alerts=tuple(each.alert for each in steps if each.is_kept and each.alert.state is not State.INACTIVE),
                gone=tuple(_id(each.alert) for each in steps if each.alert.state is State.INACTIVE),
                incidents=tuple(incidents),
                transitions=tuple(transitions),
            ),
            alerts=tuple(
                each.alert for each in steps if each.alert is not each.before and each.alert.state is not State.INACTIVE
            ),
            ended=tuple(_as_it_was(each) for each in steps if each.alert.state is State.INACTIVE),
        )

    def _risen(self, key: str, group: Sequence[Step], now: float) -> list[Step]:
        """The alerts that stop being held because a higher one fires, or because one of them has reopened."""
        if not any(each.alert.state is State.FIRING for each in group):
            return []
        held = (each for each in self._after(key, group) if each.state is State.HELD)
        return [act(each, Event.RISE, now) for each in held]

    def _after(self, key: str, group: Sequence[Step]) -> list[Alert]:
        after = dict(self._by_incident.get(key, {}))
        after.update((_id(each.alert), each.alert) for each in group)
        return [each for each in after.values() if each.state is not State.INACTIVE]

    def _put(self, alert: Alert) -> None:
        self._by_rule[alert.rule][alert.labels] = alert
        self._by_incident[alert.incident][alert.rule, alert.labels] = alert

    def _drop(self, rule: str, labels: Labels) -> None:
        alert = self._by_rule[rule].pop(labels)
        members = self._by_incident[alert.incident]
        del members[rule, labels]
        if not members:
            del self._by_incident[alert.incident]


def _as_it_was(step: Step) -> Alert:
    """An alert that is over, with its last value before: what it says to people is why it fired."""
    return step.alert if step.before is None else replace(step.alert, value=step.before.value)


def _id(alert: Alert) -> AlertId:
    return (alert.rule, alert.labels)


def _is_held(labels: Labels, holds: Mapping[str, int]) -> bool:
    held = holds.get(incident_key(labels))
    return held is not None and rank_of(dict(labels).get(SEVERITY, "")) <= held
