"""A whole evaluator whose receivers are told of alerts that a test posts, and whose configuration changes."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from lapbell_evaluator.app import Running, running
from lapbell_evaluator.config import ConfigError
from lapbell_evaluator.config.settings import Settings
from peers.answering import Answer, Request, answering

__all__ = ["Configuration", "Inboxes", "NamesToldOf", "inboxes_standing", "post", "reloadable"]

NamesToldOf = list[tuple[str, str]]
"""Names of alerts, and their status, in the order in which they were told."""


@dataclass(slots=True)
class Inboxes:
    """What came, by path; who is held answers once `open` is set.

    Attributes:
        came: messages by the path of the receiver.
        held: the paths that wait for `open`.
        status: of answers, by path.
        messages: all of them, whole.
    """

    url: str = ""
    came: dict[str, NamesToldOf] = field(default_factory=dict)
    held: set[str] = field(default_factory=set)
    status: dict[str, int] = field(default_factory=dict)
    open: asyncio.Event = field(default_factory=asyncio.Event)
    messages: list[dict[str, Any]] = field(default_factory=list)
    _moved: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def take(self, request: Request) -> Answer:
        """Keep what came, and answer once that is meant to be."""
        path = request.path.strip("/")
        self.messages.append(json.loads(request.body))
        for alert in self.messages[-1]["alerts"]:
            self.came.setdefault(path, []).append((alert["labels"]["alertname"], alert["status"]))
        async with self._moved:
            self._moved.notify_all()
        if path in self.held:
            await self.open.wait()
        return Answer(self.status.get(path, 200))

    async def have(self, **wanted: NamesToldOf) -> None:
        """Wait until these paths have got so much."""
        async with self._moved:
            await self._moved.wait_for(
                lambda: all(len(self.came.get(path, ())) >= len(wanted[path]) for path in wanted)
            )

    def receiver(self, name: str, path: str = "", **more: object) -> dict[str, object]:
        """A receiver of the configuration."""
        return {"name": name, "webhook": {"url": f"{self.url}/{path or name}"}, **more}


@dataclass(slots=True)
class Configuration:
    """What is read at the next reload."""

    sections: dict[str, object]
    error: ConfigError | None = None

    def read(self) -> Settings:
        """The settings, or the error."""
        if self.error is not None:
            raise self.error
        return Settings.model_validate(self.sections)


@asynccontextmanager
async def inboxes_standing() -> AsyncIterator[Inboxes]:
    """Where receivers are told, at a URL of their own."""
    made = Inboxes()
    async with answering(made.take) as made.url:
        yield made


@asynccontextmanager
async def reloadable(
    folder: Path, receivers: list[dict[str, object]], **sections: object
) -> AsyncIterator[tuple[httpx.AsyncClient, Running, Configuration]]:
    """An evaluator with these receivers, the configuration that its next reload reads, and its REST."""
    listen = {"rest": "127.0.0.1:0", "otlp_grpc": "127.0.0.1:0", "otlp_http": "127.0.0.1:0"}
    configuration = Configuration({"listen": listen, "data_dir": folder, "receivers": receivers, **sections})
    async with (
        running(configuration.read(), reread=configuration.read) as addresses,
        httpx.AsyncClient(base_url=f"http://{addresses.rest}", timeout=60.0, trust_env=False) as client,
    ):
        yield client, addresses, configuration


async def post(client: httpx.AsyncClient, name: str, *, ends_at: str = "") -> None:
    """Have a critical alert of this name fire, or end."""
    alert: dict[str, object] = {"labels": {"alertname": name, "severity": "critical"}}
    answer = await client.post("/api/v2/alerts", json=[{**alert, **({"endsAt": ends_at} if ends_at else {})}])
    assert answer.status_code == 200, answer.text
