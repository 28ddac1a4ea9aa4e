"""What is asked of the history of alerts, and one page of the answer."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from lapbell_evaluator.model.alert import State, Transition

__all__ = ["HistoryQuery", "Page"]

T = TypeVar("T")


def _any(_: Transition) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class HistoryQuery:
    """Which transitions are looked for; every condition must hold.

    Attributes:
        key: of their incident; None for any.
        state: that they led to; None for any.
        actor: a part of who made them; empty for anybody, the evaluator too.
        since: Unix seconds.
        until: Unix seconds.
        fits: a last condition; called in the database's thread.
        limit: how many at most.
        before: only those before this place; None for the newest.
    """

    key: str | None = None
    state: State | None = None
    actor: str = ""
    since: float = 0.0
    until: float = float("inf")
    fits: Callable[[Transition], bool] = _any
    limit: int = 100
    before: int | None = None


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some of what there is, the newest first.

    Attributes:
        items: those found.
        next: the place to go on before; None if everything was looked at.
    """

    items: tuple[T, ...]
    next: int | None = None
