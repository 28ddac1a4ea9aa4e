"""The rules at work: groups evaluated when they are due, alerts moved, everything written before anybody is told.

This is what the app wires; what people read and do stands in `alert_service`, one evaluation itself in `cycle`.
"""

import asyncio
import logging
import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Final

from lapbell_evaluator.alerts import AlertPolicy, AlertStore, Condition, EvaluationResult
from lapbell_evaluator.database import Database
from lapbell_evaluator.evaluation import own_series
from lapbell_evaluator.evaluation.active_alerts import ActiveAlerts
from lapbell_evaluator.evaluation.alert_notifier import AlertNotifier, AlertReceiver
from lapbell_evaluator.evaluation.alert_service import AlertService
from lapbell_evaluator.evaluation.annotator import Annotator
from lapbell_evaluator.evaluation.compiled import CompiledGroup, CompiledRule, compile_groups
from lapbell_evaluator.evaluation.cycle import Cycle
from lapbell_evaluator.evaluation.external_alerts import EXTERNAL, ExternalAlerts
from lapbell_evaluator.evaluation.flapping import Flapping
from lapbell_evaluator.evaluation.muting import Muting
from lapbell_evaluator.evaluation.orphaned_series import Family
from lapbell_evaluator.evaluation.ports import Arrivals, EvidenceCollector, Origins, Querier
from lapbell_evaluator.evaluation.provenance import Provenance
from lapbell_evaluator.evaluation.recorder import Recorder
from lapbell_evaluator.evaluation.rule_evaluator import RuleEvaluator
from lapbell_evaluator.evaluation.schedule import Due, Schedule
from lapbell_evaluator.evaluation.storms import Storms
from lapbell_evaluator.model import (
    ALERT_NAME,
    METRIC_NAME,
    AuditEntry,
    Change,
    Clock,
    EvaluatorError,
    HistoryQuery,
    InhibitRule,
    Labels,
    Reading,
    RuleGroup,
    State,
    Transition,
)

__all__ = ["Evaluation"]

_log = logging.getLogger(__name__)
_OPEN: Final = (State.PENDING, State.FIRING, State.HELD)
_LONGEST_PAUSE_S: Final = 60.0
_TIDY_EVERY_S: Final = 3600.0
_TURN: Final = 100
_OWN_SERIES: Final = "lapbell"
_FLAPPING_HISTORY: Final = 10_000
Subscriber = Callable[[Transition], None]


class Evaluation:
    """Evaluates rule groups and runs the life of their alerts.

    Args:
        groups: the rules.
        querier: answers their expressions.
        database: already open; what it restored is where the alerts go on.
        clock: the time of evaluations.
        evidence_collector: says who is to blame when an incident fires; None if nobody can.
        origins: knows which samples a breach comes from; None if nobody does.
        arrivals: knows when samples arrived; None if nobody does.
        receivers: names of those who are told every transition, by the outbox.
        interval_s: for groups that name none.
        recorder: keeps recorded series and `ALERTS`; None if nobody does.
        sharing: a context in which the querier shares what the rules of one evaluation have in common.
        inhibit_rules: which alerts keep which others quiet.
        external_labels: of this evaluator, for templates and for Alertmanagers.
        external_url: where people reach this evaluator.
        warm_since: Unix seconds since which the series have no gap; None means from now on if the database had an
            earlier life, and ever if not.

    Attributes:
        alert_service: what people read of alerts, and do about them.
        muting: silences and inhibition.
        external_alerts: the alerts of others.
    """

    def __init__(
        self,
        groups: Sequence[RuleGroup],
        querier: Querier,
        database: Database,
        clock: Clock,
        *,
        evidence_collector: EvidenceCollector | None = None,
        origins: Origins | None = None,
        arrivals: Arrivals | None = None,
        receivers: Sequence[str] = (),
        interval_s: float = 5.0,
        recorder: Recorder | None = None,
        sharing: Callable[[], AbstractContextManager[None]] = nullcontext,
        inhibit_rules: Sequence[InhibitRule] = (),
        external_labels: Labels = (),
        external_url: str = "",
        warm_since: float | None = None,
    ) -> None:
        now = clock.now()
        left = database.restored
        if warm_since is None and not left.is_first_life:
            warm_since = now
        self._clock = clock
        self._database = database
        self._interval_s = interval_s
        self._subscribers: list[Subscriber] = []
        self._resends: list[AlertNotifier] = []
        self._sources: list[Callable[[], Iterable[Reading]]] = [self._readings]
        self._store = AlertStore.restored(left.alerts, left.incidents, now)
        self.muting = Muting(self._store, database, clock, inhibit_rules)
        self._flapping = Flapping()
        self._storms = Storms(left.incidents)
        self._annotator = Annotator(querier, evidence_collector, external_labels, external_url)
        self._cycle = Cycle(
            store=self._store,
            storms=self._storms,
            database=database,
            rule_evaluator=RuleEvaluator(
                querier, warm_since, external_labels, external_url, Provenance(origins, arrivals)
            ),
            annotator=self._annotator,
            recorder=recorder,
            sharing=sharing,
            clock=clock,
            receivers=tuple(receivers),
            publish=self._publish,
        )
        self.external_alerts = ExternalAlerts(self._store, self._cycle, self.muting, clock)
        self.alert_service = AlertService(
            store=self._store,
            cycle=self._cycle,
            database=database,
            clock=clock,
            annotator=self._annotator,
            muting=self.muting,
            external_alerts=self.external_alerts,
            storms=self._storms,
            flapping=self._flapping,
            groups=lambda: self._groups,
            rules=lambda: self._rules,
            moved=self._tell,
        )
        self._woken = asyncio.Event()
        self._troubles: dict[str, str] = {}
        self._groups: tuple[CompiledGroup, ...] = ()
        self._schedules: dict[str, Schedule] = {}
        self._rules: dict[str, CompiledRule] = {}
        self._take(compile_groups(groups, interval_s))

    async def start(self) -> None:
        """Resolve what an earlier life left of rules that exist no more; `run` begins with it."""
        await self._database.tidy(self._clock.now())
        self._flapping.recall((await self._database.history(HistoryQuery(limit=_FLAPPING_HISTORY))).items)
        await self._take_over_series()
        await self._resolve_orphans({})

    async def run(self) -> None:
        """Evaluate groups when they are due, until cancelled."""
        await self.start()
        under_way: dict[str, asyncio.Task[None]] = {}
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._tidy())
            while True:
                self._woken.clear()
                now = self._clock.now()
                await self._end_posted()
                for group, due in self._due(now):
                    task = under_way.get(group.key)
                    if task is None or task.done():
                        self._schedules[group.key].start(due, now)
                        under_way[group.key] = tasks.create_task(self._evaluate(group, due))
                await self._rest(under_way)

    async def tick(self) -> float:
        """Evaluate every group that is due now, and say when the next one is (Unix seconds)."""
        now = self._clock.now()
        await self._end_posted()
        due = self._due(now)
        for group, what in due:
            self._schedules[group.key].start(what, now)
        await asyncio.gather(*(self._evaluate(group, what) for group, what in due))
        return min((schedule.next_at() for schedule in self._schedules.values()), default=now + self._interval_s)

    def touch(self, metrics: Collection[str] | None = None) -> None:
        """Data of these metrics (Prometheus names; None: of any) arrived: groups that read them are evaluated early."""
        for group in self._groups:
            if metrics is None or group.metrics is None or not group.metrics.isdisjoint(metrics):
                self._schedules[group.key].touch()
                self._woken.set()

    @property
    def trouble(self) -> str:
        """Why the last evaluation of a group went wrong or was not written; empty while all is well."""
        return next((told for key, told in self._troubles.items() if key in self._schedules), "")

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Call `subscriber` with every transition once it is written; returns what ends that."""
        self._subscribers.append(subscriber)
        return lambda: self._subscribers.remove(subscriber)

    def tell(self, receiver: AlertReceiver, resend_delay_s: float = 60.0) -> AlertNotifier:
        """What tells `receiver` of each alert, again and again, while it runs.

        Args:
            receiver: such as an Alertmanager.
            resend_delay_s: seconds until a firing alert is sent again.
        """
        active_alerts = ActiveAlerts(self._store, self._cycle.ended, lambda: self._groups)
        notifier = AlertNotifier(receiver, active_alerts, self.muting, self._annotator, self._clock, resend_delay_s)
        self._resends.append(notifier)
        self.watch(notifier.readings)
        return notifier

    def watch(self, source: Callable[[], Iterable[Reading]]) -> None:
        """Let rules see what a room says about itself: as series, written before each evaluation that reads them."""
        self._sources.append(source)

    def watched(self) -> tuple[Reading, ...]:
        """What every watched room says about itself, evaluation the first."""
        return tuple(reading for source in self._sources for reading in source())

    async def reload(
        self, groups: Sequence[RuleGroup], inhibit_rules: Sequence[InhibitRule] = (), by: str = ""
    ) -> None:
        """Change the rules at once; alerts of rules that stay keep their state, those of removed rules are resolved.

        Args:
            groups: the rules from now on.
            inhibit_rules: the same.
            by: who wanted it, for the audit; empty if nobody did.

        Raises:
            EvaluatorError: a rule can't be used; the old ones stay.
        """
        compiled = compile_groups(groups, self._interval_s)
        if by:
            audit = AuditEntry(self._clock.now(), by, "reload", "rules", "")
            await self._database.commit(Change(audit=(audit,)), ())
        before = dict(self._rules)
        self._take(compiled)
        self.muting.inhibit_rules = tuple(inhibit_rules)
        await self._resolve_orphans(before)
        self._woken.set()

    async def _resolve_orphans(self, before: dict[str, CompiledRule]) -> None:
        now = self._clock.now()
        recorder = self._cycle.recorder
        if recorder is not None:
            for key in recorder.rules() - self._rules.keys() - {_OWN_SERIES}:
                await asyncio.to_thread(recorder.end, key, now)
        gone = self._store.rules() - self._rules.keys() - {EXTERNAL}
        results_by_rule = [
            (
                AlertPolicy(group="", rule=key),
                [
                    EvaluationResult(each.labels, each.series, Condition.RULE_REMOVED)
                    for each in self._store.of_rule(key).values()
                ],
            )
            for key in sorted(gone)
        ]
        if results_by_rule:
            await self._cycle.settle(lambda: self._store.plan(results_by_rule, now), [*before.values()], now)
            self._tell(())

    def _take(self, groups: tuple[CompiledGroup, ...]) -> None:
        now = self._clock.now()
        schedules = self._schedules
        self._groups = groups
        self._rules = {rule.key: rule for group in groups for rule in group.rules}
        self._schedules = {group.key: Schedule(group.interval_s, now) for group in groups}
        for key, schedule in self._schedules.items():
            if key in schedules and schedules[key].interval_s == schedule.interval_s:
                self._schedules[key] = schedules[key]

    def _due(self, now: float) -> list[tuple[CompiledGroup, Due]]:
        found = ((group, self._schedules[group.key].due(now)) for group in self._groups)
        return [(group, due) for group, due in found if due is not None]

    async def _rest(self, under_way: Mapping[str, asyncio.Task[None]]) -> None:
        """Until the next group is due that is not under way, data arrives, or an evaluation ends."""
        busy = {key: task for key, task in under_way.items() if not task.done()}
        idle = (schedule.next_at() for key, schedule in self._schedules.items() if key not in busy)
        pause = max(0.0, min(idle, default=math.inf) - self._clock.now())
        woken = asyncio.ensure_future(self._woken.wait())
        await asyncio.wait(
            [woken, *busy.values()], timeout=min(pause, _LONGEST_PAUSE_S), return_when=asyncio.FIRST_COMPLETED
        )
        woken.cancel()

    async def _evaluate(self, group: CompiledGroup, due: Due) -> None:
        try:
            if due is Due.INTERVAL and group.reads(own_series.PREFIX):
                await self._write_own_series()
            await (self._cycle.evaluate_early(group) if due is Due.EARLY else self._cycle.evaluate(group))
            if not any(each is group for each in self._groups):
                await self._resolve_orphans({rule.key: rule for rule in group.rules})  # reloaded meanwhile
            self._tell([group.key])
            self._troubles.pop(group.key, None)
        except EvaluatorError as error:
            self._troubles[group.key] = f"Group {group.key} was not evaluated: {error}"
            _log.error("%s", self._troubles[group.key])
        except Exception as error:  # noqa: BLE001 - one group's fault must not end the others; it is told whole
            self._troubles[group.key] = f"Group {group.key} was not evaluated: {error!r}"
            _log.exception("Group %s was not evaluated; its alerts stay as they are.", group.key)

    async def _tidy(self) -> None:
        """Forget what nobody needs any more, every hour."""
        while True:
            await asyncio.sleep(_TIDY_EVERY_S)
            try:
                await self._database.tidy(self._clock.now())
            except EvaluatorError as error:
                _log.error("The database was not tidied: %s", error)

    async def _end_posted(self) -> None:
        try:
            await self.external_alerts.expire()
        except EvaluatorError as error:
            _log.error("ExternalAlerts alerts were not looked at: %s", error)

    async def _write_own_series(self) -> None:
        if self._cycle.recorder is not None:
            own = self._own_samples()
            await asyncio.to_thread(self._cycle.recorder.write, _OWN_SERIES, own, self._clock.now())

    def _readings(self) -> Iterable[Reading]:
        yield from own_series.readings(self._groups, self._schedules, self._cycle.status)
        yield own_series.storms(sum(map(len, self._storms.going().values())))

    def _own_samples(self) -> dict[Labels, float]:
        return own_series.samples(self.watched())

    async def _take_over_series(self) -> None:
        """Series that an earlier life left open end unless they are made again; so do those of rules that went."""
        recorder = self._cycle.recorder
        if recorder is not None:
            makers = {key: [Family(rule.rule.name, rule.is_alerting)] for key, rule in self._rules.items()}
            for key in self._store.rules() - self._rules.keys() - {EXTERNAL}:
                makers[key] = [Family(dict(own)[ALERT_NAME], is_alert=True) for own in self._store.of_rule(key)]
            makers[_OWN_SERIES] = [Family(dict(each)[METRIC_NAME], is_alert=False) for each in self._own_samples()]
            await asyncio.to_thread(recorder.take_over, makers, self._clock.now())

    def _tell(self, groups: Collection[str]) -> None:
        for each in self._resends:
            each.evaluated(groups)

    def _publish(self, transition: Transition) -> None:
        self._flapping.note(transition)
        for subscriber in tuple(self._subscribers):
            subscriber(transition)
