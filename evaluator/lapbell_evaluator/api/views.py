"""Incidents as the JSON that people and programs read."""

from collections import Counter
from collections.abc import Sequence

from lapbell_evaluator.api.alert_schemas import (
    AlertCount,
    AlertCounts,
    AlertDetail,
    AlertTrend,
    AlertView,
    BlamedPhase,
    Delivery,
    DifferingLabel,
    KeptTrace,
    LabelValue,
    StormView,
    Timeline,
    TransitionView,
)
from lapbell_evaluator.api.ask import finite
from lapbell_evaluator.api.evidence_schemas import AlertEvidence
from lapbell_evaluator.model import (
    ALERT_NAME,
    AlertFigures,
    DeliveryView,
    IncidentView,
    State,
    Storm,
    TraceRole,
    Transition,
    cause_of,
    storm_of,
    trace_link,
)

__all__ = ["alert_counts", "alert_detail", "alert_view", "storm_view", "transition_view"]


def alert_view(view: IncidentView, trace_url: str | None) -> AlertView:
    """One incident, with links to its traces by `trace_url`."""
    incident, evidence = view.incident, view.incident.evidence
    traces = evidence.trace_ids if evidence else ()
    blame = evidence.blame if evidence else ()
    figures = incident.figures or AlertFigures()
    return AlertView(
        alert_key=incident.key,
        alertname=view.name,
        category=view.category,
        severity=incident.severity,
        state=incident.state,
        health=view.health,
        detail=view.detail,
        message=view.message,
        description=view.description,
        runbook_url=view.runbook_url,
        labels=dict(incident.labels),
        metric_value=finite(incident.value),
        threshold=finite(incident.threshold),
        started_at=incident.opened_at,
        fired_at=incident.fired_at,
        recovering_at=incident.recovering_at,
        resolved_at=incident.resolved_at,
        duration=view.duration_s,
        acknowledged=view.is_acknowledged,
        held=view.is_held,
        silenced_by=list(view.silenced_by),
        inhibited_by=list(view.inhibited_by),
        maintained_by=list(view.maintained_by),
        flapping=view.is_flapping,
        reason=incident.reason,
        resolved_by=incident.resolved_by,
        resolved_why=incident.resolved_why,
        phase_to_blame=evidence.phase if evidence else None,
        blame=[BlamedPhase(phase=each.phase, share=each.share, excess_time=each.excess_s) for each in blame],
        trace_ids=list(traces),
        trace_urls=[link for link in (trace_link(trace_url, trace) for trace in traces) if link],
        storm=storm_of(incident),
        timeline=_timeline(view),
        peak=_finite(figures.peak),
        trend=AlertTrend(minute_ago=_finite(figures.minute_ago), five_minutes_ago=_finite(figures.five_minutes_ago)),
        counts=AlertCount(bad=_finite(figures.bad), total=_finite(figures.total)),
        cause=cause_of(evidence) if evidence else None,
        evidence=AlertEvidence.model_validate(evidence) if evidence else None,
        problem_id=incident.problem,
        caused_by=incident.caused_by,
        explains=list(view.explains),
    )


def _finite(number: float | None) -> float | None:
    return None if number is None else finite(number)


def alert_detail(
    view: IncidentView, moves: Sequence[Transition], trace_url: str | None, kept: Sequence[tuple[str, TraceRole]]
) -> AlertDetail:
    """One incident with its own moves, the oldest first, its deliveries, and the traces that are kept with it."""
    return AlertDetail(
        **dict(alert_view(view, trace_url)),
        transitions=[transition_view(each) for each in moves],
        deliveries=[_delivery(each) for each in view.timeline.deliveries],
        kept_traces=[KeptTrace(trace_id=trace_id, role=role.value) for trace_id, role in kept],
    )


def transition_view(transition: Transition) -> TransitionView:
    """One move of an incident."""
    incident = transition.incident
    labels, annotations = dict(incident.labels), dict(incident.annotations)
    return TransitionView(
        id=transition.id,
        at=transition.at,
        alert_key=incident.key,
        alertname=labels.get(ALERT_NAME, ""),
        severity=incident.severity,
        previous_state=transition.previous,
        state=transition.state,
        reason=transition.reason,
        actor=transition.actor,
        why=transition.why,
        labels=labels,
        message=annotations.get("summary", labels.get(ALERT_NAME, "")),
        metric_value=finite(incident.value),
        threshold=finite(incident.threshold),
    )


def _timeline(view: IncidentView) -> Timeline:
    known = view.timeline
    return Timeline(**{name: getattr(known, name) for name in Timeline.model_fields})


def _delivery(known: DeliveryView) -> Delivery:
    return Delivery(
        transition_id=known.transition,
        what=known.what,
        reason=known.reason,
        at=known.at,
        receiver=known.receiver,
        attempts=known.attempts,
        sent_at=known.sent_at,
        delivered_at=known.delivered_at,
        refused_at=known.refused_at,
        dropped_at=known.dropped_at,
        error=known.error or None,
    )


def storm_view(storm: Storm) -> StormView:
    """One storm."""
    return StormView(
        id=storm.id,
        alertname=storm.alertname,
        severity=storm.severity,
        firing=storm.firing,
        recovering=storm.recovering,
        held=storm.held,
        acknowledged=storm.acknowledged,
        silenced=storm.silenced,
        began_at=storm.began_at,
        last_at=storm.last_at,
        common_labels=dict(storm.common),
        differing_labels=[
            DifferingLabel(
                label=each.name,
                distinct_values=each.distinct,
                most_frequent=[LabelValue(value=value, count=count) for value, count in each.most_frequent],
            )
            for each in storm.differing
        ],
        examples=list(storm.examples),
    )


def alert_counts(views: Sequence[IncidentView], storms: Sequence[Storm]) -> AlertCounts:
    """Summary statistics of incidents that are not over, and of the storms among them."""
    firing = [each for each in views if each.incident.state is State.FIRING]
    return AlertCounts(
        total=len(firing),
        by_severity=dict(Counter(each.incident.severity for each in firing)),
        by_category=dict(Counter(each.category for each in firing)),
        by_state=dict(Counter(each.incident.state.value for each in views)),
        acknowledged=sum(each.is_acknowledged for each in firing),
        storms=len(storms),
    )
