"""A WhatsApp receiver whose phases take as long as the webhook itself asks for."""

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator
from typing import Annotated

import redis.asyncio as redis
from fastapi import FastAPI, Header, HTTPException, Request, Response
from twilio.request_validator import RequestValidator

import lapbell
from journey.provider import ROUTE
from journey.tasks import PRIORITY, REDIS_URL, message_queue
from lapbell import semconv

PUBLIC_URL = os.environ["JOURNEY_PUBLIC_URL"]
validator = RequestValidator(os.environ["JOURNEY_TOKEN"])
store = redis.Redis.from_url(REDIS_URL)
tasks = message_queue()


@contextlib.asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    yield
    await store.aclose()


app = FastAPI(lifespan=lifespan)
# How busy the machine of a test is has nothing to do with what the test asks.
lapbell.setup(app, provider="twilio", redis=True, queues=[tasks], system=False)


@contextlib.asynccontextmanager
async def lasting(phase: str, form: dict[str, str]) -> AsyncIterator[None]:
    """A phase that lasts as long as the form plans, whatever is done in it."""
    clock = asyncio.get_running_loop().time
    async with lapbell.phase(phase):
        end = clock() + float(form.get(f"plan.{phase}", 0))
        yield
        await asyncio.sleep(max(0.0, end - clock()))


@app.post(ROUTE)
async def receive(request: Request, x_twilio_signature: Annotated[str, Header()] = "") -> Response:
    form = {name: str(value) for name, value in (await request.form()).items()}
    async with lasting(semconv.PHASE_VALIDATION, form):
        message = form["MessageSid"]
    async with lasting(semconv.PHASE_SIGNATURE_VALIDATION, form):
        if not validator.validate(PUBLIC_URL + ROUTE, form, x_twilio_signature):
            raise HTTPException(401, "bad signature")
    async with lasting(semconv.PHASE_CACHE_LOOKUP, form):
        is_new = await store.set(f"seen:{message}", 1, nx=True, ex=600)
    if not is_new:
        lapbell.outcome(semconv.OUTCOME_DUPLICATE)
        return Response("<Response/>", media_type="application/xml")
    async with lasting(semconv.PHASE_TASK_QUEUING, form):
        with tasks.publish({"sid": message}, PRIORITY) as task:
            await store.lpush(tasks.key(PRIORITY), json.dumps(task))
    async with lasting(semconv.PHASE_RESPONSE_PREPARATION, form):
        return Response("<Response/>", media_type="application/xml")
