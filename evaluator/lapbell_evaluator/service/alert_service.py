"""What people read of alerts, and what they do about them: the surface that the gates ask."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from lapbell_evaluator.alerts import AlertStore, ChangeSet, ManualAction, UnknownIncidentError, matches
from lapbell_evaluator.database import Database
from lapbell_evaluator.evaluation import AlertCommitter, Annotator, RuleRegistry
from lapbell_evaluator.model import (
    AlertView,
    AuditEntry,
    Clock,
    GroupView,
    HistoryQuery,
    Incident,
    IncidentView,
    LabelMatcher,
    Muter,
    Page,
    RuleStatus,
    State,
    StorageError,
    Storm,
    Timeline,
    Transition,
    fingerprint,
    incident_key,
)
from lapbell_evaluator.notify import AlertCount
from lapbell_evaluator.service import incident_views
from lapbell_evaluator.service.active_alerts import ActiveAlerts
from lapbell_evaluator.service.external_alerts import ExternalAlerts
from lapbell_evaluator.service.muting import Muting
from lapbell_evaluator.service.rule_views import RuleViews
from lapbell_evaluator.service.storm_views import storm_views

__all__ = ["AlertService"]

_OPEN: Final = (State.PENDING, State.FIRING, State.RECOVERING, State.HELD)
_YIELD_EVERY: Final = 20


class AlertService:
    """Reads alerts as they are now, and moves them by hand.

    Args:
        store: the alerts that are not over.
        registry: the rules.
        committer: writes what people do.
        database: the history.
        annotator: renders annotations.
        status: how the last evaluation of each rule went, by key.
        muting: silences and inhibition.
        external_alerts: the alerts of others.
        clock: the time.

    Attributes:
        muting: silences and inhibition.
        external_alerts: the alerts of others.
    """

    def __init__(
        self,
        *,
        store: AlertStore,
        registry: RuleRegistry,
        committer: AlertCommitter,
        database: Database,
        annotator: Annotator,
        status: Mapping[str, RuleStatus],
        muting: Muting,
        external_alerts: ExternalAlerts,
        clock: Clock,
    ) -> None:
        self._store = store
        self._registry = registry
        self._committer = committer
        self._database = database
        self._annotator = annotator
        self._status = status
        self.muting = muting
        self.external_alerts = external_alerts
        self._clock = clock

    async def incidents(self, states: Collection[State] = _OPEN) -> tuple[IncidentView, ...]:
        """The incidents that are not over: firing, recovering, pending, held; of each the highest severity first."""
        incidents = [incident for incident in self._store.incidents.values() if incident.state in states]
        muter = self.muting.muter()
        await self._measure(incidents)
        views = []
        for number, incident in enumerate(incident_views.ordered(incidents)):
            if number % _YIELD_EVERY == 0:
                await asyncio.sleep(0)  # thousands of texts: let the gates answer in between
            views.append(await self._view(incident, muter))
        return tuple(views)

    async def storms(self, among: Sequence[IncidentView]) -> tuple[Storm, ...]:
        """The storms that go on, the worst first, as far as these incidents show them."""
        return await asyncio.to_thread(storm_views, among, self._store.storms.going())

    async def resolved(self, limit: int = 100) -> tuple[IncidentView, ...]:
        """The incidents that were resolved last, the newest first."""
        now = self._clock.now()
        incidents = await self._database.resolved(limit)
        return tuple(incident_views.view(incident, (), incident.annotations, now) for incident in incidents)

    async def incident(self, key: str) -> IncidentView:
        """One incident: the open one of a key, or the one that was resolved last.

        Raises:
            UnknownIncidentError: there is none.
        """
        incident = self._store.incidents.get(key) or await self._database.incident(key)
        if incident is None:
            raise UnknownIncidentError(f"There is no incident {key}.", "List them: GET /api/performance/alerts.")
        if incident.state is State.RESOLVED:
            return incident_views.view(incident, (), incident.annotations, self._clock.now())
        await self._measure([incident])
        return await self._view(incident, self.muting.muter())

    async def with_deliveries(self, views: Sequence[IncidentView]) -> tuple[IncidentView, ...]:
        """The same incidents, with what became of their notices in their timelines, if the database can be asked."""
        try:
            deliveries = await self._database.deliveries([view.incident for view in views])
        except StorageError:
            return tuple(views)
        timed = []
        for number, view in enumerate(views):
            if number % _YIELD_EVERY == 0:
                await asyncio.sleep(0)
            timed.append(replace(view, timeline=Timeline.of(view.incident, deliveries.get(view.incident.id, ()))))
        return tuple(timed)

    async def groups(self) -> tuple[GroupView, ...]:
        """The rule groups with their rules, alerts, and how the last evaluations went."""
        views = RuleViews(self._store, self._status, self._annotator, self.muting, self._clock.now())
        return tuple([await views.group(group) for group in self._registry.groups])

    async def recovering_alerts(self) -> tuple[AlertView, ...]:
        """The alerts that an Alertmanager takes for firing while their incident recovers, as they last fired."""
        muter = self.muting.muter()
        active = ActiveAlerts(self._store, self._registry)
        return tuple(
            AlertView(
                alert=alert,
                annotations=self._store.incidents[alert.incident].annotations,
                fingerprint=fingerprint(alert.labels),
                silenced_by=muted.silenced_by,
                inhibited_by=muted.fingerprints,
                maintained_by=muted.maintained_by,
            )
            for alert, muted in ((alert, muter(alert.labels)) for alert in active.recovering())
        )

    def counts(self) -> tuple[AlertCount, ...]:
        """How many incidents that are not over there are of each alert name, severity and state."""
        return incident_views.counts(tuple(self._store.incidents.values()))

    def counts_of(self, matchers: Sequence[LabelMatcher]) -> tuple[AlertCount, ...]:
        """The same of those whose labels all matchers match."""
        incidents = self._store.incidents.values()
        return incident_views.counts([each for each in incidents if matches(matchers, dict(each.labels))])

    async def history(self, query: HistoryQuery) -> Page[Transition]:
        """A page of the transitions that a query selects, the newest first."""
        return await self._database.history(query)

    async def audit(self, limit: int = 100, before: int | None = None) -> Page[AuditEntry]:
        """A page of what people changed, the newest first."""
        return await self._database.audit(limit, before)

    async def resolve(self, key: str, by: str, why: str) -> IncidentView:
        """Resolve an incident by hand.

        Raises:
            UnknownIncidentError: no incident of that key fires or recovers.
        """
        now = self._clock.now()
        return await self._act(lambda: self._store.resolve(key, ManualAction(by, why), now))

    async def acknowledge(self, key: str, by: str, why: str) -> IncidentView:
        """Take an incident.

        Raises:
            UnknownIncidentError: no incident of that key is open.
        """
        now = self._clock.now()
        return await self._act(lambda: self._store.acknowledge(key, ManualAction(by, why), now))

    async def _act(self, plan: Callable[[], ChangeSet]) -> IncidentView:
        change_set = await self._committer.commit(plan)
        await self._measure(change_set.change.incidents)
        return await self._view(change_set.change.incidents[-1], self.muting.muter())

    async def _measure(self, incidents: Iterable[Incident]) -> None:
        """Ask for the figures of their alerts, once for each rule."""
        keys = {alert.rule for incident in incidents for alert in self._store.of_incident(incident.key)}
        rules = [rule for key in sorted(keys) if (rule := self._registry.rule(key)) is not None]
        await self._annotator.measure(rules, self._clock.now())

    async def _view(self, incident: Incident, muter: Muter) -> IncidentView:
        now = self._clock.now()
        alerts = self._store.of_incident(incident.key)
        lead = next((alert for alert in alerts if alert.labels == incident.labels), None)
        rule = self._registry.rules.get(lead.rule) if lead else None
        annotations, figures = incident.annotations, None
        if lead is not None and rule is not None:
            figures = self._annotator.figures_of(rule, lead, now)
            annotations = await self._annotator.annotations(rule, lead, now)
        muted = muter(incident.labels)
        return replace(
            incident_views.view(incident, alerts, annotations, now, figures),
            silenced_by=muted.silenced_by,
            inhibited_by=tuple(map(incident_key, muted.inhibited_by)),
            maintained_by=muted.maintained_by,
            is_flapping=self._store.flapping.is_flapping(incident.key, now),
            explains=tuple(sorted(explained.key for explained in self._store.problems.explained_by(incident.key))),
        )
