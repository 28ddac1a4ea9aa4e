"""A book of alerts with a action-moved clock, and what it told."""

from dataclasses import dataclass, field, replace

from lapbell_evaluator.alerts import (
    AlertPolicy,
    AlertStore,
    ChangeSet,
    Condition,
    EvaluationResult,
    IncidentEvent,
    ManualAction,
)
from lapbell_evaluator.alerts.problem_moves import explained
from lapbell_evaluator.model import Change, Labels, Transition, labels


def identity(severity: str = "warning", **more: str) -> Labels:
    return labels({"alertname": "Slow", "job": "app", "severity": severity, **more})


@dataclass(slots=True)
class Story:
    """Pushes results into a book and keeps the transitions."""

    for_s: float = 0.0
    keep_firing_for_s: float = 0.0
    reopen_within_s: float = 0.0
    store: AlertStore = field(default_factory=AlertStore)
    now: float = 0.0
    told: list[Transition] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)

    def see(self, at: float, *conditions: Condition, value: float = 2.0, detail: str = "") -> None:
        """One evaluation: what is seen of the warning, and of the critical one if that is said too."""
        self.see_each(at, dict(zip(("warning", "critical"), conditions, strict=False)), value=value, detail=detail)

    def see_each(self, at: float, conditions: dict[str, Condition], *, value: float = 2.0, detail: str = "") -> None:
        self.now = at
        results_by_rule = [
            (
                AlertPolicy(
                    group="g",
                    rule=f"g/{severity}",
                    threshold=1.0,
                    for_s=self.for_s,
                    keep_firing_for_s=self.keep_firing_for_s,
                    reopen_within_s=self.reopen_within_s,
                ),
                [EvaluationResult(identity(severity), labels({"job": "app"}), condition, value, detail)],
            )
            for severity, condition in conditions.items()
        ]
        self.apply(self.store.plan(results_by_rule, at))

    def apply(self, plan: ChangeSet) -> None:
        self.store.apply(plan)
        self.changes.append(plan.change)
        self.told.extend(plan.change.transitions)

    def resolve(self, at: float) -> None:
        self.apply(self.store.resolve(self.key, ManualAction("ann", "fixed"), at))

    def acknowledge(self, at: float) -> None:
        self.apply(self.store.acknowledge(self.key, ManualAction("bob", "mine"), at))

    def explain(self, at: float) -> None:
        """Another incident is found to be the cause."""
        self._become(at, explained(replace(self.store.incidents[self.key], problem_id="other", caused_by="other"), at))

    def outlast(self, at: float) -> None:
        """The condition of the cause cleared long ago, and this one's is met still."""
        incident = replace(self.store.incidents[self.key], cause_ended_at=at)
        self.apply(ChangeSet(Change(incidents=(incident,)), at))
        self.apply(self.store.outlast([self.key], at))

    def _become(self, at: float, transition: Transition) -> None:
        self.apply(ChangeSet(Change(incidents=(transition.incident,), transitions=(transition,)), at))

    def end_recoveries(self, at: float, event: IncidentEvent = IncidentEvent.WAIT_OVER) -> None:
        """What the evaluation does after each look: resolve what has recovered for long enough."""
        self.apply(self.store.end_recoveries([*self.store.incidents], event, at))

    @property
    def key(self) -> str:
        return next(iter(self.store.incidents))

    def news(self) -> list[tuple[float, str, str, str]]:
        """What receivers are told: time, state, severity, reason."""
        return [(each.at, each.state, each.incident.severity, each.reason) for each in self.told if each.is_news]
