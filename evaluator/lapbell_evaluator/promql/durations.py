"""Durations: text to seconds and back, and arithmetic with them."""

import math
import re
from typing import Final

from lapbell_evaluator.promql.ast import Duration, DurationExpr, Number
from lapbell_evaluator.promql.errors import PromqlError

__all__ = ["duration_ms", "duration_seconds", "duration_text"]

_UNITS_MS: Final = {
    "y": 31_536_000_000,
    "w": 604_800_000,
    "d": 86_400_000,
    "h": 3_600_000,
    "m": 60_000,
    "s": 1_000,
    "ms": 1,
}
_PATTERN: Final = re.compile("".join(rf"(?:(\d{{1,20}}){unit})?" for unit in _UNITS_MS))
_EXACT_ONLY: Final = frozenset({"y", "w", "d"})
_MAX_MS: Final = (1 << 63) // 1_000_000


def duration_seconds(text: str) -> float | None:
    """Seconds of `1h30m`; None if it is no duration: units go from large to small, each once."""
    found = _PATTERN.fullmatch(text)
    if not text or found is None:
        return None
    total = sum(int(count) * unit for count, unit in zip(found.groups(), _UNITS_MS.values(), strict=True) if count)
    return total / 1000 if total <= _MAX_MS else None


def duration_text(seconds: float) -> str:
    """The canonical text; years, weeks and days only where they leave no rest.

    Source: prometheus/common, model/time.go, `Duration.String`.
    """
    rest = round(seconds * 1000)
    if rest == 0:
        return "0s"
    sign, rest = ("-", -rest) if rest < 0 else ("", rest)
    text = ""
    for unit, size in _UNITS_MS.items():
        if unit in _EXACT_ONLY and rest % size:
            continue
        count, rest = divmod(rest, size)
        if count:
            text += f"{count}{unit}"
    return sign + text


def duration_ms(node: Duration, step_s: float, range_s: float, *, may_be_negative: bool = False) -> int:
    """Milliseconds of a duration when the query has this step and range.

    Raises:
        PromqlError: it is not finite, or not positive where it must be.
    """
    seconds = _seconds(node, step_s, range_s)
    where = node.position
    if not math.isfinite(seconds):
        raise PromqlError("duration is NaN or infinite", where.line, where.column)
    if seconds <= 0 and not may_be_negative:
        raise PromqlError("duration must be greater than 0", where.line, where.column)
    if abs(seconds) * 1000 > _MAX_MS:
        raise PromqlError("duration is out of range", where.line, where.column)
    if isinstance(node, Number):
        return round(seconds * 1000)
    return int(seconds * 1000)


def _seconds(node: Duration, step_s: float, range_s: float) -> float:
    if isinstance(node, Number):
        return node.value
    left = 0.0 if node.left is None else _seconds(node.left, step_s, range_s)
    right = 0.0 if node.right is None else _seconds(node.right, step_s, range_s)
    match node.op:
        case "step":
            return step_s
        case "range":
            return range_s
        case "min_of":
            return min(left, right)
        case "max_of":
            return max(left, right)
        case _:
            return _calculated(node, left, right)


def _calculated(node: DurationExpr, left: float, right: float) -> float:
    where = node.position
    try:
        match node.op:
            case "+":
                return left + right
            case "-":
                return left - right
            case "*":
                return left * right
            case "/":
                return left / right
            case "%":
                return math.fmod(left, right)
            case _:
                return float(left**right)
    except ZeroDivisionError:
        raise PromqlError("division by zero", where.line, where.column) from None
    except (ValueError, OverflowError, TypeError):
        if node.op == "%":
            raise PromqlError("modulo by zero", where.line, where.column) from None
        return math.nan
