"""Takes messages off the queue and answers each with one more Redis command."""

import asyncio
import json
import signal

import redis.asyncio as redis

import lapbell
from journey.tasks import REDIS_URL, message_queue


async def main() -> None:
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    queue = message_queue()
    telemetry = lapbell.setup(redis=True, queues=[queue], system=False)
    store = redis.Redis.from_url(REDIS_URL)
    with queue.work():
        while not stopping.is_set():
            popped = await store.brpop(list(queue.keys.values()), timeout=1)
            if popped is not None:
                message = json.loads(popped[1])
                with queue.process(message):
                    await store.set(f"answer:{message['sid']}", "It depends.", ex=600)
    await store.aclose()
    telemetry.shutdown()


if __name__ == "__main__":
    asyncio.run(main())
