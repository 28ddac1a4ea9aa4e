"""Who is told of what."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from lapbell_evaluator.model import Labels, State, Transition

__all__ = ["Route", "Router"]


@dataclass(frozen=True, slots=True)
class Route:
    """One receiver, and of what it is told.

    Attributes:
        receiver: its name.
        matches: whether it is told of an incident with these labels.
    """

    receiver: str
    matches: Callable[[Mapping[str, str]], bool]


class Router:
    """Writes a transition to the outbox of each receiver that its incident matches, or has matched before.

    A receiver that was told of the critical alert is told of the end, although a warning may be all that is left of it.

    Args:
        routes: one for each receiver.
        told: receivers and the incidents, by id, that they were told of and that are not over.
    """

    def __init__(self, routes: Sequence[Route], told: Iterable[tuple[str, str]] = ()) -> None:
        self._routes = tuple(routes)
        self._told: dict[str, set[str]] = {}
        for receiver, incident in told:
            self._told.setdefault(incident, set()).add(receiver)

    def recipients(self, transition: Transition) -> tuple[str, ...]:
        """The receivers of a transition."""
        incident = transition.incident
        own = dict(incident.labels)
        before = self._told.get(incident.id, set())
        names = tuple(route.receiver for route in self._routes if route.receiver in before or route.matches(own))
        if transition.state in (State.RESOLVED, State.INACTIVE):
            self._told.pop(incident.id, None)
        elif names:
            self._told[incident.id] = {*before, *names}
        return names

    @property
    def names(self) -> tuple[str, ...]:
        """Every receiver."""
        return tuple(route.receiver for route in self._routes)

    def of(self, own: Labels) -> tuple[str, ...]:
        """The receivers of an incident with these labels that begins."""
        return tuple(route.receiver for route in self._routes if route.matches(dict(own)))
