"""The rules at work: groups evaluated when they are due, early when data arrives, anew after a reload."""

import asyncio
import logging
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from lapbell_evaluator.alerts import AlertPolicy, AlertStore, Condition, EvaluationResult
from lapbell_evaluator.evaluation.committer import AlertCommitter
from lapbell_evaluator.evaluation.compiled import CompiledGroup
from lapbell_evaluator.evaluation.cycle import Cycle
from lapbell_evaluator.evaluation.orphaned_series import Family
from lapbell_evaluator.evaluation.own_series import PREFIX, OwnSeries, group_readings, storm_reading
from lapbell_evaluator.evaluation.ports import AlertDatabase, Expirable
from lapbell_evaluator.evaluation.recoveries import Recoveries
from lapbell_evaluator.evaluation.registry import RuleRegistry
from lapbell_evaluator.evaluation.schedule import Due, Schedule
from lapbell_evaluator.model import (
    ALERT_NAME,
    EXTERNAL_RULE,
    METRIC_NAME,
    NOBODY,
    AuditEntry,
    Change,
    Clock,
    EvaluatorError,
    HistoryQuery,
    Reading,
    RuleGroup,
)

__all__ = ["Runner"]

_log = logging.getLogger(__name__)
_LONGEST_PAUSE_S: Final = 60.0
_TIDY_EVERY_S: Final = 3600.0
_STUCK_S: Final = 30.0
_OWN_SERIES: Final = "lapbell"
_FLAPPING_HISTORY: Final = 10_000


class Runner:
    """Evaluates the rule groups, each at its interval.

    Args:
        registry: the rules; a reload changes them.
        store: the alerts.
        cycle: one evaluation.
        committer: writes what a reload changes.
        database: tidied every hour; asked for the last transitions at the start.
        own_series: what the evaluator measures of itself.
        external_alerts: looked at in each round.
        clock: the time of evaluations.
    """

    def __init__(
        self,
        registry: RuleRegistry,
        store: AlertStore,
        cycle: Cycle,
        committer: AlertCommitter,
        database: AlertDatabase,
        own_series: OwnSeries,
        external_alerts: Expirable,
        clock: Clock,
    ) -> None:
        self._registry = registry
        self._store = store
        self._cycle = cycle
        self._committer = committer
        self._database = database
        self._own_series = own_series
        self._external_alerts = external_alerts
        self._clock = clock
        self._recoveries = Recoveries(store, registry, committer, cycle.rule_evaluator, cycle.status, clock.now())
        self._woken = asyncio.Event()
        self._troubles: dict[str, str] = {}
        self._schedules: dict[str, Schedule] = {}
        self._reschedule()

    async def start(self) -> None:
        """Take over what an earlier life left, and resolve alerts of rules that are no more; `run` begins with it."""
        try:
            last = await self._database.history(HistoryQuery(limit=_FLAPPING_HISTORY))
            self._store.flapping.apply(reversed(last.items))
        except EvaluatorError as error:
            _log.error("Which alerts flap is not known: %s", error)
        await self._take_over_series()
        await self._resolve_orphans()

    async def run(self) -> None:
        """Evaluate groups when they are due, until cancelled."""
        await self.start()
        under_way: dict[str, asyncio.Task[None]] = {}
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._tidy())
            while True:
                self._woken.clear()
                now = self._clock.now()
                await self._expire_external_alerts()
                for group, due in self._due(now):
                    task = under_way.get(group.key)
                    if task is None or task.done():
                        self._schedules[group.key].start(due, now)
                        under_way[group.key] = tasks.create_task(self._evaluate(group, due))
                await self._rest(under_way)

    async def tick(self) -> float:
        """Evaluate every group that is due now, and say when the next one is (Unix seconds)."""
        now = self._clock.now()
        await self._expire_external_alerts()
        every = self._due(now)
        for group, due in every:
            self._schedules[group.key].start(due, now)
        await asyncio.gather(*(self._evaluate(group, due) for group, due in every))
        schedules = self._schedules.values()
        return min((schedule.next_at() for schedule in schedules), default=now + self._registry.interval_s)

    def touch(self, metrics: Collection[str] | None = None) -> None:
        """Data of these metrics (Prometheus names; None: of any) arrived: groups that read them are evaluated early."""
        for group in self._registry.groups:
            if metrics is None or group.metrics is None or not group.metrics.isdisjoint(metrics):
                self._schedules[group.key].touch()
                self._woken.set()

    @property
    def trouble(self) -> str:
        """Why the last evaluation of a group went wrong or was not written; empty while all is well."""
        return next((trouble for key, trouble in self._troubles.items() if key in self._schedules), "")

    @property
    def overdue(self) -> str:
        """Which group should have been evaluated long ago: its last evaluation is stuck, or all are; empty if none."""
        now = self._clock.now()
        for key, schedule in self._schedules.items():
            late_s = schedule.overdue_s(now)
            if late_s > max(_STUCK_S, schedule.interval_s):
                return f"Group {key} should have been evaluated {late_s:.0f} s ago."
        return ""

    def readings(self) -> Iterable[Reading]:
        """What evaluation measures of itself."""
        yield from group_readings(self._registry.groups, self._schedules, self._cycle.status)
        yield storm_reading(sum(map(len, self._store.storms.going().values())))

    async def reload(self, groups: Sequence[RuleGroup], by: str = "") -> None:
        """Change the rules at once; alerts of rules that stay keep their state, those of removed rules are resolved.

        Args:
            groups: the rules from now on.
            by: who wanted it, for the audit; empty if nobody did.

        Raises:
            EvaluatorError: a rule can't be used; the old ones stay.
        """
        compiled = await asyncio.to_thread(self._registry.compiled, groups)
        if by:
            audit = AuditEntry(self._clock.now(), by, "reload", "rules", "")
            await self._database.commit(Change(audit=(audit,)), NOBODY)
        self._registry.replace(compiled, self._clock.now())
        self._reschedule()
        await self._resolve_orphans()
        self._woken.set()

    async def _resolve_orphans(self) -> None:
        """End the series and the alerts of rules that are no more."""
        now = self._clock.now()
        rules = self._registry.rules.keys()
        recorder = self._cycle.recorder
        if recorder is not None:
            for key in recorder.rules() - rules - {_OWN_SERIES}:
                await asyncio.to_thread(recorder.end, key, now)
        removed = [
            (
                AlertPolicy(group="", rule=key),
                [
                    EvaluationResult(alert.labels, alert.series, Condition.RULE_REMOVED)
                    for alert in self._store.of_rule(key).values()
                ],
            )
            for key in sorted(self._store.rules() - rules - {EXTERNAL_RULE})
        ]
        if removed:
            await self._committer.commit(lambda: self._store.plan(removed, now))
        await self._recoveries.end_removed(now)

    def _reschedule(self) -> None:
        """Groups that stay at their interval keep their times."""
        now = self._clock.now()
        before = self._schedules
        self._schedules = {group.key: Schedule(group.interval_s, now) for group in self._registry.groups}
        for key, schedule in self._schedules.items():
            if key in before and before[key].interval_s == schedule.interval_s:
                self._schedules[key] = before[key]

    def _due(self, now: float) -> list[tuple[CompiledGroup, Due]]:
        every = ((group, self._schedules[group.key].due(now)) for group in self._registry.groups)
        return [(group, due) for group, due in every if due is not None]

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
            if due is Due.INTERVAL and group.reads(PREFIX):
                await self._write_own_series()
            await (self._cycle.evaluate_early(group) if due is Due.EARLY else self._cycle.evaluate(group))
            if due is not Due.EARLY:
                await self._recoveries.end_due(self._clock.now())
            if not any(current is group for current in self._registry.groups):
                await self._resolve_orphans()  # reloaded meanwhile
            self._troubles.pop(group.key, None)
        except EvaluatorError as error:
            self._troubles[group.key] = f"Group {group.key} was not evaluated: {error}"
            _log.error("%s", self._troubles[group.key])
        except Exception as error:  # noqa: BLE001 - one group's fault must not end the others; it is logged whole
            self._troubles[group.key] = f"Group {group.key} was not evaluated: {error!r}"
            _log.exception("Group %s was not evaluated; its alerts stay as they are.", group.key)

    async def _tidy(self) -> None:
        """Delete what is past its retention, beside the evaluations, at once and every hour."""
        while True:
            try:
                await self._database.tidy(self._clock.now())
            except EvaluatorError as error:
                _log.error("The database was not tidied: %s", error)
            await asyncio.sleep(_TIDY_EVERY_S)

    async def _expire_external_alerts(self) -> None:
        try:
            await self._external_alerts.expire()
            await self._recoveries.end_due(self._clock.now())
        except EvaluatorError as error:
            _log.error("External alerts were not looked at: %s", error)

    async def _write_own_series(self) -> None:
        if self._cycle.recorder is not None:
            samples = self._own_series.samples()
            await asyncio.to_thread(self._cycle.recorder.write, _OWN_SERIES, samples, self._clock.now())

    async def _take_over_series(self) -> None:
        """Series that an earlier life left open end unless they are made again; so do those of rules that went."""
        recorder = self._cycle.recorder
        if recorder is not None:
            rules = self._registry.rules
            makers = {key: [Family(rule.rule.name, rule.is_alerting)] for key, rule in rules.items()}
            for key in self._store.rules() - rules.keys() - {EXTERNAL_RULE}:
                makers[key] = [Family(dict(own)[ALERT_NAME], is_alert=True) for own in self._store.of_rule(key)]
            makers[_OWN_SERIES] = [
                Family(dict(series)[METRIC_NAME], is_alert=False) for series in self._own_series.samples()
            ]
            await asyncio.to_thread(recorder.take_over, makers, self._clock.now())
