"""The JSON of alerts, frozen by the OpenAPI snapshot test: later versions add, never rename.

Times are Unix seconds; what is not known is null.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints

from lapbell_evaluator.api.evidence_schemas import AlertEvidence
from lapbell_evaluator.api.schemas import Body, Span
from lapbell_evaluator.api.text import Text

__all__ = [
    "Acknowledgement",
    "AlertCount",
    "AlertCounts",
    "AlertDetail",
    "AlertList",
    "AlertTrend",
    "AlertView",
    "AuditEntryView",
    "AuditPage",
    "BlamedPhase",
    "Delivery",
    "DifferingLabel",
    "LabelValue",
    "Resolution",
    "StormView",
    "Timeline",
    "TransitionPage",
    "TransitionView",
]


class BlamedPhase(Body):
    """One phase's share of the excess over the baseline."""

    phase: str
    share: float
    excess_time: float


class AlertTrend(Body):
    """The value then, whether the alert was there or not."""

    minute_ago: float | None
    five_minutes_ago: float | None


class AlertCount(Body):
    """How many events of the rule's window were bad, of how many; null if the value is no share of counted events."""

    bad: float | None
    total: float | None


class Timeline(Body):
    """The moments of an incident, Unix seconds; null where one is not known or was not yet.

    From the newest sample behind the breach (`first_bad_sample_at`), its arrival and the evaluation that saw it, over
    firing, to the first attempt to tell any receiver (`sent_at`) and the first success; and the same for its end.
    """

    first_bad_sample_at: float | None
    received_at: float | None
    evaluated_at: float | None
    fired_at: float | None
    sent_at: float | None
    delivered_at: float | None
    recovering_at: float | None
    resolved_at: float | None
    resolved_sent_at: float | None
    resolved_delivered_at: float | None


class Delivery(Body):
    """One transition of an incident on its way to one receiver."""

    transition_id: str
    what: str
    reason: str
    at: float
    receiver: str
    attempts: int
    sent_at: float | None
    delivered_at: float | None
    refused_at: float | None
    dropped_at: float | None
    error: str | None


class TransitionView(Body):
    """One move of one incident."""

    id: str
    at: float
    alert_key: str
    alertname: str
    severity: str
    previous_state: str
    state: str
    reason: str
    actor: str
    why: str
    labels: dict[str, str]
    message: str
    metric_value: float | None
    threshold: float | None


class AlertView(Body):
    """One incident: warning and critical of one threshold are one.

    `state` is pending, firing, recovering (its condition has cleared at `recovering_at`; it is told as resolved unless
    it returns), held (resolved by hand, the condition still holds) or resolved; `duration` is how long it fired.
    `silenced_by` are ids of silences, `inhibited_by` keys of incidents, `maintained_by` names of maintenance windows;
    `flapping`: it fired four times within an hour.
    `storm` is the id of the storm that it belongs to; the storm is listed while it goes on. `peak` is the worst value
    since it began, `cause` what is to blame in one line, `evidence` all that was found. Incidents that explain each
    other have the same `problem_id`; `caused_by` is the key of the incident that explains this one, `explains` are
    those of the incidents that are not over and that this one explains.
    """

    alert_key: str
    alertname: str
    category: str
    severity: str
    state: str
    health: str
    detail: str
    message: str
    description: str
    runbook_url: str
    labels: dict[str, str]
    metric_value: float | None
    threshold: float | None
    started_at: float
    fired_at: float | None
    recovering_at: float | None
    resolved_at: float | None
    duration: float
    acknowledged: bool
    held: bool
    silenced_by: list[str]
    inhibited_by: list[str]
    maintained_by: list[str]
    flapping: bool
    reason: str
    resolved_by: str | None
    resolved_why: str | None
    phase_to_blame: str | None
    blame: list[BlamedPhase]
    trace_ids: list[str]
    trace_urls: list[str]
    storm: str | None
    timeline: Timeline
    peak: float | None
    trend: AlertTrend
    counts: AlertCount
    cause: str | None
    evidence: AlertEvidence | None
    problem_id: str
    caused_by: str | None
    explains: list[str]


class LabelValue(Body):
    """A value of a label, and how many incidents have it."""

    value: str
    count: int


class DifferingLabel(Body):
    """A label in which the incidents of a storm differ, with a few of its values, the most frequent first."""

    label: str
    distinct_values: int
    most_frequent: list[LabelValue]


class StormView(Body):
    """Incidents of one name that began to fire together, told by those that fire; by all if none fires.

    `began_at` is when the first of all fired, `last_at` when the last one did; `examples` are keys, the worst first.
    """

    id: str
    alertname: str
    severity: str
    firing: int
    recovering: int
    held: int
    acknowledged: int
    silenced: int
    began_at: float
    last_at: float
    common_labels: dict[str, str]
    differing_labels: list[DifferingLabel]
    examples: list[str]


class KeptTrace(Body):
    """A trace that is kept with an incident: an `example` of it, or how things were before, which is `normal`."""

    trace_id: str
    role: Literal["example", "normal"]


class AlertDetail(AlertView):
    """One incident with all its moves, the oldest first, what became of each message, and the traces kept with it."""

    transitions: list[TransitionView]
    deliveries: list[Delivery]
    kept_traces: list[KeptTrace]


class AlertCounts(Body):
    """Summary statistics of the incidents that are not over."""

    total: int
    by_severity: dict[str, int]
    by_category: dict[str, int]
    by_state: dict[str, int]
    acknowledged: int
    storms: int


class AlertList(Body):
    """Active incidents, the worst first, the storms among them, and what was resolved in the window.

    `missing` says why what was resolved and when notices were delivered are not known: the database does not answer.
    """

    window: Span
    summary: AlertCounts
    alerts: list[AlertView]
    recently_resolved: list[AlertView]
    storms: list[StormView]
    missing: str | None = None


class TransitionPage(Body):
    """Moves, the newest first."""

    transitions: list[TransitionView]
    next: int | None


class AuditEntryView(Body):
    """One change that a person made."""

    at: float
    actor: str
    action: str
    target: str
    why: str


class AuditPage(Body):
    """Changes by hand, the newest first."""

    entries: list[AuditEntryView]
    next: int | None


class Acknowledgement(BaseModel):
    """Who takes an incident, and why."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[Text, StringConstraints(min_length=1, max_length=1000)]
    by: Annotated[Text, StringConstraints(min_length=1, max_length=100)] | None = None


class Resolution(Acknowledgement):
    """Who resolves an incident by hand, and why."""
