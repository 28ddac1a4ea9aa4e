"""What people read about a storm: incidents of one name that began to fire together."""

from dataclasses import dataclass
from typing import Final

from lapbell_evaluator.model.alert import Incident
from lapbell_evaluator.model.labels import Labels, fingerprint, labels
from lapbell_evaluator.model.rule import ALERT_NAME

__all__ = ["DifferingLabel", "Storm", "storm_id", "storm_of"]

_MS_PER_S: Final = 1000


@dataclass(frozen=True, slots=True)
class DifferingLabel:
    """A label that the incidents of a storm do not have in common.

    Attributes:
        name: of the label.
        distinct: how many values it has.
        most_frequent: the first few of them with the number of incidents of each, the most frequent first.
    """

    name: str
    distinct: int
    most_frequent: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Storm:
    """One storm at one instant, described by those of its incidents that fire; by all if none fires.

    Attributes:
        id: unique, the same as long as it goes on.
        alertname: what its incidents are called.
        severity: the highest.
        firing: how many fire.
        recovering: how many have cleared and may return.
        held: how many were resolved by hand while their condition was not yet seen to clear.
        acknowledged: how many of those that fire somebody has taken.
        silenced: how many of those that fire a silence matches.
        began_at: Unix seconds when the first of its incidents fired, over or not.
        last_at: Unix seconds when the last one began to fire.
        common: the labels that all have in common.
        differing: the labels that they do not, those that most have first; a bounded number.
        examples: keys of a few incidents, the worst first.
    """

    id: str
    alertname: str
    severity: str
    firing: int
    recovering: int
    held: int
    acknowledged: int
    silenced: int
    began_at: float
    last_at: float
    common: Labels
    differing: tuple[DifferingLabel, ...]
    examples: tuple[str, ...]


def storm_id(alertname: str, began_at: float) -> str:
    """The id of the storm of that name that began at these Unix seconds."""
    return f"{fingerprint(labels({ALERT_NAME: alertname}))}-{int(began_at * _MS_PER_S):x}"


def storm_of(incident: Incident) -> str | None:
    """The id of the storm that the incident belongs to, over or not; None if it belongs to none."""
    if incident.storm_began_at is None:
        return None
    return storm_id(dict(incident.labels).get(ALERT_NAME, ""), incident.storm_began_at)
