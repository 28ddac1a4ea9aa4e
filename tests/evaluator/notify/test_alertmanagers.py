"""The evaluator as a client of the real Alertmanager."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import TypeVar

import httpx
import pytest

from evaluator_kit import evaluator, firing
from lapbell_evaluator.config import admin_token_file
from lapbell_evaluator.config.settings import Settings
from lapbell_evaluator.model import PostableAlert, SystemClock, labels
from lapbell_evaluator.notify import Alertmanager, DeliveryError, RefusedError
from lapbell_evaluator.server import Server
from peers.alertmanager import alertmanager
from peers.ports import free_port

T = TypeVar("T")
RULES = """
groups:
- name: g
  interval: 1s
  rules:
  - alert: Always
    expr: vector(1) > 0
    labels: {severity: critical, job: shop}
    annotations: {summary: "it is {{ $value }} in {{ $externalLabels.region }}, see {{ $externalURL }}"}
"""


@pytest.fixture
def rule_file(tmp_path):
    file = tmp_path / "rules.yml"
    file.write_text(RULES)
    return file


async def until(asked: Callable[[], Awaitable[T]]) -> T:
    """The first answer that is not empty."""
    while True:
        if answer := await asked():
            return answer
        await asyncio.sleep(0.05)


async def alerts(client: httpx.AsyncClient) -> list[dict]:
    return (await client.get("/api/v2/alerts")).raise_for_status().json()


async def has_none(client: httpx.AsyncClient) -> bool:
    return not await alerts(client)


async def is_above_zero(client: httpx.AsyncClient, series: str) -> bool:
    lines = (await client.get("/metrics")).text.splitlines()
    return any(line.startswith(series) and float(line.split()[-1]) > 0 for line in lines)


def seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


async def test_a_real_alertmanager_hears_of_an_alert_and_of_its_end(tmp_path, rule_file):
    with alertmanager() as peer:
        sections = {
            "rules": {"files": [rule_file]},
            "alerting": {"alertmanagers": [peer.url]},
            "external_labels": {"region": "eu", "job": "not this"},
            "external_url": "http://lapbell.example/",
        }
        async with (
            evaluator(tmp_path / "data", **sections) as (own, _),
            httpx.AsyncClient(base_url=peer.url, trust_env=False, timeout=60) as other,
        ):
            (alert,) = await until(lambda: alerts(other))
            asked_at = SystemClock().now()
            started, ends = seconds(alert["startsAt"]), seconds(alert["endsAt"])
            assert alert["labels"] == {"alertname": "Always", "job": "shop", "region": "eu", "severity": "critical"}
            assert alert["annotations"] == {"summary": "it is 1 in eu, see http://lapbell.example"}
            assert alert["generatorURL"] == "http://lapbell.example/api/v1/query?query=vector%281%29+%3E+0"
            # The end lies four resends after the sending, which was between the start and now; both to the millisecond.
            assert started + 240 - 0.01 <= ends <= asked_at + 240 + 0.01
            key = await firing(own, "Always")
            token = admin_token_file(Settings(data_dir=tmp_path / "data")).read_text().strip()
            resolved = await own.post(
                f"/api/performance/alerts/{key}/resolve",
                json={"reason": "known"},
                headers={"Authorization": f"Bearer {token}"},
            )
            assert resolved.status_code == 200, resolved.text
            await until(lambda: has_none(other))


async def test_an_alertmanager_that_comes_late_is_told_and_the_trouble_is_told_meanwhile(tmp_path, rule_file):
    port = free_port()
    sections = {"rules": {"files": [rule_file]}, "alerting": {"alertmanagers": [f"http://127.0.0.1:{port}"]}}
    async with evaluator(tmp_path / "data", **sections) as (own, _):
        await firing(own, "Always")
        failing = f'lapbell_delivery_failing_time_seconds{{lapbell_alert_receiver="http://127.0.0.1:{port}"}}'
        await until(lambda: is_above_zero(own, failing))
        with alertmanager(port=port) as peer:
            async with httpx.AsyncClient(base_url=peer.url, trust_env=False, timeout=60) as other:
                (alert,) = await until(lambda: alerts(other))
                assert alert["labels"]["alertname"] == "Always"


async def test_what_an_alertmanager_will_never_take_is_told_apart_from_what_it_can_not_take_now():
    with alertmanager() as peer:
        async with Alertmanager(peer.url) as receiver:
            with pytest.raises(RefusedError, match=r"answers 400: .*start"):
                await receiver.send([PostableAlert(labels({"alertname": "A"}), starts_at=20, ends_at=10)])
    async with Alertmanager(peer.url) as receiver:
        with pytest.raises(DeliveryError, match=f"{peer.url} does not answer: .* See alerting.alertmanagers."):
            await receiver.send([PostableAlert(labels({"alertname": "A"}), starts_at=1)])


def test_a_password_in_a_url_is_not_part_of_the_name():
    assert Alertmanager("http://ann:secret@am:9093/prefix/").name == "http://am:9093/prefix"


async def test_a_route_prefix_and_a_password_are_used():
    seen = []

    async def app(scope, receive, send):
        seen.append((scope["path"], dict(scope["headers"]).get(b"authorization")))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    server = Server(app, "127.0.0.1:0")
    await server.start()
    try:
        async with Alertmanager(f"http://ann:secret@127.0.0.1:{server.port}/prefix") as receiver:
            await receiver.send([PostableAlert(labels({"alertname": "A"}), starts_at=1)])
    finally:
        await server.stop()
    assert seen == [("/prefix/api/v2/alerts", b"Basic YW5uOnNlY3JldA==")]


@asynccontextmanager
async def answering(answer: Callable[[asyncio.StreamWriter], Awaitable[None]]) -> AsyncIterator[str]:
    """The URL of a server that reads the head of each request, and answers as it likes."""

    served = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        with suppress(ConnectionError):
            await answer(writer)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        served.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        await served.wait()


async def test_an_endless_answer_is_not_read_to_its_end():
    async def endless(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n")
        while not writer.is_closing():
            writer.write(bytes(1024))
            await writer.drain()

    async with answering(endless) as url, Alertmanager(url) as receiver:
        await receiver.send([PostableAlert(labels({"alertname": "A"}), starts_at=1)])


async def test_what_a_refusal_says_is_one_printable_line():
    async def hostile(writer: asyncio.StreamWriter) -> None:
        body = b"a\r\nFAKE \x1b[2J\xff"
        head = f"HTTP/1.1 400 No\r\nContent-Type: text/plain; charset=idna\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()

    async with answering(hostile) as url, Alertmanager(url) as receiver:
        with pytest.raises(RefusedError) as caught:
            await receiver.send([PostableAlert(labels({"alertname": "A"}), starts_at=1)])
    assert caught.value.message == f"{url} answers 400: a  FAKE  [2J\ufffd"


async def test_an_answer_that_comes_drop_by_drop_is_given_up():
    async def dripping(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        while not writer.is_closing():
            writer.write(b".")
            await writer.drain()
            await asyncio.sleep(0.02)

    async with answering(dripping) as url, Alertmanager(url, timeout_s=0.1) as receiver:
        with pytest.raises(DeliveryError, match="does not answer"):
            await receiver.send([PostableAlert(labels({"alertname": "A"}), starts_at=1)])
