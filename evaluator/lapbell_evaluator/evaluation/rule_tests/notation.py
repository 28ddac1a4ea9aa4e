"""The notation of input series: `1+2x3 _ stale` at an interval.

Source: Prometheus' documentation, "Unit testing for rules", "series".
"""

import math
import re
from typing import Final

import numpy as np

from lapbell_evaluator.model import METRIC_NAME, EvaluatorError, Labels, labels
from lapbell_evaluator.promql import parse_selector
from lapbell_evaluator.series import MatchOp, stale_marker

__all__ = ["Column", "NotationError", "parse_metric", "parse_values"]

Column = np.ndarray[tuple[int], np.dtype[np.float64]]
_ITEM: Final = re.compile(
    r"(?P<gap>_)(?:x(?P<gaps>\d+))?"
    r"|(?P<value>stale|[+-]?(?:inf|nan|(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|0x[0-9a-f]+))"
    r"(?:(?P<step>[+-](?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?))?(?:x(?P<times>\d+))?",
    re.IGNORECASE,
)
_MOST: Final = 1_000_000


class NotationError(EvaluatorError):
    """An input series that can't be read."""


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
    if any(each.op is not MatchOp.EQUAL for each in selector.matchers):
        raise NotationError(f"{text!r}: a series has labels with =, not conditions.")
    named = {each.name: each.value for each in selector.matchers}
    return labels(named | ({METRIC_NAME: selector.name} if selector.name else {}))


def parse_values(text: str) -> tuple[list[int], Column]:
    """Positions and values; what is left out has no position.

    Raises:
        NotationError: an item that is neither a number, nor `_`, nor `stale`, or too many of them.
    """
    positions: list[int] = []
    values: list[Column] = []
    at = 0
    for item in text.split():
        found = _ITEM.fullmatch(item)
        if found is None:
            raise NotationError(f"{item!r} is no value.", "Write 1, 1+2x3, 1x5, _, _x3, NaN, Inf or stale.")
        count = int(found["gaps"] or 1) if found["gap"] else int(found["times"] or 0) + 1
        if at + count > _MOST:
            raise NotationError(f"{item!r}: more than {_MOST} values.")
        if not found["gap"]:
            positions.extend(range(at, at + count))
            values.append(_run(found, count))
        at += count
    return positions, np.concatenate(values) if values else np.empty(0, np.float64)


def _run(found: re.Match[str], count: int) -> Column:
    if found["value"].lower() == "stale":
        return np.repeat(stale_marker(), count)
    text = found["value"].lower()
    value = float(int(text, 16)) if "0x" in text else float(text)
    step = float(found["step"] or 0)
    run = np.empty(count, np.float64)
    for position in range(count):  # added one by one, as promtool does: sums differ from products in the last bit
        run[position] = value
        value += step if not math.isnan(value) else 0.0
    return run
