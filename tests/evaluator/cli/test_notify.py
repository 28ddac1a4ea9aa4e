"""`lapbell notify routes` and `lapbell notify test`: by the configuration, without a server."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from peers.sink import otlp_sink


def notify(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "lapbell_evaluator", "notify", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def config(folder: Path, **sections: object) -> str:
    file = folder / "lapbell.yaml"
    file.write_text(yaml.safe_dump(sections))
    return str(file)


@pytest.fixture
def two(tmp_path):
    """A chat that hears everything and a pager that hears the worst."""
    receivers = [
        {"name": "chat", "webhook": {"url": "http://127.0.0.1:9/"}},
        {"name": "pager", "webhook": {"url": "http://127.0.0.1:9/"}, "matchers": ['severity="critical"']},
    ]
    return config(tmp_path, receivers=receivers)


def test_routes_say_who_hears_of_an_alert_and_why(two):
    result = notify("routes", "alertname=Slow", "severity=warning", "-c", two, "-o", "json")
    assert json.loads(result.stdout) == [
        {"receiver": "chat", "is_told": True, "why": "it has no matchers", "after_s": 0.0},
        {"receiver": "pager", "is_told": False, "why": 'severity="critical" does not hold', "after_s": 0.0},
    ]


def test_routes_as_a_table_name_each_receiver(two):
    output = notify("routes", "severity=critical", "-c", two).stdout
    assert [line.split()[:2] for line in output.splitlines() if line.strip()] == [
        ["RECEIVER", "TOLD"],
        ["chat", "yes"],
        ["pager", "yes"],
    ]


def test_routes_of_a_chain_say_when_each_hears_and_what_keeps_it_quiet(tmp_path):
    after = {"chat": 0, "pager": 600, "boss": 5400}
    chain = [{"name": name, "after": s, "webhook": {"url": "http://127.0.0.1:9/"}} for name, s in after.items()]
    file = config(tmp_path, receivers=chain)
    lines = [line.rstrip() for line in notify("routes", "severity=critical", "-c", file).stdout.splitlines()]
    assert [line for line in lines if line] == [
        "RECEIVER  TOLD         WHY",
        "chat      yes          it has no matchers",
        "pager     after 10m    it has no matchers; unless acknowledged within 10m",
        "boss      after 1h30m  it has no matchers; unless acknowledged within 1h30m",
    ]


def test_routes_name_the_maintenance_windows_in_which_nobody_hears(tmp_path):
    window = {"name": "backup", "matchers": ["job=db"], "schedule": "0 3 * * *", "duration": 3600}
    file = config(
        tmp_path, receivers=[{"name": "chat", "webhook": {"url": "http://127.0.0.1:9/"}}], maintenance=[window]
    )
    found = {job: notify("routes", f"job={job}", "-c", file, "-o", "json").stdout for job in ("db", "app")}
    assert {job: json.loads(text)[0]["why"] for job, text in found.items()} == {
        "db": "it has no matchers; not during maintenance backup",
        "app": "it has no matchers",
    }


def test_routes_name_quiet_hours_and_say_of_a_machine_that_it_hears_all(tmp_path):
    night = [{"begin": "22:00", "end": "07:00"}]
    window = {"name": "backup", "matchers": ["job=db"], "schedule": "0 3 * * *", "duration": 3600}
    file = config(
        tmp_path,
        receivers=[
            {"name": "chat", "webhook": {"url": "http://x/"}, "quiet_hours": night, "time_zone": "Europe/Berlin"},
            {"name": "vendor", "otlp": {"endpoint": "http://x/"}},
        ],
        maintenance=[window],
    )
    found = json.loads(notify("routes", "job=db", "-c", file, "-o", "json").stdout)
    assert {each["receiver"]: each["why"] for each in found} == {
        "chat": "it has no matchers; not during maintenance backup; not in quiet hours 22:00-07:00 Europe/Berlin",
        "vendor": "it has no matchers; every move at once, also of what is quiet for people",
    }


def test_a_trial_reaches_the_receiver_and_says_that_nothing_is_wrong(tmp_path):
    with otlp_sink() as sink:
        file = config(tmp_path, receivers=[{"name": "chat", "webhook": {"url": f"{sink.url}/in"}}])
        result = notify("test", "chat", "-c", file)
    (delivery,) = sink.deliveries
    assert result.stdout == "chat took it\n"
    assert "nothing is wrong" in json.loads(delivery.body)["commonAnnotations"]["summary"]


@pytest.mark.parametrize("kind", ["webhook", "slack", "discord", "pagerduty", "apprise", "otlp"])
def test_a_trial_reaches_a_receiver_of_every_kind(kind, tmp_path):
    key = tmp_path / "key"
    key.touch(mode=0o600)
    key.write_text("R0123456789abcdef0123456789ABCDE")
    with otlp_sink() as sink:
        section = {"url": sink.url.replace("http", "json") if kind == "apprise" else sink.url}
        if kind == "pagerduty":
            section["routing_key_file"] = str(key)
        if kind == "otlp":
            section = {"endpoint": sink.url, "protocol": "http/protobuf"}
        result = notify("test", "ops", "-c", config(tmp_path, receivers=[{"name": "ops", kind: section}]))
    assert result.stdout == "ops took it\n"
    assert b"nothing is wrong" in sink.deliveries[0].body


def test_a_trial_of_pagerduty_does_not_stay_open(tmp_path):
    key = tmp_path / "key"
    key.touch(mode=0o600)
    key.write_text("R0123456789abcdef0123456789ABCDE")
    with otlp_sink() as sink:
        section = {"url": sink.url, "routing_key_file": str(key)}
        notify("test", "ops", "-c", config(tmp_path, receivers=[{"name": "ops", "pagerduty": section}]))
    trigger, end = (json.loads(delivery.body) for delivery in sink.deliveries)
    assert [trigger["event_action"], end["event_action"]] == ["trigger", "resolve"]
    assert trigger["dedup_key"] == end["dedup_key"]


def test_a_trial_for_nobody_names_those_that_there_are(two):
    result = notify("test", "mail", "-c", two)
    assert "No receiver is called mail. Known: chat, pager. See receivers in lapbell.yaml." in result.stderr


def test_a_trial_that_does_not_arrive_is_a_failure_and_says_why(two):
    result = notify("test", "chat", "-c", two)
    assert result.returncode == 1
    assert "The webhook of receiver chat does not answer: ConnectError" in result.stderr
