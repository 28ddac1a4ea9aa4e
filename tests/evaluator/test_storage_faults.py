"""A whole evaluator whose disk is full or whose database is away: the bell rings, and one reason says what is wrong."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import httpx
import pytest
from sqlalchemy import create_engine, text

from evaluator_kit import evaluator
from lapbell_evaluator.app import running
from lapbell_evaluator.config import admin_token_file
from lapbell_evaluator.config.settings import Settings
from lapbell_evaluator.model import SystemClock
from otlp_kit import gauge, metrics_export, number
from peers.alertmanager import alertmanager
from peers.inbox import Inbox, inbox
from peers.ports import free_port
from peers.postgres import postgres
from peers.process import Process
from peers.process import running as running_process
from peers.sink import Sink, otlp_sink

T = TypeVar("T")
RULES = """
groups:
- name: g
  interval: 1s
  rules:
  - alert: Broken
    expr: broken > 0
"""
PROTOBUF = {"content-type": "application/x-protobuf"}


@pytest.fixture
def rule_file(tmp_path_factory):
    file = tmp_path_factory.mktemp("rules") / "rules.yml"
    file.write_text(RULES)
    return file


async def until(asked: Callable[[], Awaitable[T]]) -> T:
    """The first answer that is not empty."""
    while True:
        if answer := await asked():
            return answer
        await asyncio.sleep(0.05)


async def send(http: str, value: float) -> httpx.Response:
    """Post the gauge that the rule reads."""
    body = metrics_export(gauge("broken", [number(value, SystemClock().now())])).SerializeToString()
    async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
        return await client.post(f"http://{http}/v1/metrics", content=body, headers=PROTOBUF)


async def alert_names(client: httpx.AsyncClient) -> list[str]:
    alerts = (await client.get("/api/v2/alerts")).raise_for_status().json()
    return [alert["labels"]["alertname"] for alert in alerts]


async def is_ready(client: httpx.AsyncClient) -> bool:
    return (await client.get("/-/ready")).status_code == 200


async def reason(client: httpx.AsyncClient) -> str:
    """Why the evaluator is not ready; empty if it is."""
    answer = await client.get("/-/ready")
    return "" if answer.status_code == 200 else answer.json()["message"]


async def database_reason(client: httpx.AsyncClient) -> str:
    found = await reason(client)
    return found if found.startswith("The alert database") else ""


async def reasons(client: httpx.AsyncClient, rounds: int = 40) -> set[str]:
    """What readiness says over two seconds and more, in which every group is evaluated."""
    found = set()
    for _ in range(rounds):
        found.add(await reason(client))
        await asyncio.sleep(0.05)
    return found


async def notified(sink: Sink, least: int = 1) -> list[str]:
    """What a receiver by OTLP was told, once it is so much."""
    events = [record.event_name for record in sink.log_records]
    return events if len(events) >= least else []


async def told(box: Inbox) -> dict[str, str]:
    """What a webhook was told of each alert."""
    return {
        alert["labels"]["alertname"]: alert["status"] for letter in box.letters for alert in letter.document["alerts"]
    }


def moves(url: str) -> list[tuple[str, str]]:
    engine = create_engine(url)
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT state, reason FROM transitions ORDER BY seq")).all()
    engine.dispose()
    return [(row.state, row.reason) for row in rows]


def fill(ballast: Path) -> None:
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            return


@pytest.mark.slow
async def test_on_a_full_disk_a_new_alert_fires_readiness_is_steady_and_all_is_well_once_there_is_room(
    small_disk, rule_file
):
    data, ballast = small_disk / "data", small_disk / "ballast"
    with alertmanager() as peer:
        sections = {"rules": {"files": [rule_file]}, "alerting": {"alertmanagers": [peer.url]}}
        async with (
            evaluator(data, **sections) as (own, addresses),
            httpx.AsyncClient(base_url=peer.url, trust_env=False, timeout=60) as other,
        ):
            assert (await send(addresses.otlp_http, 0)).status_code == 200
            fill(ballast)

            async def refused() -> httpx.Response | None:
                answer = await send(addresses.otlp_http, 1)
                return answer if answer.status_code != 200 else None

            refusal = await until(refused)
            assert refusal is not None
            assert refusal.status_code == 503
            assert await until(lambda: alert_names(other)) == ["Broken"]
            silence = {
                "matchers": [{"name": "alertname", "value": "Broken", "isRegex": False}],
                "startsAt": "2020-01-01T00:00:00Z",
                "endsAt": "2100-01-01T00:00:00Z",
                "createdBy": "ann",
                "comment": "known",
            }
            token = admin_token_file(Settings(data_dir=data)).read_text().strip()
            bearer = {"Authorization": f"Bearer {token}"}

            async def silenced_and_not_written() -> str:
                answer = await own.post("/api/v2/silences", json=silence, headers=bearer)
                assert answer.status_code == 200, answer.text
                return await database_reason(own)

            first = await until(silenced_and_not_written)
            assert await reasons(own) == {first}
            assert "database or disk is full. Nothing was written. Free some space on its disk" in first
            active = (await own.get("/api/performance/alerts")).raise_for_status().json()
            assert [alert["alertname"] for alert in active["alerts"]] == ["Broken"]
            ballast.unlink()
            await until(lambda: is_ready(own))
            assert (await send(addresses.otlp_http, 1)).status_code == 200
    assert moves(f"sqlite:///{data}/alerts.db") == [("firing", "breached")]


@pytest.mark.slow
async def test_a_restart_of_postgresql_silences_nobody_and_evaluating_goes_on_by_itself(tmp_path, rule_file):
    with postgres() as server, alertmanager() as peer, otlp_sink() as sink, inbox() as box:
        sections = {
            "rules": {"files": [rule_file]},
            "alerting": {"alertmanagers": [peer.url]},
            "database": {"url": server.url},
            "export": {"endpoint": sink.url, "protocol": "http/protobuf"},
            "receivers": [{"name": "chat", "webhook": {"url": box.url}}],
        }
        async with (
            evaluator(tmp_path / "data", **sections) as (own, addresses),
            httpx.AsyncClient(base_url=peer.url, trust_env=False, timeout=60) as other,
        ):
            assert (await send(addresses.otlp_http, 0)).status_code == 200
            with server.stopped():
                await until(lambda: database_reason(own))
                assert (await send(addresses.otlp_http, 1)).status_code == 200
                assert await until(lambda: alert_names(other)) == ["Broken"]
                await until(lambda: notified(sink))
                await until(lambda: told(box))
                away = await reasons(own)
                healthy = await own.get("/-/healthy")
                listed = (await own.get("/api/performance/alerts")).raise_for_status().json()
                history = await own.get("/api/performance/alert-history")
            await until(lambda: is_ready(own))
            assert (await send(addresses.otlp_http, 0)).status_code == 200

            async def recovering() -> bool:
                alerts = (await own.get("/api/performance/alerts")).json()["alerts"]
                return [alert["state"] for alert in alerts] == ["recovering"]

            await until(recovering)
            await until(lambda: notified(sink, least=2))
        written = moves(server.url)
    assert len(away) == 1
    assert healthy.status_code == 200
    assert [alert["alertname"] for alert in listed["alerts"]] == ["Broken"]
    assert listed["missing"].endswith("it is tried again by itself.")
    assert history.status_code == 503
    assert history.json()["code"] == "storage_unavailable"
    assert await notified(sink) == ["lapbell.alert.firing", "lapbell.alert.recovering"]
    assert written == [("firing", "breached"), ("recovering", "recovered")]
    assert await told(box) == {"Broken": "firing"}
    assert len(box.letters) == 1


@pytest.mark.slow
async def test_a_second_evaluator_says_that_it_follows_and_takes_over(tmp_path):
    with postgres() as server:
        url, port = {"url": server.url}, free_port()
        second = Settings.model_validate(
            {
                "listen": {"rest": f"127.0.0.1:{port}", "otlp_grpc": "127.0.0.1:0", "otlp_http": "127.0.0.1:0"},
                "data_dir": tmp_path / "second",
                "database": url,
            }
        )
        stop = asyncio.Event()

        async def follow() -> None:
            async with running(second):
                await stop.wait()

        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=60) as client:

            async def answer() -> httpx.Response | None:
                try:
                    return await client.get("/-/ready")
                except httpx.TransportError:
                    return None

            async def takes_over() -> bool:
                ready = await answer()
                return ready is not None and ready.status_code == 200

            async with evaluator(tmp_path / "first", database=url):
                following = asyncio.create_task(follow())
                waiting = await until(answer)
                healthy = await client.get("/-/healthy")
            await until(takes_over)
            stop.set()
            await following
    assert waiting is not None
    assert waiting.status_code == 503
    assert waiting.json() == {
        "code": "not_ready",
        "message": (
            "This evaluator follows another, which has the alert database:"
            f" {os.uname().nodename}, process {os.getpid()}."
        ),
        "remedy": "Ask that one; this one takes over when it has gone.",
    }
    assert healthy.status_code == 200


@pytest.mark.slow
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_data_folder_that_is_read_only_is_told_with_its_remedy_and_without_a_traceback(small_disk, database):
    (small_disk / "admin.token").write_text("secret\n")
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    env = os.environ | {f"LAPBELL_LISTEN__{gate}": "127.0.0.1:0" for gate in ("REST", "OTLP_GRPC", "OTLP_HTTP")}
    env["LAPBELL_DATA_DIR"] = str(small_disk)
    argv = [sys.executable, "-m", "lapbell_evaluator", "serve"]
    if database == "sqlite":
        ended = subprocess.run(argv, env=env, capture_output=True, text=True, check=False)
    else:
        with postgres() as server:
            env["LAPBELL_DATABASE__URL"] = server.url
            ended = subprocess.run(argv, env=env, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr
    assert "folder that this user may write to" in ended.stderr


@contextmanager
def served(folder: Path, url: str, awaited: str) -> Iterator[Process]:
    """An evaluator in a process of its own, once its log has what is awaited."""
    env = os.environ | {f"LAPBELL_LISTEN__{gate}": "127.0.0.1:0" for gate in ("REST", "OTLP_GRPC", "OTLP_HTTP")}
    env |= {"LAPBELL_DATA_DIR": str(folder), "LAPBELL_DATABASE__URL": url}
    folder.mkdir()
    log = folder / f"{Path(sys.executable).name}.log"
    argv = [sys.executable, "-m", "lapbell_evaluator", "serve"]
    with running_process(argv, folder=folder, env=env, ready=lambda: awaited in log.read_text()) as process:
        yield process


@pytest.mark.slow
def test_an_evaluator_that_follows_ends_when_it_is_told_to(tmp_path):
    with (
        postgres() as server,
        served(tmp_path / "one", server.url, "ready: REST"),
        served(tmp_path / "two", server.url, "waiting for the alert database") as follower,
    ):
        assert follower.stop() == 0
