"""What watches: lapbell behind the Collector, and Prometheus with Alertmanager at two paces; each tells a webhook."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from journey import evaluator
from lapkit import app_server
from peers import collector, redis_server
from peers.alertmanager import alertmanager
from peers.prometheus import prometheus

__all__ = ["Pace", "Watched", "lapbell_watches", "prometheus_watches", "scraped_app", "shipped_rules"]

_SERVER = ["uvicorn", "--port", "{port}", "--log-level", "warning", "--no-access-log", "detection_kit.app:app"]
_DEFAULT_INTERVAL = "5"  # the kit's own evaluator is faster


@dataclass(frozen=True, slots=True)
class Watched:
    """An app that is watched: where it and its Redis are, what it writes down, and where the evaluator's REST is."""

    url: str
    redis_url: str
    record: Path
    rest: str = ""


@dataclass(frozen=True, slots=True)
class Pace:
    """How often Prometheus scrapes and evaluates, and how long Alertmanager waits for more of a group."""

    interval: str
    group_wait: str
    group_interval: str


@contextlib.contextmanager
def _app(folder: Path, name: str, routes: int, env: Mapping[str, str]) -> Iterator[Watched]:
    with redis_server() as redis:
        record = folder / f"{name}.record"
        own = {"DETECTION_REDIS": redis.url, "DETECTION_ROUTES": str(routes), "DETECTION_RECORD": str(record)}
        with app_server(_SERVER, {**own, "OTEL_SERVICE_NAME": name, **env}) as app:
            yield Watched(app.url, redis.url, record)


@contextlib.contextmanager
def lapbell_watches(folder: Path, routes: int, told: str) -> Iterator[Watched]:
    """An app that sends to the shipped Collector, which sends to an evaluator of default settings."""
    config = folder / "lapbell.yaml"
    config.write_text(yaml.safe_dump({"receivers": [{"name": "bench", "webhook": {"url": told}}]}))
    env = {"LAPBELL_CONFIG": str(config), "LAPBELL_RULES__INTERVAL": _DEFAULT_INTERVAL}
    with (
        evaluator(env) as judge,
        collector({"LAPBELL_EVALUATOR": judge.otlp_http}) as way,
        _app(folder, "sent", routes, {"OTEL_EXPORTER_OTLP_ENDPOINT": way.http}) as app,
    ):
        yield replace(app, rest=judge.rest)


@contextlib.contextmanager
def scraped_app(folder: Path, routes: int) -> Iterator[Watched]:
    """The same app, which shows its metrics and sends nothing."""
    quiet = {"DETECTION_SCRAPED": "1", "OTEL_METRICS_EXPORTER": "none", "OTEL_TRACES_EXPORTER": "none"}
    with _app(folder, "scraped", routes, quiet) as app:
        yield app


def shipped_rules(folder: Path) -> Path:
    """The shipped rules as a file of Prometheus'."""
    file = folder / "rules.yml"
    command = [sys.executable, "-m", "lapbell_evaluator", "rules", "show"]
    file.write_text(subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder).stdout)
    return file


@contextlib.contextmanager
def prometheus_watches(app: Watched, rules: Path, pace: Pace, told: str) -> Iterator[None]:
    """A Prometheus that scrapes the app and evaluates these rules; an Alertmanager with a group for each alert."""
    route = {
        "receiver": "bench",
        "group_by": ["alertname", "http_route", "messaging_destination_name"],
        "group_wait": pace.group_wait,
        "group_interval": pace.group_interval,
    }
    tells = {"name": "bench", "webhook_configs": [{"url": told, "send_resolved": False}]}
    with alertmanager(yaml.safe_dump({"route": route, "receivers": [tells]})) as manager:
        config = {
            "global": {"scrape_interval": pace.interval, "evaluation_interval": pace.interval},
            "rule_files": [str(rules)],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{manager.port}"]}]}]},
            "scrape_configs": [
                {"job_name": "shop", "static_configs": [{"targets": [app.url.removeprefix("http://")]}]}
            ],
        }
        with prometheus(yaml.safe_dump(config)):
            yield
