"""PagerDuty, and whatever speaks its Events API v2.

Source: PagerDuty's developer documentation, events-API-v2: "01-Overview" and "02-Trigger-Events" (November 2026):
a key of at most 255 characters, a summary of at most 1,024, four severities, 512 KB for an event; 202 if it was taken,
429 and 5xx to be tried again, 400 never. Triggers of one key page once while its alert is open: an event that is sent
twice, because its answer was lost, calls nobody twice.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from typing import Any, Final

from lapbell_evaluator.messages import Composer, Entry, Link, Message, cut
from lapbell_evaluator.model import ALERT_NAME, Clock, Notice, Notification, State, label_value
from lapbell_evaluator.notify.errors import DeliveryError, DeniedError
from lapbell_evaluator.notify.http_post import Answer
from lapbell_evaluator.notify.posting import Posting, Service
from lapbell_evaluator.notify.target import MessageSender

__all__ = ["PagerDutyTarget"]

_LONGEST_KEY: Final = 255
_LONGEST_SUMMARY: Final = 1024
_LONGEST_SOURCE: Final = 255
_BAD_REQUEST: Final = 400
_SEVERITIES: Final = {"critical": "critical", "page": "critical", "error": "error", "info": "info"}
_SOURCES: Final = ("instance", "host_name", "service_name", "job")


@dataclass(frozen=True, slots=True)
class PagerDutyTarget:
    """Which service of PagerDuty.

    Attributes:
        name: the receiver's.
        routing_key: of an integration; a secret: it is neither logged nor told.
        composer: says what a notification tells.
        url: where events are posted to.
        timeout_s: for one event.
    """

    name: str
    routing_key: str
    composer: Composer
    url: str = "https://events.pagerduty.com/v2/enqueue"
    timeout_s: float = 10.0

    def sender(self, clock: Clock, notification: Callable[[Sequence[Notice]], Notification]) -> MessageSender:
        """What sends to it."""
        service = Service(
            f"PagerDuty of receiver {self.name}",
            f"receivers, {self.name}",
            self.url,
            self.timeout_s,
            self.routing_key,
            _meaning,
        )
        return Posting(service, clock, notification, self.composer.message, partial(_event, self))


def _meaning(answer: Answer, error: DeliveryError) -> DeliveryError:
    """Of a key that PagerDuty does not know, no event is to blame."""
    said = answer.text().lower().replace("_", " ")
    is_key = answer.status == _BAD_REQUEST and "routing key" in said
    return DeniedError(error.message, "See its routing_key_file.", status=error.status) if is_key else error


def _event(target: PagerDutyTarget, notification: Notification, message: Message) -> dict[str, Any]:
    event: dict[str, Any] = {"routing_key": target.routing_key, "dedup_key": _key(notification.group)}
    firing = [transition for transition in notification.transitions if transition.state is not State.RESOLVED]
    if not firing:
        return event | {"event_action": "resolve"}
    if all(transition.incident.acknowledged_at is not None for transition in firing):
        return event | {"event_action": "acknowledge"}
    incident = min(firing, key=lambda transition: transition.at).incident
    source = next((value for name in _SOURCES if (value := label_value(incident.labels, name))), "lapbell")
    began_at = incident.opened_at if incident.fired_at is None else incident.fired_at
    return event | {
        "event_action": "trigger",
        "client": "lapbell",
        "client_url": target.composer.external_url,
        "links": [{"href": link.url, "text": link.text} for link in _links(message.entries[0])],
        "payload": {
            "summary": cut(message.title, _LONGEST_SUMMARY),
            "source": cut(source, _LONGEST_SOURCE),
            "severity": _SEVERITIES.get(message.severity.lower(), "warning"),
            "timestamp": datetime.fromtimestamp(began_at, UTC).isoformat(timespec="milliseconds"),
            "class": cut(label_value(incident.labels, ALERT_NAME), _LONGEST_SOURCE),
            "custom_details": _details(message),
        },
    }


def _key(group: str) -> str:
    """The group's, or of a long one its digest."""
    key = f"lapbell {group}"
    return key if len(key) <= _LONGEST_KEY else f"lapbell {sha256(group.encode()).hexdigest()}"


def _links(entry: Entry) -> list[Link]:
    return [link for link in (*entry.links, *entry.traces) if link.url]


def _details(message: Message) -> dict[str, Any]:
    """Of one incident what is known of it; of several their headlines."""
    first = message.entries[0]
    if not message.is_of_one:
        more = {"more": message.more} if message.more else {}
        return {"alerts": [entry.headline for entry in message.entries], **more}
    facts = {fact.name: fact.text for fact in first.facts if not fact.links}
    traces = [link.url or link.text for link in first.traces]
    return {"description": first.description, **facts, "traces": traces, "labels": dict(first.labels)}
