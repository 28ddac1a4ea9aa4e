"""Queues: how deep they are by priority, how long messages wait and take, how busy their workers are."""

from lapbell.queues.poller import Poller
from lapbell.queues.queue import Queue
from lapbell.queues.redis_lists import RedisLists

__all__ = ["Poller", "Queue", "RedisLists"]
