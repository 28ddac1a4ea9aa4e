"""The demo's webhook receiver: a WhatsApp bot behind Twilio, as a user of lapbell would write it."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Annotated, Final

import redis.asyncio as redis
from fastapi import FastAPI, Header, HTTPException, Request, Response
from pydantic import BaseModel, Field
from twilio.request_validator import RequestValidator

import lapbell
from lapbell_evaluator.demo.settings import ROUTE, DemoSettings
from lapbell_evaluator.demo.tasks import message_queue

__all__ = ["app"]

_SEEN_FOR_S: Final = 600
_TWIML: Final = '<?xml version="1.0" encoding="UTF-8"?><Response/>'

settings: Final = DemoSettings.from_environment()
validator: Final = RequestValidator(settings.auth_token)
store: Final = redis.Redis.from_url(settings.redis_url)
queue: Final = message_queue(settings)


class Slowness(BaseModel):
    """How much longer than usual a signature check takes, in seconds."""

    signature_delay_s: float = Field(ge=0, le=10)


@contextlib.asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Closes connections at the end."""
    yield
    await store.aclose()


app: Final = FastAPI(title="lapbell demo: WhatsApp receiver", lifespan=lifespan)
app.state.slowness = Slowness(signature_delay_s=0)
lapbell.setup(app, provider="twilio", webhooks=[ROUTE], redis=True, queues=[queue])


@app.post(ROUTE)
async def receive(request: Request, x_twilio_signature: Annotated[str, Header()] = "") -> Response:
    """Checks, deduplicates and queues a message; the worker answers the person later."""
    async with lapbell.phase("validation"):
        form = {name: str(value) for name, value in (await request.form()).items()}
    async with lapbell.phase("signature_validation"):
        await asyncio.sleep(app.state.slowness.signature_delay_s)
        if not validator.validate(settings.public_url + ROUTE, form, x_twilio_signature):
            raise HTTPException(401, "bad signature")
    async with lapbell.phase("cache_lookup"):
        is_new = await store.set(f"seen:{form['MessageSid']}", 1, nx=True, ex=_SEEN_FOR_S)
    if not is_new:
        lapbell.outcome("duplicate")
        return _answer()
    async with lapbell.phase("task_queuing"):
        priority = "high" if form.get("Body", "").endswith("?") else "normal"
        with queue.publish({"sid": form["MessageSid"], "text": form.get("Body", "")}, priority) as message:
            await store.lpush(queue.key(priority), json.dumps(message))
    return _answer()


@app.put("/demo/slowness")
async def set_slowness(slowness: Slowness) -> Slowness:
    """The director's hand: makes signature checks slow, or fast again."""
    app.state.slowness = slowness
    return slowness


def _answer() -> Response:
    with lapbell.phase("response_preparation"):
        return Response(_TWIML, media_type="application/xml")
