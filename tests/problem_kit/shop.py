"""A webhook service in trouble, the shipped rules, and one receiver of messages: all rooms, on a hand-moved clock."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from alertlife.timeline import HandClock, Timeline, timeline
from blame_kit import Failing, Request, Service
from lapbell_evaluator.config import Thresholds
from lapbell_evaluator.evidence import EvidenceCollector, RecentTraces
from lapbell_evaluator.model import ReceiverPolicy, RuleGroup
from lapbell_evaluator.notify import Delivery, Grouping, Webhook, WebhookTarget
from lapbell_evaluator.promql import Engine
from lapbell_evaluator.rules import shipped
from lapbell_evaluator.series import ExemplarRing, SeriesStore
from peers.answering import Answer, answering
from peers.answering import Request as Posted

__all__ = ["CHAT", "START", "Lives", "Shop", "World", "firing", "shop"]

START: Final = 100_000.0
STEP_S: Final = 5
CHAT: Final = "chat"
_PER_STEP: Final = 10
_PHASES: Final = (("validation", 0.01), ("cache_lookup", 0.01), ("other", 0.01))
_REFUSED: Final = Failing(
    "cache_lookup", "redis.exceptions.ConnectionError", redis="GET", message="connection refused", code=""
)
_BROKEN: Final = Failing("validation", "ValueError", message="no such field")
_POLICY: Final = ReceiverPolicy(CHAT)
_GROUPS: Final = ("lapbell-webhook", "lapbell-redis")


@dataclass(frozen=True, slots=True)
class World:
    """How the service fares.

    Attributes:
        in_redis: the share of the requests that fail in a Redis call.
        in_code: the share that fails by itself.
        operations: Redis operations of others in each step.
        failing: of those, how many fail.
        routes: that are asked.
    """

    in_redis: float = 0.0
    in_code: float = 0.0
    operations: int = 20
    failing: int = 0
    routes: tuple[str, ...] = ("/w",)


@dataclass(slots=True)
class Shop:
    """One life of the evaluator beside the service.

    Attributes:
        line: the evaluator.
        service: what it watches.
        grouping: what the receiver is told.
        delivery: on the way to it.
        posted: every message that it took, in all lives.
    """

    line: Timeline
    service: Service
    grouping: Grouping
    delivery: Delivery
    posted: list[dict[str, Any]]

    async def lives(self, seconds: float, world: World = World(), step_s: int = STEP_S) -> None:
        """Ask, scrape, evaluate and deliver every few seconds."""
        end = self.line.clock.at + seconds
        while self.line.clock.at < end:
            at = self.line.clock.at + step_s
            self._ask(at, world)
            await self.line.at(at)
            await self.delivery.deliver()

    def _ask(self, at: float, world: World) -> None:
        for number in range(_PER_STEP):
            for route in world.routes:
                share = number / _PER_STEP
                failing = _REFUSED if share < world.in_redis else None
                if world.in_redis <= share < world.in_redis + world.in_code:
                    failing = _BROKEN
                until = 1 if failing is _BROKEN else 2 if failing is _REFUSED else 3
                request = Request(at - number / 10, _PHASES[:until], route=route, failing=failing)
                self.service.answer(replace(request, status=200 if failing is None else 500))
        for number in range(world.operations):
            self.service.redis("SET", 0.001, "ConnectionError" if number < world.failing else "")
        self.service.scrape(at)

    def pages(self) -> list[list[str]]:
        """The alerts that fire in each message that is a page."""
        return [firing(message) for message in self.posted if message["isPage"]]

    def updates(self) -> list[list[str]]:
        """The same of those that are none, and of which anything fires."""
        return [firing(message) for message in self.posted if not message["isPage"] and firing(message)]


def firing(message: dict[str, Any]) -> list[str]:
    """Name and route of the alerts of a message that fire, in order."""
    alerts = (alert["labels"] for alert in message["alerts"] if alert["status"] == "firing")
    return [" ".join(filter(None, (own["alertname"], own.get("http_route", "")))) for own in alerts]


@dataclass(slots=True)
class Lives:
    """What outlasts one life of the evaluator.

    Attributes:
        folder: of the database.
        url: of the receiver.
        store: of the series.
        traces: of late.
        posted: what the receiver took.
    """

    folder: Path
    url: str
    posted: list[dict[str, Any]]
    clock: HandClock = field(default_factory=lambda: HandClock(START))
    store: SeriesStore = field(default_factory=SeriesStore)
    traces: RecentTraces = field(default_factory=RecentTraces)
    service: Service = field(init=False)

    def __post_init__(self) -> None:
        self.service = Service(self.store, self.traces)

    @asynccontextmanager
    async def life(self, policy: ReceiverPolicy = _POLICY) -> AsyncIterator[Shop]:
        """One life, from the clock's present on."""
        engine = Engine(self.store)
        collector = EvidenceCollector(engine, self.traces, ExemplarRing())
        async with timeline(
            self.folder,
            _rules(),
            start=self.clock.at,
            evidence_collector=collector,
            receivers=(policy.name,),
            store=self.store,
            reopen_within_s=None,
            clock=self.clock,
        ) as line:
            told = await line.database.told(policy.name)
            known = line.alerts
            grouping = Grouping(
                policy,
                line.database,
                line.clock,
                line.muting.muter,
                known.incidents.get,
                told,
                known.problems.explained_by,
            )
            target = WebhookTarget(policy.name, self.url, external_url="http://lapbell.test")
            async with Webhook(target, line.clock, grouping.notification) as webhook:
                delivery = Delivery(policy.name, webhook, line.database, line.clock, grouping)
                yield Shop(line, self.service, grouping, delivery, self.posted)
        engine.close()


@asynccontextmanager
async def shop(folder: Path) -> AsyncIterator[Lives]:
    """A service and a receiver, for one life of the evaluator after another."""
    posted: list[dict[str, Any]] = []

    def answer(request: Posted) -> Answer:
        posted.append(json.loads(request.body))
        return Answer()

    async with answering(answer) as url:
        yield Lives(folder, url, posted)


def _rules() -> Sequence[RuleGroup]:
    return [group for group in shipped(Thresholds()) if group.name in _GROUPS]
