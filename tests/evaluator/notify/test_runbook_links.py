"""The link to a runbook, in every place where an alert is read."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

import httpx

from evaluator_kit import evaluator, feed, firing, get
from lapbell import semconv
from peers.alertmanager import alertmanager
from peers.sink import Sink, otlp_sink

OURS, THEIRS = "WebhookErrorRate", "Theirs"
RULES = """
groups:
- name: g
  interval: 1s
  rules:
  - {alert: Theirs, expr: vector(1) > 0, annotations: {runbook_url: "wiki/theirs.md"}}
"""
LINKS = {OURS: "https://lapbell.example/bell/runbooks/webhook-error-rate", THEIRS: "wiki/theirs.md"}


def links(alerts: Iterable[Mapping[str, Mapping[str, str]]]) -> dict[str, str]:
    found = {alert["labels"]["alertname"]: alert["annotations"]["runbook_url"] for alert in alerts}
    return {name: found[name] for name in LINKS if name in found}


def exported(sink: Sink) -> dict[str, str]:
    link = f"{semconv.LAPBELL_ALERT_ANNOTATION_PREFIX}runbook_url"
    records = [{pair.key: pair.value.string_value for pair in record.attributes} for record in sink.log_records]
    return links({"labels": own, "annotations": {"runbook_url": own[link]}} for own in records)


async def told(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    """What an Alertmanager was told."""
    alerts: list[dict[str, Any]] = (await client.get("/api/v2/alerts")).raise_for_status().json()
    return alerts


async def told_of_both(client: httpx.AsyncClient) -> dict[str, str]:
    while True:
        found = links(await told(client))
        if len(found) == len(LINKS):
            return found
        await asyncio.sleep(0.05)


async def test_a_shipped_rules_link_is_absolute_everywhere_and_a_users_stays_as_it_is(tmp_path):
    (tmp_path / "rules.yml").write_text(RULES)
    with alertmanager() as peer, otlp_sink() as sink:
        sections = {
            "rules": {"files": [tmp_path / "rules.yml"]},
            "external_url": "https://lapbell.example/bell/",
            "alerting": {"alertmanagers": [peer.url]},
            "export": {"endpoint": sink.url, "protocol": "http/protobuf"},
        }
        async with (
            evaluator(tmp_path / "data", **sections) as (own, addresses),
            httpx.AsyncClient(base_url=peer.url, trust_env=False, timeout=60) as other,
        ):
            await feed(own, addresses)
            for name in LINKS:
                await firing(own, name)
            shown = (await get(own, "/api/performance/alerts"))["alerts"]
            seen = {
                "performance": {
                    alert["alertname"]: alert["runbook_url"] for alert in shown if alert["alertname"] in LINKS
                },
                "prometheus": links((await get(own, "/api/v1/alerts"))["data"]["alerts"]),
                "alertmanager": links(await told(own)),
            }
            heard = await told_of_both(other)
            await asyncio.to_thread(sink.wait_until, lambda sink: len(exported(sink)) == len(LINKS))
    assert {**seen, "peer": heard, "otlp": exported(sink)} == dict.fromkeys([*seen, "peer", "otlp"], LINKS)
