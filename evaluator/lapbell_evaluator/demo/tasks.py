"""The queue between the webhook app and its worker: three Redis lists, the most urgent first."""

import lapbell
from lapbell_evaluator.demo.settings import DemoSettings

__all__ = ["message_queue"]


def message_queue(settings: DemoSettings) -> lapbell.queues.RedisLists:
    """The queue as both sides know it."""
    keys = {priority: f"demo:messages:{priority}" for priority in ("high", "normal", "low")}
    return lapbell.queues.RedisLists(
        keys, limit=1000, timeout_s=10.0, destination="demo:messages", url=settings.redis_url
    )
