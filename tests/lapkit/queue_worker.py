"""A worker of one queue, for tests that end it: `python -m lapkit.queue_worker NAME`."""

import json
import signal
import sys
import threading

import redis

import lapbell
from lapkit.queues import PRIORITY, QUEUES, REDIS_URL


def main(name: str) -> None:
    """Take messages, the oldest first, until SIGTERM comes."""
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    queue = QUEUES[name]
    telemetry = lapbell.setup(redis=True, queues=[queue], system=False)
    client = redis.Redis.from_url(REDIS_URL)
    with queue.work():
        while not stopping.is_set():
            popped = client.brpop([queue.key(PRIORITY)], timeout=1)
            if popped is not None:
                with queue.process(json.loads(popped[1])):
                    client.incr(f"{name}:done")
    telemetry.shutdown()


if __name__ == "__main__":
    main(sys.argv[1])
