"""Whom ordinary weeks wake: each trouble wakes somebody once, and nothing else does."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from lapbell_evaluator.model import State, Transition
from weeks_kit.incidents import whose
from weeks_kit.judging import GRACE_S
from weeks_kit.troubles import Trouble
from weeks_kit.world import START_S, World

__all__ = ["Page", "pages", "pages_by_trouble", "stray_pages"]


@dataclass(frozen=True, slots=True)
class Page:
    """Somebody is woken for a problem of a service; `at` is seconds since the beginning."""

    alert: str
    service: int
    at: float


def pages(transitions: Iterable[Transition]) -> tuple[Page, ...]:
    """Those that begin; a severity that rises wakes somebody again, who knows of the problem."""
    begun = (move for move in transitions if move.is_page and move.previous is not State.FIRING)
    return tuple(Page(*whose(dict(move.incident.labels)), move.at - START_S) for move in begun)


def pages_by_trouble(world: World, woken: Iterable[Page]) -> Mapping[Trouble, tuple[Page, ...]]:
    """The pages of the service of each trouble while it lasted."""
    every = tuple(woken)
    return {trouble: tuple(page for page in every if _is_of(page, trouble)) for trouble in world.troubles}


def stray_pages(world: World, woken: Iterable[Page]) -> tuple[Page, ...]:
    """The pages that no trouble had."""
    return tuple(page for page in woken if not any(_is_of(page, trouble) for trouble in world.troubles))


def _is_of(page: Page, trouble: Trouble) -> bool:
    return page.service == trouble.service and trouble.start <= page.at <= trouble.end + GRACE_S
