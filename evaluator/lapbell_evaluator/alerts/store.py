"""Every alert and incident that is not over, in memory, and what is remembered of those that are.

Nothing here changes while a change is planned: the change set is written to the database first, and then applied.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from lapbell_evaluator.alerts.change_set import ChangeSet
from lapbell_evaluator.alerts.condition import AlertPolicy, Condition, EvaluationResult
from lapbell_evaluator.alerts.flapping import Flapping
from lapbell_evaluator.alerts.incident_table import INCIDENT_TABLE, IncidentEvent
from lapbell_evaluator.alerts.incidents import ManualAction, acknowledged, incident_change, recovery_ended
from lapbell_evaluator.alerts.machine import Event
from lapbell_evaluator.alerts.problem_moves import outlasted
from lapbell_evaluator.alerts.problems import NOTHING_EXPLAINED, Explanations, Problems
from lapbell_evaluator.alerts.recently_resolved import RecentlyResolved
from lapbell_evaluator.alerts.recovering import Recovering, due_at
from lapbell_evaluator.alerts.severity import rank
from lapbell_evaluator.alerts.step import Step, act, advance
from lapbell_evaluator.alerts.storms import Storms
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
    State,
    Transition,
    incident_key,
    rank_of,
)

__all__ = ["AlertStore", "ResultsByRule", "UnknownIncidentError"]

ResultsByRule = Sequence[tuple[AlertPolicy, Sequence[EvaluationResult]]]
"""For each rule its policy, and one result per alert."""


class UnknownIncidentError(EvaluatorError):
    """No incident of that key is open, or it is not in a state that this can be done to."""


class AlertStore:
    """The alerts and incidents that are not over.

    Args:
        alerts: those that are not inactive.
        incidents: those that are not over.
        explanations: says which incident explains which.

    Attributes:
        storms: the incidents that begin by the dozen.
        flapping: the incidents that fire again and again.
        recently_resolved: the alerts that ended within the last 15 minutes.
        recovering: the incidents that have cleared and may return.
        problems: the incidents that explain each other.
    """

    def __init__(
        self,
        alerts: Iterable[Alert] = (),
        incidents: Iterable[Incident] = (),
        explanations: Explanations = NOTHING_EXPLAINED,
    ) -> None:
        self._by_rule: dict[str, dict[Labels, Alert]] = defaultdict(dict)
        self._by_incident: dict[str, dict[AlertId, Alert]] = defaultdict(dict)
        self._incidents = {incident.key: incident for incident in incidents}
        self.storms = Storms(self._incidents.values())
        self.flapping = Flapping()
        self.recently_resolved = RecentlyResolved()
        self.recovering = Recovering(self._incidents.values())
        self.problems = Problems(explanations, self._incidents.values())
        for alert in alerts:
            self._put(alert)

    @classmethod
    def restored(
        cls,
        alerts: Iterable[Alert],
        incidents: Iterable[Incident],
        at: float,
        explanations: Explanations = NOTHING_EXPLAINED,
    ) -> "AlertStore":
        """The store after a restart: nobody watched since, so no alert's time counts until its condition is met again.

        Args:
            alerts: as the database has them.
            incidents: those that are not over.
            at: Unix seconds of the restart.
            explanations: says which incident explains which.
        """
        cold = (
            replace(alert, health=Health.COLD, health_since=at, detail="restarted", quiet_since=None)
            for alert in alerts
        )
        return cls(cold, incidents, explanations)

    @property
    def incidents(self) -> Mapping[str, Incident]:
        """Those that are not over, by key."""
        return MappingProxyType(self._incidents)

    def of_rule(self, rule: str) -> Mapping[Labels, Alert]:
        """The alerts of one rule that are not inactive, by labels."""
        return MappingProxyType(self._by_rule.get(rule, {}))

    def of_incident(self, key: str) -> tuple[Alert, ...]:
        """The alerts of one incident that are not inactive, the highest severity first."""
        alerts = self._by_incident.get(key, {}).values()
        return tuple(sorted(alerts, key=lambda alert: (-rank(alert), alert.labels)))

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
        held_ranks = self._held_ranks()
        alerts = self._by_rule.get(policy.rule, {})
        steps = []
        for result in results:
            is_held = bool(held_ranks) and result.condition is Condition.MET and _is_held(result.labels, held_ranks)
            moved = advance(alerts.get(result.labels), result, policy, now, is_held=is_held)
            if moved is not None:
                steps.append(moved)
        return steps

    def is_current(self, steps: Iterable[Step]) -> bool:
        """Whether every step still begins with the alert that the store has."""
        return all(self._by_rule.get(step.alert.rule, {}).get(step.alert.labels) is step.before for step in steps)

    def plan(self, results_by_rule: ResultsByRule, now: float) -> ChangeSet:
        """What the results of one evaluation change.

        Args:
            results_by_rule: for each rule its policy and one result per alert.
            now: Unix seconds.
        """
        return self.change_set(
            [step for policy, results in results_by_rule for step in self.steps(policy, results, now)], now
        )

    def change_set(self, steps: Sequence[Step], now: float, action: ManualAction | None = None) -> ChangeSet:
        """What steps mean for the incidents.

        Args:
            steps: of one instant, current.
            now: Unix seconds.
            action: who made them, if a person did.

        Raises:
            ImpossibleMoveError: an incident cannot follow its alerts.
        """
        every = list(steps)
        moved: dict[str, list[Step]] = {step.alert.incident: [] for step in every if step.reason is not None}
        for step in every:
            if step.alert.incident in moved:
                moved[step.alert.incident].append(step)
        incidents: list[Incident] = []
        transitions: list[Transition] = []
        for key, direct in moved.items():
            risen = self._risen(key, direct, now)
            every.extend(risen)
            group = [*direct, *risen]
            part = incident_change(self._incidents.get(key), self._after(key, group), group, now, action)
            incidents.extend(part.incidents)
            transitions.extend(part.transitions)
        active = [step for step in every if step.alert.state is not State.INACTIVE]
        ended = [step for step in every if step.alert.state is State.INACTIVE]
        return ChangeSet(
            Change(
                alerts=tuple(step.alert for step in active if step.is_durable),
                gone=tuple(_id(step.alert) for step in ended),
                incidents=tuple(incidents),
                transitions=tuple(transitions),
            ),
            at=now,
            alerts=tuple(step.alert for step in active if step.alert is not step.before),
            ended=tuple(_as_it_was(step) for step in ended),
        )

    def resolve(self, key: str, action: ManualAction, now: float) -> ChangeSet:
        """Resolve an incident by hand: it is held until its condition clears and returns; one that recovers is over.

        Raises:
            UnknownIncidentError: no incident of that key fires or recovers.
        """
        audit = AuditEntry(at=now, actor=action.by, action="resolve", target=key, why=action.why)
        incident = self._incidents.get(key)
        if incident is not None and incident.state is State.RECOVERING:
            part = recovery_ended(incident, IncidentEvent.RESOLVE, self.of_incident(key), now, action)
            change = Change(incidents=part.incidents, transitions=part.transitions, audit=(audit,))
            return ChangeSet(change, at=now, recovered=incident.last_fired)
        firing = [alert for alert in self.of_incident(key) if alert.state is State.FIRING]
        if not firing:
            raise UnknownIncidentError(f"No incident {key} is firing.", "List what fires: GET /api/performance/alerts.")
        change_set = self.change_set([act(alert, Event.RESOLVE, now) for alert in firing], now, action)
        return replace(change_set, change=replace(change_set.change, audit=(audit,)))

    def acknowledge(self, key: str, action: ManualAction, now: float) -> ChangeSet:
        """Take an incident: repeats stop, the resolved message does not.

        Raises:
            UnknownIncidentError: no incident of that key is open.
        """
        incident = self._incidents.get(key)
        if incident is None or (incident.state, IncidentEvent.ACKNOWLEDGE) not in INCIDENT_TABLE:
            raise UnknownIncidentError(f"No incident {key} is open.", "List them: GET /api/performance/alerts.")
        part = acknowledged(incident, action, now)
        audit = AuditEntry(at=now, actor=action.by, action="acknowledge", target=key, why=action.why)
        return ChangeSet(Change(incidents=part.incidents, transitions=part.transitions, audit=(audit,)), at=now)

    def end_recoveries(self, keys: Iterable[str], event: IncidentEvent, now: float) -> ChangeSet:
        """Resolve incidents that recover still: those that returned meanwhile, or may at once, stay.

        Args:
            keys: of the incidents.
            event: their wait is over, or their rules were removed.
            now: Unix seconds.
        """
        incidents: list[Incident] = []
        transitions: list[Transition] = []
        recovered: list[Alert] = []
        for key in keys:
            incident, alerts = self._incidents.get(key), self.of_incident(key)
            if incident is None or incident.state is not State.RECOVERING:
                continue
            if event is IncidentEvent.WAIT_OVER and (alerts or now < due_at(incident)):
                continue
            part = recovery_ended(incident, event, alerts, now)
            incidents.extend(part.incidents)
            transitions.extend(part.transitions)
            recovered.extend(incident.last_fired)
        change = Change(incidents=tuple(incidents), transitions=tuple(transitions))
        return ChangeSet(change, at=now, recovered=tuple(recovered))

    def outlast(self, keys: Iterable[str], now: float) -> ChangeSet:
        """Make problems of their own of incidents that breach on although their cause ended.

        Args:
            keys: of the incidents; those that fire no more, or have a cause, stay.
            now: Unix seconds.
        """
        waiting = {incident.key: incident for incident in self.problems.without_cause()}
        moved = tuple(outlasted(waiting[key], now) for key in keys if key in waiting)
        leads = {alert.labels: alert for key in keys for alert in self.of_incident(key)}
        return ChangeSet(
            Change(incidents=tuple(transition.incident for transition in moved), transitions=moved),
            at=now,
            alerts=tuple(leads[move.incident.labels] for move in moved if move.incident.labels in leads),
        )

    def evidence_added(self, incident: Incident, evidence: Evidence, now: float) -> ChangeSet:
        """Evidence added to an incident; nothing if it has the same already, has ended since, or fires no more.

        What is empty in it does not replace what was collected before.

        Args:
            incident: as it was when the evidence was collected.
            evidence: what was collected.
            now: Unix seconds.
        """
        current = self._incidents.get(incident.key)
        if current is None or current.id != incident.id or current.state is State.RECOVERING:
            return ChangeSet(Change(), at=now)
        if current.evidence is not None:
            evidence = current.evidence.with_newer(evidence)
        if current.evidence == evidence:
            return ChangeSet(Change(), at=now)
        return ChangeSet(Change(incidents=(replace(current, evidence=evidence),)), at=now)

    def apply(self, change_set: ChangeSet) -> None:
        """Make a written change set the present."""
        for alert in change_set.alerts:
            self._put(alert)
        for rule, labels in change_set.change.gone:
            self._drop(rule, labels)
        for incident in change_set.change.incidents:
            self.recovering.put(incident)
            if incident.state in (State.RESOLVED, State.INACTIVE):
                self._incidents.pop(incident.key, None)
            else:
                self._incidents[incident.key] = incident
        self.recently_resolved.apply(change_set)
        self.storms.apply(change_set.change)
        self.problems.apply(change_set.change)
        self.flapping.apply(change_set.change.transitions)

    def _held_ranks(self) -> dict[str, int]:
        """The incidents that are held, each with the rank of severity at which it is."""
        return {
            key: rank_of(incident.severity) for key, incident in self._incidents.items() if incident.state is State.HELD
        }

    def _risen(self, key: str, group: Sequence[Step], now: float) -> list[Step]:
        """The alerts that stop being held because a higher one fires, or because one of them has reopened."""
        if not any(step.alert.state is State.FIRING for step in group):
            return []
        held = (alert for alert in self._after(key, group) if alert.state is State.HELD)
        return [act(alert, Event.RISE, now) for alert in held]

    def _after(self, key: str, group: Sequence[Step]) -> list[Alert]:
        """The alerts of an incident after the steps, those that are not inactive."""
        after = dict(self._by_incident.get(key, {}))
        after.update((_id(step.alert), step.alert) for step in group)
        return [alert for alert in after.values() if alert.state is not State.INACTIVE]

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


def _is_held(labels: Labels, held_ranks: Mapping[str, int]) -> bool:
    rank_held = held_ranks.get(incident_key(labels))
    return rank_held is not None and rank_of(dict(labels).get(SEVERITY, "")) <= rank_held
