"""What an incident does within a problem, by rows of `incident_table`: it is explained, or outlasts its cause. Pure."""

from dataclasses import replace

from lapbell_evaluator.alerts.incident_table import IncidentEvent, News, incident_move
from lapbell_evaluator.model import Incident, Reason, Transition

__all__ = ["explained", "outlasted"]


def explained(incident: Incident, now: float) -> Transition:
    """Receivers hear of the cause that was found of an incident that fires.

    Args:
        incident: with its cause and problem.
        now: Unix seconds.

    Raises:
        ImpossibleMoveError: it does not fire.
    """
    return _moved(incident, IncidentEvent.CAUSE_FOUND, Reason.EXPLAINED, now)


def outlasted(incident: Incident, now: float) -> Transition:
    """An incident that still breaches long after its cause ended is a problem of its own.

    Raises:
        ImpossibleMoveError: it does not fire.
    """
    problem = f"{incident.id}-{incident.moves + 1}"  # the one that bears its id goes on without it
    alone = replace(incident, problem_id=problem, caused_by=None, cause_ended_at=None)
    return _moved(alone, IncidentEvent.CAUSE_OUTLASTED, Reason.OUTLASTED, now)


def _moved(incident: Incident, event: IncidentEvent, reason: Reason, now: float) -> Transition:
    row = incident_move(incident.state, event)
    after = replace(incident, moves=incident.moves + 1)
    if row.news is News.PAGE:
        after = replace(after, paged_severity=after.severity, is_quiet=False)
    return Transition(
        id=f"{after.id}-{after.moves}",
        incident=after,
        previous=incident.state,
        state=row.to,
        reason=reason,
        at=now,
        is_news=row.news is News.PAGE or not incident.is_quiet,
        is_page=row.news is News.PAGE,
    )
