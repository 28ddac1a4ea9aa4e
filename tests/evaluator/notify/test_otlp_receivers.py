"""OTLP endpoints of the list beside that of `export`."""

import asyncio

import pytest
from pydantic import ValidationError

from evaluator_kit import evaluator
from lapbell_evaluator.config.settings import Settings
from peers.sink import Sink, otlp_sink

RULES = """
groups:
- name: g
  interval: 1s
  rules:
  - alert: Always
    expr: vector(1) > 0
    labels: {severity: critical, job: shop}
    annotations: {summary: "it is so"}
  - alert: Other
    expr: vector(1) > 0
    labels: {severity: warning, job: other}
"""


def names(sink: Sink) -> set[str]:
    """The alerts that log records are about."""
    return {
        each.value.string_value for record in sink.log_records for each in record.attributes if each.key == "alertname"
    }


def counted(sink: Sink) -> set[str]:
    """The alerts that the metric counts."""
    points = [point for metric in sink.metrics if metric.name == "lapbell.alerts" for point in metric.sum.data_points]
    return {each.value.string_value for point in points for each in point.attributes if each.key == "alertname"}


async def test_each_endpoint_hears_what_it_matches_with_its_headers_and_signals(tmp_path):
    rules, headers = tmp_path / "rules.yml", tmp_path / "headers"
    rules.write_text(RULES)
    headers.touch(mode=0o600)
    headers.write_text("x-api-key: secret")
    with otlp_sink() as both, otlp_sink() as logs:
        common = {"protocol": "http/protobuf"}
        receivers = [
            {
                "name": "vendor",
                "otlp": {"endpoint": both.url, "headers_file": headers, **common},
                "matchers": ['job="shop"'],
            },
            {"name": "archive", "otlp": {"endpoint": logs.url, "signals": ["logs"], **common}},
        ]
        async with evaluator(tmp_path / "data", rules={"files": [rules]}, receivers=receivers):
            await asyncio.to_thread(logs.wait_until, lambda sink: names(sink) == {"Always", "Other"})
            await asyncio.to_thread(both.wait_until, lambda sink: bool(names(sink) and counted(sink)))
    assert names(both) == counted(both) == {"Always"}
    assert {delivery.headers.get("x-api-key") for delivery in both.deliveries} == {"secret"}
    assert {delivery.path for delivery in logs.deliveries} == {"/v1/logs"}


@pytest.mark.parametrize(
    ("receiver", "remedy"),
    [
        ({"otlp": {"endpoint": "http://h:4317"}, "group_by": ["job"], "after": 60}, "leave out after, group_by"),
        ({"otlp": {"endpoint": "http://h:4317", "signals": []}}, "at least 1 item"),
        ({"otlp": {"endpoint": "http://127.0.0.1:4317"}}, "receiver vendor .* is this evaluator's own"),
        ({"otlp": {"endpoint": "h:4317"}}, "begins with http"),
    ],
)
def test_what_an_otlp_receiver_can_not_be_is_refused_with_the_remedy(receiver, remedy):
    listen = {"otlp_grpc": "127.0.0.1:4317"}
    with pytest.raises(ValidationError, match=remedy):
        Settings.model_validate({"listen": listen, "receivers": [{"name": "vendor", **receiver}]})
