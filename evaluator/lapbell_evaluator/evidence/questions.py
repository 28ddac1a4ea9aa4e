"""PromQL that evidence asks: sums over the last minute or so, of histograms in either form.

Windows over buckets are anchored: they begin with the last sample before them and extrapolate nothing, so that a count
is a count, and what comes between two exports 15 s apart is not lost. Native histograms have no anchored windows.
"""

import json
import math
from collections.abc import Mapping

from lapbell_evaluator.model.prometheus_names import SECONDS, metric
from lapbell_evaluator.promql import InstantQuerier

__all__ = ["Rows", "number", "seconds_of", "selector", "sum_of", "sum_of_counts", "sum_of_seconds"]

Rows = Mapping[tuple[str, ...], float]
"""Finite values by the values of the labels that were asked for; a label that is absent is empty."""


def selector(pairs: Mapping[str, str], *others: str) -> str:
    """Matchers in braces: labels that are equal, and others as they stand."""
    equal = (f"{name}={_quoted(value)}" for name, value in pairs.items())
    return f"{{{','.join((*equal, *others))}}}"


async def sum_of_counts(
    querier: InstantQuerier, name: str, by: tuple[str, ...], where: str, window_s: int, at: float
) -> Rows:
    """How many measurements of a histogram there were in a window.

    Args:
        querier: where the metrics are.
        name: of the histogram, with its unit.
        by: labels to keep.
        where: matchers in braces.
        window_s: how long the window is.
        at: Unix seconds of its end.
    """
    return await _histogram(querier, "count", name, by, where, window_s, at)


async def sum_of_seconds(
    querier: InstantQuerier, name: str, by: tuple[str, ...], where: str, window_s: int, at: float
) -> Rows:
    """The sum of the measurements of a histogram in a window; arguments as `sum_of_counts`."""
    return await _histogram(querier, "sum", name, by, where, window_s, at)


async def sum_of(querier: InstantQuerier, expr: str, by: tuple[str, ...], at: float) -> Rows:
    """The values of an expression by labels; what is not finite is left out."""
    answer = await querier.query(expr, at)
    rows: dict[tuple[str, ...], float] = {}
    for sample in answer.samples:
        if math.isfinite(sample.value):
            own = dict(sample.labels)
            rows[tuple(own.get(name, "") for name in by)] = sample.value
    return rows


async def number(querier: InstantQuerier, expr: str, at: float) -> float | None:
    """The only value of an expression; None if it has none."""
    return (await sum_of(querier, expr, (), at)).get(())


async def _histogram(
    querier: InstantQuerier, part: str, name: str, by: tuple[str, ...], where: str, window_s: int, at: float
) -> Rows:
    labels = ", ".join(by)
    classic = f"sum by ({labels}) (increase({name}_{part}{where}[{window_s}s] anchored))"
    native = f"histogram_{part}(sum by ({labels}) (increase({name}{where}[{window_s}s])))"
    return await sum_of(querier, f"{classic} or {native}", by, at)


def seconds_of(name: str) -> str:
    """The name of a histogram of seconds in PromQL."""
    return metric(name, SECONDS)


def _quoted(text: str) -> str:
    """A PromQL string; JSON's escapes are among PromQL's."""
    return json.dumps(text, ensure_ascii=False)
