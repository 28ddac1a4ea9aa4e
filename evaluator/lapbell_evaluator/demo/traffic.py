"""Twilio, played: signed WhatsApp messages from a few senders that each wait for an answer before they go on."""

import asyncio
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import httpx
from twilio.request_validator import RequestValidator

from lapbell_evaluator.demo.settings import ROUTE, DemoSettings

__all__ = ["Traffic", "messages"]

_SENDERS: Final = 4
_THINK_S: Final = 0.3
_TIMEOUT_S: Final = 15.0
_DUPLICATE_SHARE: Final = 0.03
_FORGED_SHARE: Final = 0.01
_TEXTS: Final = ("Is this true?", "Can you check this link?", "My aunt sent me this.", "Who said that?", "Really?")


def messages(seed: int) -> Iterator[dict[str, str]]:
    """Form fields as Twilio posts them; now and then one is delivered twice."""
    chance = random.Random(seed)  # noqa: S311 # traffic, no secret
    last: dict[str, str] = {}
    while True:
        if not last or chance.random() > _DUPLICATE_SHARE:
            last = {
                "MessageSid": f"SM{chance.getrandbits(128):032x}",
                "From": f"whatsapp:+1555{chance.randrange(10**7):07}",
                "To": "whatsapp:+15550001111",
                "Body": chance.choice(_TEXTS),
                "NumMedia": "0",
            }
        yield last


@dataclass(slots=True)
class Traffic:
    """Sends until cancelled, and counts the answers by status."""

    settings: DemoSettings
    answers: dict[int, int] = field(default_factory=dict)

    async def run(self) -> None:
        """Send from several senders at once."""
        async with httpx.AsyncClient(timeout=_TIMEOUT_S, trust_env=False) as client, asyncio.TaskGroup() as senders:
            for number in range(_SENDERS):
                senders.create_task(self._send(client, number))

    async def _send(self, client: httpx.AsyncClient, number: int) -> None:
        url = self.settings.public_url + ROUTE
        signer = RequestValidator(self.settings.auth_token)
        chance = random.Random(number)  # noqa: S311 # traffic, no secret
        for form in messages(number):
            is_forged = chance.random() < _FORGED_SHARE
            signature = "forged" if is_forged else signer.compute_signature(url, form)
            try:
                answer = await client.post(url, data=form, headers={"X-Twilio-Signature": signature})
                self._count(answer.status_code)
            except httpx.TransportError:
                self._count(0)
            await asyncio.sleep(chance.expovariate(1 / _THINK_S))

    def _count(self, status: int) -> None:
        self.answers[status] = self.answers.get(status, 0) + 1
