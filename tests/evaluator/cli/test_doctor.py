"""`lapbell doctor` in front of evaluators, gates and terminals."""

import asyncio
import os
import signal
import subprocess
import sys

import pytest

from doctor_kit import BRIEFLY, elsewhere, examined, gates_of, in_daemon_thread, on_a_terminal, printed
from evaluator_kit import evaluator
from lapbell_evaluator.server import Server
from peers import answers, free_port, otlp_sink, running

WHERE_PROCESSES_ARE_KNOWN = pytest.mark.skipif(sys.platform != "linux", reason="the kernel tells on Linux alone")


def test_where_nothing_runs_that_alone_is_wrong(tmp_path):
    report = examined(tmp_path, **elsewhere())
    assert report.code == 1
    assert report.verdicts("wrong") == ["evaluator.answers"]


def test_an_evaluator_that_was_named_and_does_not_answer_is_code_4(tmp_path):
    report = examined(tmp_path, "--url", "http://127.0.0.1:9", **elsewhere())
    assert report.code == 4
    assert report.of("evaluator.answers")[:2] == ("wrong", "no evaluator answers at http://127.0.0.1:9: nobody listens")


def test_something_else_wrong_beside_it_is_code_1(tmp_path):
    report = examined(tmp_path, "--url", "http://127.0.0.1:9", OTEL_SDK_DISABLED="true", **elsewhere())
    assert report.code == 1


@pytest.mark.parametrize("wrong", [("--outptu",), ("--url", "http://["), ("--url", "127.0.0.1:8740")])
def test_usage_errors_are_code_2(tmp_path, wrong):
    command = [sys.executable, "-m", "lapbell_evaluator", "doctor", *wrong]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_a_gate_on_port_0_is_not_looked_for(tmp_path):
    report = examined(tmp_path, **elsewhere() | {"LAPBELL_LISTEN__OTLP_GRPC": "127.0.0.1:0"})
    assert report.of("gates.otlp_grpc")[0] == "skipped"


async def test_a_healthy_evaluator_without_data_is_fine_and_says_what_to_set(tmp_path):
    async with evaluator(tmp_path / "data") as (_, addresses):
        report = await in_daemon_thread(examined, tmp_path, **gates_of(addresses, tmp_path / "data"))
    remedy = report.of("arrivals.metrics")[2]
    assert report.code == 0
    assert report.verdicts("wrong") == []
    assert report.of("arrivals.metrics")[1] == "none since the evaluator started"
    assert addresses.otlp_http in remedy


async def test_both_gates_take_an_empty_export_and_the_evaluator_gets_it(tmp_path):
    async with evaluator(tmp_path / "data") as (_, addresses):
        report = await in_daemon_thread(examined, tmp_path, **gates_of(addresses, tmp_path / "data"))
    assert report.of("gates.otlp_http")[:2] == (
        "ok",
        f"{addresses.otlp_http} takes exports, and the evaluator gets them",
    )
    assert report.of("gates.otlp_grpc")[:2] == (
        "ok",
        f"{addresses.otlp_grpc} takes exports, and the evaluator gets them",
    )


@WHERE_PROCESSES_ARE_KNOWN
def test_an_evaluator_that_is_stopped_is_told_from_one_that_is_not_there(tmp_path):
    gates = elsewhere()
    environ = {**os.environ, **gates, "LAPBELL_DATA_DIR": str(tmp_path / "data")}
    argv = [sys.executable, "-m", "lapbell_evaluator", "serve"]
    ready = answers(f"http://{gates['LAPBELL_LISTEN__REST']}/-/ready")
    with running(argv, folder=tmp_path, ready=ready, env=environ) as process:
        process.popen.send_signal(signal.SIGSTOP)
        report = examined(tmp_path, *BRIEFLY, LAPBELL_DATA_DIR=str(tmp_path / "data"), **gates)
        process.popen.send_signal(signal.SIGCONT)
    verdict, found, remedy = report.of("evaluator.answers")
    assert verdict == "wrong"
    assert "says nothing" in found
    assert str(process.popen.pid) in found
    assert "restart it" in remedy


async def test_a_gate_that_is_no_rest_gate_is_told(tmp_path):
    async with evaluator(tmp_path / "data") as (_, addresses):
        gates = gates_of(addresses, tmp_path / "data")
        report = await in_daemon_thread(examined, tmp_path, "--url", f"http://{addresses.otlp_http}", **gates)
    verdict, found, _ = report.of("evaluator.answers")
    assert verdict == "wrong"
    assert "no evaluator (/-/healthy: 404)" in found


async def test_gates_of_another_configuration_are_told_with_the_ports_that_it_has(tmp_path):
    async with evaluator(tmp_path / "data") as (_, addresses):
        gates = gates_of(addresses, tmp_path / "data") | {"LAPBELL_LISTEN__OTLP_HTTP": f"127.0.0.1:{free_port()}"}
        report = await in_daemon_thread(examined, tmp_path, **gates)
    verdict, found, _ = report.of("gates.otlp_http")
    own = addresses.otlp_http.rpartition(":")[2]
    assert verdict == "warning"
    assert "nobody listens, though the evaluator" in found
    assert own in found or sys.platform != "linux"


async def test_a_gate_whose_exports_reach_another_evaluator_is_told(tmp_path):
    async with evaluator(tmp_path / "one") as (_, one), evaluator(tmp_path / "other") as (_, other):
        gates = gates_of(one, tmp_path / "one") | {"LAPBELL_LISTEN__OTLP_GRPC": other.otlp_grpc}
        report = await in_daemon_thread(examined, tmp_path, **gates)
    verdict, found, _ = report.of("gates.otlp_grpc")
    assert verdict == "warning"
    assert "do not reach the evaluator" in found


async def test_an_evaluator_of_another_data_folder_on_the_own_port_is_told(tmp_path):
    async with evaluator(tmp_path / "others") as (_, addresses):
        (tmp_path / "own").mkdir()
        unknown = await in_daemon_thread(examined, tmp_path, **gates_of(addresses, tmp_path / "own"))
        (tmp_path / "own" / "admin.token").write_text("left by a serve that found its port taken\n")
        others = await in_daemon_thread(examined, tmp_path, **gates_of(addresses, tmp_path / "own"))
        own = await in_daemon_thread(examined, tmp_path, **gates_of(addresses, tmp_path / "others"))
    verdict, found, remedy = others.of("gates.rest")
    assert own.of("gates.rest") == ("ok", f"{addresses.rest} is where it answers", "")
    assert unknown.of("gates.rest")[0] == "note"
    assert verdict == "wrong"
    assert others.code == 1
    assert f"the evaluator at {addresses.rest} is another's" in found
    assert f"it does not know the token in {tmp_path / 'own' / 'admin.token'}" in found
    assert "Set listen.rest" in remedy


def test_another_program_on_the_port_of_a_gate_is_named(tmp_path):
    with otlp_sink() as sink:
        gates = elsewhere() | {"LAPBELL_LISTEN__OTLP_GRPC": f"127.0.0.1:{sink.port}"}
        report = examined(tmp_path, **gates)
    verdict, found, remedy = report.of("gates.otlp_grpc")
    assert verdict == "wrong"
    assert "is taken by a web server, BaseHTTP" in found
    assert "set listen.otlp_grpc to a free port" in remedy


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
    assert len(lines) > 20
    assert [line for line in lines if len(line) > 100] == []


async def test_an_evaluator_that_lives_and_answers_nothing_else_is_wrong(tmp_path):
    async def hangs(scope, receive, send):
        if scope["path"] != "/-/healthy":
            await asyncio.Event().wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"lapbell is healthy.\n"})

    server = Server(hangs, "127.0.0.1:0")
    await server.start()
    try:
        report = await in_daemon_thread(examined, tmp_path, *BRIEFLY, "--url", f"http://127.0.0.1:{server.port}")
    finally:
        await server.stop()
    assert report.code == 1
    assert report.of("evaluator.ready")[0] == "wrong"
