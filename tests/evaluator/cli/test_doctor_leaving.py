"""What `lapbell doctor` says of what leaves, of tokens, and of other servers."""

import socket
import sys

import pytest

from doctor_kit import BRIEFLY, elsewhere, examined, gates_of, in_daemon_thread, printed
from evaluator_kit import evaluator, feed
from peers import alertmanager, otlp_sink, postgres

WHERE_PROCESSES_ARE_KNOWN = pytest.mark.skipif(sys.platform != "linux", reason="the kernel tells on Linux alone")


async def test_alerts_that_nobody_takes_are_told(tmp_path):
    dead = {"endpoint": "http://127.0.0.1:9", "protocol": "http/protobuf"}
    async with evaluator(tmp_path / "data", rules={"interval": 0.25}, export=dead) as (client, addresses):
        await feed(client, addresses)
        failing = {"query": "lapbell_delivery_failing_time_seconds > 0"}
        while not (await client.get("/api/v1/query", params=failing)).json()["data"]["result"]:
            pass
        report = await in_daemon_thread(examined, tmp_path, **gates_of(addresses, tmp_path / "data"))
    verdict, found, _ = report.of("alerting.delivery")
    assert verdict == "wrong"
    assert found.startswith("otlp has taken nothing for ")


@WHERE_PROCESSES_ARE_KNOWN
async def test_at_a_wrong_url_it_finds_the_evaluator_by_its_database(tmp_path):
    async with evaluator(tmp_path / "data") as (_, addresses):
        gates = gates_of(addresses, tmp_path / "data") | {"LAPBELL_URL": "http://127.0.0.1:9"}
        report = await in_daemon_thread(examined, tmp_path, **gates)
    found = report.of("evaluator.answers")[1]
    port = addresses.rest.rpartition(":")[2]
    assert report.code == 4
    assert "has the database open" in found
    assert port in found


def test_a_dead_export_endpoint_is_told_for_either_protocol(tmp_path):
    dead = {"LAPBELL_EXPORT__ENDPOINT": "http://127.0.0.1:9", **elsewhere()}
    by_grpc = examined(tmp_path, **dead).of("leaving.endpoint")
    by_http = examined(tmp_path, LAPBELL_EXPORT__PROTOCOL="http/protobuf", **dead).of("leaving.endpoint")
    assert by_grpc == ("wrong", "http://127.0.0.1:9 (grpc): nobody listens", "Start it, or mend export.endpoint.")
    assert by_http == (
        "wrong",
        "http://127.0.0.1:9 (http/protobuf): nobody listens",
        "Start it, or mend export.endpoint.",
    )


def test_an_export_endpoint_that_takes_exports_is_fine_and_was_sent_nothing_in_them(tmp_path):
    with otlp_sink() as sink:
        endpoint = {"LAPBELL_EXPORT__ENDPOINT": sink.url, "LAPBELL_EXPORT__PROTOCOL": "http/protobuf"}
        report = examined(tmp_path, **endpoint, **elsewhere())
        bodies = [(delivery.path, delivery.body) for delivery in sink.deliveries]
    assert report.of("leaving.endpoint")[0] == "ok"
    assert bodies == [("/v1/logs", b""), ("/v1/metrics", b"")]


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
        by_http = await in_daemon_thread(
            examined, tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT=f"http://{addresses.otlp_grpc}", **gates
        )
        by_grpc = await in_daemon_thread(
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
        report = await in_daemon_thread(examined, tmp_path, **gates, **sender)
        right = sender | {"OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20right"}
        mended = await in_daemon_thread(examined, tmp_path, **gates, **right)
    verdict, found, remedy = report.of("app.endpoint")
    assert report.of("gates.otlp_http")[0] == "ok"
    assert verdict == "wrong"
    assert "refuses the token: This token is not known." in found
    assert "OTEL_EXPORTER_OTLP_HEADERS" in remedy
    assert mended.of("app.endpoint")[0] == "ok"


async def test_a_token_that_was_changed_after_the_start_is_told(tmp_path):
    token = tmp_path / "ingest.token"
    token.write_text("former\n")
    token.chmod(0o600)
    async with evaluator(tmp_path / "data", auth={"ingest_token_file": token}) as (_, addresses):
        token.write_text("later\n")
        gates = gates_of(addresses, tmp_path / "data") | {"LAPBELL_AUTH__INGEST_TOKEN_FILE": str(token)}
        report = await in_daemon_thread(examined, tmp_path, **gates)
    verdict, found, remedy = report.of("gates.otlp_grpc")
    assert verdict == "wrong"
    assert "refuses the token of auth.ingest_token_file" in found
    assert "restart the evaluator" in remedy


async def test_an_evaluator_that_wants_a_token_for_reading_gets_the_one_that_is_at_hand(tmp_path):
    async with evaluator(tmp_path / "data", auth={"allow_loopback": False}) as (_, addresses):
        own, elsewhere = (gates_of(addresses, tmp_path / folder) for folder in ("data", "elsewhere"))
        with_own = await in_daemon_thread(examined, tmp_path, **own)
        without = await in_daemon_thread(examined, tmp_path, **elsewhere)
        token = str(tmp_path / "data" / "admin.token")
        with_named = await in_daemon_thread(examined, tmp_path, LAPBELL_TOKEN_FILE=token, **elsewhere)
    verdicts = [report.of("evaluator.version")[0] for report in (with_own, without, with_named)]
    assert verdicts == ["ok", "skipped", "ok"]


def test_a_postgresql_that_answers_and_one_that_does_not_are_told_apart(tmp_path):
    with postgres() as server:
        there = examined(tmp_path, LAPBELL_DATABASE__URL=server.url, **elsewhere()).of("storage.alerts")
    gone = examined(tmp_path, LAPBELL_DATABASE__URL=server.url, **elsewhere()).of("storage.alerts")
    assert there[0] == "ok"
    assert "answers: PostgreSQL" in there[1]
    assert gone[0] == "wrong"
    assert "database.url" in gone[2]


def test_passwords_are_not_told(tmp_path):
    url = "postgresql+psycopg://lapbell:geheim@127.0.0.1:9/alerts"
    lines = printed(tmp_path, LAPBELL_DATABASE__URL=url, **elsewhere())
    assert "geheim" not in "\n".join(lines)
    assert any("lapbell:***@127.0.0.1:9" in line for line in lines)


def test_a_network_that_says_nothing_does_not_hold_it_up(tmp_path):
    with socket.create_server(("127.0.0.1", 0), backlog=100) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        environ = {
            "LAPBELL_EXPORT__ENDPOINT": url,
            "LAPBELL_TRACE_URL": f"{url}/{{trace_id}}",
            "LAPBELL_DATABASE__URL": f"postgresql+psycopg://lapbell@{url.removeprefix('http://')}/alerts",
            "OTEL_EXPORTER_OTLP_ENDPOINT": url,
        }
        report = examined(tmp_path, *BRIEFLY, "--url", url, **environ, **elsewhere())
    assert report.of("evaluator.answers")[0] == "wrong"
