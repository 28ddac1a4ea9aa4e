"""An evaluator's REST as far as the performance monitor asks it, and a monitor that asks it."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import lapbell
from lapbell_evaluator.api.alert_schemas import AlertCounts, AlertList, AlertView, Timeline
from lapbell_evaluator.api.schemas import Span
from lapkit import workbench
from peers.serving import serving

__all__ = ["Evaluator", "evaluator", "monitor", "view"]


def view(**more: Any) -> AlertView:
    """An incident in the evaluator's own words."""
    usual: dict[str, Any] = {
        "alert_key": "alert_key",
        "alertname": "WebhookResponseTime",
        "category": "webhook",
        "severity": "warning",
        "state": "firing",
        "health": "ok",
        "detail": "",
        "message": "webhooks are slow",
        "description": "",
        "runbook_url": "",
        "labels": {"job": "app"},
        "metric_value": 1.5,
        "threshold": 1.0,
        "started_at": 1.0,
        "fired_at": 2.0,
        "recovering_at": None,
        "resolved_at": None,
        "duration": 1.0,
        "acknowledged": False,
        "held": False,
        "silenced_by": [],
        "inhibited_by": [],
        "maintained_by": [],
        "problem_id": "alert_key-1",
        "caused_by": None,
        "explains": [],
        "flapping": False,
        "reason": "",
        "resolved_by": None,
        "resolved_why": None,
        "phase_to_blame": "cache_lookup",
        "blame": [],
        "trace_ids": ["a" * 32],
        "trace_urls": [],
        "storm": None,
        "timeline": dict.fromkeys(Timeline.model_fields),
        "peak": 3.0,
        "trend": {"minute_ago": 0.4, "five_minutes_ago": None},
        "counts": {"bad": 9.0, "total": 60.0},
        "cause": "cache_lookup, 90% of the excess",
        "evidence": None,
    }
    return AlertView(**usual | more)


@dataclass
class Evaluator:
    """The evaluator's REST, as far as the monitor asks it."""

    alerts: list[AlertView]
    asked: list[tuple[str, str, str, str]] = field(default_factory=list)
    url: str = ""
    status: int = 200
    problem: dict[str, str] = field(default_factory=dict)

    def answer(self) -> bytes:
        counts = AlertCounts(
            total=len(self.alerts), by_severity={}, by_category={}, by_state={}, acknowledged=0, storms=0
        )
        body = AlertList(
            window=Span(start=0, end=1), summary=counts, alerts=self.alerts, recently_resolved=[], storms=[]
        )
        return body.model_dump_json().encode()


@contextlib.contextmanager
def evaluator(*alerts: AlertView) -> Iterator[Evaluator]:
    """It stands on loopback until the block ends."""
    standing = Evaluator(list(alerts))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.reply(standing.answer())

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            standing.alerts = [alert for alert in standing.alerts if alert.alert_key not in self.path]
            self.reply(json.dumps(standing.problem).encode(), body)

        def reply(self, content: bytes, body: str = "") -> None:
            standing.asked.append((self.command, self.path, self.headers.get("Authorization", ""), body))
            self.send_response(standing.status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    standing.url = f"http://127.0.0.1:{server.server_address[1]}"
    with serving(server):
        yield standing


@contextlib.contextmanager
def monitor(**environment: str) -> Iterator[lapbell.PerformanceMonitor]:
    """A monitor with these variables, beside real providers."""
    own = lapbell.PerformanceMonitor(environment)
    with workbench():
        yield own
    own.stop()
