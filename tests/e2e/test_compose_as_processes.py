"""What docker-compose.yml configures, run as plain processes: the same commands and environments, other addresses."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import yaml
from twilio.request_validator import RequestValidator

from lapbell_evaluator.demo.settings import ROUTE
from peers import ROOT, Jaeger, Process, answers, free_port, jaeger, redis_server, require, running, scratch

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

LISTENS = {"evaluator": ("8740", "4317", "4318"), "collector": ("4317", "4318"), "app": ("8000",)}
SERVICES = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]


@dataclass(frozen=True)
class Elsewhere:
    """Where the things of a container are on this machine."""

    folder: Path
    ports: dict[tuple[str, str], int]

    def moved(self, service: str, text: str) -> str:
        """A command's word or a variable's value, with its addresses and paths."""
        for (name, port), free in self.ports.items():
            text = text.replace(f"{name}:{port}", f"127.0.0.1:{free}")
            if name == service:
                text = text.replace(f"0.0.0.0:{port}", f"127.0.0.1:{free}").replace(
                    f"127.0.0.1:{port}", f"127.0.0.1:{free}"
                )
        for inside, outside in {
            "/run/secrets": self.folder / "secrets",
            "/etc/lapbell": ROOT / "collector-config",
            "/var/lib": self.folder / service,
        }.items():
            text = text.replace(inside, str(outside))
        return text

    def environment(self, service: str) -> dict[str, str]:
        return {name: self.moved(service, value) for name, value in SERVICES[service].get("environment", {}).items()}

    @contextlib.contextmanager
    def run(self, service: str, program: list[str | Path], ready: str | None, **env: str) -> Iterator[Process]:
        own = self.folder / service
        own.mkdir()
        environment = {**os.environ, **self.environment(service), **env}
        claim = answers(ready) if ready else lambda: True
        with running(program, folder=own, ready=claim, env=environment) as process:
            yield process

    def url(self, service: str, port: str) -> str:
        return f"http://127.0.0.1:{self.ports[service, port]}"

    def secret(self, name: str) -> str:
        return (self.folder / "secrets" / name).read_text(encoding="utf-8")


@dataclass(frozen=True)
class Composed:
    """Everything runs."""

    place: Elsewhere
    jaeger: Jaeger
    evaluator: Process

    def summary(self, token: str) -> httpx.Response:
        """Asked as from another machine."""
        url = f"{self.place.url('evaluator', '8740')}/api/performance/webhook-timing"
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.get(url, headers=headers, trust_env=False, timeout=60)

    def counted(self) -> dict[str, int]:
        """Webhooks by outcome."""
        answer = self.summary(self.place.secret("viewer_token"))
        return answer.raise_for_status().json()["outcomes"]


@pytest.fixture(scope="module")
def composed() -> Iterator[Composed]:
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(scratch("compose"))
        (folder / "secrets").mkdir()
        for name in ("ingest_token", "viewer_token"):
            (folder / "secrets" / name).write_text(f"the {name} of this test".replace(" ", "-"), encoding="utf-8")
            (folder / "secrets" / name).chmod(0o600)
        store = stack.enter_context(jaeger())
        redis = stack.enter_context(redis_server())
        place = Elsewhere(folder, ports_of(store, redis.port))
        python = sys.executable
        # Containers meet on a network of their own, where nobody is on the evaluator's loopback.
        evaluator = stack.enter_context(
            place.run(
                "evaluator",
                [python, "-m", "lapbell_evaluator", "serve"],
                f"{place.url('evaluator', '8740')}/-/ready",
                LAPBELL_DATA_DIR=str(folder / "evaluator"),
                LAPBELL_AUTH__ALLOW_LOOPBACK="false",
            )
        )
        health = free_port()
        stack.enter_context(
            place.run(
                "collector",
                [require("otelcol"), *(place.moved("collector", word) for word in SERVICES["collector"]["command"])],
                f"http://127.0.0.1:{health}",
                LAPBELL_COLLECTOR_HEALTH=f"127.0.0.1:{health}",
                LAPBELL_COLLECTOR_METRICS_PORT=str(free_port()),
                LAPBELL_SAMPLING_WAIT="1s",
            )
        )
        stack.enter_context(place.run("app", app_command(place), f"{place.url('app', '8000')}/openapi.json"))
        worker, *words = SERVICES["worker"]["command"]
        assert worker == "python"
        stack.enter_context(place.run("worker", [python, *words], None))
        yield Composed(place, store, evaluator)


def ports_of(store: Jaeger, redis_port: int) -> dict[tuple[str, str], int]:
    return {
        ("redis", "6379"): redis_port,
        ("jaeger", "4317"): store.otlp_port,
        **{(service, port): free_port() for service, ports in LISTENS.items() for port in ports},
    }


def app_command(place: Elsewhere) -> list[str | Path]:
    program, target, *options = SERVICES["app"]["command"]
    assert program == "uvicorn"
    assert options == ["--host", "0.0.0.0", "--port", "8000"]
    return [sys.executable, "-m", "uvicorn", target, "--host", "127.0.0.1", "--port", str(place.ports["app", "8000"])]


def post_a_webhook(place: Elsewhere) -> int:
    environment = place.environment("app")
    url = environment["DEMO_PUBLIC_URL"] + ROUTE
    form = {"MessageSid": "SM1", "From": "whatsapp:+15550001111", "Body": "Is this true?"}
    signature = RequestValidator(environment["DEMO_AUTH_TOKEN"]).compute_signature(url, form)
    return httpx.post(
        url, data=form, headers={"X-Twilio-Signature": signature}, trust_env=False, timeout=60
    ).status_code


def test_a_webhook_reaches_the_evaluator_and_jaeger(composed):
    status = post_a_webhook(composed.place)
    composed.evaluator.wait_until(lambda: "accepted" in composed.counted())
    for service in ("whatsapp-receiver", "whatsapp-worker"):
        composed.jaeger.process.wait_until(lambda service=service: composed.jaeger.ask("traces", service=service))

    assert status == 200
    assert set(composed.counted()) == {"accepted"}


@pytest.mark.parametrize("token", ["", "a-guess", "the-ingest_token-of-this-test"])
def test_who_has_no_token_to_read_with_reads_nothing(composed, token):
    assert composed.summary(token).status_code in {401, 403}


@pytest.mark.parametrize("service", ["evaluator", "app"])
def test_the_health_check_finds_the_service_healthy(composed, service):
    kind, program, option, script = SERVICES[service]["healthcheck"]["test"]
    assert kind == "CMD"
    assert program == "python"
    assert option == "-c"
    port = {"evaluator": "8740", "app": "8000"}[service]
    script = script.replace(port, str(composed.place.ports[service, port]))

    asked = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True, text=True)

    assert asked.returncode == 0
    assert asked.stderr == ""
