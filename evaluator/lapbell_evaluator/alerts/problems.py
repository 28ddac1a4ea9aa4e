"""Incidents that explain each other: one cause is one problem.

Each incident keeps the problem that it belongs to and the key of its cause, written with the change that found them. So
what there is now is a question to the incidents that are not over, and a restart changes nothing.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Final, Protocol

from lapbell_evaluator.model import NOWHERE, Change, Incident, Places, State, Transition

__all__ = ["NOTHING_EXPLAINED", "Explanations", "NothingExplained", "Problems", "begins"]

_OVER: Final = (State.RESOLVED, State.INACTIVE)
_FIRED: Final = (State.FIRING, State.RECOVERING, State.HELD)
_TOGETHER_S: Final = 300.0
"""Evidence is of an incident's first minute: what begins much later is no part of what it shows."""
_MOST: Final = 20


class Explanations(Protocol):
    """Says what explains what, by evidence."""

    def explains(self, cause: Incident, symptom: Incident) -> bool:
        """Whether one incident is the cause of another."""
        ...

    def places(self, incident: Incident) -> Places:
        """Where it may explain others, or be explained."""
        ...


class NothingExplained:
    """Every incident is a problem by itself."""

    def explains(self, _cause: Incident, _symptom: Incident) -> bool:
        """Never."""
        return False

    def places(self, _incident: Incident) -> Places:
        """Nowhere."""
        return NOWHERE


NOTHING_EXPLAINED: Final = NothingExplained()


@dataclass(frozen=True, slots=True)
class _Filed:
    """An incident, and where it is found."""

    incident: Incident
    places: Places


_Index = defaultdict[str, dict[str, Incident]]


class Problems:
    """Finds the causes of the incidents that fire, and those that they explain.

    Args:
        explanations: says what explains what.
        incidents: those that are not over, as an earlier life left them.
    """

    def __init__(self, explanations: Explanations, incidents: Iterable[Incident] = ()) -> None:
        self.explanations = explanations
        self._filed: dict[str, _Filed] = {}
        self._keys: dict[str, Incident] = {}
        self._explaining: _Index = defaultdict(dict)
        self._unexplained: _Index = defaultdict(dict)
        self._blaming: _Index = defaultdict(dict)
        self._members: _Index = defaultdict(dict)
        self._caused_by: _Index = defaultdict(dict)
        self._foreseen: Mapping[str, _Filed] = {}
        for incident in incidents:
            self._file(incident)

    def apply(self, change: Change) -> None:
        """Take notice of a change that is written."""
        for incident in change.incidents:
            self._drop(incident.id)
            if incident.state not in _OVER:
                self._file(incident)
        self._foreseen = {}

    def foresee(self, others: "Problems") -> None:
        """Take over where the incidents of a change are found, from who has looked: `apply` has less to do then."""
        self._foreseen = others._filed  # noqa: SLF001 - of its own kind

    def get(self, incident_id: str) -> Incident | None:
        """The incident of an id, if it is not over."""
        filed = self._filed.get(incident_id)
        return None if filed is None else filed.incident

    def members(self, problem: str) -> tuple[Incident, ...]:
        """The incidents of a problem that are not over; one that is alone is a problem by itself."""
        members = dict(self._members.get(problem, {}))
        first = self.get(problem)
        if first is not None and first.problem_id is None:
            members[first.id] = first
        return tuple(members.values())

    def explained_by(self, key: str) -> tuple[Incident, ...]:
        """The incidents that are not over and that the one of this key explains."""
        return tuple(self._caused_by.get(key, {}).values())

    def of_key(self, key: str) -> Incident | None:
        """The incident of a key, if it is not over."""
        return self._keys.get(key)

    def places(self, incident_id: str) -> Places:
        """Where an incident that fires is looked for; nowhere if it does not."""
        return self._filed[incident_id].places

    def causes_of(self, incident: Incident, places: Places) -> Iterator[Incident]:
        """Those that fire and explain it."""
        for other in self._at(self._explaining, places.explained_at):
            if other.id != incident.id and self.explanations.explains(other, incident):
                yield other

    def effects_of(self, incident: Incident, places: Places) -> Iterator[Incident]:
        """Those that fire, that it explains and that nothing explained so far; none that fired long before it."""
        for other in self._near(incident, places):
            if other.id != incident.id and self.explanations.explains(incident, other):
                yield other

    def alike(self, incident: Incident, places: Places) -> Iterator[Incident]:
        """Those that fire, did not begin long before it, and blame what it blames."""
        others = self._blaming.get(places.blamed, {}).values() if places.blamed else ()
        return (other for other in others if other.id != incident.id and _is_together(other, incident))

    def to_look_at_again(self, change: Change, now: float, within_s: float) -> tuple[Incident, ...]:
        """A few that nothing explains so far and that have to do with what begins in a change: evidence may have grown.

        Args:
            change: as planned.
            now: Unix seconds.
            within_s: only those that fired within so many seconds.
        """
        begun = [transition.incident for transition in change.transitions if begins(transition)]
        changed = {incident.id for incident in change.incidents}
        near = (
            other
            for incident in begun[:_MOST]
            for other in self._at(self._unexplained, self._of_both(incident))
            if other.id not in changed and other.fired_at is not None and now - other.fired_at <= within_s
        )
        return tuple({other.id: other for other in islice(near, _MOST)}.values())

    def without_cause(self) -> tuple[Incident, ...]:
        """The incidents that fire although the condition of what explains them has cleared."""
        explained = (incident for members in self._caused_by.values() for incident in members.values())
        return tuple(each for each in explained if each.cause_ended_at is not None and each.state is State.FIRING)

    def _near(self, incident: Incident, places: Places) -> Iterator[Incident]:
        others = self._at(self._unexplained, places.explains_at)
        return (other for other in others if _is_together(other, incident))

    def _of_both(self, incident: Incident) -> tuple[str, ...]:
        places = self.explanations.places(incident)
        return (*places.explains_at, *places.explained_at)

    @staticmethod
    def _at(index: Mapping[str, Mapping[str, Incident]], places: Iterable[str]) -> Iterator[Incident]:
        """The incidents at any of the places; one that is at several comes again."""
        return (incident for place in places for incident in index.get(place, {}).values())

    def _file(self, incident: Incident) -> None:
        filed = self._filed[incident.id] = _Filed(incident, self._places_of(incident))
        if incident.state not in _OVER:
            self._keys[incident.key] = incident
        for index, name in self._names(filed):
            index[name][incident.id] = incident

    def _places_of(self, incident: Incident) -> Places:
        if incident.state is not State.FIRING:
            return NOWHERE
        foreseen = self._foreseen.get(incident.id)
        is_same = foreseen is not None and foreseen.incident.evidence is incident.evidence
        if foreseen is not None and is_same and foreseen.incident.labels == incident.labels:
            return foreseen.places
        return self.explanations.places(incident)

    def _drop(self, incident_id: str) -> None:
        filed = self._filed.pop(incident_id, None)
        if filed is None:
            return
        if self._keys.get(filed.incident.key) is filed.incident:
            del self._keys[filed.incident.key]
        for index, name in self._names(filed):
            index[name].pop(incident_id, None)
            if not index[name]:
                del index[name]

    def _names(self, filed: _Filed) -> Iterator[tuple[_Index, str]]:
        """Where an incident is filed, and under which name."""
        incident, places = filed.incident, filed.places
        yield from ((self._explaining, place) for place in places.explains_at)
        if incident.caused_by is None:
            yield from ((self._unexplained, place) for place in places.explained_at)
        else:
            yield self._caused_by, incident.caused_by
        if places.blamed:
            yield self._blaming, places.blamed
        if incident.problem_id is not None:
            yield self._members, incident.problem_id


def begins(transition: Transition) -> bool:
    """Whether its incident begins to fire: one that is reopened has begun before."""
    return transition.state is State.FIRING and transition.previous not in _FIRED


def _is_together(other: Incident, incident: Incident) -> bool:
    """Whether another fired no more than a few minutes before an incident, or after it."""
    if other.fired_at is None or incident.fired_at is None:
        return False
    return incident.fired_at - other.fired_at <= _TOGETHER_S
