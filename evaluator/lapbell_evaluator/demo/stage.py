"""The demo's processes: Redis, the evaluator, the webhook app, its worker."""

import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lapbell_evaluator.demo import redis_server
from lapbell_evaluator.demo.processes import Child, free_port, start, until_listening
from lapbell_evaluator.demo.settings import DemoSettings

__all__ = ["Stage", "evaluator_environment", "set_up"]

_EXPORT_INTERVAL_MS: Final = "1000"
_NEVER_PERCENT: Final = "100"  # no utilization is above


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything runs.

    Attributes:
        children: the processes, in the order of their start.
        settings: what they agree on.
        evaluator_url: of its REST gate.
    """

    children: tuple[Child, ...]
    settings: DemoSettings
    evaluator_url: str

    def check(self) -> None:
        """Raises EvaluatorError if a process has ended."""
        for child in self.children:
            child.check()


@asynccontextmanager
async def set_up(folder: Path) -> AsyncIterator[Stage]:
    """Starts the processes, and ends them in reverse order; logs and data are kept in `folder`."""
    redis, rest, grpc, http, app = (free_port(port) for port in (6399, 8740, 4317, 4318, 8000))
    settings = DemoSettings(f"redis://127.0.0.1:{redis}/0", f"http://127.0.0.1:{app}", "demo-token")
    evaluator = evaluator_environment(folder, rest, grpc, http)
    python = sys.executable
    uvicorn = [
        python,
        "-m",
        "uvicorn",
        "lapbell_evaluator.demo.webhook_app:app",
        "--port",
        str(app),
        "--log-level",
        "warning",
    ]
    async with AsyncExitStack() as ends:

        async def run(name: str, command: list[str], environment: dict[str, str], port: int | None) -> Child:
            child = await start(name, command, environment, folder)
            ends.push_async_callback(child.end)
            if port is not None:
                await until_listening(child, port)
            return child

        children = (
            await run("redis", redis_server.command(redis), {}, redis),
            await run("evaluator", [python, "-m", "lapbell_evaluator", "serve"], evaluator, rest),
            await run("webhook-app", uvicorn, _telemetry("whatsapp-receiver", grpc) | settings.environment(), app),
            await run(
                "worker",
                [python, "-m", "lapbell_evaluator.demo.worker"],
                _telemetry("whatsapp-worker", grpc) | settings.environment(),
                None,
            ),
        )
        yield Stage(children, settings, f"http://127.0.0.1:{rest}")


def evaluator_environment(folder: Path, rest: int, grpc: int, http: int) -> dict[str, str]:
    """The configuration of the demo's evaluator, with its ports; it does not judge this machine."""
    return {
        "LAPBELL_LISTEN__REST": f"127.0.0.1:{rest}",
        "LAPBELL_LISTEN__OTLP_GRPC": f"127.0.0.1:{grpc}",
        "LAPBELL_LISTEN__OTLP_HTTP": f"127.0.0.1:{http}",
        "LAPBELL_DATA_DIR": str(folder),
        "LAPBELL_RULES__INTERVAL": "1",
        "LAPBELL_ALERTING__REOPEN_WITHIN": "5",
        "LAPBELL_THRESHOLDS__SYSTEM_UTILIZATION_WARNING": _NEVER_PERCENT,
        "LAPBELL_THRESHOLDS__SYSTEM_UTILIZATION_CRITICAL": _NEVER_PERCENT,
    }


def _telemetry(service: str, port: int) -> dict[str, str]:
    """OpenTelemetry's own variables: the demo shows that nothing else is needed."""
    return {
        "OTEL_SERVICE_NAME": service,
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
        "OTEL_EXPORTER_OTLP_INSECURE": "true",
        "OTEL_METRIC_EXPORT_INTERVAL": _EXPORT_INTERVAL_MS,
    }
