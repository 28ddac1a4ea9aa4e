"""The queues between `queue_app` and `queue_worker`."""

import os

from lapbell.queues import RedisLists

__all__ = ["PRIORITY", "QUEUES", "REDIS_URL"]

PRIORITY = "normal"
REDIS_URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:1")
QUEUES = {
    name: RedisLists({PRIORITY: f"{name}:{PRIORITY}"}, limit=500, timeout_s=30, destination=name, url=REDIS_URL)
    for name in ("orders", "mails", "reports")
}
