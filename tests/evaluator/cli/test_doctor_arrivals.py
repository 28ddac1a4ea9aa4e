"""What `lapbell doctor` says of what arrives, and of alerts that do not fire."""

from importlib import metadata

import httpx
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from doctor_kit import examined, gates_of, in_daemon_thread
from evaluator_kit import evaluator, feed
from lapbell import semconv
from lapbell_evaluator.app import Running
from lapbell_evaluator.cli.doctor.alerting import judged
from lapbell_evaluator.cli.doctor.evaluator import Alert, Evaluator
from lapbell_evaluator.cli.doctor.health import version
from lapbell_evaluator.cli.doctor.installation import Installation
from lapbell_evaluator.config import Settings
from lapbell_evaluator.model import SystemClock
from otlp_kit.metrics import gauge, metrics_export, number, resource


async def test_an_examination_adds_nothing_to_what_has_arrived(tmp_path):
    def items(text: str) -> list[str]:
        return [
            each for each in text.splitlines() if each.startswith(("lapbell_receiver_items", "lapbell_receiver_re"))
        ]

    async with evaluator(tmp_path / "data") as (client, addresses):
        before = items((await client.get("/metrics")).text)
        await in_daemon_thread(examined, tmp_path, **gates_of(addresses, tmp_path / "data"))
        after = items((await client.get("/metrics")).text)
    assert len(before) > 3
    assert after == before


async def test_with_data_it_names_the_senders_and_the_alerts_that_can_never_fire(tmp_path):
    async with evaluator(tmp_path / "data") as (client, addresses):
        await feed(client, addresses)
        report = await in_daemon_thread(examined, tmp_path, **gates_of(addresses, tmp_path / "data"))
    silent = {
        each["found"].partition(" can't fire")[0]: each["remedy"]
        for each in report.findings
        if each["check"] == "alerting.metrics"
    }
    assert report.code == 0
    assert report.of("arrivals.metrics")[0] == "ok"
    assert report.of("arrivals.senders")[:2] == ("ok", "bot")
    assert silent == {
        "WebhookStuck, EventLoopBlocked": "lapbell.setup(app); requests must be POST, or named by webhooks=…",
        "RedisCircuitOpen, CircuitOpen": (
            "lapbell.watch_breaker(…), or lapbell.circuit(name, state) from the breaker's callback"
        ),
        "TaskProcessingTime, TaskStuck": (
            "lapbell.setup(queues=[lapbell.queues.RedisLists(…)]) in the app and in its worker"
        ),
        "CpuUtilization, MemoryUtilization, DiskUtilization": "lapbell.setup(system=True)",
    }


async def test_what_the_library_measures_of_an_app_lets_the_alerts_on_it_fire(tmp_path):
    async with evaluator(tmp_path / "data") as (_, addresses):
        now = SystemClock().now()
        blocked = gauge(semconv.EVENT_LOOP_BLOCKED, [number(2.0, now)], "s")
        await sent(addresses, metrics_export(blocked, of=resource(service_name="bot")))
        report = await in_daemon_thread(examined, tmp_path, **gates_of(addresses, tmp_path / "data"))
    silent = [finding["found"] for finding in report.findings if finding["check"] == "alerting.metrics"]
    assert report.of("arrivals.senders")[:2] == ("ok", "bot")
    assert [found for found in silent if "EventLoopBlocked" in found] == []
    assert [found for found in silent if "WebhookStuck" in found] != []


def test_an_alert_that_cannot_be_judged_says_how_it_goes_on():
    def alert(name: str, state: str, health: str, detail: str) -> Alert:
        return Alert(alertname=name, state=state, health=health, detail=detail)

    findings = judged(
        [
            alert("WebhookErrorRate", "firing", "no_data", "no traffic"),
            alert("RedisLatency", "firing", "no_data", "no data"),
            alert("TaskQueueAge", "recovering", "no_data", "no traffic"),
            alert("WebhookResponseTime", "firing", "ok", ""),
        ]
    )
    assert [(finding.found, finding.remedy) for finding in findings] == [
        (
            "WebhookErrorRate is firing, but no traffic",
            "Its senders report, but nothing happens: after 15 minutes without traffic it is resolved as `idle`.",
        ),
        (
            "RedisLatency is firing, but no data",
            "It stays as it is until its data comes back: `lapbell alerts list`.",
        ),
        (
            "TaskQueueAge is recovering, but no traffic",
            "It has cleared: it is told as resolved once it has stayed so for alerting.reopen_within (10 minutes).",
        ),
    ]


async def test_metrics_without_spans_are_a_warning(tmp_path):
    async with evaluator(tmp_path / "data") as (client, addresses):
        await feed(client, addresses)
        report = await in_daemon_thread(examined, tmp_path, **gates_of(addresses, tmp_path / "data"))
    assert report.of("arrivals.traces")[:2] == ("warning", "none since the evaluator started, though metrics come")


async def test_what_was_refused_is_told_by_reason(tmp_path):
    async with evaluator(tmp_path / "data") as (client, addresses):
        headers = {"Content-Type": "application/x-protobuf"}
        await client.post(f"http://{addresses.otlp_http}/v1/metrics", content=b"\xff\xff", headers=headers)
        report = await in_daemon_thread(examined, tmp_path, **gates_of(addresses, tmp_path / "data"))
    verdict, found, remedy = report.of("arrivals.refused")
    assert verdict == "wrong"
    assert "1 of metrics: undecodable" in found
    assert "OTLP" in remedy


async def a_point(addresses: Running, age_s: float) -> None:
    at = SystemClock().now() - age_s
    await sent(addresses, metrics_export(gauge("temperature", [number(1, at)], "1"), of=resource(service_name="bot")))


async def sent(addresses: Running, export: ExportMetricsServiceRequest) -> None:
    headers = {"Content-Type": "application/x-protobuf"}
    async with httpx.AsyncClient(trust_env=False, timeout=60) as sender:
        url = f"http://{addresses.otlp_http}/v1/metrics"
        await sender.post(url, content=export.SerializeToString(), headers=headers)


@pytest.mark.parametrize(
    ("age_s", "told"), [(100.0, "100 s old when it came"), (-100.0, "100 s ahead of the evaluator")]
)
async def test_a_sender_whose_clock_is_off_is_told(tmp_path, age_s, told):
    async with evaluator(tmp_path / "data") as (_, addresses):
        await a_point(addresses, age_s)
        report = await in_daemon_thread(examined, tmp_path, **gates_of(addresses, tmp_path / "data"))
    warned = [each["found"] for each in report.findings if each["verdict"] == "warning"]
    assert [told in each for each in warned].count(True) == 1


FAR_AHEAD = "points of senders whose clocks are more than ten minutes ahead"


async def test_a_sender_whose_clock_is_far_ahead_is_told_by_what_was_refused(tmp_path):
    async with evaluator(tmp_path / "data") as (_, addresses):
        await a_point(addresses, -700.0)
        report = await in_daemon_thread(examined, tmp_path, **gates_of(addresses, tmp_path / "data"))
    assert report.of("arrivals.refused") == (
        "wrong",
        f"not taken, some within 5 minutes: 1 of metrics: {FAR_AHEAD}",
        "Set the sender's clock right: chrony or timesyncd.",
    )


async def test_an_evaluator_of_another_version_is_told(tmp_path):
    installation = Installation(None, Settings(), "", {}, "", is_named=False, token="", version="9.9.9", now=0.0)
    async with evaluator(tmp_path / "data") as (_, addresses), Evaluator(f"http://{addresses.rest}", "") as asked:
        found = await version(installation, asked)
    running = metadata.version("lapbell")
    assert found.verdict == "warning"
    assert found.found == f"the evaluator is {running}, this command is 9.9.9"


async def test_series_near_their_limit_are_a_warning(tmp_path):
    async with evaluator(tmp_path / "data", series={"limit": 100}) as (client, addresses):
        await feed(client, addresses)
        gates = gates_of(addresses, tmp_path / "data") | {"LAPBELL_SERIES__LIMIT": "100"}
        report = await in_daemon_thread(examined, tmp_path, **gates)
    verdict, found, remedy = report.of("arrivals.series")
    assert verdict in ("warning", "wrong")
    assert found.endswith("of at most 100")
    assert "series.limit" in remedy


async def test_a_reserve_that_leaves_no_room_for_what_no_rule_reads_is_told_though_there_is_room_for_rules(tmp_path):
    limits = {"limit": 10_000, "reserve": 90}
    async with evaluator(tmp_path / "data", series=limits) as (_, addresses):
        noise = (gauge(f"noise{n}", [number(1, SystemClock().now())]) for n in range(1_100))
        await sent(addresses, metrics_export(*noise, of=resource(service_name="bot")))
        gates = gates_of(addresses, tmp_path / "data") | {"LAPBELL_SERIES__LIMIT": "10000"}
        report = await in_daemon_thread(examined, tmp_path, **gates)
    found = [(each["verdict"], each["found"]) for each in report.findings if each["check"] == "arrivals.series"]
    assert found[-1] == ("wrong", "of metrics that no rule reads: 1,000 of at most 1,000")


async def test_a_silence_in_force_is_told(tmp_path):
    async with evaluator(tmp_path / "data") as (client, addresses):
        token = (tmp_path / "data" / "admin.token").read_text().strip()
        silence = {
            "matchers": [{"name": "alertname", "value": "RedisLatency", "isRegex": False, "isEqual": True}],
            "startsAt": "2020-01-01T00:00:00Z",
            "endsAt": "2100-01-01T00:00:00Z",
            "createdBy": "night shift",
            "comment": "Redis is moved",
        }
        headers = {"Authorization": f"Bearer {token}"}
        assert (await client.post("/api/v2/silences", json=silence, headers=headers)).status_code == 200
        report = await in_daemon_thread(examined, tmp_path, **gates_of(addresses, tmp_path / "data"))
    assert report.of("alerting.silences") == (
        "note",
        "1 in force (Redis is moved): what matches is not told",
        "`lapbell silence list`",
    )


async def test_a_rule_that_fails_is_told_with_its_error(tmp_path):
    rules = tmp_path / "rules.yml"
    rules.write_text(
        "groups:\n- name: own\n  interval: 1s\n  rules:\n  - alert: Two\n"
        """    expr: label_replace({__name__=~"lapbell_.+"}, "__name__", "x", "", "")\n"""
    )
    async with evaluator(tmp_path / "data", rules={"files": [str(rules)]}) as (client, addresses):
        await until_evaluated(client, "own")
        gates = gates_of(addresses, tmp_path / "data")
        report = await in_daemon_thread(examined, tmp_path, **gates)
    verdict, found, remedy = report.of("alerting.rules")
    assert verdict == "wrong"
    assert found.startswith("Two of own fails: ")
    assert "reload" in remedy


async def until_evaluated(client: httpx.AsyncClient, group: str) -> None:
    while True:
        answer = (await client.get("/api/v1/rules", params={"rule_group[]": group})).json()
        if answer["data"]["groups"][0]["rules"][0]["health"] == "err":
            return
