"""PagerDuty's Events API v2 on loopback, as strict as its documentation.

Source: PagerDuty's developer documentation, events-API-v2/01-Overview.md (answers, 512 KB) and 02-Trigger-Events.md
(the properties, what they may hold, and what each action does to the alert of a key), read in November 2026.
"""

import json
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from peers.answering import Answer, Request

__all__ = ["PagerDuty"]

_LARGEST_BYTES: Final = 512 * 1024
_ROUTING_KEY: Final = 32
_DEDUP_KEY: Final = 255
_SUMMARY: Final = 1024
_SEVERITIES: Final = {"critical", "error", "warning", "info"}
_ACTIONS: Final = {"trigger", "acknowledge", "resolve"}


@dataclass(slots=True)
class PagerDuty:
    """Its alerts, by key.

    Attributes:
        open: `triggered` or `acknowledged` of each key that is open.
        pages: the summaries that a person was called for.
        events: what was taken, in order.
        refused: why events were refused.
    """

    open: dict[str, str] = field(default_factory=dict)
    pages: list[str] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def take(self, request: Request) -> Answer:
        """One event."""
        event = json.loads(request.body)
        faults = list(_faults(event, request))
        if faults:
            self.refused += faults
            body = {"status": "invalid event", "message": "Event object is invalid", "errors": faults}
            return Answer(400, json.dumps(body).encode())
        self.events.append(event)
        self._act(event["dedup_key"], event)
        return Answer(202, json.dumps({"status": "success", "dedup_key": event["dedup_key"]}).encode())

    def _act(self, key: str, event: dict[str, Any]) -> None:
        if event["event_action"] == "trigger" and key not in self.open:
            self.open[key] = "triggered"
            self.pages.append(event["payload"]["summary"])
        elif event["event_action"] == "acknowledge" and key in self.open:
            self.open[key] = "acknowledged"
        elif event["event_action"] == "resolve":
            self.open.pop(key, None)


def _faults(event: dict[str, Any], request: Request) -> list[str]:
    payload = event.get("payload", {})
    texts = {name: payload.get(name, "") for name in ("summary", "source")}
    checks = {
        "the path is not /v2/enqueue": request.path == "/v2/enqueue",
        "larger than 512 KB": len(request.body) <= _LARGEST_BYTES,
        "Length of 'routing_key' is incorrect (should be 32 characters)": len(event["routing_key"]) == _ROUTING_KEY,
        "'event_action' is none": event["event_action"] in _ACTIONS,
        "'dedup_key' is too long, or empty": 0 < len(event["dedup_key"]) <= _DEDUP_KEY,
    }
    if event["event_action"] == "trigger":
        checks |= {
            "'summary' is too long, or empty": 0 < len(texts["summary"]) <= _SUMMARY,
            "'source' is missing": bool(texts["source"]),
            "'severity' is none": payload.get("severity") in _SEVERITIES,
            "'custom_details' is no object": isinstance(payload.get("custom_details"), dict),
            "a link has no 'href'": all(urlsplit(link["href"]).scheme for link in event.get("links", [])),
        }
    return [fault for fault, is_right in checks.items() if not is_right]
