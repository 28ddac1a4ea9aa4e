"""`lapbell doctor` in front of what really goes wrong."""

import asyncio
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from functools import partial
from importlib import metadata
from pathlib import Path

import httpx
import pytest

from doctor_kit import elsewhere, examined, gates_of, on_a_terminal, printed
from evaluator_kit import evaluator, feed
from lapbell_evaluator.app import Running
from lapbell_evaluator.cli.doctor.evaluator import Evaluator
from lapbell_evaluator.cli.doctor.health import version
from lapbell_evaluator.cli.doctor.patient import Patient
from lapbell_evaluator.config import Settings
from lapbell_evaluator.model import SystemClock
from lapbell_evaluator.server import Server
from otlp_kit.metrics import gauge, metrics_export, number, resource
from peers import alertmanager, answers, free_port, otlp_sink, postgres, running

WHERE_PROCESSES_ARE_KNOWN = pytest.mark.skipif(sys.platform != "linux", reason="the kernel tells on Linux alone")


async def aside(work, *args, **kwargs):
    return await asyncio.to_thread(partial(work, *args, **kwargs))


def test_where_nothing_runs_that_alone_is_wrong(tmp_path):
    report = examined(tmp_path, **elsewhere())
    assert (report.code, report.verdicts("wrong")) == (1, ["evaluator.answers"])


def test_an_evaluator_that_was_named_and_does_not_answer_is_code_4(tmp_path):
    report = examined(tmp_path, "--url", "http://127.0.0.1:9", **elsewhere())
    assert (report.code, report.of("evaluator.answers")[:2]) == (
        4,
        ("wrong", "no evaluator answers at http://127.0.0.1:9: nobody listens"),
    )


def test_something_else_wrong_beside_it_is_code_1(tmp_path):
    report = examined(tmp_path, "--url", "http://127.0.0.1:9", OTEL_SDK_DISABLED="true", **elsewhere())
    assert report.code == 1


@pytest.mark.parametrize("wrong", [("--outptu",), ("--url", "http://["), ("--url", "127.0.0.1:8740")])
def test_usage_errors_are_code_2(tmp_path, wrong):
    command = [sys.executable, "-m", "lapbell_evaluator", "doctor", *wrong]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)


def test_a_gate_on_port_0_is_not_looked_for(tmp_path):
    report = examined(tmp_path, **elsewhere() | {"LAPBELL_LISTEN__OTLP_GRPC": "127.0.0.1:0"})
    assert report.of("gates.otlp_grpc")[0] == "skipped"


async def test_a_healthy_evaluator_without_data_is_fine_and_says_what_to_set(tmp_path):
    async with evaluator(tmp_path / "data") as (_, addresses):
        report = await aside(examined, tmp_path, **gates_of(addresses, tmp_path / "data"))
    remedy = report.of("arrivals.metrics")[2]
    assert (report.code, report.verdicts("wrong"), report.of("arrivals.metrics")[1], addresses.otlp_http in remedy) == (
        0,
        [],
        "none since the evaluator started",
        True,
    )


async def test_both_gates_take_an_empty_export_and_the_evaluator_gets_it(tmp_path):
    async with evaluator(tmp_path / "data") as (_, addresses):
        report = await aside(examined, tmp_path, **gates_of(addresses, tmp_path / "data"))
    assert (report.of("gates.otlp_http")[:2], report.of("gates.otlp_grpc")[:2]) == (
        ("ok", f"{addresses.otlp_http} takes exports, and the evaluator gets them"),
        ("ok", f"{addresses.otlp_grpc} takes exports, and the evaluator gets them"),
    )


async def test_an_examination_adds_nothing_to_what_has_arrived(tmp_path):
    def items(text: str) -> list[str]:
        return [
            each for each in text.splitlines() if each.startswith(("lapbell_receiver_items", "lapbell_receiver_re"))
        ]

    async with evaluator(tmp_path / "data") as (client, addresses):
        before = items((await client.get("/metrics")).text)
        await aside(examined, tmp_path, **gates_of(addresses, tmp_path / "data"))
        after = items((await client.get("/metrics")).text)
    assert (len(before) > 3, after) == (True, before)


async def test_with_data_it_names_the_senders_and_the_alerts_that_can_never_fire(tmp_path):
    async with evaluator(tmp_path / "data") as (client, addresses):
        await feed(client, addresses)
        report = await aside(examined, tmp_path, **gates_of(addresses, tmp_path / "data"))
    silent = {
        each["found"].partition(" can't fire")[0]: each["remedy"]
        for each in report.findings
        if each["check"] == "alerting.metrics"
    }
    assert (report.code, report.of("arrivals.metrics")[0], report.of("arrivals.senders")[:2], silent) == (
        0,
        "ok",
        ("ok", "bot"),
        {
            "RedisCircuitOpen": "lapbell.setup(redis=True); a breaker: lapbell.watch_breaker(…)",
            "TaskProcessingTime": "lapbell.setup(queues=[lapbell.queues.RedisLists(…)]) in the app and in its worker",
            "CpuUtilization, MemoryUtilization, DiskUtilization": "lapbell.setup(system=True)",
        },
    )


async def test_metrics_without_spans_are_a_warning(tmp_path):
    async with evaluator(tmp_path / "data") as (client, addresses):
        await feed(client, addresses)
        report = await aside(examined, tmp_path, **gates_of(addresses, tmp_path / "data"))
    assert report.of("arrivals.traces")[:2] == ("warning", "none since the evaluator started, though metrics come")


async def test_what_was_refused_is_told_by_reason(tmp_path):
    async with evaluator(tmp_path / "data") as (client, addresses):
        headers = {"Content-Type": "application/x-protobuf"}
        await client.post(f"http://{addresses.otlp_http}/v1/metrics", content=b"\xff\xff", headers=headers)
        report = await aside(examined, tmp_path, **gates_of(addresses, tmp_path / "data"))
    verdict, found, remedy = report.of("arrivals.refused")
    assert (verdict, "1 of metrics: undecodable" in found, "OTLP" in remedy) == ("wrong", True, True)


async def a_point(addresses: Running, age_s: float) -> None:
    at = SystemClock().now() - age_s
    export = metrics_export(gauge("temperature", [number(1, at)], "1"), of=resource(service_name="bot"))
    headers = {"Content-Type": "application/x-protobuf"}
    async with httpx.AsyncClient(trust_env=False) as sender:
        url = f"http://{addresses.otlp_http}/v1/metrics"
        await sender.post(url, content=export.SerializeToString(), headers=headers)


@pytest.mark.parametrize(("age_s", "told"), [(100.0, "100 s old when it came"), (-20.0, "20 s ahead of the evaluator")])
async def test_a_sender_whose_clock_is_off_is_told(tmp_path, age_s, told):
    async with evaluator(tmp_path / "data") as (_, addresses):
        await a_point(addresses, age_s)
        report = await aside(examined, tmp_path, **gates_of(addresses, tmp_path / "data"))
    warned = [each["found"] for each in report.findings if each["verdict"] == "warning"]
    assert [told in each for each in warned].count(True) == 1


async def test_a_sender_whose_clock_is_far_ahead_is_told_by_what_was_refused(tmp_path):
    async with evaluator(tmp_path / "data") as (_, addresses):
        await a_point(addresses, -100.0)
        report = await aside(examined, tmp_path, **gates_of(addresses, tmp_path / "data"))
    assert report.of("arrivals.refused") == (
        "wrong",
        "not taken, some within 5 minutes: 1 of metrics: points from the future",
        "Set the sender's clock right: chrony or timesyncd.",
    )


async def test_an_evaluator_of_another_version_is_told(tmp_path):
    patient = Patient(None, Settings(), "", {}, "", is_named=False, token="", version="9.9.9", now=0.0)
    async with evaluator(tmp_path / "data") as (_, addresses), Evaluator(f"http://{addresses.rest}", "") as asked:
        found = await version(patient, asked)
    running = metadata.version("lapbell")
    assert (found.verdict, found.found) == ("warning", f"the evaluator is {running}, this command is 9.9.9")


async def test_series_near_their_limit_are_a_warning(tmp_path):
    async with evaluator(tmp_path / "data", series={"limit": 100}) as (client, addresses):
        await feed(client, addresses)
        gates = gates_of(addresses, tmp_path / "data") | {"LAPBELL_SERIES__LIMIT": "100"}
        report = await aside(examined, tmp_path, **gates)
    verdict, found, remedy = report.of("arrivals.series")
    assert (verdict in ("warning", "wrong"), found.endswith("of at most 100"), "series.limit" in remedy) == (
        True,
        True,
        True,
    )


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
        report = await aside(examined, tmp_path, **gates_of(addresses, tmp_path / "data"))
    assert report.of("alerting.silences") == (
        "note",
        "1 in force (Redis is moved): what matches is not told",
        "`lapbell silence list`",
    )


async def test_alerts_that_nobody_takes_are_told(tmp_path):
    dead = {"endpoint": "http://127.0.0.1:9", "protocol": "http/protobuf"}
    async with evaluator(tmp_path / "data", rules={"interval": 0.25}, export=dead) as (client, addresses):
        await feed(client, addresses)
        failing = {"query": "lapbell_delivery_failing_time_seconds > 0"}
        while not (await client.get("/api/v1/query", params=failing)).json()["data"]["result"]:
            pass
        report = await aside(examined, tmp_path, **gates_of(addresses, tmp_path / "data"))
    verdict, found, _ = report.of("alerting.delivery")
    assert (verdict, found.startswith("otlp has taken nothing for ")) == ("wrong", True)


@WHERE_PROCESSES_ARE_KNOWN
async def test_at_a_wrong_url_it_finds_the_evaluator_by_its_database(tmp_path):
    async with evaluator(tmp_path / "data") as (_, addresses):
        gates = gates_of(addresses, tmp_path / "data") | {"LAPBELL_URL": "http://127.0.0.1:9"}
        report = await aside(examined, tmp_path, **gates)
    found = report.of("evaluator.answers")[1]
    port = addresses.rest.rpartition(":")[2]
    assert (report.code, "has the database open" in found, port in found) == (4, True, True)


@WHERE_PROCESSES_ARE_KNOWN
def test_an_evaluator_that_is_stopped_is_told_from_one_that_is_not_there(tmp_path):
    gates = elsewhere()
    environ = {**os.environ, **gates, "LAPBELL_DATA_DIR": str(tmp_path / "data")}
    argv = [sys.executable, "-m", "lapbell_evaluator", "serve"]
    ready = answers(f"http://{gates['LAPBELL_LISTEN__REST']}/-/ready")
    with running(argv, folder=tmp_path, ready=ready, env=environ) as process:
        process.popen.send_signal(signal.SIGSTOP)
        report = examined(tmp_path, LAPBELL_DATA_DIR=str(tmp_path / "data"), **gates)
        process.popen.send_signal(signal.SIGCONT)
    verdict, found, remedy = report.of("evaluator.answers")
    assert (verdict, "says nothing" in found, str(process.popen.pid) in found, "restart it" in remedy) == (
        "wrong",
        True,
        True,
        True,
    )


async def test_a_gate_that_is_no_rest_gate_is_told(tmp_path):
    async with evaluator(tmp_path / "data") as (_, addresses):
        gates = gates_of(addresses, tmp_path / "data")
        report = await aside(examined, tmp_path, "--url", f"http://{addresses.otlp_http}", **gates)
    verdict, found, _ = report.of("evaluator.answers")
    assert (verdict, "no evaluator (/-/healthy: 404)" in found) == ("wrong", True)


async def test_gates_of_another_configuration_are_told_with_the_ports_that_it_has(tmp_path):
    async with evaluator(tmp_path / "data") as (_, addresses):
        gates = gates_of(addresses, tmp_path / "data") | {"LAPBELL_LISTEN__OTLP_HTTP": f"127.0.0.1:{free_port()}"}
        report = await aside(examined, tmp_path, **gates)
    verdict, found, _ = report.of("gates.otlp_http")
    own = addresses.otlp_http.rpartition(":")[2]
    assert (verdict, "nobody listens, though the evaluator" in found, own in found or sys.platform != "linux") == (
        "warning",
        True,
        True,
    )


async def test_a_gate_whose_exports_reach_another_evaluator_is_told(tmp_path):
    async with evaluator(tmp_path / "one") as (_, one), evaluator(tmp_path / "other") as (_, other):
        gates = gates_of(one, tmp_path / "one") | {"LAPBELL_LISTEN__OTLP_GRPC": other.otlp_grpc}
        report = await aside(examined, tmp_path, **gates)
    verdict, found, _ = report.of("gates.otlp_grpc")
    assert (verdict, "do not reach the evaluator" in found) == ("warning", True)


def test_another_program_on_the_port_of_a_gate_is_named(tmp_path):
    with otlp_sink() as sink:
        gates = elsewhere() | {"LAPBELL_LISTEN__OTLP_GRPC": f"127.0.0.1:{sink.port}"}
        report = examined(tmp_path, **gates)
    verdict, found, remedy = report.of("gates.otlp_grpc")
    assert (
        verdict,
        "is taken by a web server, BaseHTTP" in found,
        "set listen.otlp_grpc to a free port" in remedy,
    ) == (
        "wrong",
        True,
        True,
    )


def test_a_broken_configuration_is_told_with_line_and_column_and_the_rest_goes_on(tmp_path):
    (tmp_path / "lapbell.yaml").write_text("rules: {interval: 1}\nexport:\n  endpiont: http://collector:4317\n")
    report = examined(tmp_path, LAPBELL_URL="http://127.0.0.1:9")
    assert (report.code, report.of("configuration.file"), report.of("app.python")[0]) == (
        1,
        (
            "wrong",
            "lapbell.yaml:3:3: unknown key `export.endpiont`. Did you mean `endpoint`?",
            "Mend it, then `lapbell check config`.",
        ),
        "ok",
    )


def test_a_variable_with_one_underscore_too_few_is_found(tmp_path):
    report = examined(tmp_path, LAPBELL_LISTEN_OTLP_HTTP="127.0.0.1:5318", **elsewhere())
    warned = [each for each in report.findings if each["verdict"] == "warning"]
    assert (warned[0]["found"], warned[0]["remedy"]) == (
        "nothing reads LAPBELL_LISTEN_OTLP_HTTP",
        "Write two underscores: LAPBELL_LISTEN__OTLP_HTTP.",
    )


def test_a_rule_file_that_can_not_be_used_is_told_with_its_place(tmp_path):
    rules = tmp_path / "rules.yml"
    rules.write_text("groups:\n- name: own\n  rules:\n  - alert: Slow\n    expr: up == (0\n")
    report = examined(tmp_path, LAPBELL_RULES__FILES=f"[{rules}]", **elsewhere())
    verdict, found, remedy = report.of("configuration.rules")
    assert (verdict, f"{rules}:5:" in found, f"lapbell check rules {rules}" in remedy) == ("wrong", True, True)


def test_a_token_file_that_others_may_read_is_told(tmp_path):
    token = tmp_path / "ingest.token"
    token.write_text("secret\n")
    token.chmod(0o644)
    report = examined(tmp_path, LAPBELL_AUTH__INGEST_TOKEN_FILE=str(token), **elsewhere())
    assert report.of("configuration.tokens") == (
        "warning",
        f"{token} has mode 0644: others may use it",
        f"chmod 600 {token}",
    )


def test_a_gate_open_to_strangers_is_told(tmp_path):
    report = examined(tmp_path, **elsewhere() | {"LAPBELL_LISTEN__OTLP_HTTP": "0.0.0.0:4318"})
    assert report.of("configuration.tokens")[2] == "Set auth.ingest_token_file, or listen on 127.0.0.1."


def test_a_data_dir_that_can_not_be_written_to_is_told(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    data.chmod(0o500)
    report = examined(tmp_path, before=without_privileges(), LAPBELL_DATA_DIR=str(data), **elsewhere())
    assert report.of("storage.data_dir")[:2] == ("wrong", f"{data}: this user may not write")


def without_privileges() -> list[str]:
    """Root may write anywhere, unless it gives that up."""
    if os.geteuid() != 0:
        return []
    program = shutil.which("setpriv")
    if program is None:
        pytest.skip("as root this needs setpriv: apt-get install util-linux")
    return [program, "--bounding-set", "-dac_override,-dac_read_search"]


def test_a_data_dir_that_is_a_file_is_told(tmp_path):
    (tmp_path / "data").write_text("")
    report = examined(tmp_path, LAPBELL_DATA_DIR=str(tmp_path / "data"), **elsewhere())
    assert report.of("storage.data_dir")[:2] == ("wrong", f"{tmp_path / 'data'} is not a folder")


async def test_a_damaged_history_is_told(tmp_path):
    async with evaluator(tmp_path / "data"):
        pass
    history = tmp_path / "data" / "history.db"
    history.write_bytes(b"not SQLite's" + history.read_bytes()[12:])
    report = await aside(examined, tmp_path, LAPBELL_DATA_DIR=str(tmp_path / "data"), **elsewhere())
    verdict, found, remedy = report.of("storage.history")
    assert (verdict, found, "lapbell history check --repair" in remedy) == (
        "wrong",
        f"{history}: file is not a database",
        True,
    )


def everything(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {each.name: (each.stat().st_mtime_ns, each.read_bytes()) for each in folder.iterdir()}


async def test_nothing_is_written_into_the_data_dir(tmp_path):
    async with evaluator(tmp_path / "data") as (client, addresses):
        await feed(client, addresses)
    before = everything(tmp_path / "data")
    report = await aside(examined, tmp_path, LAPBELL_DATA_DIR=str(tmp_path / "data"), **elsewhere())
    assert (report.of("storage.history")[0], report.of("storage.alerts")[0], everything(tmp_path / "data")) == (
        "ok",
        "ok",
        before,
    )


async def test_what_a_killed_evaluator_left_is_read_with_its_log_and_not_changed(tmp_path):
    async with evaluator(tmp_path / "data") as (client, addresses):
        await feed(client, addresses)
        await aside(shutil.copytree, tmp_path / "data", tmp_path / "left")
    before = everything(tmp_path / "left")
    report = await aside(examined, tmp_path, LAPBELL_DATA_DIR=str(tmp_path / "left"), **elsewhere())
    after = everything(tmp_path / "left")
    own = [name for name in before if not name.endswith("-shm")]  # SQLite's index of the log, no data
    assert ("history.db-wal" in own, report.of("storage.history")[0], {name: after[name] for name in own}) == (
        True,
        "ok",
        {name: before[name] for name in own},
    )


async def test_an_evaluator_at_work_is_not_kept_waiting(tmp_path):
    async with evaluator(tmp_path / "data") as (client, addresses):
        await asyncio.gather(
            aside(examined, tmp_path, **gates_of(addresses, tmp_path / "data")),
            *(feed(client, addresses) for _ in range(5)),
        )
        with sqlite3.connect(tmp_path / "data" / "history.db") as reader:
            (kept,) = reader.execute("SELECT count(*) FROM tail").fetchone()
    assert kept > 0


def test_a_dead_export_endpoint_is_told_for_either_protocol(tmp_path):
    dead = {"LAPBELL_EXPORT__ENDPOINT": "http://127.0.0.1:9", **elsewhere()}
    by_grpc = examined(tmp_path, **dead).of("leaving.endpoint")
    by_http = examined(tmp_path, LAPBELL_EXPORT__PROTOCOL="http/protobuf", **dead).of("leaving.endpoint")
    assert (by_grpc, by_http) == (
        ("wrong", "http://127.0.0.1:9 (grpc): nobody listens", "Start it, or mend export.endpoint."),
        ("wrong", "http://127.0.0.1:9 (http/protobuf): nobody listens", "Start it, or mend export.endpoint."),
    )


def test_an_export_endpoint_that_takes_exports_is_fine_and_was_sent_nothing_in_them(tmp_path):
    with otlp_sink() as sink:
        endpoint = {"LAPBELL_EXPORT__ENDPOINT": sink.url, "LAPBELL_EXPORT__PROTOCOL": "http/protobuf"}
        report = examined(tmp_path, **endpoint, **elsewhere())
        bodies = [(delivery.path, delivery.body) for delivery in sink.deliveries]
    assert (report.of("leaving.endpoint")[0], bodies) == ("ok", [("/v1/logs", b""), ("/v1/metrics", b"")])


def test_the_wrong_protocol_for_an_export_endpoint_is_told(tmp_path):
    with otlp_sink() as sink:
        report = examined(tmp_path, LAPBELL_EXPORT__ENDPOINT=sink.url, **elsewhere())
    assert report.of("leaving.endpoint")[0] == "wrong"


def test_alertmanagers_that_answer_and_that_do_not_are_told_without_their_passwords(tmp_path):
    with alertmanager() as there:
        live, dead = there.url, "http://night:geheim@127.0.0.1:9"
        report = examined(tmp_path, LAPBELL_ALERTING__ALERTMANAGERS=f"[{live}, '{dead}']", **elsewhere())
    told = [(each["verdict"], each["found"]) for each in report.findings if each["check"] == "leaving.alertmanagers"]
    assert [(verdict, found.partition(": Alertmanager ")[0]) for verdict, found in told] == [
        ("ok", f"{live} answers"),
        ("wrong", "http://127.0.0.1:9: nobody listens"),
    ]


def test_a_trace_url_that_does_not_answer_is_a_warning(tmp_path):
    report = examined(tmp_path, LAPBELL_TRACE_URL="http://127.0.0.1:9/trace/{trace_id}", **elsewhere())
    assert report.of("leaving.trace_url")[:2] == ("warning", "http://127.0.0.1:9/: nobody listens")


async def test_the_wrong_protocol_of_an_app_is_told_with_the_right_one(tmp_path):
    async with evaluator(tmp_path / "data") as (_, addresses):
        gates = gates_of(addresses, tmp_path / "data")
        by_http = await aside(examined, tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT=f"http://{addresses.otlp_grpc}", **gates)
        by_grpc = await aside(
            examined,
            tmp_path,
            OTEL_EXPORTER_OTLP_ENDPOINT=f"http://{addresses.otlp_http}",
            OTEL_EXPORTER_OTLP_PROTOCOL="grpc",
            **gates,
        )
    told = [report.of("app.endpoint")[2].partition(",")[0] for report in (by_http, by_grpc)]
    assert told == ["Try OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "Try OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf"]


async def test_a_token_that_the_gate_does_not_know_is_told_as_such(tmp_path):
    token = tmp_path / "ingest.token"
    token.write_text("right\n")
    token.chmod(0o600)
    async with evaluator(tmp_path / "data", auth={"ingest_token_file": token}) as (_, addresses):
        gates = gates_of(addresses, tmp_path / "data") | {"LAPBELL_AUTH__INGEST_TOKEN_FILE": str(token)}
        sender = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{addresses.otlp_http}",
            "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20wrong",
        }
        report = await aside(examined, tmp_path, **gates, **sender)
        right = sender | {"OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20right"}
        mended = await aside(examined, tmp_path, **gates, **right)
    verdict, found, remedy = report.of("app.endpoint")
    assert (report.of("gates.otlp_http")[0], verdict, "refuses the token: This token is not known." in found) == (
        "ok",
        "wrong",
        True,
    )
    assert ("OTEL_EXPORTER_OTLP_HEADERS" in remedy, mended.of("app.endpoint")[0]) == (True, "ok")


async def test_a_token_that_was_changed_after_the_start_is_told(tmp_path):
    token = tmp_path / "ingest.token"
    token.write_text("former\n")
    token.chmod(0o600)
    async with evaluator(tmp_path / "data", auth={"ingest_token_file": token}) as (_, addresses):
        token.write_text("later\n")
        gates = gates_of(addresses, tmp_path / "data") | {"LAPBELL_AUTH__INGEST_TOKEN_FILE": str(token)}
        report = await aside(examined, tmp_path, **gates)
    verdict, found, remedy = report.of("gates.otlp_grpc")
    assert (verdict, "refuses the token of auth.ingest_token_file" in found, "restart the evaluator" in remedy) == (
        "wrong",
        True,
        True,
    )


async def test_an_evaluator_that_wants_a_token_for_reading_gets_the_one_that_is_at_hand(tmp_path):
    async with evaluator(tmp_path / "data", auth={"allow_loopback": False}) as (_, addresses):
        gates = gates_of(addresses, tmp_path / "data")
        without = await aside(examined, tmp_path, **gates)
        token = str(tmp_path / "data" / "admin.token")
        with_token = await aside(examined, tmp_path, LAPBELL_TOKEN_FILE=token, **gates)
    assert (without.of("evaluator.version")[0], with_token.of("evaluator.version")[0]) == ("skipped", "ok")


def test_a_postgresql_that_answers_and_one_that_does_not_are_told_apart(tmp_path):
    with postgres() as server:
        there = examined(tmp_path, LAPBELL_DATABASE__URL=server.url, **elsewhere()).of("storage.alerts")
    gone = examined(tmp_path, LAPBELL_DATABASE__URL=server.url, **elsewhere()).of("storage.alerts")
    assert (there[0], "answers: PostgreSQL" in there[1], gone[0], "database.url" in gone[2]) == (
        "ok",
        True,
        "wrong",
        True,
    )


def test_passwords_are_not_told(tmp_path):
    url = "postgresql+psycopg://lapbell:geheim@127.0.0.1:9/alerts"
    lines = printed(tmp_path, LAPBELL_DATABASE__URL=url, **elsewhere())
    assert ("geheim" in "\n".join(lines), any("lapbell:***@127.0.0.1:9" in line for line in lines)) == (False, True)


def test_a_network_that_says_nothing_does_not_hold_it_up(tmp_path):
    with socket.create_server(("127.0.0.1", 0), backlog=100) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        environ = {
            "LAPBELL_EXPORT__ENDPOINT": url,
            "LAPBELL_TRACE_URL": f"{url}/{{trace_id}}",
            "LAPBELL_DATABASE__URL": f"postgresql+psycopg://lapbell@{url.removeprefix('http://')}/alerts",
            "OTEL_EXPORTER_OTLP_ENDPOINT": url,
        }
        began = time.monotonic()
        report = examined(tmp_path, "--url", url, **environ, **elsewhere())
        took_s = time.monotonic() - began
    assert (report.of("evaluator.answers")[0], took_s < 10) == ("wrong", True)


async def test_a_rule_that_fails_is_told_with_its_error(tmp_path):
    rules = tmp_path / "rules.yml"
    rules.write_text(
        "groups:\n- name: own\n  interval: 1s\n  rules:\n  - alert: Two\n"
        """    expr: label_replace({__name__=~"lapbell_.+"}, "__name__", "x", "", "")\n"""
    )
    async with evaluator(tmp_path / "data", rules={"files": [str(rules)]}) as (client, addresses):
        await until_evaluated(client, "own")
        gates = gates_of(addresses, tmp_path / "data")
        report = await aside(examined, tmp_path, **gates)
    verdict, found, remedy = report.of("alerting.rules")
    assert (verdict, found.startswith("Two of own fails: "), "reload" in remedy) == ("wrong", True, True)


async def until_evaluated(client: httpx.AsyncClient, group: str) -> None:
    while True:
        answer = (await client.get("/api/v1/rules", params={"rule_group[]": group})).json()
        if answer["data"]["groups"][0]["rules"][0]["health"] == "err":
            return


def test_the_table_has_a_line_for_each_check_and_the_remedy_below(tmp_path):
    lines = printed(tmp_path, LAPBELL_URL="http://127.0.0.1:9", **elsewhere())
    at = next(number for number, line in enumerate(lines) if "REST gate" in line)
    assert [line.strip() for line in lines[at - 1 : at + 2]] == [
        "Evaluator",
        "wrong    REST gate              no evaluator answers at http://127.0.0.1:9: nobody listens",
        "→ `lapbell serve` starts one; --url or LAPBELL_URL names another.",
    ]


def test_the_table_ends_with_where_to_begin(tmp_path):
    lines = printed(tmp_path, LAPBELL_URL="http://127.0.0.1:9", OTEL_TRACES_EXPORTER="none", **elsewhere())
    assert lines[-1] == "1 wrong, 2 warnings. Begin with REST gate."


def test_on_a_terminal_no_line_is_wider_than_it(tmp_path):
    environ = {"LAPBELL_URL": "http://127.0.0.1:9", "LAPBELL_DATA_DIR": "/nowhere", "OTEL_SDK_DISABLED": "true"}
    lines = on_a_terminal(tmp_path, 100, **environ, **elsewhere())
    assert (len(lines) > 20, [line for line in lines if len(line) > 100]) == (True, [])


async def test_an_evaluator_that_lives_and_answers_nothing_else_is_wrong(tmp_path):
    async def hangs(scope, receive, send):
        if scope["path"] != "/-/healthy":
            await asyncio.sleep(60)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"lapbell is healthy.\n"})

    server = Server(hangs, "127.0.0.1:0")
    await server.start()
    try:
        report = await aside(examined, tmp_path, "--url", f"http://127.0.0.1:{server.port}")
    finally:
        await server.stop()
    assert (report.code, report.of("evaluator.ready")[0]) == (1, "wrong")
