"""Incidents as the JSON that people and programs read."""

from collections import Counter
from collections.abc import Sequence

from lapbell_evaluator.api.ask import finite
from lapbell_evaluator.api.schemas import (
    AlertCounts,
    AlertDetail,
    AlertTransition,
    AlertView,
    BlamedPhase,
    Delivery,
    Timeline,
)
from lapbell_evaluator.model import DeliveryView, IncidentView, State, Transition

__all__ = ["alert_counts", "alert_detail", "alert_view", "trace_link"]


def alert_view(view: IncidentView, trace_url: str | None) -> AlertView:
    """One incident, with links to its traces if `trace_url` says where traces are looked at."""
    incident, evidence = view.incident, view.incident.evidence
    traces = evidence.trace_ids if evidence else ()
    blame = evidence.blame if evidence else ()
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
        resolved_at=incident.resolved_at,
        duration=view.duration_s,
        acknowledged=view.is_acknowledged,
        held=view.is_held,
        reason=incident.reason,
        resolved_by=incident.resolved_by,
        resolved_why=incident.resolved_why,
        phase_to_blame=evidence.phase if evidence else None,
        blame=[BlamedPhase(phase=each.phase, share=each.share, excess_time=each.excess_s) for each in blame],
        trace_ids=list(traces),
        trace_urls=[link for link in (trace_link(trace_url, trace) for trace in traces) if link],
        timeline=_timeline(view),
    )


def alert_detail(view: IncidentView, moves: Sequence[Transition], trace_url: str | None) -> AlertDetail:
    """One incident with its own moves, the oldest first, and its deliveries."""
    return AlertDetail(
        **dict(alert_view(view, trace_url)),
        transitions=[_transition(each) for each in moves],
        deliveries=[_delivery(each) for each in view.timeline.deliveries],
    )


def trace_link(trace_url: str | None, trace_id: str) -> str | None:
    """Where to look at a trace; None if nobody said where."""
    return trace_url.replace("{trace_id}", trace_id) if trace_url else None


def _timeline(view: IncidentView) -> Timeline:
    known = view.timeline
    return Timeline(**{name: getattr(known, name) for name in Timeline.model_fields})


def _transition(move: Transition) -> AlertTransition:
    return AlertTransition(
        transition_id=move.id,
        at=move.at,
        previous_state=move.previous,
        state=move.state,
        severity=move.incident.severity,
        reason=move.reason,
        metric_value=finite(move.incident.value),
        actor=move.actor or None,
        why=move.why or None,
    )


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
        error=known.error or None,
    )


def alert_counts(views: Sequence[IncidentView]) -> AlertCounts:
    """Summary statistics of incidents that are not over."""
    firing = [each for each in views if each.incident.state is State.FIRING]
    return AlertCounts(
        total=len(firing),
        by_severity=dict(Counter(each.incident.severity for each in firing)),
        by_category=dict(Counter(each.category for each in firing)),
        by_state=dict(Counter(each.incident.state.value for each in views)),
        acknowledged=sum(each.is_acknowledged for each in firing),
    )
