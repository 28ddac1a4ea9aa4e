"""The queue between the app and its worker."""

import os

import lapbell

__all__ = ["PRIORITY", "REDIS_URL", "message_queue"]

REDIS_URL = os.environ["JOURNEY_REDIS_URL"]
PRIORITY = "normal"
_LISTS = {"high": "journey:high", PRIORITY: "journey:normal", "low": "journey:low"}


def message_queue() -> lapbell.queues.RedisLists:
    """The same in both processes."""
    return lapbell.queues.RedisLists(_LISTS, limit=100_000, timeout_s=10.0, destination="messages", url=REDIS_URL)
