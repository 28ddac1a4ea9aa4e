"""The rules at work on a hand-moved clock: real series, real engine, real database, and what they told."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from alertlife.assembly import Assembly, assembled
from lapbell_evaluator.alerts import AlertStore
from lapbell_evaluator.database import Database
from lapbell_evaluator.evaluation import EvidenceCollector, OwnSeries, Recorder, Runner
from lapbell_evaluator.history import History, Recording
from lapbell_evaluator.model import METRIC_NAME, Batch, RuleGroup, Transition, labels
from lapbell_evaluator.promql import Engine
from lapbell_evaluator.receiver import Arrivals
from lapbell_evaluator.rules import REOPEN_WITHIN_S, load, with_reopen_within
from lapbell_evaluator.series import SeriesStore, stale_marker
from lapbell_evaluator.service import ActiveAlerts, AlertNotifier, AlertService, ExternalAlerts, Muting
from lapbell_evaluator.service.alert_notifier import AlertReceiver


class HandClock:
    """Says what it was told."""

    def __init__(self, at: float) -> None:
        self.at = at

    def now(self) -> float:
        return self.at


@dataclass(slots=True)
class Timeline:
    """One evaluator; its series may outlive it, as the samples of a restart do not."""

    rooms: Assembly
    database: Database
    store: SeriesStore
    engine: Engine
    clock: HandClock
    arrivals: Arrivals
    history: History | None = None
    told: list[Transition] = field(default_factory=list)

    def push(self, at: float, name: str, value: float | None, *, arrives: float | None = None, **own: str) -> None:
        """One sample; None is a stale marker. It came from outside if it arrives at some time."""
        sink = self.history or self.store
        ref = sink.intern(labels({METRIC_NAME: name, **own}))
        values = stale_marker() if value is None else np.array([value], np.float64)
        batch = Batch(np.array([ref], np.int64), np.array([round(at * 1000)], np.int64), values)
        sink.append(batch)
        if arrives is not None:
            self.arrivals.note(batch, arrives)

    @property
    def alert_service(self) -> AlertService:
        """What people read and do."""
        return self.rooms.alert_service

    @property
    def alerts(self) -> AlertStore:
        """The alerts that are not over."""
        return self.rooms.alerts

    @property
    def muting(self) -> Muting:
        """Silences and inhibition."""
        return self.rooms.muting

    @property
    def external_alerts(self) -> ExternalAlerts:
        """The alerts of others."""
        return self.rooms.external_alerts

    @property
    def own_series(self) -> OwnSeries:
        """What the evaluator measures of itself."""
        return self.rooms.own_series

    @property
    def runner(self) -> Runner:
        """The rules at work."""
        return self.rooms.runner

    def notifier(self, receiver: AlertReceiver, resend_delay_s: float = 60.0) -> AlertNotifier:
        """What notifies a receiver of single alerts, as the app has one for each Alertmanager."""
        rooms = self.rooms
        active = ActiveAlerts(rooms.alerts, rooms.registry)
        notifier = AlertNotifier(receiver, active, rooms.muting, rooms.annotator, self.clock, resend_delay_s)
        rooms.committer.subscribe_evaluated(notifier.evaluated)
        rooms.own_series.add(notifier.readings)
        return notifier

    async def at(self, moment: float) -> None:
        """Evaluate what is due at this moment."""
        self.clock.at = moment
        await self.runner.tick()

    def news(self) -> list[tuple[float, str, str, str]]:
        """Time, state, severity, reason of what receivers were told."""
        return [(each.at, each.state, each.incident.severity, each.reason) for each in self.told if each.is_news]

    async def value(self, expr: str, at: float | None = None) -> list[tuple[dict[str, str], float]]:
        """What a query answers at a time; now, if none is given."""
        found = await self.engine.query(expr, self.clock.at if at is None else at)
        return [(dict(each.labels), each.value) for each in found.samples]


@asynccontextmanager
async def timeline(
    folder: Path,
    rules: str | Sequence[RuleGroup],
    *,
    start: float = 0.0,
    interval_s: float = 5.0,
    evidence_collector: EvidenceCollector | None = None,
    receivers: Sequence[str] = ("otlp",),
    store: SeriesStore | None = None,
    has_history: bool = False,
    reopen_within_s: float | None = 0.0,
    is_recorded: bool = True,
    clock: HandClock | None = None,
    url: str | None = None,
) -> AsyncIterator[Timeline]:
    """An evaluator on the database in `folder`, or at `url`, from `start` on; with history, its series survive it too.

    What clears is resolved at once, unless `reopen_within_s` says that it may return; None is what users get. What
    rules record is kept unless that is not wanted: no alert of the shipped rules reads it.
    """
    clock = clock or HandClock(start)
    store = SeriesStore() if store is None else store
    history = History(store, folder / "history.db", clock) if has_history else None
    engine, arrivals = Engine(history or store), Arrivals(store.ref_of)
    database = await Database.open(url or f"sqlite:///{folder}/alerts.db", start)
    rooms = assembled(
        with_reopen_within(load(rules) if isinstance(rules, str) else rules, reopen_within_s),
        engine,
        database,
        clock,
        interval_s=interval_s,
        evidence_collector=evidence_collector,
        arrivals=arrivals,
        receivers=receivers,
        recorder=Recorder(Recording(history) if history else store) if is_recorded else None,
        sharing=engine.cycle,
    )
    running = Timeline(rooms, database, store, engine, clock, arrivals, history)
    rooms.external_alerts.reopen_within_s = REOPEN_WITHIN_S if reopen_within_s is None else reopen_within_s
    rooms.committer.subscribe(running.told.append)
    try:
        await running.runner.start()
        yield running
    finally:
        engine.close()
        await database.close()
        if history is not None:
            history.close()
