"""A whole evaluator that tells a webhook, beside a real Alertmanager that tells another of the same alert."""

import asyncio
import json
from typing import Any

import pytest
from pydantic import ValidationError

from evaluator_kit import evaluator, firing
from lapbell_evaluator.config import ConfigError, WebhookSettings, webhook_target
from lapbell_evaluator.config.settings import Settings
from lapbell_evaluator.model import ReceiverPolicy
from lapbell_evaluator.notify import DeliveryError
from message_kit import job, line
from peers.alertmanager import alertmanager
from peers.answering import Answer, Request, answering

RULES = """
groups:
- name: g
  interval: 1s
  rules:
  - alert: Always
    expr: vector(1) > 0
    labels: {severity: critical, job: shop}
    annotations: {summary: "it is {{ $value }}"}
"""


class Inbox:
    """Keeps the documents that come."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self._came = asyncio.Event()

    def take(self, request: Request) -> Answer:
        self.requests.append(request)
        self._came.set()
        return Answer()

    async def first(self) -> dict[str, Any]:
        """The first document, once it is there."""
        await self._came.wait()
        document: dict[str, Any] = json.loads(self.requests[0].body)
        return document


def kinds(document: object) -> object:
    """The keys and the kinds of values, all the way down; of a list those of its first item."""
    if isinstance(document, dict):
        return {name: kinds(value) for name, value in document.items()}
    return [kinds(item) for item in document[:1]] if isinstance(document, list) else type(document).__name__


def without_labels(document: dict[str, Any]) -> dict[str, Any]:
    """What has the same keys whatever the alert."""
    named = ("groupLabels", "commonLabels", "commonAnnotations")
    alerts = [{**alert, "labels": {}, "annotations": {}} for alert in document["alerts"]]
    return {**document, **{name: {} for name in named}, "alerts": alerts}


def lacking(ours: object, theirs: object, at: str = "") -> list[str]:
    """Where ours has not what theirs has, or has it otherwise."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        return [fault for name, value in theirs.items() for fault in lacking(ours.get(name), value, f"{at}.{name}")]
    if isinstance(theirs, list) and isinstance(ours, list):
        pairs = zip(ours, theirs, strict=True)
        return [fault for own, other in pairs for fault in lacking(own, other, f"{at}[]")]
    return [] if ours == theirs else [f"{at}: {ours} is not {theirs}"]


@pytest.fixture
def rule_file(tmp_path):
    file = tmp_path / "rules.yml"
    file.write_text(RULES)
    return file


def settings_of(**receiver: object) -> Settings:
    return Settings.model_validate({"receivers": [{"name": "chat", **receiver}]})


async def test_our_document_has_every_key_that_alertmanager_sends_with_the_same_kinds_of_values(tmp_path, rule_file):
    ours, theirs = Inbox(), Inbox()
    async with answering(ours.take) as own_url, answering(theirs.take) as other_url:
        config = (
            "route: {receiver: chat, group_wait: 0s, group_by: [alertname]}\n"
            f'receivers: [{{name: chat, webhook_configs: [{{url: "{other_url}/"}}]}}]\n'
        )
        with alertmanager(config) as peer:
            sections = {
                "rules": {"files": [rule_file]},
                "alerting": {"alertmanagers": [peer.url]},
                "receivers": [{"name": "chat", "webhook": {"url": own_url}, "group_by": ["alertname"]}],
            }
            async with evaluator(tmp_path / "data", **sections):
                own, other = await ours.first(), await theirs.first()
    assert lacking(kinds(without_labels(own)), kinds(without_labels(other))) == []
    same = ("version", "status", "receiver", "groupLabels", "truncatedAlerts")
    assert {name: own[name] for name in same} == {name: other[name] for name in same}
    assert own["alerts"][0]["fingerprint"] == other["alerts"][0]["fingerprint"]


async def test_a_receiver_that_is_away_keeps_no_other_waiting_and_what_it_is_sent_is_told_by_metrics(
    tmp_path, rule_file
):
    inbox = Inbox()
    async with answering(inbox.take) as url:
        receivers = [
            {"name": "away", "webhook": {"url": "http://127.0.0.1:9/"}},
            {"name": "chat", "webhook": {"url": url}},
            {"name": "others", "webhook": {"url": url}, "matchers": ['job="other"']},
        ]
        async with evaluator(tmp_path / "data", rules={"files": [rule_file]}, receivers=receivers) as (client, _):
            document = await inbox.first()
            await firing(client, "Always")
            metrics = (await client.get("/metrics")).text
    assert document["receiver"] == "chat"
    assert [request.path for request in inbox.requests] == ["/"]
    assert 'lapbell_delivery_failing_time_seconds{lapbell_alert_receiver="away"}' in metrics


async def test_alertmanagers_api_names_the_receivers_of_each_alert_and_chooses_by_them(tmp_path, rule_file):
    receivers = [
        {"name": "chat", "webhook": {"url": "http://127.0.0.1:9/"}},
        {"name": "others", "webhook": {"url": "http://127.0.0.1:9/"}, "matchers": ['job="other"']},
    ]
    async with evaluator(tmp_path / "data", rules={"files": [rule_file]}, receivers=receivers) as (client, _):
        await firing(client, "Always")
        named = (await client.get("/api/v2/receivers")).json()
        (alert,) = (await client.get("/api/v2/alerts", params={"receiver": "chat"})).json()
        of_others = (await client.get("/api/v2/alerts", params={"receiver": "others"})).json()
        groups = (await client.get("/api/v2/alerts/groups")).json()
    assert named == [{"name": "chat"}, {"name": "others"}]
    assert alert["receivers"] == [{"name": "chat"}]
    assert of_others == []
    assert [(group["receiver"]["name"], len(group["alerts"])) for group in groups] == [("chat", 1)]


@pytest.mark.parametrize(
    ("receiver", "remedy"),
    [
        ({"webhook": {}}, "give either url or url_file"),
        ({}, "give one of webhook"),
        ({"webhook": {"url": "http://host/"}, "apprise": {"url": "json://host"}}, "told by webhook and apprise"),
        ({"apprise": {"url": "not a url"}}, "mailtos://"),
        ({"webhook": {"url": "ftp://host/"}}, "begins with http:// or https://"),
        ({"name": "otlp", "webhook": {"url": "http://host/"}}, "take another name"),
        ({"webhook": {"url": "http://host/"}, "time_zone": "Mars/Base"}, "Europe/Berlin"),
        ({"webhook": {"url": "http://host/"}, "matchers": ["="]}, "Write {name="),
        ({"webhook": {"url": "http://host/"}, "quiet_hours": [{"begin": "22:00", "end": "22:00"}]}, "different times"),
    ],
)
def test_what_a_receiver_can_not_be_is_refused_with_the_remedy(receiver, remedy):
    with pytest.raises(ValidationError, match=remedy.replace("{", r"\{")):
        settings_of(**receiver)


def test_the_url_of_a_webhook_can_be_kept_in_a_file_and_is_checked_there_too(tmp_path):
    file = tmp_path / "url"
    file.touch(mode=0o600)
    file.write_text("https://hooks.example/secret\n")
    webhook = WebhookSettings(url_file=file)
    target = webhook_target("chat", webhook)
    file.write_text("hooks.example")
    with pytest.raises(ConfigError, match="holds no URL"):
        webhook_target("chat", webhook)
    assert target == ("https://hooks.example/secret", ())


async def test_a_url_is_a_secret_that_no_error_tells(tmp_path):
    refused: list[str] = []
    async with answering(lambda _: Answer(302, headers=(("location", "http://elsewhere.example/"),))) as url:
        for where in ("http://127.0.0.1:9", url):
            async with line(tmp_path, ReceiverPolicy("chat")) as chat:
                chat.url = f"{where}/hooks/T0PSECRET"
                async with chat.standing():
                    await chat.fire(10, job("app"))
                    with pytest.raises(DeliveryError) as raised:
                        await chat.delivery.deliver()
                    refused.append(str(raised.value))
    assert ["T0PSECRET" in text for text in refused] == [False, False]
    assert ["does not answer" in refused[0], "redirects are not followed" in refused[1]] == [True, True]


async def test_a_document_is_small_enough_for_any_server_however_large_the_alerts_are(tmp_path):
    policy = ReceiverPolicy("chat", group_by=("alertname",))
    async with line(tmp_path, policy) as chat, chat.standing():
        await chat.fire(10, *(job(f"{number:03}" + "x" * 100_000) for number in range(200)))
        await chat.tell(10)
    (request, _) = chat.came[0]
    (message,) = chat.messages()
    assert len(request.body) <= 500_000
    assert len(message["alerts"]) + message["truncatedAlerts"] == 200
    assert {len(alert["labels"]["job"]) for alert in message["alerts"]} == {4_096}
