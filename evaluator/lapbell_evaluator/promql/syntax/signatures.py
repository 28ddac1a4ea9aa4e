"""PromQL's functions: what they take and give."""

from dataclasses import dataclass
from typing import Final

from lapbell_evaluator.model import ValueKind

__all__ = ["AGGREGATIONS", "PARAMETRIC_AGGREGATIONS", "SIGNATURES", "Signature"]

_S, _V, _M, _T = ValueKind.SCALAR, ValueKind.VECTOR, ValueKind.MATRIX, ValueKind.STRING


@dataclass(frozen=True, slots=True)
class Signature:
    """Of one function.

    Attributes:
        args: kinds of the arguments; the last one repeats.
        returns: kind of the result.
        least: how many arguments there must be.
        most: how many there may be; None means any number.
    """

    args: tuple[ValueKind, ...]
    returns: ValueKind
    least: int
    most: int | None


def _fixed(*args: ValueKind, returns: ValueKind = _V) -> Signature:
    return Signature(args, returns, len(args), len(args))


def _optional_last(*args: ValueKind) -> Signature:
    return Signature(args, _V, len(args) - 1, len(args))


_OF_VECTOR: Final = [
    "abs",
    "absent",
    "acos",
    "acosh",
    "asin",
    "asinh",
    "atan",
    "atanh",
    "ceil",
    "cos",
    "cosh",
    "deg",
    "exp",
    "floor",
    "histogram_avg",
    "histogram_count",
    "histogram_sum",
    "histogram_stddev",
    "histogram_stdvar",
    "ln",
    "log10",
    "log2",
    "rad",
    "sgn",
    "sin",
    "sinh",
    "sort",
    "sort_desc",
    "sqrt",
    "tan",
    "tanh",
    "timestamp",
]

_OF_RANGE: Final = [
    "absent_over_time",
    "avg_over_time",
    "changes",
    "count_over_time",
    "delta",
    "deriv",
    "first_over_time",
    "idelta",
    "increase",
    "irate",
    "last_over_time",
    "mad_over_time",
    "max_over_time",
    "min_over_time",
    "ts_of_first_over_time",
    "ts_of_max_over_time",
    "ts_of_min_over_time",
    "ts_of_last_over_time",
    "present_over_time",
    "rate",
    "resets",
    "stddev_over_time",
    "stdvar_over_time",
    "sum_over_time",
]

_OF_TIME: Final = ["days_in_month", "day_of_month", "day_of_week", "day_of_year", "hour", "minute", "month", "year"]

SIGNATURES: Final[dict[str, Signature]] = {
    **{name: _fixed(_V) for name in _OF_VECTOR},
    **{name: _fixed(_M) for name in _OF_RANGE},
    **{name: _optional_last(_V) for name in _OF_TIME},
    "clamp": _fixed(_V, _S, _S),
    "clamp_max": _fixed(_V, _S),
    "clamp_min": _fixed(_V, _S),
    "double_exponential_smoothing": _fixed(_M, _S, _S),
    "end": _fixed(returns=_S),
    "histogram_fraction": _fixed(_S, _S, _V),
    "histogram_quantile": _fixed(_S, _V),
    "histogram_quantiles": Signature((_V, _T, _S), _V, 3, 12),
    "info": _optional_last(_V, _V),
    "label_join": Signature((_V, _T, _T, _T), _V, 3, None),
    "label_replace": _fixed(_V, _T, _T, _T, _T),
    "max_of": _fixed(_S, _S, returns=_S),
    "min_of": _fixed(_S, _S, returns=_S),
    "pi": _fixed(returns=_S),
    "predict_linear": _fixed(_M, _S),
    "quantile_over_time": _fixed(_S, _M),
    "range": _fixed(returns=_S),
    "round": _optional_last(_V, _S),
    "scalar": _fixed(_V, returns=_S),
    "sort_by_label": Signature((_V, _T), _V, 1, None),
    "sort_by_label_desc": Signature((_V, _T), _V, 1, None),
    "start": _fixed(returns=_S),
    "step": _fixed(returns=_S),
    "time": _fixed(returns=_S),
    "vector": _fixed(_S),
}
"""By name. Source: Prometheus 3.14, promql/parser/functions.go. `start_timestamp` is refused."""

PARAMETRIC_AGGREGATIONS: Final = frozenset({"topk", "bottomk", "quantile", "count_values", "limitk", "limit_ratio"})
AGGREGATIONS: Final = PARAMETRIC_AGGREGATIONS | {"sum", "avg", "count", "min", "max", "group", "stddev", "stdvar"}
