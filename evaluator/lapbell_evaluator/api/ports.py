"""What the REST gate needs of its neighbours."""

from collections.abc import Sequence
from typing import Protocol

from lapbell_evaluator.model import (
    AlertView,
    AuditEntry,
    DeadLetter,
    GroupView,
    HistoryQuery,
    IncidentView,
    Labels,
    MaintenanceState,
    Page,
    PostableAlert,
    SeriesExemplars,
    Silence,
    Storm,
    TraceRole,
    TraceView,
    Transition,
)
from lapbell_evaluator.series import Matcher
from lapbell_evaluator.service import OpenedLink

__all__ = [
    "AlertService",
    "DeadLetters",
    "Exemplars",
    "ExternalAlerts",
    "Links",
    "Muting",
    "Readiness",
    "Receivers",
    "Traces",
]


class Receivers(Protocol):
    """Knows who is told of what."""

    @property
    def names(self) -> tuple[str, ...]:
        """Every receiver."""
        ...

    def of(self, own: Labels) -> tuple[str, ...]:
        """The receivers of an incident with these labels."""
        ...


class Muting(Protocol):
    """What keeps alerts quiet: silences, and maintenance."""

    def maintenance(self) -> tuple[MaintenanceState, ...]:
        """Where each maintenance window stands."""
        ...

    def silences(self) -> tuple[Silence, ...]:
        """Every silence."""
        ...

    def silence(self, key: str) -> Silence:
        """One silence; raises UnknownSilenceError."""
        ...

    async def put(self, silence: Silence, by: str) -> Silence:
        """Makes or changes a silence; raises SilenceError or UnknownSilenceError."""
        ...

    async def expire(self, key: str, by: str) -> None:
        """Ends a silence; raises UnknownSilenceError or SilenceError."""
        ...


class ExternalAlerts(Protocol):
    """The alerts that others post."""

    async def post(self, alerts: Sequence[PostableAlert]) -> None:
        """Takes alerts; raises EvaluatorError if one of them can't be."""
        ...

    def views(self) -> tuple[AlertView, ...]:
        """Those that are not over."""
        ...


class Links(Protocol):
    """The links in messages by which people take incidents."""

    async def opened(self, token: str) -> OpenedLink:
        """What a link leads to; raises UnknownLinkError if it is not ours."""
        ...

    async def acknowledge(self, token: str, name: str) -> OpenedLink:
        """Takes the incident of a link if it is open; raises UnknownLinkError if it is not ours."""
        ...


class AlertService(Protocol):
    """What people may ask and do about alerts."""

    @property
    def external_alerts(self) -> ExternalAlerts:
        """The alerts of others."""
        ...

    @property
    def muting(self) -> Muting:
        """Silences and maintenance."""
        ...

    async def groups(self) -> tuple[GroupView, ...]:
        """Every rule group with its rules and their alerts as they are now."""
        ...

    async def recovering_alerts(self) -> tuple[AlertView, ...]:
        """The alerts that an Alertmanager takes for firing while their incident recovers."""
        ...

    async def incidents(self) -> Sequence[IncidentView]:
        """Incidents that are not over: firing, recovering, pending, held; of each the worst first."""
        ...

    async def storms(self, among: Sequence[IncidentView]) -> Sequence[Storm]:
        """The storms that go on, the worst first, as far as these incidents tell them."""
        ...

    async def resolved(self, limit: int = 100) -> Sequence[IncidentView]:
        """The incidents that were resolved last, the newest first; raises StorageError."""
        ...

    async def incident(self, key: str) -> IncidentView:
        """The open incident of a key, or the one resolved last; raises UnknownIncidentError if there is none."""
        ...

    async def with_deliveries(self, views: Sequence[IncidentView]) -> Sequence[IncidentView]:
        """The same incidents, with what became of their notices if the database can be asked."""
        ...

    async def history(self, query: HistoryQuery) -> Page[Transition]:
        """A page of the transitions that a query selects, the newest first."""
        ...

    async def audit(self, limit: int, before: int | None) -> Page[AuditEntry]:
        """A page of what people changed, the newest first."""
        ...

    async def resolve(self, key: str, by: str, why: str) -> IncidentView:
        """Resolves by hand; raises UnknownIncidentError if no incident of that key fires or recovers."""
        ...

    async def acknowledge(self, key: str, by: str, why: str) -> IncidentView:
        """Takes an incident; raises UnknownIncidentError if no incident of that key is open."""
        ...


class DeadLetters(Protocol):
    """What receivers refused for ever."""

    async def page(self, limit: int, before: int | None) -> Page[DeadLetter]:
        """A page of them, the newest first."""
        ...

    async def replay(self, ids: Sequence[int] | None, by: str, why: str) -> int:
        """Has them (None: all) delivered once more; returns how many."""
        ...


class Exemplars(Protocol):
    """Knows measurements with the traces in which they were made."""

    def select(self, selectors: Sequence[Sequence[Matcher]], start_ms: int, end_ms: int) -> tuple[SeriesExemplars, ...]:
        """Exemplars between two times of the series that any selector means, sorted; in any thread."""
        ...


class Readiness(Protocol):
    """Says what is missing."""

    def unready(self) -> str | None:
        """Why the evaluator is not ready; None once it is."""
        ...

    def unhealthy(self) -> str | None:
        """Why the evaluator should be started anew; None while that would not help."""
        ...


class Traces(Protocol):
    """Finds traces."""

    async def trace(self, trace_id: str) -> TraceView | None:
        """A trace with every span that is known of it, scrubbed; None if none is; raises StorageError."""
        ...

    async def of_incident(self, incident_id: str) -> Sequence[tuple[str, TraceRole]]:
        """The ids of the traces that are kept with an incident, and what each one shows."""
        ...
