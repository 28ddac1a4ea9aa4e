"""An app whose webhooks take as long, phase by phase, as they ask for themselves, for servers that the tests start."""

import asyncio
import os
import time

import redis.asyncio
from fastapi import FastAPI

import lapbell
from lapbell import semconv
from lapkit.causes import OTHERS, PHASES

__all__ = ["app"]

app = FastAPI()
# On a busy machine webhooks of a second may run for three of them at once, which is another trouble.
lapbell.setup(app, provider="twilio", redis=True, system=False, targets=(0.5, 15))
client = redis.asyncio.Redis.from_url(os.environ["REDIS_URL"], socket_timeout=10) if "REDIS_URL" in os.environ else None


@app.get("/ready")
async def ready() -> dict[str, str]:
    """Whether it answers."""
    return {}


def wait(seconds: float) -> None:
    """What nobody may do in a coroutine."""
    time.sleep(seconds)


async def webhook(seconds: dict[str, float]) -> dict[str, float]:
    """Take so many seconds for each phase, outside of all for `other`, and for `blocked` without letting others run.

    Returns:
        Seconds that each phase truly took, and what was outside of all.
    """
    took: dict[str, float] = {}
    began = time.perf_counter()
    for phase in PHASES:
        with lapbell.phase(phase):
            phase_began = time.perf_counter()
            if client is not None and phase == semconv.PHASE_CACHE_LOOKUP:
                await client.get("cache:key")
            await asyncio.sleep(seconds.get(phase, 0.0))
            took[phase] = time.perf_counter() - phase_began
    await asyncio.sleep(seconds.get("other", 0.0))
    if "blocked" in seconds:
        wait(seconds["blocked"])
    return {**took, "other": time.perf_counter() - began - sum(took.values())}


for path in (*PHASES, *OTHERS):
    app.post(f"/webhook/{path}")(webhook)
