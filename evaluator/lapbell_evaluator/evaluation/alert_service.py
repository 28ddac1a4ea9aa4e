"""What people read of alerts, and what they do about them: the surface that the gates ask."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Final

from lapbell_evaluator.alerts import AlertStore, ChangeSet, ManualAction, UnknownIncidentError
from lapbell_evaluator.database import Database
from lapbell_evaluator.evaluation import incident_views
from lapbell_evaluator.evaluation.annotator import Annotator
from lapbell_evaluator.evaluation.compiled import CompiledGroup, CompiledRule
from lapbell_evaluator.evaluation.cycle import Cycle
from lapbell_evaluator.evaluation.external_alerts import ExternalAlerts
from lapbell_evaluator.evaluation.flapping import Flapping
from lapbell_evaluator.evaluation.muting import Muting
from lapbell_evaluator.evaluation.rule_views import RuleViews
from lapbell_evaluator.evaluation.storm_views import storm_views
from lapbell_evaluator.evaluation.storms import Storms
from lapbell_evaluator.model import (
    AuditEntry,
    Clock,
    GroupView,
    HistoryQuery,
    Incident,
    IncidentView,
    Muter,
    Page,
    State,
    Storm,
    Timeline,
    Transition,
    incident_key,
)
from lapbell_evaluator.notify import AlertCount

__all__ = ["AlertService"]

_OPEN: Final = (State.PENDING, State.FIRING, State.HELD)
_TURN: Final = 100


class AlertService:
    """Reads alerts as they stand now, and moves them by action.

    Args:
        store: the alerts that are not over.
        cycle: writes what a action moves, and knows how the last evaluations went.
        database: the history.
        clock: the time.
        annotator: renders annotations.
        muting: silences and inhibition.
        external_alerts: the alerts of others.
        storms: those that go on.
        flapping: who fires again and again.
        groups: the rule groups as they are now.
        rules: their rules, by key.
        moved: told the keys of the groups whose alerts a action has moved.

    Attributes:
        muting: silences and inhibition.
        external_alerts: the alerts of others.
    """

    def __init__(
        self,
        *,
        store: AlertStore,
        cycle: Cycle,
        database: Database,
        clock: Clock,
        annotator: Annotator,
        muting: Muting,
        external_alerts: ExternalAlerts,
        storms: Storms,
        flapping: Flapping,
        groups: Callable[[], Sequence[CompiledGroup]],
        rules: Callable[[], Mapping[str, CompiledRule]],
        moved: Callable[[Collection[str]], None],
    ) -> None:
        self._store = store
        self._cycle = cycle
        self._database = database
        self._clock = clock
        self._annotator = annotator
        self.muting = muting
        self.external_alerts = external_alerts
        self._storms = storms
        self._flapping = flapping
        self._groups = groups
        self._rules = rules
        self._moved = moved

    async def incidents(self, states: Collection[State] = _OPEN) -> tuple[IncidentView, ...]:
        """The incidents that are not over, the highest severity first, then the oldest."""
        wanted = [each for each in self._store.incidents.values() if each.state in states]
        muter = self.muting.muter()
        views = []
        for number, each in enumerate(incident_views.ordered(wanted)):
            if number % _TURN == 0:
                await asyncio.sleep(0)  # thousands of texts: let others have their turn
            views.append(await self._view(each, muter))
        return tuple(views)

    async def storms(self, among: Sequence[IncidentView]) -> tuple[Storm, ...]:
        """The storms that go on, the worst first, as far as these incidents tell them."""
        return await asyncio.to_thread(storm_views, among, self._storms.going())

    async def resolved(self, limit: int = 100) -> tuple[IncidentView, ...]:
        """The incidents that were resolved last, the newest first."""
        now = self._clock.now()
        return tuple(
            incident_views.view(each, (), each.annotations, now) for each in await self._database.resolved(limit)
        )

    async def incident(self, key: str) -> IncidentView:
        """One incident: the open one of a key, or the one that was resolved last.

        Raises:
            UnknownIncidentError: there is none.
        """
        known = self._store.incidents.get(key) or await self._database.incident(key)
        if known is None:
            raise UnknownIncidentError(f"There is no incident {key}.", "List them: GET /api/performance/alerts.")
        if known.state is State.RESOLVED:
            return incident_views.view(known, (), known.annotations, self._clock.now())
        return await self._view(known, self.muting.muter())

    async def with_deliveries(self, views: Sequence[IncidentView]) -> tuple[IncidentView, ...]:
        """The same incidents, with what became of their notices in their timelines."""
        found = await self._database.deliveries([each.incident for each in views])
        return tuple(
            replace(each, timeline=Timeline.of(each.incident, found.get(each.incident.id, ()))) for each in views
        )

    async def groups(self) -> tuple[GroupView, ...]:
        """The rule groups with their rules, alerts, and how the last evaluations went."""
        now = self._clock.now()
        views = RuleViews(self._store, self._cycle.status, self._annotator, self.muting, now)
        return tuple([await views.group(each) for each in self._groups()])

    def counts(self) -> tuple[AlertCount, ...]:
        """How many incidents that are not over there are of each alert name, severity and state."""
        return incident_views.counts(tuple(self._store.incidents.values()))

    async def history(self, wanted: HistoryQuery) -> Page[Transition]:
        """A page of the transitions that are wanted, the newest first."""
        return await self._database.history(wanted)

    async def audit(self, limit: int = 100, before: int | None = None) -> Page[AuditEntry]:
        """A page of what people changed, the newest first."""
        return await self._database.audit(limit, before)

    async def resolve(self, key: str, by: str, why: str) -> IncidentView:
        """Resolve an incident by action.

        Raises:
            UnknownIncidentError: no incident of that key fires.
        """
        now = self._clock.now()
        return await self._act(lambda: self._store.resolve(key, ManualAction(by, why), now), now)

    async def acknowledge(self, key: str, by: str, why: str) -> IncidentView:
        """Take an incident.

        Raises:
            UnknownIncidentError: no incident of that key is open.
        """
        now = self._clock.now()
        return await self._act(lambda: self._store.acknowledge(key, ManualAction(by, why), now), now)

    async def _act(self, plan: Callable[[], ChangeSet], now: float) -> IncidentView:
        made = await self._cycle.settle(plan, [*self._rules().values()], now)
        self._moved({each.group for each in made.alerts})
        return await self._view(made.change.incidents[-1], self.muting.muter())

    async def _view(self, incident: Incident, muter: Muter) -> IncidentView:
        now = self._clock.now()
        alerts = self._store.of_incident(incident.key)
        lead = next((each for each in alerts if each.labels == incident.labels), None)
        rule = self._rules().get(lead.rule) if lead else None
        annotations = incident.annotations
        if lead is not None and rule is not None:
            annotations = await self._annotator.annotations(rule, lead, now)
        muted = muter(incident.labels)
        return replace(
            incident_views.view(incident, alerts, annotations, now),
            silenced_by=muted.silenced_by,
            inhibited_by=tuple(map(incident_key, muted.inhibited_by)),
            is_flapping=self._flapping.is_flapping(incident.key, now),
        )
