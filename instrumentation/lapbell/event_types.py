"""What a webhook is about, as its provider says: for `lapbell.event_type(lapbell.event_types.github(request.headers))`.

Each answers an empty string where the provider does not say, and never raises. Nothing but the type's name is read.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qs

from lapbell import semconv

__all__ = ["EventTypes", "github", "shopify", "slack", "standard_webhooks", "stripe", "twilio"]

MOST: Final = 100
"""Types that a process tells apart; later ones share one name."""
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.:/-]{0,63}")
_TWILIO_KINDS: Final = (("MessageStatus", "message"), ("SmsStatus", "message"), ("CallStatus", "call"))


class EventTypes:
    """The types of events that a process has seen: few, and names that can't be personal, whatever the app says."""

    def __init__(self) -> None:
        self._names: set[str] = set()

    def bounded(self, name: str) -> str:
        """The name if it looks like one and is among the first hundred, `_OTHER` else; empty if there is none."""
        if not name or name in self._names:
            return name
        if len(self._names) >= MOST or _NAME.fullmatch(name) is None:
            return semconv.ERROR_TYPE_OTHER
        self._names.add(name)
        return name


def github(headers: Mapping[str, str]) -> str:
    """The header `X-GitHub-Event`, such as push or pull_request.

    https://docs.github.com/en/webhooks/webhook-events-and-payloads
    """
    return _header(headers, "x-github-event")


def shopify(headers: Mapping[str, str]) -> str:
    """The header `X-Shopify-Topic`, such as orders/create.

    https://shopify.dev/docs/apps/build/webhooks/subscribe/https
    """
    return _header(headers, "x-shopify-topic")


def stripe(body: bytes | str | Mapping[str, Any]) -> str:
    """The event's `type`, such as invoice.paid.

    https://docs.stripe.com/api/events/object
    """
    return _text(_parsed(body).get("type"))


def standard_webhooks(body: bytes | str | Mapping[str, Any]) -> str:
    """The payload's `type`, such as user.created, as Standard Webhooks recommends it.

    https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
    """
    return _text(_parsed(body).get("type"))


def slack(body: bytes | str | Mapping[str, Any]) -> str:
    """The type of an event (app_mention, …), of an interaction (block_actions, …), or `slash_command`.

    https://docs.slack.dev/apis/events-api, https://docs.slack.dev/interactivity
    """
    fields = _parsed(body)
    if "command" in fields:
        return "slash_command"
    if "payload" in fields:
        fields = _parsed(_text(fields["payload"]))
    event = fields.get("event")
    return _text(event.get("type") if isinstance(event, Mapping) else fields.get("type"))


def twilio(form: bytes | str | Mapping[str, Any]) -> str:
    """Of a form `message.received`, `message.delivered`, `call.ringing`, …; of TaskRouter and the like `EventType`.

    https://www.twilio.com/docs/messaging/guides/webhook-request, https://www.twilio.com/docs/voice/twiml
    """
    fields = _parsed(form)
    if event := _text(fields.get("EventType")):
        return event
    said = ((kind, _text(fields.get(field))) for field, kind in _TWILIO_KINDS)
    return next((f"{kind}.{status}" for kind, status in said if status), "")


def _header(headers: Mapping[str, str], wanted: str) -> str:
    return next((value for name, value in headers.items() if name.lower() == wanted), "")


def _parsed(body: bytes | str | Mapping[str, Any]) -> Mapping[str, Any]:
    """The fields of JSON, or of a form; none of anything else."""
    if isinstance(body, Mapping):
        return body
    try:
        text = body.decode() if isinstance(body, bytes) else body
        fields = json.loads(text) if text.lstrip()[:1] in ("{", "[") else _form(text)
    except (ValueError, RecursionError):
        return {}
    return fields if isinstance(fields, Mapping) else {}


def _form(text: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(text).items()}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
