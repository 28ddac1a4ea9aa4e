"""A canary in every place of the list where a secret may stand, and none of it in what is logged or answered."""

import io
import logging
import re

import pytest

from evaluator_kit import evaluator, firing

CANARY = re.compile(r"canary\w*")
RULES = """
groups:
- name: g
  interval: 1s
  rules:
  - {alert: Always, expr: vector(1) > 0, labels: {severity: critical}}
"""
URL = "http://canaryuser:canarypassword@127.0.0.1:9/canarypath"
ROUTES = (
    "/metrics",
    "/api/performance/alerts",
    "/api/performance/alerts/{key}",
    "/api/performance/alerts/history",
    "/api/performance/dead-letters",
    "/api/performance/audit",
    "/api/v2/status",
    "/api/v2/receivers",
    "/api/v2/alerts",
    "/api/v2/alerts/groups",
    "/openapi.json",
)


@pytest.fixture
def logged():
    """What a log of everything holds."""
    stream, root = io.StringIO(), logging.getLogger()
    handler, before = logging.StreamHandler(stream), root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield stream
    root.removeHandler(handler)
    root.setLevel(before)


def receivers(folder) -> list[dict]:
    """One of each kind, all of them away."""
    for name, text in {"key": "canarykey" * 3, "headers": "x-api-key: canaryheader"}.items():
        (folder / name).touch(mode=0o600)
        (folder / name).write_text(text)
    kinds = {
        "webhook": {"url": f"{URL}?token=canaryquery", "headers_file": folder / "headers"},
        "slack": {"url": URL},
        "discord": {"url": URL},
        "pagerduty": {"url": URL, "routing_key_file": folder / "key"},
        "apprise": {"url": URL.replace("http", "json")},
        "otlp": {"endpoint": "http://canaryuser:canarypassword@127.0.0.1:9", "headers_file": folder / "headers"},
    }
    return [{"name": f"to-{kind}", kind: section} for kind, section in kinds.items()]


async def test_no_answer_and_no_line_of_the_log_tells_a_secret_of_a_receiver(tmp_path, logged):
    rules = tmp_path / "rules.yml"
    rules.write_text(RULES)
    own = receivers(tmp_path)
    async with evaluator(tmp_path / "data", rules={"files": [rules]}, receivers=own) as (client, _):
        key = await firing(client, "Always")
        while len(re.findall(r"lapbell_delivery_failing_time_seconds\{", (await client.get("/metrics")).text)) < len(
            own
        ):
            pass
        answers = [await client.get(route.format(key=key)) for route in ROUTES]
    told = {str(answer.url.path): CANARY.findall(answer.text) for answer in answers}
    assert [route for route, found in told.items() if found] == []
    assert CANARY.findall(logged.getvalue()) == []
