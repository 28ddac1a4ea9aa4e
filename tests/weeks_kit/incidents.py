"""Incidents as receivers were told of them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from lapbell_evaluator.model import State, Transition
from weeks_kit.world import START_S

__all__ = ["NamedIncident", "incidents_of", "whose"]


@dataclass(frozen=True, slots=True)
class NamedIncident:
    """One incident of one service: the alert's name, and seconds since the beginning."""

    alert: str
    service: int
    start: float
    end: float


def incidents_of(transitions: Iterable[Transition]) -> Iterator[NamedIncident]:
    """What was told: an incident that recovers and comes back is one, as the alert life has it."""
    begun: dict[str, float] = {}
    over: dict[str, float] = {}
    names: dict[str, tuple[str, int]] = {}
    for transition in transitions:
        incident, at = transition.incident, transition.at - START_S
        if transition.state == State.FIRING:
            begun.setdefault(incident.id, at)
            over.pop(incident.id, None)
            names[incident.id] = whose(dict(incident.labels))
        else:
            over.setdefault(incident.id, at)
    for key, start in begun.items():
        alert, service = names[key]
        yield NamedIncident(alert, service, start, over.get(key, float("inf")))


def whose(own: dict[str, str]) -> tuple[str, int]:
    """The alert's name, and the number of the service that an incident is about."""
    service = own.get("job") or own.get("messaging_destination_name") or own["host_name"]
    return own["alertname"], int(service.removeprefix("s"))
