"""Who is told of what."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from lapbell_evaluator.model import Incident, LabelMatcher, Labels, State, Transition

__all__ = ["Matching", "Route", "Router"]

Matching = Callable[[Sequence[LabelMatcher]], Callable[[Mapping[str, str]], bool]]
"""Makes what says whether all of some matchers hold of labels."""


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
    Who is told of one incident of a problem is told of all that follows of the others.

    Args:
        fixed: routes that stay, whatever the list of receivers is.
    """

    def __init__(self, fixed: Sequence[Route] = ()) -> None:
        self._fixed = tuple(fixed)
        self._routes = self._fixed
        self._told: dict[str, dict[str, frozenset[str]]] = {}  # receivers, by problem and incident
        self._problem_of: dict[str, str] = {}

    def change(self, routes: Sequence[Route], told: Iterable[tuple[str, Incident]] = ()) -> None:
        """Route by these from now on.

        Args:
            routes: one for each receiver of the list.
            told: receivers and the incidents that they were told of and that are not over.
        """
        self._routes = (*self._fixed, *routes)
        for receiver, incident in told:
            self._note(incident, {*self._before(incident), receiver})

    def recipients(self, transition: Transition) -> tuple[str, ...]:
        """The receivers of a transition."""
        incident = transition.incident
        own = dict(incident.labels)
        told = self._before(incident).union(*self._told.get(incident.problem, {}).values())
        names = tuple(route.receiver for route in self._routes if route.receiver in told or route.matches(own))
        if transition.state in (State.RESOLVED, State.INACTIVE):
            self._forget(incident.id)
        elif names:
            self._note(incident, names)
        return names

    @property
    def names(self) -> tuple[str, ...]:
        """Every receiver."""
        return tuple(route.receiver for route in self._routes)

    def of(self, own: Labels) -> tuple[str, ...]:
        """The receivers of an incident with these labels that begins."""
        return tuple(route.receiver for route in self._routes if route.matches(dict(own)))

    def _before(self, incident: Incident) -> frozenset[str]:
        """Who was told of an incident, in whichever problem it was."""
        problem = self._problem_of.get(incident.id, "")
        return self._told.get(problem, {}).get(incident.id, frozenset())

    def _note(self, incident: Incident, names: Iterable[str]) -> None:
        told = self._before(incident).union(names)
        self._forget(incident.id)
        self._problem_of[incident.id] = incident.problem
        self._told.setdefault(incident.problem, {})[incident.id] = told

    def _forget(self, incident_id: str) -> None:
        problem = self._problem_of.pop(incident_id, None)
        if problem is None:
            return
        del self._told[problem][incident_id]
        if not self._told[problem]:
            del self._told[problem]
