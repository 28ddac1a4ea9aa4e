"""The value of a duration, which may be an expression of the query's own step and range."""

import math

from lapbell_evaluator.promql.syntax.ast import Duration, DurationExpr, Number
from lapbell_evaluator.promql.syntax.durations import MAX_DURATION_MS
from lapbell_evaluator.promql.syntax.errors import PromqlError

__all__ = ["duration_ms"]


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
    if abs(seconds) * 1000 > MAX_DURATION_MS:
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
