"""Real servers for the tests: each starter finds the program, starts it on loopback, awaits it, and ends it."""

from peers.locate import require
from peers.ports import free_port
from peers.process import Process, running
from peers.prometheus import Prometheus, prometheus
from peers.redis import Redis, redis_server

__all__ = ["Process", "Prometheus", "Redis", "free_port", "prometheus", "redis_server", "require", "running"]
