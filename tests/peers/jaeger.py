"""Jaeger 2 with traces in memory: takes OTLP, answers questions about traces over HTTP."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx

from peers.locate import require
from peers.ports import free_port
from peers.process import Process, answers, running, scratch

__all__ = ["Jaeger", "jaeger"]

# Jaeger's own all-in-one configuration listens on a dozen fixed ports; tests need three. It would also send spans about
# itself to whoever listens on port 4317, and wait for them at its end.
_CONFIG = """
receivers:
  otlp:
    protocols:
      grpc: {{endpoint: "127.0.0.1:{otlp}"}}
      http: {{endpoint: "127.0.0.1:{otlp_http}"}}
exporters:
  jaeger_storage_exporter: {{trace_storage: memory}}
extensions:
  jaeger_storage:
    backends:
      memory:
        memory: {{max_traces: 100000}}
  jaeger_query:
    storage: {{traces: memory}}
    enable_tracing: false
    http: {{endpoint: "127.0.0.1:{query}"}}
    grpc: {{endpoint: "127.0.0.1:{query_grpc}"}}
service:
  extensions: [jaeger_storage, jaeger_query]
  pipelines:
    traces: {{receivers: [otlp], exporters: [jaeger_storage_exporter]}}
  telemetry:
    metrics: {{level: none}}
    logs: {{level: warn}}
"""


@dataclass(frozen=True, slots=True)
class Jaeger:
    """A running Jaeger."""

    otlp_port: int
    query_port: int
    process: Process
    otlp_http_port: int

    def ask(self, path: str, **parameters: str | int) -> list[Any]:
        """What its HTTP API answers under `/api/`: the list in `data`, empty where Jaeger says null."""
        url = f"http://127.0.0.1:{self.query_port}/api/{path}"
        answer = httpx.get(url, params=parameters, timeout=10.0, trust_env=False)
        return answer.raise_for_status().json()["data"] or []


@contextlib.contextmanager
def jaeger() -> Iterator[Jaeger]:
    """An empty Jaeger."""
    program = require("jaeger")
    otlp, query, query_grpc, otlp_http = (free_port() for _ in range(4))
    with scratch("jaeger") as folder:
        file = folder / "jaeger.yaml"
        file.write_text(
            _CONFIG.format(otlp=otlp, query=query, query_grpc=query_grpc, otlp_http=otlp_http), encoding="utf-8"
        )
        ready = answers(f"http://127.0.0.1:{query}/api/services")
        with running([program, "--config", file], folder=folder, ready=ready) as process:
            yield Jaeger(otlp, query, process, otlp_http)
