"""Whether a message should wake somebody, or is an update of one that did."""

from collections.abc import Sequence

from lapbell_evaluator.model import Notice, Reason, State, Transition, rank_of, storm_of

__all__ = ["gets_worse", "is_page", "is_told"]


def is_page(notices: Sequence[Notice], told: Sequence[Notice]) -> bool:
    """Whether a message is a page.

    Args:
        notices: of the message, in order, all of one group.
        told: the last notice of each incident of the group that the receiver knows as not over.
    """
    if all(notice.sent_at is not None for notice in notices):
        return True  # a reminder
    firing = _firing(notices)
    if not told or not firing:
        return bool(firing)
    if gets_worse(notices, told):
        return True
    fires = {transition.incident.id for transition in firing}
    begun = (notice.transition for notice in notices if notice.transition.incident.id in fires)
    return any(transition.is_page and storm_of(transition.incident) is None for transition in begun)


def gets_worse(notices: Sequence[Notice], told: Sequence[Notice]) -> bool:
    """Whether something fires with a higher severity than any that was told of the group; arguments as `is_page`."""
    highest = max((_rank(notice.transition) for notice in told), default=None)
    return highest is not None and any(_rank(transition) > highest for transition in _firing(notices))


def is_told(transition: Transition) -> bool:
    """Whether it is told by itself: it is a page, or would be one without its problem, or names the cause."""
    return transition.is_page or transition.joins or transition.reason is Reason.EXPLAINED


def _firing(notices: Sequence[Notice]) -> list[Transition]:
    """The last transition of each incident that fires."""
    last = {notice.transition.incident.id: notice.transition for notice in notices}
    return [transition for transition in last.values() if transition.state is State.FIRING]


def _rank(transition: Transition) -> int:
    """Of the highest severity that receivers were paged for: one that fell since was told all the same."""
    incident = transition.incident
    return max(rank_of(incident.severity), rank_of(incident.paged_severity or ""))
