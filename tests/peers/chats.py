"""Slack's incoming webhooks and Discord's webhooks on loopback, as strict as their documentation.

Source: Slack, docs.slack.dev: "Blocks" (50 in a message), "Header block" (150 characters of plain text), "Section
block" and "Text object" (1 to 3,000 characters), "Incoming webhooks" (400 with `invalid_blocks`, 200 with `ok`).
Discord, "Webhook Resource, Execute Webhook" (content of 2,000 characters, 10 embeds) and "Message Resource, Embed
Limits" (256 characters of a title, 4,096 of a description, 6,000 together), characters counted as UTF-16; 204 if it was
taken, 400 with code 50035 if the form is invalid. Both as of November 2026.
"""

import json
from dataclasses import dataclass, field
from typing import Any, Final

from peers.answering import Answer, Request

__all__ = ["Discord", "Slack"]

_BLOCKS: Final = 50
_HEADER: Final = 150
_TEXT: Final = 3_000
_CONTENT: Final = 2_000
_EMBEDS: Final = 10
_TITLE: Final = 256
_DESCRIPTION: Final = 4_096
_TOGETHER: Final = 6_000


@dataclass(slots=True)
class Slack:
    """A channel.

    Attributes:
        messages: what was taken, in order.
        refused: why messages were refused.
    """

    messages: list[dict[str, Any]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def take(self, request: Request) -> Answer:
        """One message."""
        message = json.loads(request.body)
        blocks = [block for part in message["attachments"] for block in part["blocks"]]
        faults = [fault for block in blocks for fault in _of_block(block)]
        if len(blocks) > _BLOCKS:
            faults.append("too many blocks")
        if not message.get("text"):
            faults.append("no text")
        if faults:
            self.refused += faults
            return Answer(400, b"invalid_blocks")
        self.messages.append(message)
        return Answer(200, b"ok")


def _of_block(block: dict[str, Any]) -> list[str]:
    text = block["text"]
    most = _HEADER if block["type"] == "header" else _TEXT
    checks = {
        f"{block['type']} is no block of ours": block["type"] in {"header", "section"},
        f"{len(text['text'])} characters of a {block['type']}": 0 < len(_utf16(text["text"])) <= most,
        "a header that is not plain": block["type"] != "header" or text["type"] == "plain_text",
        "a kind of text that there is not": text["type"] in {"plain_text", "mrkdwn"},
        "`emoji` of mrkdwn": text["type"] == "plain_text" or "emoji" not in text,
    }
    return [fault for fault, is_right in checks.items() if not is_right]


@dataclass(slots=True)
class Discord:
    """A channel.

    Attributes:
        messages: what was taken, in order.
        refused: why messages were refused.
    """

    messages: list[dict[str, Any]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def take(self, request: Request) -> Answer:
        """One message."""
        message = json.loads(request.body)
        embeds = message.get("embeds", [])
        titles = [_utf16(embed.get("title", "")) for embed in embeds]
        descriptions = [_utf16(embed.get("description", "")) for embed in embeds]
        checks = {
            "content": len(_utf16(message.get("content", ""))) <= _CONTENT,
            "nothing to show": bool(message.get("content") or embeds),
            "embeds": len(embeds) <= _EMBEDS,
            "a title": all(len(title) <= _TITLE for title in titles),
            "a description": all(len(description) <= _DESCRIPTION for description in descriptions),
            "together": sum(map(len, (*titles, *descriptions))) <= _TOGETHER,
        }
        faults = [fault for fault, is_right in checks.items() if not is_right]
        if faults:
            self.refused += faults
            return Answer(400, b'{"code": 50035, "message": "Invalid Form Body"}')
        self.messages.append(message)
        return Answer(204)


def _utf16(text: str) -> bytes:
    """One byte for each unit of UTF-16."""
    return text.encode("utf-16-le", "replace")[::2]
