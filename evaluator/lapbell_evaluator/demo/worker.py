"""The demo's worker: takes messages off the queue, the most urgent first, and works on each for a moment."""

import asyncio
import json
import signal
from typing import Any, Final

import redis.asyncio as redis

import lapbell
from lapbell_evaluator.demo.settings import DemoSettings
from lapbell_evaluator.demo.tasks import message_queue

__all__ = ["main"]

_SECONDS_A_MESSAGE: Final = 0.02
_WAIT_S: Final = 1.0


async def work(settings: DemoSettings) -> None:
    """Until SIGTERM."""
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    queue = message_queue(settings)
    telemetry = lapbell.setup(redis=True, queues=[queue])
    store = redis.Redis.from_url(settings.redis_url)
    with queue.work():
        while not stopping.is_set():
            popped = await store.brpop(list(queue.keys.values()), timeout=_WAIT_S)
            if popped is not None:
                await answer(queue, json.loads(popped[1]), store)
    await store.aclose()
    telemetry.shutdown()


async def answer(queue: lapbell.queues.RedisLists, message: dict[str, Any], store: redis.Redis) -> None:
    """Answers one message."""
    with queue.process(message):
        await asyncio.sleep(_SECONDS_A_MESSAGE)
        await store.set(f"answer:{message['sid']}", "It depends.", ex=60)


def main() -> None:
    """The worker as a process."""
    asyncio.run(work(DemoSettings.from_environment()))


if __name__ == "__main__":
    main()
