"""The notation of input series: `1+2x3 _ stale` at an interval.

Source: Prometheus' documentation, "Unit testing for rules", "series".
"""

import math
import re
from dataclasses import dataclass
from typing import Final

import numpy as np

from lapbell_evaluator.model import METRIC_NAME, EvaluatorError, Histogram, Labels, labels
from lapbell_evaluator.promql import parse_selector
from lapbell_evaluator.rule_tests.errors import NotationError
from lapbell_evaluator.rule_tests.histogram_notation import HISTOGRAM, parse_run
from lapbell_evaluator.series import MatchOp, stale_marker

__all__ = ["Column", "Values", "parse_metric", "parse_values"]

Column = np.ndarray[tuple[int], np.dtype[np.float64]]
_ITEM: Final = re.compile(
    r"(?P<gap>_)(?:x(?P<gaps>\d{1,18}))?"
    r"|(?P<value>stale|[+-]?(?:inf|nan|(?:\d++(?:\.\d*+)?|\.\d++)(?:e[+-]?\d++)?|0x[0-9a-f]{1,64}))"
    r"(?:(?P<step>[+-](?:\d++(?:\.\d*+)?|\.\d++)(?:e[+-]?\d++)?))?(?:x(?P<times>\d{1,18}))?",
    re.IGNORECASE,
)
_ITEMS: Final = re.compile(rf"{HISTOGRAM}(?=\s|$)|\S++")
_MOST: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Values:
    """The values of a series by their positions; what is left out has none.

    Attributes:
        positions: of the numbers.
        numbers: float64[n].
        histograms: position and native histogram.
    """

    positions: list[int]
    numbers: Column
    histograms: list[tuple[int, Histogram]]


def parse_metric(text: str) -> Labels:
    """The labels of `up{job="api"}`.

    Raises:
        NotationError: it is no series.
    """
    if text.strip() in ("", "{}"):
        return ()
    try:
        selector = parse_selector(text)
    except EvaluatorError as error:
        raise NotationError(f"{text!r}: {error}") from None
    if any(matcher.op is not MatchOp.EQUAL for matcher in selector.matchers):
        raise NotationError(f"{text!r}: a series has labels with =, not conditions.")
    named = {matcher.name: matcher.value for matcher in selector.matchers}
    return labels(named | ({METRIC_NAME: selector.name} if selector.name else {}))


def parse_values(text: str) -> Values:
    """Positions and values.

    Raises:
        NotationError: an item that is neither a number, nor `_`, nor `stale`, nor a histogram, or too many of them.
    """
    positions: list[int] = []
    numbers: list[Column] = []
    histograms: list[tuple[int, Histogram]] = []
    at = 0
    for item in _ITEMS.findall(text):
        if item.startswith("{{"):
            run = parse_run(item, _MOST)
            histograms.extend(enumerate(run, at))
            count = len(run)
        else:
            match, count = _counted(item)
            if not match["gap"]:
                positions.extend(range(at, at + count))
                numbers.append(_run(match, count))
        at += count
        if at > _MOST:
            raise NotationError(f"{item!r}: more than {_MOST} values.")
    return Values(positions, np.concatenate(numbers) if numbers else np.empty(0, np.float64), histograms)


def _counted(item: str) -> tuple[re.Match[str], int]:
    match = _ITEM.fullmatch(item)
    if match is None:
        raise NotationError(
            f"{item!r} is no value.", "Write 1, 1+2x3, 1x5, _, _x3, NaN, Inf, stale or {{count:1 sum:2 buckets:[1]}}."
        )
    count = int(match["gaps"] or 1) if match["gap"] else int(match["times"] or 0) + 1
    if count > _MOST:
        raise NotationError(f"{item!r}: more than {_MOST} values.")
    return match, count


def _run(match: re.Match[str], count: int) -> Column:
    if match["value"].lower() == "stale":
        return np.repeat(stale_marker(), count)
    text = match["value"].lower()
    value = float(int(text, 16)) if "0x" in text else float(text)
    step = float(match["step"] or 0)
    run = np.empty(count, np.float64)
    for position in range(count):  # added one by one, as promtool does: sums differ from products in the last bit
        run[position] = value
        value += step if not math.isnan(value) else 0.0
    return run
