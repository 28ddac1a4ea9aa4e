"""From the store of alerts over the outbox to one webhook, by a hand-moved clock."""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from alertlife.timeline import HandClock
from lapbell_evaluator.alerts import (
    AlertPolicy,
    AlertStore,
    Condition,
    EvaluationResult,
    IncidentEvent,
    MaintenanceWindows,
    ManualAction,
    matches,
)
from lapbell_evaluator.database import Database
from lapbell_evaluator.model import Labels, Muted, Muter, ReceiverPolicy, incident_key, labels
from lapbell_evaluator.notify import Delivery, DeliveryError, Grouping, Route, Router, Webhook, WebhookTarget
from lapbell_evaluator.service import Muting
from peers.answering import Answer, Request, answering

__all__ = ["Line", "Said", "job", "line"]

Said = tuple[str, tuple[tuple[str, str], ...]]
"""The status of a message, and job and status of each of its alerts."""


def job(name: str, severity: str = "warning") -> Labels:
    """The labels of the alert of a job."""
    return labels({"alertname": "Slow", "job": name, "severity": severity})


@dataclass(slots=True)
class Line:
    """One evaluator's way to one webhook; `restart` makes it anew on the same database.

    Attributes:
        judge: what the webhook answers.
        came: every request, refused ones too.
        muted: jobs of which nobody may be told.
        windows: maintenance.
    """

    database_url: str
    policy: ReceiverPolicy
    clock: HandClock
    reopen_within_s: float = 0.0
    judge: Callable[[Request], Answer] = lambda _: Answer()
    came: list[tuple[Request, Answer]] = field(default_factory=list)
    muted: set[str] = field(default_factory=set)
    windows: MaintenanceWindows = field(default_factory=MaintenanceWindows)
    url: str = ""
    store: AlertStore = field(default_factory=AlertStore)
    database: Database = field(init=False)
    muting: Muting = field(init=False)
    grouping: Grouping = field(init=False)
    router: Router = field(init=False)
    delivery: Delivery = field(init=False)

    @asynccontextmanager
    async def standing(self) -> AsyncIterator[None]:
        """The rooms of one life of the evaluator."""
        self.database = await Database.open(self.database_url, self.clock.now())
        restored = self.database.restored
        self.store = AlertStore.restored(restored.alerts, restored.incidents, self.clock.now())
        told = await self.database.told(self.policy.name)
        self.grouping = Grouping(self.policy, self.database, self.clock, self._muter, self.store.incidents.get, told)
        self.muting = Muting(self.store, self.database, self.clock, windows=self.windows)
        waiting = await self.database.pending(self.policy.name, 1_000)
        known = [(self.policy.name, notice.transition.incident) for notice in (*told, *waiting)]
        self.router = Router()
        self.router.change([Route(self.policy.name, partial(matches, self.policy.matchers))], known)
        target = WebhookTarget(self.policy.name, self.url, external_url="http://lapbell.test")
        async with Webhook(target, self.clock, self.grouping.notification) as webhook:
            self.delivery = Delivery(self.policy.name, webhook, self.database, self.clock, self.grouping)
            yield
        await self.database.close()

    def answers(self, answer: Answer) -> None:
        """Answer so to everything from now on."""
        self.judge = lambda _: answer

    async def see(self, at: float, conditions: Mapping[Labels, Condition]) -> None:
        """One evaluation, and what is told after it."""
        self.clock.at = at
        by_severity: dict[str, list[EvaluationResult]] = {}
        for own, condition in conditions.items():
            by_severity.setdefault(dict(own)["severity"], []).append(
                EvaluationResult(own, labels({"job": dict(own)["job"]}), condition, 2.0, "")
            )
        policies = [
            (AlertPolicy(group="g", rule=f"g/{severity}", threshold=1.0, reopen_within_s=self.reopen_within_s), results)
            for severity, results in by_severity.items()
        ]
        await self._apply(self.store.plan(policies, at))

    async def fire(self, at: float, *of: Labels) -> None:
        """Their conditions hold."""
        await self.see(at, dict.fromkeys(of, Condition.MET))

    async def clear(self, at: float, *of: Labels) -> None:
        """Their conditions do not hold."""
        await self.see(at, dict.fromkeys(of, Condition.CLEARED))

    async def acknowledge(self, at: float, of: Labels) -> None:
        """Somebody takes the incident of an alert."""
        self.clock.at = at
        await self._apply(self.store.acknowledge(incident_key(of), ManualAction("bob", "mine"), at))

    async def end_recoveries(self, at: float) -> None:
        """What recovers is over."""
        self.clock.at = at
        await self._apply(self.store.end_recoveries([*self.store.incidents], IncidentEvent.WAIT_OVER, at))

    async def tell(self, at: float) -> float:
        """Deliver what is due; seconds until something may be due by time alone."""
        self.clock.at = at
        try:
            await self.delivery.deliver()
        except DeliveryError:
            return 0.0
        return self.grouping.wait_s()

    def messages(self) -> list[dict[str, Any]]:
        """What the webhook took."""
        return [json.loads(request.body) for request, answer in self.came if answer.is_success]

    def said(self) -> list[Said]:
        """The same in short."""
        return [
            (message["status"], tuple(sorted((alert["labels"]["job"], alert["status"]) for alert in message["alerts"])))
            for message in self.messages()
        ]

    def answer(self, request: Request) -> Answer:
        """Judge a request, and keep it."""
        answer = self.judge(request)
        self.came.append((request, answer))
        return answer

    def _muter(self) -> Muter:
        muter = self.muting.muter()
        return lambda own: Muted(silenced_by=("s",)) if dict(own)["job"] in self.muted else muter(own)

    async def _apply(self, plan: Any) -> None:
        await self.database.commit(plan.change, self.router.recipients)
        self.store.apply(plan)


@asynccontextmanager
async def line(folder: Path, policy: ReceiverPolicy, *, reopen_within_s: float = 0.0) -> AsyncIterator[Line]:
    """A line whose webhook stands; its rooms do as long as `standing` is entered."""
    made = Line(f"sqlite:///{folder}/alerts.db", policy, HandClock(0.0), reopen_within_s)
    async with answering(made.answer) as made.url:
        yield made
