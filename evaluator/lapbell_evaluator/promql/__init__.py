"""PromQL: text to trees to vectors."""

from lapbell_evaluator.promql.ast import (
    Aggregate,
    At,
    Binary,
    Call,
    Cardinality,
    DurationExpr,
    Expr,
    Matching,
    MatrixSelector,
    Number,
    Paren,
    Position,
    String,
    Subquery,
    Unary,
    VectorSelector,
)
from lapbell_evaluator.promql.durations import duration_ms, duration_seconds, duration_text
from lapbell_evaluator.promql.engine import Engine, EngineLimits
from lapbell_evaluator.promql.errors import PromqlError, QueryLimitError
from lapbell_evaluator.promql.http_querier import HttpQuerier, QuerierUnreachableError
from lapbell_evaluator.promql.parser import parse, parse_selector
from lapbell_evaluator.promql.querier import Querier
from lapbell_evaluator.promql.run import Storage
from lapbell_evaluator.promql.tree import children, kind_of, walk

__all__ = [
    "Aggregate",
    "At",
    "Binary",
    "Call",
    "Cardinality",
    "DurationExpr",
    "Engine",
    "EngineLimits",
    "Expr",
    "HttpQuerier",
    "Matching",
    "MatrixSelector",
    "Number",
    "Paren",
    "Position",
    "PromqlError",
    "Querier",
    "QuerierUnreachableError",
    "QueryLimitError",
    "Storage",
    "String",
    "Subquery",
    "Unary",
    "VectorSelector",
    "children",
    "duration_ms",
    "duration_seconds",
    "duration_text",
    "kind_of",
    "parse",
    "parse_selector",
    "walk",
]
