"""What a request feels when the collector dies under load, what retained spans weigh, how long a process takes to stop.

    python tests/bench/dead_collector.py

The app sends real OTLP over HTTP to a receiver in another process. Three times it answers the same requests: the
receiver takes everything; it refuses connections; it takes connections and never answers.
"""

import asyncio
import contextlib
import gc
import json
import os
import socket
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import redis

from peers import free_port, otlp_sink, redis_server
from rivals import KINDS, Driver, build_app, is_installed

REQUESTS = 1_500
RETAINED = 100
TICK_S = 0.001


def main() -> None:
    """Run each case in a process of its own, and print a table."""
    print(f"{REQUESTS} webhooks, one after the other; milliseconds, seconds and kilobytes")
    print(
        f"{'':10}{'collector':16}{'p50':>8}{'p99':>8}{'worst':>8}{'stall':>8}{'stop s':>8}{'KB/span':>9}{'RSS MB':>8}"
    )
    for name in (name for name in ("lapbell", "contrib") if is_installed(KINDS[name])):
        for kind in ("takes", "refuses", "never answers"):
            with redis_server() as server, _collector(kind) as port:
                told = _run(name, server.url, port)
            print(
                f"{name:10}{kind:16}{told['p50'] * 1e3:8.2f}{told['p99'] * 1e3:8.2f}{told['worst'] * 1e3:8.1f}"
                f"{told['stall'] * 1e3:8.1f}{told['stop']:8.2f}{told['kb']:9.2f}{told['rss']:8.0f}"
            )


@contextlib.contextmanager
def _collector(kind: str) -> Iterator[int]:
    match kind:
        case "takes":
            with otlp_sink() as sink:
                yield sink.port
        case "refuses":
            yield free_port()
        case _:
            with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
                yield listener.getsockname()[1]


def _run(name: str, url: str, port: int) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", __file__, "--serve", name, url],
        env={**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=True,
        timeout=300,
    )
    return json.loads(done.stdout)


def serve(name: str, url: str) -> None:
    """Answer requests, measure, stop, and tell."""
    app, stop = {"lapbell": _lapbell, "contrib": _contrib}[name](redis.Redis.from_url(url))
    driver = Driver(app)
    driver.requests(200)
    times, stall_s = _under_load(driver)
    kilobytes = _weight(driver)
    rss = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    began = time.monotonic()
    stop()
    stop_s = time.monotonic() - began
    times.sort()
    share = {"p50": times[len(times) // 2], "p99": times[int(len(times) * 0.99)], "worst": times[-1]}
    print(json.dumps({**share, "stall": stall_s, "stop": stop_s, "kb": kilobytes, "rss": rss}), flush=True)
    os._exit(0)


def _under_load(driver: Driver) -> tuple[list[float], float]:
    """Seconds of each request, and the longest time that the event loop did not get its turn between requests."""
    times: list[float] = []
    stalls: list[float] = []

    async def load() -> None:
        for _ in range(REQUESTS):
            began = time.perf_counter()
            await driver.request()
            times.append(time.perf_counter() - began)
            asked = time.perf_counter()
            await asyncio.sleep(TICK_S)
            stalls.append(time.perf_counter() - asked - TICK_S)

    driver.run(load())
    return times, max(stalls)


def _weight(driver: Driver) -> float:
    """Kilobytes that a span weighs while it waits."""
    from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
    from opentelemetry.trace import get_tracer_provider

    class Keeper(SpanProcessor):
        """Keeps what it sees."""

        def __init__(self) -> None:
            self.kept: list[Any] = []

        def on_end(self, span: Any) -> None:
            self.kept.append(span)

    keeper = Keeper()
    provider = get_tracer_provider()
    assert isinstance(provider, TracerProvider)
    provider.add_span_processor(keeper)
    driver.requests(1)
    gc.collect()
    tracemalloc.start()
    before, had = tracemalloc.get_traced_memory()[0], len(keeper.kept)
    driver.requests(RETAINED)
    gc.collect()
    weight = (tracemalloc.get_traced_memory()[0] - before) / (len(keeper.kept) - had) / 1_000
    tracemalloc.stop()
    return weight


def _lapbell(client: redis.Redis) -> tuple[Any, Any]:
    from fastapi import FastAPI

    import lapbell

    app = FastAPI()
    build_app(app, lapbell.phase, client)
    handle = lapbell.setup(app, provider="twilio", redis=True)
    return app, handle.shutdown


def _contrib(client: redis.Redis) -> tuple[Any, Any]:
    from fastapi import FastAPI
    from opentelemetry import metrics, trace
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
    from opentelemetry.instrumentation.redis import RedisInstrumentor
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.trace import TracerProvider

    from rivals.contrib import set_up

    tracer = set_up(OTLPSpanExporter(), OTLPMetricExporter())
    app = FastAPI(telemetry={"tracing": False, "metrics": False, "logs": False})
    build_app(app, lambda name: tracer.start_as_current_span(f"webhook.{name}"), client)
    FastAPIInstrumentor.instrument_app(app)
    RedisInstrumentor().instrument()

    def stop() -> None:
        for provider in (trace.get_tracer_provider(), metrics.get_meter_provider()):
            assert isinstance(provider, TracerProvider | MeterProvider)
            provider.shutdown()

    return app, stop


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(*sys.argv[2:])
    else:
        main()
