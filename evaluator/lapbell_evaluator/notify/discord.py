"""Discord, by a webhook.

Source: Discord's developer documentation, "Webhook Resource, Execute Webhook" and "Message Resource, Embed Limits"
(November 2026): 2,000 characters of content, 10 embeds, 256 characters of a title, 4,096 of a description, 6,000 of all
embeds together; `allowed_mentions` says who may be called; the flag 4096 shows a message without a sound.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from lapbell_evaluator.messages import Composer, Form, Message, MessageTemplate, Writer, markdown_subject
from lapbell_evaluator.model import Clock, Notice, Notification
from lapbell_evaluator.notify.colors import color_of
from lapbell_evaluator.notify.posting import Posting, Service
from lapbell_evaluator.notify.target import MessageSender

__all__ = ["DiscordTarget"]

_TITLE: Final = 240
_DESCRIPTION: Final = 4_000
_SUPPRESS_NOTIFICATIONS: Final = 1 << 12


@dataclass(frozen=True, slots=True)
class DiscordTarget:
    """Which channel.

    Attributes:
        name: the receiver's.
        url: of the webhook; a secret: it is neither logged nor told.
        composer: says what a notification tells.
        timeout_s: for one message.
        template: the user's, of Markdown; None: ours.
    """

    name: str
    url: str
    composer: Composer
    timeout_s: float = 10.0
    template: MessageTemplate | None = None

    def sender(self, clock: Clock, notification: Callable[[Sequence[Notice]], Notification]) -> MessageSender:
        """What sends to it."""
        service = Service(f"Discord of receiver {self.name}", f"receivers, {self.name}", self.url, self.timeout_s)
        document = partial(_document, Writer(Form.MARKDOWN, _DESCRIPTION, self.template))
        return Posting(service, clock, notification, self.composer.message, document)


def _document(writer: Writer, notification: Notification, message: Message) -> dict[str, Any]:
    title = markdown_subject(message, _TITLE)
    is_whole = title == markdown_subject(message)
    return {
        "embeds": [
            {
                "title": title,
                "description": writer.write(message, with_title=not is_whole),
                "color": color_of(message),
            }
        ],
        "allowed_mentions": {"parse": []},
        "flags": 0 if notification.is_page else _SUPPRESS_NOTIFICATIONS,
    }
