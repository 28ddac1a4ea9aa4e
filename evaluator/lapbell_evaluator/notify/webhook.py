"""A webhook as a receiver: Alertmanager's payload, with what Alertmanager does not know beside it.

Source: Alertmanager, template/template.go and notify/webhook/webhook.go: version 4 of the payload.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Self

import msgspec

from lapbell_evaluator.model import (
    ALERT_NAME,
    Clock,
    Evidence,
    Incident,
    Labels,
    Notice,
    Notification,
    State,
    Transition,
    cause_of,
    fingerprint,
    label_value,
    rank_of,
    trace_link,
)
from lapbell_evaluator.notify.http_post import HttpPost
from lapbell_evaluator.notify.receiver_link import no_link
from lapbell_evaluator.notify.refusals import http_refusal

__all__ = ["Webhook", "WebhookTarget"]

_MOST_ALERTS: Final = 100
_MOST_MOVES: Final = 1_000
_MOST_BYTES: Final = 500_000
_MOST_CHARACTERS: Final = 4_096
_VERSION: Final = "4"
_NOT_YET: Final = "0001-01-01T00:00:00Z"
_JSON: Final = (("content-type", "application/json"),)


@dataclass(frozen=True, slots=True)
class WebhookTarget:
    """Where messages are posted to.

    Attributes:
        name: the receiver's.
        url: a secret: it is neither logged nor told.
        headers: sent with each request, such as an `Authorization`.
        timeout_s: for one request.
        external_url: where people reach this evaluator.
        trace_url: where traces are looked at, with `{trace_id}` in it; None if nobody said.
        acknowledge_url: gives the link by which a person takes an incident; None if there is none.
    """

    name: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    timeout_s: float = 10.0
    external_url: str = ""
    trace_url: str | None = None
    acknowledge_url: Callable[[Incident], str | None] = no_link

    def sender(self, clock: Clock, notification: Callable[[Sequence[Notice]], Notification]) -> "Webhook":
        """What sends to it."""
        return Webhook(self, clock, notification)


class Webhook:
    """Posts one JSON document per message.

    Args:
        target: where to.
        clock: tells how far off the date of a `Retry-After` is.
        notification: the message of some notices.
    """

    def __init__(
        self, target: WebhookTarget, clock: Clock, notification: Callable[[Sequence[Notice]], Notification]
    ) -> None:
        self._target = target
        self._notification = notification
        self._post = HttpPost(
            target.url,
            clock,
            name=f"The webhook of receiver {target.name}",
            setting=f"receivers, {target.name}",
            headers=(*_JSON, *target.headers),
            timeout_s=target.timeout_s,
        )

    async def send(self, notices: Sequence[Notice]) -> None:
        """Send one message.

        Raises:
            DeliveryError: it was not taken; the kind of error says what that means for the notices.
        """
        notification = self._notification(notices)
        payload = _encoded(notification, self._target)
        answer = await self._post.post(payload, headers=(("idempotency-key", notification.key),))
        if not answer.is_success:
            message = f"The webhook of receiver {self._target.name} answers {answer.status}: {answer.text()}"
            raise http_refusal(answer.status, message, answer.retry_after_s, f"See receivers, {self._target.name}.")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._post.close()


def _encoded(notification: Notification, target: WebhookTarget) -> bytes:
    """The document as JSON, with fewer alerts where they are large: many servers refuse more than a megabyte."""
    most = _MOST_ALERTS
    payload = msgspec.json.encode(_payload(notification, target, most))
    while len(payload) > _MOST_BYTES and most > 1:
        most //= 2
        payload = msgspec.json.encode(_payload(notification, target, most))
    return payload


def _payload(notification: Notification, target: WebhookTarget, most: int) -> dict[str, Any]:
    """The document of a message: Alertmanager's keys in camelCase, and ours beside them.

    Args:
        notification: what is told.
        target: for its links.
        most: how many alerts are shown.
    """
    shown = notification.transitions[:most]
    alerts = [
        {**_alert(transition, target), **_problem(transition.incident, notification.cause, notification.explains)}
        for transition in shown
    ]
    return {
        "version": _VERSION,
        "groupKey": notification.group,
        "truncatedAlerts": len(notification.transitions) - len(shown),
        "status": "firing" if notification.is_firing else "resolved",
        "receiver": notification.receiver,
        "groupLabels": dict(notification.group_labels),
        "commonLabels": _common([alert["labels"] for alert in alerts]),
        "commonAnnotations": _common([alert["annotations"] for alert in alerts]),
        "externalURL": target.external_url,
        "alerts": alerts,
        "idempotencyKey": notification.key,
        "transitionIds": list(notification.news[:_MOST_MOVES]),
        "truncatedTransitions": max(0, len(notification.news) - _MOST_MOVES),
        "isRepeat": not notification.news,
        "isPage": notification.is_page,
        "problem": _explained(notification),
    }


def _alert(transition: Transition, target: WebhookTarget) -> dict[str, Any]:
    incident = transition.incident
    is_over = transition.state is State.RESOLVED
    ended_at = transition.at if incident.resolved_at is None else incident.resolved_at
    return {
        "status": "resolved" if is_over else "firing",
        "labels": _cut(incident.labels),
        "annotations": _cut(incident.annotations),
        "startsAt": _moment(incident.opened_at if incident.fired_at is None else incident.fired_at),
        "endsAt": _moment(ended_at) if is_over else _NOT_YET,
        "generatorURL": f"{target.external_url}/api/performance/alerts/{incident.key}",
        "fingerprint": fingerprint(incident.labels),
        "alertKey": incident.key,
        "incidentId": incident.id,
        "transitionId": transition.id,
        "state": str(transition.state),
        "reason": str(transition.reason),
        "severity": incident.severity,
        "value": incident.value if math.isfinite(incident.value) else None,
        "threshold": incident.threshold,
        "acknowledgedBy": incident.acknowledged_by,
        "acknowledgeUrl": None if is_over else target.acknowledge_url(incident),
        **_figures(incident),
        **_evidence(incident.evidence, target.trace_url),
    }


def _problem(incident: Incident, cause: Incident | None, explains: Sequence[Incident]) -> dict[str, Any]:
    is_cause = cause is not None and incident.id == cause.id
    return {
        "problemId": incident.problem,
        "causedBy": incident.caused_by,
        "explains": [each.key for each in explains[:_MOST_ALERTS]] if is_cause else [],
    }


def _explained(notification: Notification) -> dict[str, Any] | None:
    """The cause, and what it explains: incidents that need not be among those that are told."""
    if notification.cause is None:
        return None
    explains = [_named(incident) for incident in notification.explains[:_MOST_ALERTS]]
    severities = (incident.severity for incident in (notification.cause, *notification.explains))
    return {
        "severity": max(severities, key=rank_of),
        "cause": _named(notification.cause),
        "explains": explains,
    }


def _named(incident: Incident) -> dict[str, Any]:
    name = label_value(incident.labels, ALERT_NAME)
    return {
        "alertKey": incident.key,
        "alertname": name,
        "severity": incident.severity,
        "state": str(incident.state),
        "summary": dict(incident.annotations).get("summary", name),
    }


def _figures(incident: Incident) -> dict[str, float | None]:
    figures = incident.figures
    return {
        "peak": None if figures is None else figures.peak,
        "bad": None if figures is None else figures.bad,
        "total": None if figures is None else figures.total,
    }


def _evidence(evidence: Evidence | None, trace_url: str | None) -> dict[str, Any]:
    """What is to blame, and the traces that prove it; null where nothing was collected."""
    traces = () if evidence is None else evidence.trace_ids
    links = [link for trace_id in traces if (link := trace_link(trace_url, trace_id)) is not None]
    return {
        "cause": None if evidence is None else cause_of(evidence),
        "phase": None if evidence is None else evidence.phase,
        "phaseShare": None if evidence is None else evidence.phase_share,
        "traceIds": list(traces),
        "traceUrls": links,
    }


def _cut(pairs: Labels) -> dict[str, str]:
    """The pairs, with the beginnings of what is too long for a message; the fingerprint is that of the whole."""
    return {name: value[:_MOST_CHARACTERS] for name, value in pairs}


def _common(all_of: Sequence[dict[str, str]]) -> dict[str, str]:
    """The pairs that all have."""
    if not all_of:
        return {}
    first, *others = all_of
    return {name: value for name, value in first.items() if all(other.get(name) == value for other in others)}


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
