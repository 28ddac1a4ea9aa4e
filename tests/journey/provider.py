"""The other side: signs webhooks as Twilio does, posts them, and notes what came back and when."""

import asyncio
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count

import httpx
from twilio.request_validator import RequestValidator

from journey.plan import Plan

__all__ = ["ROUTE", "Answer", "Provider"]

ROUTE = "/webhook/whatsapp"
_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Answer:
    """One webhook's answer: its status, and seconds until its end."""

    status: int
    seconds: float


@dataclass(slots=True)
class Provider:
    """Sends to one app, at most `at_once` webhooks at a time."""

    url: str
    token: str
    at_once: int = 8
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    async def send(self, plans: Iterable[Plan], *, forged: bool = False) -> list[Answer]:
        """One webhook for each plan; each has a message id of its own."""
        plans = list(plans)
        waiting = iter(plans)
        answers: list[Answer] = []

        async def sender(client: httpx.AsyncClient) -> None:
            answers.extend([await self._post(client, plan, forged=forged) for plan in waiting])

        async with httpx.AsyncClient(timeout=_TIMEOUT_S, trust_env=False) as client, asyncio.TaskGroup() as senders:
            for _ in range(min(self.at_once, len(plans))):
                senders.create_task(sender(client))
        return answers

    async def _post(self, client: httpx.AsyncClient, plan: Plan, *, forged: bool) -> Answer:
        url = self.url + ROUTE
        form = {
            "MessageSid": f"SM{next(self._numbers):032x}",
            "From": "whatsapp:+15550001111",
            "Body": "Is this true?",
            **plan.form(),
        }
        signature = "forged" if forged else RequestValidator(self.token).compute_signature(url, form)
        began = time.perf_counter()
        answer = await client.post(url, data=form, headers={"X-Twilio-Signature": signature})
        return Answer(answer.status_code, time.perf_counter() - began)
