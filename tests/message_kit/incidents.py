"""Incidents as people are told of them, at a time of their own."""

from dataclasses import replace

from lapbell_evaluator.model import (
    AlertFigures,
    Evidence,
    Incident,
    Labels,
    Notification,
    PhaseShare,
    Reason,
    State,
    Transition,
    incident_key,
    labels,
)

__all__ = ["BEGAN_AT", "notification", "resolved", "slow", "storm"]

BEGAN_AT = 1_795_991_640.0
"""2026-11-29 22:34:00 UTC."""
TRACES = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331b7ad6b7169203331")


def slow(route: str = "/webhooks/twilio", *, severity: str = "critical", **more: str) -> Transition:
    """A route that answers slowly, three minutes after it began to."""
    own = labels({"alertname": "WebhookLatency", "severity": severity, "job": "shop", "http_route": route, **more})
    incident = Incident(
        id=f"{incident_key(own)}-1",
        key=incident_key(own),
        state=State.FIRING,
        severity=severity,
        labels=own,
        value=12.04,
        threshold=5.0,
        opened_at=BEGAN_AT - 30.0,
        fired_at=BEGAN_AT,
        reason=Reason.BREACHED,
        annotations=labels(
            {
                "summary": f"{route} answers slowly: 12 % of the webhooks take over 2s",
                "description": f"12 % of the webhooks to {route} of shop within the last minute took over 2s;"
                " the threshold is 5%, which is to say a p95 of 2s.",
                "runbook_url": "https://lapbell.example.com/runbooks/webhook-latency",
            }
        ),
        evidence=Evidence(
            blame=(PhaseShare("cache_lookup", 0.81, 1.9), PhaseShare("signature_validation", 0.11, 0.2)),
            trace_ids=TRACES,
        ),
        figures=AlertFigures(peak=14.8, minute_ago=9.1, five_minutes_ago=0.4, bad=48, total=400),
    )
    return _moved(incident, State.INACTIVE)


def resolved(of: Transition, *, after_s: float = 725.0, value: float = 0.4) -> Transition:
    """The same once it is over."""
    began_at = of.incident.fired_at or of.at
    over = replace(of.incident, state=State.RESOLVED, resolved_at=began_at + after_s, value=value)
    return _moved(replace(over, reason=Reason.RECOVERED), State.FIRING)


def storm(count: int) -> tuple[Transition, ...]:
    """Routes that became slow together."""
    return tuple(slow(f"/webhooks/{number:05}", severity="warning") for number in range(count))


def notification(*of: Transition, group: Labels = (), is_repeat: bool = False) -> Notification:
    """What a receiver is told of them."""
    news = () if is_repeat else tuple(each.id for each in of)
    return Notification("chat", "k" * 32, of[0].incident.key, group, of, news, is_page=True)


def _moved(incident: Incident, previous: State) -> Transition:
    at = incident.resolved_at or incident.fired_at or incident.opened_at
    return Transition(
        f"{incident.id}-{incident.state}", incident, previous, incident.state, incident.reason, at, is_page=True
    )
