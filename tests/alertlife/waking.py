"""Whom a history of transitions wakes: the plain oracle of pages."""

from collections import defaultdict
from collections.abc import Iterable

from lapbell_evaluator.model import State, Transition, rank_of


def woken_once(transitions: Iterable[Transition]) -> None:
    """One page for each severity that an incident rises to, until it is told as resolved, which always comes."""
    by_incident: defaultdict[str, list[Transition]] = defaultdict(list)
    for transition in transitions:
        if transition.is_news:
            by_incident[transition.incident.id].append(transition)
    for news in by_incident.values():
        paged_rank = None
        for transition in news:
            if transition.is_page:
                rank = rank_of(transition.incident.severity)
                assert paged_rank is None or rank > paged_rank, "woken twice for the same"
                paged_rank = rank
            elif transition.state is State.RESOLVED:
                assert paged_rank is not None, "resolved, but it never fired"
                paged_rank = None
            elif transition.state is State.FIRING:
                assert paged_rank is not None, "an update before the page"
        assert paged_rank is None, "never told as resolved"
