"""An app with every trouble that work in flight and the event loop can have, for servers that the tests start."""

import asyncio
import os
import time
from collections.abc import AsyncIterator

import redis.asyncio
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse

import lapbell

app = FastAPI()
lapbell.setup(app, provider="twilio", redis=True, targets=(0.2, 0.5))
client = redis.asyncio.Redis.from_url(os.environ.get("REDIS_URL", "redis://127.0.0.1:1"))


@app.get("/ready")
async def ready() -> dict[str, str]:
    """Whether it answers."""
    return {}


@app.post("/webhook/hangs")
async def hangs(request: Request, seconds: float = 60) -> dict[str, str]:
    """Answer when nobody waits any more."""
    await request.body()
    with lapbell.phase("signature_validation"):
        await asyncio.sleep(0)
    with lapbell.phase("cache_lookup"):
        await asyncio.sleep(seconds)
    return {}


@app.post("/webhook/streams")
async def streams(seconds: float = 2) -> StreamingResponse:
    """Begin at once, and go on for a while."""

    async def chunks() -> AsyncIterator[bytes]:
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            yield b"."
            await asyncio.sleep(0.05)

    return StreamingResponse(chunks())


waiting = asyncio.Semaphore(0)
begins = asyncio.Event()


def report(seconds: float) -> None:
    """The classic mistake: a call that waits, in a coroutine."""
    time.sleep(seconds)


@app.post("/webhook/blocks")
async def blocks(seconds: float = 0.25, behind: int = 0) -> dict[str, str]:
    """Keep the event loop from running, once so many wait for it."""
    for _ in range(behind):
        await waiting.acquire()
    begins.set()
    with lapbell.phase("validation"):
        report(seconds)
    return {}


@app.post("/webhook/waits")
async def waits(seconds: float = 0.1, *, for_blocked: bool = False) -> dict[str, str]:
    """Ask Redis, with a command that takes no time to speak of: after a while, or when the loop is blocked."""
    if for_blocked:
        waiting.release()
        await begins.wait()
    else:
        await asyncio.sleep(seconds)
    with lapbell.phase("cache_lookup"):
        for _ in range(20):
            await client.get("cache:key")
    return {}
