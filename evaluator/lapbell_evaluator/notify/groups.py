"""Which incidents are told together."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from lapbell_evaluator.model import ALERT_NAME, Incident, Labels, Transition, label_value, labels, storm_of

__all__ = ["Together", "explaining", "group_of", "nothing_explained"]


@dataclass(frozen=True, slots=True)
class Together:
    """What explains the incidents of a message.

    Attributes:
        cause: the incident that explains others of them, or others that are not told in it; None if none does, if it
            is not known, or if there are several.
        explains: what it explains and is not over.
    """

    cause: Incident | None = None
    explains: tuple[Incident, ...] = ()


def nothing_explained(_key: str) -> Sequence[Incident]:
    """Of where nobody knows causes."""
    return ()


def group_of(transition: Transition, group_by: Sequence[str]) -> tuple[str, Labels]:
    """The key of the group of an incident, and the labels that its incidents have in common by definition.

    Args:
        transition: of the incident.
        group_by: names of labels; none: the problem that it belongs to, else the storm, else the incident itself.
    """
    incident = transition.incident
    if group_by:
        common = labels({name: label_value(incident.labels, name) for name in group_by})
        return repr(common), common
    if incident.problem_id is not None:
        return incident.problem_id, ()
    storm = storm_of(incident)
    if storm is not None:
        return storm, labels({ALERT_NAME: label_value(incident.labels, ALERT_NAME)})
    return incident.id, incident.labels


def explaining(
    incidents: Iterable[Incident],
    standing: Callable[[str], Incident | None],
    explained_by: Callable[[str], Sequence[Incident]],
) -> Together:
    """What explains incidents that are told together.

    Args:
        incidents: those.
        standing: the incident of a key as it is now; None if it is over.
        explained_by: what the incident of a key explains.
    """
    causes: dict[str, Incident] = {}
    for incident in incidents:
        key = incident.key if incident.caused_by is None else incident.caused_by
        cause = incident if incident.caused_by is None else standing(key)
        if cause is not None and explained_by(key):
            causes[key] = cause
    if len(causes) != 1:
        return Together()
    ((key, cause),) = causes.items()
    return Together(cause, tuple(sorted(explained_by(key), key=_oldest_first)))


def _oldest_first(incident: Incident) -> tuple[float, str]:
    return (incident.opened_at if incident.fired_at is None else incident.fired_at, incident.id)
