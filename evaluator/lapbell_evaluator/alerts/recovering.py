"""The incidents that have cleared and are not yet told as resolved, because they may return."""

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from lapbell_evaluator.model import Alert, AlertId, Incident, State

__all__ = ["Recovering", "due_at"]


class Recovering:
    """Keeps them, and the alerts that fired in them.

    Args:
        incidents: those that are not over; the ones that recover are taken.
    """

    def __init__(self, incidents: Iterable[Incident] = ()) -> None:
        self._incidents: dict[str, Incident] = {}
        self._alerts: dict[AlertId, Alert] = {}
        for incident in incidents:
            self.put(incident)

    def put(self, incident: Incident) -> None:
        """The incident as it is now; one of the same key takes its place."""
        before = self._incidents.pop(incident.key, None)
        for alert in () if before is None else before.last_fired:
            self._alerts.pop((alert.rule, alert.labels), None)
        if incident.state is State.RECOVERING:
            self._incidents[incident.key] = incident
            self._alerts.update(((alert.rule, alert.labels), alert) for alert in incident.last_fired)

    @property
    def alerts(self) -> Mapping[AlertId, Alert]:
        """The alerts that fired in incidents that recover, as they last were."""
        return MappingProxyType(self._alerts)

    def __iter__(self) -> Iterator[Incident]:
        return iter(tuple(self._incidents.values()))

    def due(self, now: float) -> list[Incident]:
        """The incidents whose wait is over at Unix seconds `now`."""
        return [incident for incident in self._incidents.values() if now >= due_at(incident)]


def due_at(incident: Incident) -> float:
    """Unix seconds from which on an incident that recovers may be told as resolved."""
    since = incident.opened_at if incident.recovering_at is None else incident.recovering_at
    return since + incident.reopen_within_s
