"""Four workers of uvicorn, Redis, the Collector, the evaluator: each trouble is an alert that names what is wrong."""

from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from journey import Evaluator, evaluator
from lapkit import app_server
from peers import collector, redis_server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

PATIENCE_S = 100.0
FOREVER_S = 3600.0
AT_ONCE = ["--timeout-graceful-shutdown", "1"]  # what hangs for ever ends with its server
SERVER = [
    "uvicorn",
    "--port",
    "{port}",
    "--workers",
    "4",
    "--log-level",
    "warning",
    *AT_ONCE,
    "lapkit.troubled_app:app",
]


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything that runs."""

    url: str
    judge: Evaluator
    senders: ThreadPoolExecutor

    def post(self, path: str, *, patience_s: float = 60.0) -> "Future[int | None]":
        """Send a webhook; its status, None if the client went away."""
        return self.senders.submit(self._post, f"{self.url}/webhook/{path}", patience_s)

    @staticmethod
    def _post(url: str, patience_s: float) -> int | None:
        try:
            return httpx.post(url, timeout=patience_s, trust_env=False).status_code
        except httpx.TimeoutException:
            return None

    def alert(self, name: str, **more: bool) -> Mapping[str, Any]:
        """The alert of this name, as soon as it fires and has what is asked for."""

        def found(seen: dict[str, Any]) -> bool:
            return any(alert["alertname"] == name and all(alert[key] for key in more) for alert in seen["alerts"])

        seen = self.judge.wait_until("alerts", found, within_s=PATIENCE_S)
        chosen: Mapping[str, Any] = next(alert for alert in seen["alerts"] if alert["alertname"] == name)
        return chosen


@pytest.fixture(scope="module")
def on() -> Iterator[Stage]:
    with (
        redis_server() as redis,
        evaluator() as judge,
        collector({"LAPBELL_EVALUATOR": judge.otlp_http}) as way,
        ThreadPoolExecutor(21) as senders,
    ):
        env = {"OTEL_EXPORTER_OTLP_ENDPOINT": way.http, "OTEL_SERVICE_NAME": "shop", "REDIS_URL": redis.url}
        with app_server(SERVER, env) as app:
            yield Stage(app.url, judge, senders)


def test_a_webhook_that_hangs_is_found_and_its_phase_and_trace_are_named_while_it_runs(on):
    sent = on.post(f"hangs?seconds={FOREVER_S}", patience_s=FOREVER_S)
    alert = on.alert("WebhookStuck", phase_to_blame=True, trace_ids=True)
    assert sent.done() is False
    assert alert["phase_to_blame"] == "cache_lookup"
    assert alert["labels"]["http_route"] == "/webhook/hangs"


def test_webhooks_whose_clients_went_away_are_found_while_their_handlers_run(on):
    sent = [on.post(f"hangs?seconds={FOREVER_S}", patience_s=1.0) for _ in range(20)]
    assert [one.result() for one in sent] == [None] * 20
    alert = on.alert("WebhookErrorRate")
    assert alert["labels"]["http_route"] == "/webhook/hangs"


def test_a_blocked_loop_is_found_and_its_line_is_named(on):
    on.post("blocks?seconds=12")
    alert = on.alert("EventLoopBlocked")
    assert "report (lapkit/troubled_app.py:" in alert["description"]
