"""The processes that are ours: the evaluator, the webhook app, its worker."""

import contextlib
import json
import os
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from peers import Process, answers, free_port, running, scratch

__all__ = ["TOKEN", "Evaluator", "Service", "evaluator", "webhook_app", "worker"]

TOKEN = "twilio-auth-token"
_TESTS = str(Path(__file__).parents[1])


@dataclass(frozen=True, slots=True)
class Ports:
    """Where an evaluator listens, so that it can come back at the same addresses."""

    rest: int
    grpc: int
    http: int


@dataclass(frozen=True, slots=True)
class Evaluator:
    """A running evaluator."""

    ports: Ports
    data_dir: Path
    process: Process

    @property
    def rest(self) -> str:
        """Where its summaries and alerts are; without a slash at the end."""
        return f"http://127.0.0.1:{self.ports.rest}/api/performance"

    @property
    def otlp_http(self) -> str:
        """Where it takes OTLP over HTTP; without a path."""
        return f"http://127.0.0.1:{self.ports.http}"

    @property
    def otlp_grpc(self) -> str:
        """Where it takes OTLP over gRPC."""
        return f"http://127.0.0.1:{self.ports.grpc}"

    def ask(self, path: str, **parameters: str) -> Any:
        """The JSON of a GET under `/api/performance/`."""
        answer = httpx.get(f"{self.rest}/{path}", params=parameters, timeout=10.0, trust_env=False)
        return answer.raise_for_status().json()

    def resolve(self, alert_key: str, reason: str) -> None:
        """By hand, with the token that the evaluator made at its first start."""
        token = (self.data_dir / "admin.token").read_text(encoding="utf-8").strip()
        answer = httpx.post(
            f"{self.rest}/alerts/{alert_key}/resolve",
            json={"reason": reason},
            headers={"Authorization": f"Bearer {token}"},
            trust_env=False,
            timeout=60,
        )
        answer.raise_for_status()

    def wait_until(self, path: str, claim: Callable[[Any], bool], *, within_s: float = 30.0, **parameters: str) -> Any:
        """The first answer to GET `path` of which `claim` holds."""
        seen: list[Any] = []

        def holds() -> bool:
            seen[:] = [self.ask(path, **parameters)]
            return claim(seen[0])

        try:
            self.process.wait_until(holds, within_s=within_s)
        except TimeoutError as error:
            error.add_note(f"the last answer: {json.dumps(seen)[:4000]}")
            raise
        return seen[0]


@dataclass(frozen=True, slots=True)
class Service:
    """A running webhook app."""

    url: str
    process: Process


@contextlib.contextmanager
def evaluator(env: Mapping[str, str] | None = None, *, again: Evaluator | None = None) -> Iterator[Evaluator]:
    """`lapbell serve` on free ports with an empty database; `again` brings a dead one back where it was."""
    ports = again.ports if again else Ports(free_port(), free_port(), free_port())
    with contextlib.ExitStack() as stack:
        folder = again.data_dir if again else stack.enter_context(scratch("evaluator"))
        own = {
            "LAPBELL_LISTEN__REST": f"127.0.0.1:{ports.rest}",
            "LAPBELL_LISTEN__OTLP_GRPC": f"127.0.0.1:{ports.grpc}",
            "LAPBELL_LISTEN__OTLP_HTTP": f"127.0.0.1:{ports.http}",
            "LAPBELL_DATA_DIR": str(folder),
            "LAPBELL_RULES__INTERVAL": "1",
        }
        argv = [sys.executable, "-m", "lapbell_evaluator", "serve"]
        ready = answers(f"http://127.0.0.1:{ports.rest}/-/ready")
        with running(argv, folder=folder, ready=ready, env={**os.environ, **own, **(env or {})}) as process:
            yield Evaluator(ports, folder, process)


@contextlib.contextmanager
def webhook_app(redis_url: str, otlp_endpoint: str) -> Iterator[Service]:
    """The app of `journey.app`, which sends its telemetry to `otlp_endpoint` over gRPC."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    env = _telemetry("journey-app", otlp_endpoint) | _journey(redis_url) | {"JOURNEY_PUBLIC_URL": url}
    argv = [sys.executable, "-m", "uvicorn", "journey.app:app", "--port", str(port), "--log-level", "warning"]
    with scratch("app") as folder, running(argv, folder=folder, ready=_listens(port), env=env) as process:
        yield Service(url, process)


@contextlib.contextmanager
def worker(redis_url: str, otlp_endpoint: str) -> Iterator[Process]:
    """The worker of `journey.worker`."""
    env = _telemetry("journey-worker", otlp_endpoint) | _journey(redis_url)
    argv = [sys.executable, "-m", "journey.worker"]
    with scratch("worker") as folder, running(argv, folder=folder, ready=lambda: True, env=env) as process:
        yield process


def _journey(redis_url: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": _TESTS, "JOURNEY_REDIS_URL": redis_url, "JOURNEY_TOKEN": TOKEN}


def _telemetry(service: str, endpoint: str) -> dict[str, str]:
    return {
        "OTEL_SERVICE_NAME": service,
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
        "OTEL_EXPORTER_OTLP_INSECURE": "true",
        "OTEL_METRIC_EXPORT_INTERVAL": "1000",
    }


def _listens(port: int) -> Callable[[], bool]:
    def claim() -> bool:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1.0):
                return True
        except OSError:
            return False

    return claim
