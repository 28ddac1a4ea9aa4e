"""Real servers for the tests: each starter finds the program, starts it on loopback, awaits it, and ends it."""

from peers.alertmanager import Alertmanager, alertmanager
from peers.collector import SHIPPED_CONFIG, Collector, collector
from peers.jaeger import Jaeger, jaeger
from peers.locate import ROOT, require, require_node_sdk
from peers.ports import free_port
from peers.postgres import Postgres, postgres
from peers.process import Process, answers, running, scratch
from peers.prometheus import Prometheus, prometheus
from peers.redis import Redis, redis_server
from peers.redis_variants import TlsRedis, redis_cluster, redis_sentinel, redis_with_tls
from peers.sink import Delivery, Sink, otlp_sink

__all__ = [
    "ROOT",
    "SHIPPED_CONFIG",
    "Alertmanager",
    "Collector",
    "Delivery",
    "Jaeger",
    "Postgres",
    "Process",
    "Prometheus",
    "Redis",
    "Sink",
    "TlsRedis",
    "alertmanager",
    "answers",
    "collector",
    "free_port",
    "jaeger",
    "otlp_sink",
    "postgres",
    "prometheus",
    "redis_cluster",
    "redis_sentinel",
    "redis_server",
    "redis_with_tls",
    "require",
    "require_node_sdk",
    "running",
    "scratch",
]
