"""How the rules are doing, for those who read about them."""

from dataclasses import dataclass

from lapbell_evaluator.model.alert import Alert, State
from lapbell_evaluator.model.labels import Labels
from lapbell_evaluator.model.rule import Rule, RuleGroup

__all__ = ["AlertView", "GroupView", "RuleStatus", "RuleView"]


@dataclass(frozen=True, slots=True)
class RuleStatus:
    """How the last evaluation of a rule went.

    Attributes:
        evaluated_at: Unix seconds.
        duration_s: how long it took.
        error: empty if there was none.
        warnings: the engine's.
    """

    evaluated_at: float
    duration_s: float
    error: str = ""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AlertView:
    """One alert with its annotations rendered.

    Attributes:
        alert: pending, firing or held; or as it last fired, where an Alertmanager takes it for firing still.
        annotations: rendered with the present value.
        fingerprint: of its labels.
        silenced_by: ids of the active silences that match it.
        inhibited_by: fingerprints of the alerts that inhibit it.
        maintained_by: names of the maintenance windows that are on and match it.
    """

    alert: Alert
    annotations: Labels
    fingerprint: str
    silenced_by: tuple[str, ...] = ()
    inhibited_by: tuple[str, ...] = ()
    maintained_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RuleView:
    """One rule as it stands.

    Attributes:
        rule: as it was written.
        key: unique among all rules.
        labels: with the group's.
        state: of an alerting rule: firing, pending or inactive, whichever of its alerts is the worst.
        alerts: those that are not inactive, by labels.
        status: of the last evaluation; None if there was none.
    """

    rule: Rule
    key: str
    labels: Labels
    state: State
    alerts: tuple[AlertView, ...]
    status: RuleStatus | None


@dataclass(frozen=True, slots=True)
class GroupView:
    """One group as it stands.

    Attributes:
        group: as it was written.
        interval_s: seconds between its evaluations.
        rules: in order.
        evaluated_at: Unix seconds of the last evaluation; None if there was none.
        duration_s: how long it took.
    """

    group: RuleGroup
    interval_s: float
    rules: tuple[RuleView, ...]
    evaluated_at: float | None
    duration_s: float
