"""Chat, mail and pagers by Apprise, which knows more than a hundred services by their URLs.

Apprise sends with blocking libraries, says yes or no, and knows no key by which a service could drop a second copy: a
message whose answer was lost is sent twice.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import unquote

import re2

from lapbell_evaluator.messages import Composer, Form, Message, MessageTemplate, Writer, subject
from lapbell_evaluator.model import Clock, EvaluatorError, Notice, Notification
from lapbell_evaluator.notify.apprise_log import Said, listening
from lapbell_evaluator.notify.daemon_thread import DaemonThread
from lapbell_evaluator.notify.errors import DeliveryError, DeniedError, DoubtfulError
from lapbell_evaluator.notify.refusals import http_refusal
from lapbell_evaluator.notify.text import one_line

if TYPE_CHECKING:
    from apprise import NotifyBase, NotifyFormat

__all__ = ["Apprise", "AppriseTarget"]

_log: Final = logging.getLogger(__name__)
_CHAT: Final = 3_000
"""Slack takes as much in one section of a message; nobody reads more of one in a chat."""
_SUBJECT: Final = 150
_SHORTEST_SECRET: Final = 3
_HTTP_STATUS: Final = re2.compile(r"\berror=(\d{3})\b")
_SMTP_STATUS: Final = re2.compile(r"\((\d{3}), b")
_OF_RECIPIENTS: Final = frozenset({"530", "535", "538", "550", "551", "553"})
"""SMTP's words about who may send, and to whom (RFC 5321, 4.2.3, and RFC 4954, 6): no message is to blame."""
_WRONG_URL: Final = "names no service that Apprise knows, or lacks a part"


@dataclass(frozen=True, slots=True)
class AppriseTarget:
    """Which service.

    Attributes:
        name: the receiver's.
        url: Apprise's; a secret: it is neither logged nor told.
        composer: says what a notification tells.
        timeout_s: for one message.
        template: the user's, and the form of its text; None: ours, in the form that suits the service.
    """

    name: str
    url: str
    composer: Composer
    timeout_s: float = 20.0
    template: tuple[Form, MessageTemplate] | None = None

    def sender(self, clock: Clock, notification: Callable[[Sequence[Notice]], Notification]) -> "Apprise":
        """What sends to it."""
        return Apprise(self, clock, notification)


class Apprise:
    """Sends each message as one text, while it is entered.

    Args:
        target: which service.
        clock: the time.
        notification: the message of some notices.
    """

    _service: "NotifyBase"
    _body_format: "NotifyFormat"
    _writer: Writer
    _has_title: bool

    def __init__(
        self, target: AppriseTarget, clock: Clock, notification: Callable[[Sequence[Notice]], Notification]
    ) -> None:
        self._target = target
        self._clock = clock
        self._notification = notification
        self._thread: DaemonThread[tuple[bool, Said]] = DaemonThread()

    def _open(self) -> None:
        target = self._target
        with listening():
            self._service = _service(target)
            self._body_format, form = _format(self._service, target.template)
        most = self._service.body_maxlen if form is Form.HTML else min(self._service.body_maxlen, _CHAT)
        self._has_title = form is not Form.MARKDOWN and self._service.title_maxlen > 0
        limit = most - _SUBJECT if self._has_title and self._service.overflow_amalgamate_title else most
        self._writer = Writer(form, limit, target.template[1] if target.template else None)

    async def send(self, notices: Sequence[Notice]) -> None:
        """Send one message.

        Raises:
            DeliveryError: it was not taken, as far as Apprise says; the kind of error says what that means.
        """
        if self._thread.is_busy:
            raise DeliveryError(
                f"The message before is still on its way to receiver {self._target.name}.",
                f"See receivers, {self._target.name}.",
                may_have_arrived=True,
            )
        notification = self._notification(notices)
        now = self._clock.now()
        try:
            is_sent, said = await self._thread.run(lambda: self._send(notification, now), self._target.timeout_s)
        except TimeoutError:
            raise DeliveryError(
                f"The service of receiver {self._target.name} did not take a message within"
                f" {self._target.timeout_s:g} s.",
                f"See receivers, {self._target.name}.",
                may_have_arrived=True,
            ) from None
        if not is_sent and not said.was_sent_to_some:
            raise self._error(said)
        if not is_sent:
            _log.warning(
                "some of those whom receiver %s names did not get a message: %s", self._target.name, self._why(said)
            )

    def _send(self, notification: Notification, now: float) -> tuple[bool, Said]:
        message = self._target.composer.message(notification, now)
        limit = min(self._service.title_maxlen, _SUBJECT)
        title = subject(message, limit) if self._has_title else ""
        is_whole = title == subject(message)
        with listening() as said:
            is_sent = self._service.notify(
                body=self._writer.write(message, with_title=not is_whole),
                title=title,
                notify_type=_kind(message),
                body_format=self._body_format,
            )
        return bool(is_sent), said

    def _error(self, said: Said) -> DeliveryError:
        """What a refusal means: by the status of HTTP or SMTP where Apprise logs one."""
        message = f"The service of receiver {self._target.name} did not take a message: {self._why(said)}."
        remedy = f"See receivers, {self._target.name}."
        lines = "\n".join(text for _, text in said.lines)
        if found := _HTTP_STATUS.search(lines):
            return http_refusal(int(found[1]), message, None, remedy)
        if found := _SMTP_STATUS.search(lines):
            status = str(found[1])
            if status in _OF_RECIPIENTS:
                return DeniedError(message, remedy, status=status)
            return (DoubtfulError if status.startswith("5") else DeliveryError)(message, remedy, status=status)
        return DeliveryError(message, remedy, may_have_arrived=True)

    def _why(self, said: Said) -> str:
        reason = one_line(_without_secrets(said.reason, self._target.url)).rstrip(".")
        return reason or "Apprise does not say why"

    async def __aenter__(self) -> Self:
        """Look for the service.

        Raises:
            EvaluatorError: Apprise is not installed, or the URL is none of its.
        """
        await asyncio.to_thread(self._open)  # to import Apprise takes half a second
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing is kept open between messages."""


def _service(target: AppriseTarget) -> "NotifyBase":
    """What sends; it follows no redirect, writes no file, and shows no picture from elsewhere."""
    try:
        import apprise  # noqa: PLC0415 - an extra, and heavy
    except ImportError:
        raise EvaluatorError(
            f"Receiver {target.name} is told by Apprise, which is not installed.", "pip install 'lapbell[apprise]'"
        ) from None
    asset = apprise.AppriseAsset(
        app_id="lapbell",
        app_desc="lapbell",
        http_redirects=False,
        image_url_mask="",
        image_url_logo="",
        interpret_emojis=False,
        pem_autogen=False,
        pgp_autogen=False,
        storage_mode="memory",
    )
    service = apprise.Apprise.instantiate(target.url, asset=asset)
    if service is None:
        raise EvaluatorError(
            f"The URL of receiver {target.name} {_WRONG_URL}.", "See Apprise's documentation of the service."
        )
    return service


def _format(service: "NotifyBase", template: tuple[Form, MessageTemplate] | None) -> tuple["NotifyFormat", Form]:
    """What Apprise is told that the text is, and the same in our words: Markdown if the service takes it."""
    from apprise import NotifyFormat  # noqa: PLC0415 - see above

    forms = {Form.PLAIN: NotifyFormat.TEXT, Form.MARKDOWN: NotifyFormat.MARKDOWN, Form.HTML: NotifyFormat.HTML}
    if template is not None:
        return forms[template[0]], template[0]
    taken = service.resolve_format(NotifyFormat.MARKDOWN)
    return taken, next(form for form, name in forms.items() if name == taken)


def _kind(message: Message) -> str:
    """Apprise's word, which chooses a colour or a sound."""
    if message.status == "resolved":
        return "success"
    return {"critical": "failure", "page": "failure", "error": "failure", "info": "info"}.get(
        message.severity.lower(), "warning"
    )


def _without_secrets(text: str, url: str) -> str:
    """The text without any part of the URL."""
    _, _, rest = url.partition("://")
    for separator in "/:@?&=,;#":
        rest = rest.replace(separator, " ")
    parts = {*rest.split(), *unquote(rest).split()}
    for part in sorted(parts, key=len, reverse=True):
        if len(part) >= _SHORTEST_SECRET:
            text = text.replace(part, "***")
    return text
