"""The OpenTelemetry Collector, running the configuration that we ship."""

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from peers.locate import ROOT, require
from peers.ports import free_port
from peers.process import Process, answers, running, scratch

__all__ = ["SHIPPED_CONFIG", "Collector", "collector"]

SHIPPED_CONFIG = ROOT / "collector-config" / "otelcol.yaml"


@dataclass(frozen=True, slots=True)
class Collector:
    """A running Collector."""

    grpc_port: int
    http_port: int
    metrics_port: int
    process: Process

    @property
    def grpc(self) -> str:
        """Where it takes OTLP over gRPC, as `OTEL_EXPORTER_OTLP_ENDPOINT` wants it."""
        return f"http://127.0.0.1:{self.grpc_port}"

    @property
    def http(self) -> str:
        """Where it takes OTLP over HTTP; without a path."""
        return f"http://127.0.0.1:{self.http_port}"


@contextlib.contextmanager
def collector(env: Mapping[str, str], *more: Path, config: Path = SHIPPED_CONFIG) -> Iterator[Collector]:
    """A Collector on free ports with an empty queue; `env` and `more` configurations say where it sends."""
    program = require("otelcol")
    grpc, http, metrics, health = (free_port() for _ in range(4))
    with scratch("otelcol") as folder:
        own = {
            "LAPBELL_COLLECTOR_GRPC": f"127.0.0.1:{grpc}",
            "LAPBELL_COLLECTOR_HTTP": f"127.0.0.1:{http}",
            "LAPBELL_COLLECTOR_METRICS_PORT": str(metrics),
            "LAPBELL_COLLECTOR_HEALTH": f"127.0.0.1:{health}",
            "LAPBELL_COLLECTOR_STORAGE": str(folder / "queue"),
        }
        argv: list[str | Path] = [program]
        for file in (config, *more):
            argv += ["--config", file]
        ready = answers(f"http://127.0.0.1:{health}/")
        with running(argv, folder=folder, ready=ready, env={**os.environ, **own, **env}) as process:
            yield Collector(grpc, http, metrics, process)
