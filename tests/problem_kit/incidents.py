"""Incidents as the shipped rules make them, with the evidence that a test gives them."""

from collections.abc import Mapping
from types import MappingProxyType

from lapbell_evaluator.model import Evidence, Incident, Reason, State, incident_key, labels

__all__ = ["incident"]


def incident(
    name: str,
    evidence: Evidence | None = None,
    own: Mapping[str, str] = MappingProxyType({}),
    *,
    job: str = "app",
    severity: str = "warning",
    fired_at: float = 10.0,
) -> Incident:
    """One that fires.

    Args:
        name: of its alert.
        evidence: what was collected; None if nothing was.
        own: its other labels.
        job: the service; empty if it is about a queue.
        severity: of its alert.
        fired_at: Unix seconds.
    """
    identity = labels({"alertname": name, "job": job, "severity": severity, **own})
    key = incident_key(identity)
    return Incident(
        id=f"{key}-{int(fired_at * 1_000_000):x}",
        key=key,
        state=State.FIRING,
        severity=severity,
        labels=identity,
        value=2.0,
        opened_at=fired_at,
        fired_at=fired_at,
        reason=Reason.BREACHED,
        evidence=evidence,
        moves=1,
        paged_severity=severity,
    )
