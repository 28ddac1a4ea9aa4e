"""Whether each trouble was told once, by the alert that its kind has to raise, and nothing else was."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from weeks_kit.incidents import NamedIncident
from weeks_kit.share_rule import rolling_sums
from weeks_kit.troubles import KINDS, Trouble
from weeks_kit.world import STEP_S, World

__all__ = ["Faults", "incidents_by_trouble", "is_plain", "judged"]

GRACE_S: Final = 150.0
_FIVE_MINUTES: Final = 300 // STEP_S
_ENOUGH: Final = ((6, 0.5), (8, 0.2), (15, 0.1), (30, 0.05))
"""So many bad ones and so large a share within five minutes have to be found."""


@dataclass(frozen=True, slots=True)
class Faults:
    """What is not as it should be.

    Attributes:
        strays: incidents that are nobody's, with the trouble that their service has at another time.
        told_several_times: troubles with their incidents.
        missing: troubles with the requests a minute of their service.
    """

    strays: tuple[tuple[NamedIncident, Trouble | None], ...] = ()
    told_several_times: tuple[tuple[Trouble, tuple[NamedIncident, ...]], ...] = ()
    missing: tuple[tuple[Trouble, float], ...] = ()


def judged(world: World, incidents: tuple[NamedIncident, ...]) -> Faults:
    """The faults of what was told of a world."""
    by_service = {trouble.service: trouble for trouble in world.troubles}
    own = incidents_by_trouble(world, incidents)
    return Faults(
        tuple(
            (incident, by_service.get(incident.service))
            for incident in incidents
            if not _belongs(incident, by_service.get(incident.service))
        ),
        tuple((trouble, several) for trouble, several in own.items() if len(several) > 1),
        tuple(
            (trouble, float(world.per_minute[trouble.service]))
            for trouble, none in own.items()
            if not none and is_plain(world, trouble)
        ),
    )


def incidents_by_trouble(
    world: World, incidents: tuple[NamedIncident, ...]
) -> dict[Trouble, tuple[NamedIncident, ...]]:
    """For each trouble, what the alert that it has to raise told of its service."""
    return {
        trouble: tuple(
            incident
            for incident in incidents
            if incident.service == trouble.service and incident.alert == KINDS[trouble.kind].raises
        )
        for trouble in world.troubles
    }


def _belongs(incident: NamedIncident, trouble: Trouble | None) -> bool:
    """Whether an incident tells of the trouble of its service."""
    if trouble is None:
        return False
    kind = KINDS[trouble.kind]
    is_in_time = trouble.start <= incident.start <= trouble.end + GRACE_S
    return is_in_time and incident.alert in {kind.raises, *kind.may_raise}


def is_plain(world: World, trouble: Trouble) -> bool:
    """Whether a trouble was heard of, and, if a share is bad, whether some five minutes hold enough."""
    at = slice(trouble.start // STEP_S + 1, trouble.end // STEP_S + 1)
    one = slice(trouble.service, trouble.service + 1)
    if world.is_lost[one, at].mean() > 0.1:
        return False
    if not KINDS[trouble.kind].has_share:
        return True
    events = rolling_sums(world.events[one, at], _FIVE_MINUTES)
    if trouble.kind in ("errors", "abandoned", "slow"):
        counted = world.over_1s if trouble.kind == "slow" else world.failed
        bad = rolling_sums(counted[one, at], _FIVE_MINUTES)
    else:  # drawn while the day goes on, of at least as many operations or tasks as there are requests
        bad = (events * trouble.share * 0.7).astype(np.int64)
    return any(bool(((bad >= least) & (bad >= share * events)).any()) for least, share in _ENOUGH)
