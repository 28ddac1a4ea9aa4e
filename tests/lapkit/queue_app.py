"""An app whose webhooks become tasks, for servers that the tests start."""

import json

import redis.asyncio
from fastapi import FastAPI

import lapbell
from lapkit.queues import PRIORITY, QUEUES, REDIS_URL

app = FastAPI()
lapbell.setup(app, provider="twilio", redis=True, queues=list(QUEUES.values()), system=False)
client = redis.asyncio.Redis.from_url(REDIS_URL)


@app.get("/ready")
async def ready() -> dict[str, str]:
    """Whether it answers."""
    return {}


@app.post("/webhook/{name}")
async def accept(name: str, messages: int = 1) -> dict[str, str]:
    """Queue messages for the workers of a queue."""
    queue = QUEUES[name]
    with lapbell.phase("task_queuing"):
        for number in range(messages):
            with queue.publish({"number": number}, PRIORITY) as message:
                await client.lpush(queue.key(PRIORITY), json.dumps(message))
    return {}
