"""Slack, by an incoming webhook.

Source: Slack's developer documentation, "Blocks", "Header block", "Section block", "Text object", "Formatting message
text" and "Incoming webhooks" (docs.slack.dev, November 2026): 50 blocks, 150 characters of a header, 3,000 of a
section; `&`, `<` and `>` written as entities, and no other escape in `mrkdwn`. So what is of strangers stands in plain
text, which Slack marks up nowhere; `mrkdwn` has our own links alone.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from html import escape
from typing import Any, Final

from lapbell_evaluator.messages import Composer, Entry, Form, Message, MessageTemplate, Writer, subject
from lapbell_evaluator.model import Clock, Notice, Notification
from lapbell_evaluator.notify.colors import color_of
from lapbell_evaluator.notify.posting import Posting, Service
from lapbell_evaluator.notify.target import MessageSender

__all__ = ["SlackTarget"]

_HEADER: Final = 150
_SECTION: Final = 3_000
_FALLBACK: Final = 300
_BETWEEN: Final = " · "


@dataclass(frozen=True, slots=True)
class SlackTarget:
    """Which channel.

    Attributes:
        name: the receiver's.
        url: of the incoming webhook; a secret: it is neither logged nor told.
        composer: says what a notification tells.
        timeout_s: for one message.
        template: the user's, of plain text; None: ours.
    """

    name: str
    url: str
    composer: Composer
    timeout_s: float = 10.0
    template: MessageTemplate | None = None

    def sender(self, clock: Clock, notification: Callable[[Sequence[Notice]], Notification]) -> MessageSender:
        """What sends to it."""
        service = Service(f"Slack of receiver {self.name}", f"receivers, {self.name}", self.url, self.timeout_s)
        document = partial(_document, Writer(Form.PLAIN, _SECTION, self.template), self.template is not None)
        return Posting(service, clock, notification, self.composer.message, document)


def _document(writer: Writer, is_templated: bool, _: Notification, message: Message) -> dict[str, Any]:  # noqa: FBT001
    header = subject(message, _HEADER)
    blocks = [{"type": "header", "text": _plain(header)}]
    if is_templated:
        blocks.append(_section(writer.write(message)))
    else:
        is_whole = header == subject(message)
        blocks += _entries(message, writer, with_title=not is_whole)
    color = f"#{color_of(message):06x}"
    fallback = escape(subject(message, _FALLBACK), quote=False)
    return {"text": fallback, "attachments": [{"color": color, "fallback": fallback, "blocks": blocks}]}


def _entries(message: Message, writer: Writer, *, with_title: bool) -> Iterator[dict[str, Any]]:
    for entry in message.entries:
        facts = tuple(fact for fact in entry.facts if not any(link.url for link in fact.links))
        alone = replace(message, title=entry.headline, entries=(replace(entry, facts=facts, links=()),), more=0)
        is_said = message.is_of_one and not with_title
        if is_said and not (facts or entry.description):
            yield from _links(entry)
            continue
        yield _section(writer.write(alone, with_title=not is_said))
        yield from _links(entry)
    if message.more:
        yield _section(f"and {message.more:,} more")


def _links(entry: Entry) -> Iterator[dict[str, Any]]:
    """What can be opened, in `mrkdwn`: buttons would want a server that answers them."""
    links = [link for link in (*entry.links, *entry.traces) if link.url]
    text = ""
    for link in links:
        longer = f"{text}{_BETWEEN if text else ''}<{escape(link.url, quote=False)}|{escape(link.text, quote=False)}>"
        text = longer if len(longer) <= _SECTION else text
    if text:
        yield {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": _plain(text)}


def _plain(text: str) -> dict[str, Any]:
    """Text that Slack marks up nowhere."""
    return {"type": "plain_text", "text": text, "emoji": False}
