"""Prefork servers: every process counts for itself, from zero, and nothing is lost when one stops."""

import json
import os
import signal
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest

from lapkit import app_server, python
from lapkit.totals import counts_by_process
from peers import otlp_sink

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

REQUESTS = 400
APP = "lapkit.webhook_app:app"
WORKERS = ["--workers", "4"]
GUNICORN = ["gunicorn", "-k", "uvicorn_worker.UvicornWorker", "-b", "127.0.0.1:{port}", *WORKERS, APP]
GEVENT = ["gunicorn", "-k", "gevent", "-b", "127.0.0.1:{port}", "lapkit.wsgi_app:app"]
GEVENTS = {"gevent": GEVENT, "gevent --preload": [*GEVENT, "--preload"]}
SERVERS = {
    "gunicorn": GUNICORN,
    "gunicorn --preload": [*GUNICORN, "--preload"],
    "uvicorn --workers": ["uvicorn", "--port", "{port}", *WORKERS, "--log-level", "warning", APP],
}


def post(url: str, path: str = "/webhook/whatsapp") -> str | None:
    """Which worker answered a webhook; a worker that stops resets connections that it has not accepted yet."""
    request = urllib.request.Request(f"{url}{path}", method="POST")
    try:
        with urllib.request.urlopen(request, timeout=100) as answer:
            return json.load(answer)["worker"]
    except (ConnectionError, urllib.error.URLError):
        return None


def post_many(url: str, requests: int, *, at_once: int = 8, path: str = "/webhook/whatsapp") -> list[str]:
    """The workers of those that were answered."""
    with ThreadPoolExecutor(at_once) as senders:
        return [worker for worker in senders.map(lambda _: post(url, path), range(requests)) if worker is not None]


@pytest.mark.parametrize("server", SERVERS)
def test_the_totals_of_four_workers_equal_the_requests_sent(server):
    with otlp_sink() as sink:
        with app_server(SERVERS[server], {"OTEL_EXPORTER_OTLP_ENDPOINT": sink.url}) as app:
            answered = post_many(app.url, REQUESTS)
        totals = counts_by_process(sink, "webhook.request.duration")
    assert len(answered) == REQUESTS
    assert sum(totals.values()) == REQUESTS
    assert len(totals) == len(set(answered))


@pytest.mark.parametrize("server", GEVENTS)
def test_the_totals_of_four_gevent_workers_equal_the_requests_sent(server):
    with otlp_sink() as sink:
        with app_server([*GEVENTS[server], *WORKERS], {"OTEL_EXPORTER_OTLP_ENDPOINT": sink.url}) as app:
            answered = post_many(app.url, REQUESTS, path="/webhook/1")
        totals = counts_by_process(sink, "webhook.request.duration")
    assert len(answered) == REQUESTS
    assert sum(totals.values()) == REQUESTS
    assert len(totals) == len(set(answered))


@pytest.mark.parametrize("server", GEVENTS)
def test_phases_of_twenty_webhooks_that_wait_for_each_other_in_one_gevent_worker_stay_apart(server):
    with otlp_sink() as sink:
        with app_server(GEVENTS[server], {"OTEL_EXPORTER_OTLP_ENDPOINT": sink.url}) as app:
            answered = post_many(app.url, 100, at_once=20, path="/webhook/20")
        phases = {
            phase: sum(counts_by_process(sink, "webhook.phase.duration", {"webhook.phase.name": phase}).values())
            for phase in ("cache_lookup", "business_logic")
        }
        webhooks = sum(counts_by_process(sink, "webhook.request.duration").values())
    assert len(answered) == 100
    assert {**phases, "webhooks": webhooks} == {"cache_lookup": 100, "business_logic": 100, "webhooks": 100}


def test_a_graceful_restart_under_load_loses_nothing():
    with otlp_sink() as sink:
        with app_server(SERVERS["gunicorn --preload"], {"OTEL_EXPORTER_OTLP_ENDPOINT": sink.url}) as app:
            before = post_many(app.url, REQUESTS // 2)
            os.kill(app.process.popen.pid, signal.SIGHUP)
            after: list[str] = []
            while len(after) < REQUESTS // 2 or set(after) <= set(before):
                after += post_many(app.url, REQUESTS // 10)
        totals = counts_by_process(sink, "webhook.request.duration")
    answered = before + after
    assert sum(totals.values()) == len(answered)
    assert len(totals) == len(set(answered))


def test_without_a_line_of_code_workers_are_found_too():
    argv = ["opentelemetry-instrument", *SERVERS["uvicorn --workers"]]
    env = {"APP_SETUP": "no", "OTEL_TRACES_SAMPLER": "lapbell", "LAPBELL_PROVIDER": "twilio"}
    with otlp_sink() as sink:
        with app_server(argv, {"OTEL_EXPORTER_OTLP_ENDPOINT": sink.url, **env}) as app:
            answered = post_many(app.url, REQUESTS)
        totals = counts_by_process(sink, "webhook.request.duration")
    assert len(answered) == REQUESTS
    assert sum(totals.values()) == REQUESTS
    assert len(totals) == len(set(answered))


FORK = """
import os, lapbell
handle = lapbell.setup(None)
monitor = lapbell.get_performance_monitor()
def webhooks(count):
    for _ in range(count):
        monitor.record_webhook_timing_breakdown(lapbell.WebhookTimingBreakdown(total_time=0.1))
webhooks(10)
children = []
for count in (1, 2, 3):
    child = os.fork()
    if child == 0:
        webhooks(count)
        assert monitor.get_webhook_timing_summary()["total_webhooks"] == count
        handle.shutdown()
        os._exit(0)
    children.append(child)
assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]
webhooks(10)
handle.shutdown()
"""


@pytest.mark.parametrize("protocol", ["http/protobuf"])
def test_children_begin_at_zero_and_the_parent_goes_on(protocol):
    with otlp_sink() as sink:
        python(FORK, OTEL_EXPORTER_OTLP_ENDPOINT=sink.url, OTEL_EXPORTER_OTLP_PROTOCOL=protocol)
        totals = counts_by_process(sink, "webhook.request.duration")
    assert sorted(totals.values()) == [1, 2, 3, 20]
