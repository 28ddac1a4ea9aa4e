"""Posts one JSON document per message to a service that people use."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Self

import msgspec

from lapbell_evaluator.messages import Message
from lapbell_evaluator.model import Clock, Notice, Notification
from lapbell_evaluator.notify.errors import DeliveryError
from lapbell_evaluator.notify.http_post import Answer, HttpPost
from lapbell_evaluator.notify.refusals import http_refusal

__all__ = ["Posting", "Service"]

_JSON: Final = (("content-type", "application/json"),)


def _plainly(_: Answer, error: DeliveryError) -> DeliveryError:
    return error


@dataclass(frozen=True, slots=True)
class Service:
    """What takes messages.

    Attributes:
        name: what it is called where people read, such as `Slack of receiver chat`.
        setting: where it is set, for the remedy.
        url: where to; a secret.
        timeout_s: for one message.
        secret: what else no answer of it may tell; empty if there is nothing.
        meaning: what a refusal means, if not what its status says.
    """

    name: str
    setting: str
    url: str
    timeout_s: float
    secret: str = ""
    meaning: Callable[[Answer, DeliveryError], DeliveryError] = _plainly


class Posting:
    """Sends messages while it is entered.

    Args:
        service: where to.
        clock: the time.
        notification: the message of some notices.
        message: what it says, at Unix seconds; storms take a while, so that it works beside the loop.
        document: the same as the service wants it.
    """

    def __init__(
        self,
        service: Service,
        clock: Clock,
        notification: Callable[[Sequence[Notice]], Notification],
        message: Callable[[Notification, float], Message],
        document: Callable[[Notification, Message], dict[str, Any]],
    ) -> None:
        self._service = service
        self._clock = clock
        self._notification = notification
        self._message = message
        self._document = document
        name, setting = service.name, service.setting
        self._post = HttpPost(
            service.url, clock, name=name, setting=setting, headers=_JSON, timeout_s=service.timeout_s
        )

    async def send(self, notices: Sequence[Notice]) -> None:
        """Send one message.

        Raises:
            DeliveryError: it was not taken; the kind of error says what that means for the notices.
        """
        notification = self._notification(notices)
        content = await asyncio.to_thread(self._content, notification, self._clock.now())
        answer = await self._post.post(content)
        if not answer.is_success:
            raise self._refusal(answer)

    def _content(self, notification: Notification, now: float) -> bytes:
        return msgspec.json.encode(self._document(notification, self._message(notification, now)))

    def _refusal(self, answer: Answer) -> DeliveryError:
        service = self._service
        if service.secret:
            answer = replace(answer, body=answer.body.replace(service.secret.encode(), b"***"))
        text = f"{service.name} answers {answer.status}: {answer.text()}"
        error = http_refusal(answer.status, text, answer.retry_after_s, f"See {service.setting}.")
        return service.meaning(answer, error)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._post.close()
