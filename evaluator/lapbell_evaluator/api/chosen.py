"""What a filter leaves of alerts or silences, found beside the loop and within a time limit."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from typing import Final, TypeVar

from lapbell_evaluator.alerts import MatcherError, matches
from lapbell_evaluator.model import LabelMatcher

__all__ = ["those_that_match"]

_LIMIT_S: Final = 2.0

_Item = TypeVar("_Item")


async def those_that_match(
    matchers: Sequence[LabelMatcher], items: Sequence[_Item], labels_of: Callable[[_Item], Mapping[str, str]]
) -> list[_Item]:
    """The items whose labels every matcher fits.

    Raises:
        MatcherError: that took more than 2 s, which only patterns made for it do.
    """
    if not matchers:
        return list(items)
    return await asyncio.to_thread(_filtered, matchers, items, labels_of)


def _filtered(
    matchers: Sequence[LabelMatcher], items: Sequence[_Item], labels_of: Callable[[_Item], Mapping[str, str]]
) -> list[_Item]:
    deadline = monotonic() + _LIMIT_S
    chosen = []
    for item in items:
        if monotonic() > deadline:
            raise MatcherError(f"The filter took more than {_LIMIT_S:g} s.", "Write simpler patterns.")
        if matches(matchers, labels_of(item)):
            chosen.append(item)
    return chosen
