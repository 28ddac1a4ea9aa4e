"""Incidents that begin to fire by the dozen: too many to be read one by one.

Each incident keeps the storm that it belongs to, written with the transition that began it. So what goes on is a
question to the incidents that are not over, and a restart changes nothing.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from lapbell_evaluator.model import ALERT_NAME, Change, Incident, State, Transition

__all__ = ["Marks", "Storms"]

# Of two lines each, more than a screen holds; within a minute, more than anybody can follow.
_LEAST: Final = 20
_WITHIN_S: Final = 60.0
# Few enough to be read one by one, and a quarter of what begins a storm: it does not begin and end at its edge.
_FEW: Final = 5
# The longest window of a shipped rule: so much later do the routes with little traffic follow the others.
_GROWS_WITHIN_S: Final = 300.0
_OPEN: Final = (State.FIRING, State.RECOVERING, State.HELD)


@dataclass(frozen=True, slots=True)
class Marks:
    """What a change means for storms.

    Attributes:
        began_at: when the storm began that an incident belongs to from now on, by incident id; Unix seconds.
        earlier: incidents that the change itself does not touch and that belong to a storm from now on.
    """

    began_at: Mapping[str, float]
    earlier: tuple[Incident, ...]


class Storms:
    """Notices when at least twenty incidents of one alert name begin to fire within a minute.

    A storm grows by each incident of its name that begins to fire while at least five of its incidents that are not
    over began within the last five minutes. It goes on while at least five of its incidents are not over, those held
    and recovering among them; one that is over never returns.

    Args:
        incidents: those that are not over, as an earlier life left them.
    """

    def __init__(self, incidents: Iterable[Incident] = ()) -> None:
        self._alone: dict[str, dict[str, Incident]] = defaultdict(dict)
        self._members: dict[str, dict[float, dict[str, float]]] = defaultdict(lambda: defaultdict(dict))
        for incident in incidents:
            self._take(incident)

    def marks(self, change: Change, now: float) -> Marks:
        """The storms of the incidents that begin to fire in a change, and of those that began alone a moment before.

        Args:
            change: as planned; nothing changes here before it is applied.
            now: Unix seconds.
        """
        begun: dict[str, list[str]] = defaultdict(list)
        for transition in change.transitions:
            if _begins(transition) and (name := _name(transition.incident)):
                begun[name].append(transition.incident.id)
        stays = {incident.id: incident.state in _OPEN for incident in change.incidents} if begun else {}
        began_at: dict[str, float] = {}
        earlier: list[Incident] = []
        for name, keys in begun.items():
            storm = self._growing(name, stays, now)
            if storm is None:
                recent = self._recent(name, stays, now)
                if len(recent) + len(keys) < _LEAST:
                    continue
                storm = min((_fired_at(incident) for incident in recent), default=now)
                began_at.update((incident.id, storm) for incident in recent)
                earlier += [replace(incident, storm_began_at=storm) for incident in recent if incident.id not in stays]
            began_at.update((key, storm) for key in keys)
        return Marks(began_at, tuple(earlier))

    def apply(self, change: Change) -> None:
        """Take notice of a change that is written."""
        for incident in change.incidents:
            self._take(incident)

    def going(self) -> Mapping[str, frozenset[float]]:
        """The storms that go on: by alert name, each by the Unix seconds when it began."""
        going = {
            name: frozenset(began_at for began_at, members in storms.items() if len(members) >= _FEW)
            for name, storms in self._members.items()
        }
        return {name: storms for name, storms in going.items() if storms}

    def _growing(self, name: str, stays: Mapping[str, bool], now: float) -> float | None:
        """When the storm began that incidents of this name join now; there is one at most."""
        since = now - _GROWS_WITHIN_S
        for began_at, members in self._members.get(name, {}).items():
            if sum(fired_at > since and stays.get(key, True) for key, fired_at in members.items()) >= _FEW:
                return began_at
        return None

    def _recent(self, name: str, stays: Mapping[str, bool], now: float) -> list[Incident]:
        """Incidents of this name that began within the last minute, are not over and belong to no storm."""
        since = now - _WITHIN_S
        alone = self._alone.get(name, {}).values()
        return [incident for incident in alone if _fired_at(incident) > since and stays.get(incident.id, True)]

    def _take(self, incident: Incident) -> None:
        name = _name(incident)
        self._drop(name, incident)
        if incident.state not in _OPEN or not name:
            return
        if incident.storm_began_at is None:
            self._alone[name][incident.id] = incident
        else:
            self._members[name][incident.storm_began_at][incident.id] = _fired_at(incident)

    def _drop(self, name: str, incident: Incident) -> None:
        alone = self._alone.get(name)
        if alone is not None and alone.pop(incident.id, None) is not None and not alone:
            del self._alone[name]
        storms = self._members.get(name)
        if storms is None or incident.storm_began_at not in storms:
            return
        members = storms[incident.storm_began_at]
        members.pop(incident.id, None)
        if not members:
            del storms[incident.storm_began_at]
        if not storms:
            del self._members[name]


def _begins(transition: Transition) -> bool:
    """Whether its incident begins to fire: one that is reopened has begun before."""
    return transition.state is State.FIRING and transition.previous not in _OPEN


def _name(incident: Incident) -> str:
    return next((value for name, value in incident.labels if name == ALERT_NAME), "")


def _fired_at(incident: Incident) -> float:
    return -math.inf if incident.fired_at is None else incident.fired_at
