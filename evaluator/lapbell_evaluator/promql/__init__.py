"""PromQL: text to trees to vectors."""

from lapbell_evaluator.promql.engine import Engine, EngineLimits
from lapbell_evaluator.promql.errors import QueryLimitError, QueueFullError
from lapbell_evaluator.promql.http_querier import HttpQuerier, QuerierUnreachableError
from lapbell_evaluator.promql.querier import BatchQuerier, InstantQuerier, LabelQuerier, Querier, RangeQuerier
from lapbell_evaluator.promql.syntax.ast import (
    Aggregate,
    Binary,
    Call,
    Expr,
    MatrixSelector,
    Number,
    Paren,
    String,
    Subquery,
    Unary,
    VectorSelector,
)
from lapbell_evaluator.promql.syntax.duration_arithmetic import duration_ms
from lapbell_evaluator.promql.syntax.durations import duration_seconds, duration_text
from lapbell_evaluator.promql.syntax.errors import PromqlError
from lapbell_evaluator.promql.syntax.matching import Cardinality, Matching
from lapbell_evaluator.promql.syntax.parser import parse, parse_selector, parses_remembered
from lapbell_evaluator.promql.syntax.tree import children, kind_of, walk
from lapbell_evaluator.promql.turns import ASKER, TurnLimits, Turns

__all__ = [
    "ASKER",
    "Aggregate",
    "BatchQuerier",
    "Binary",
    "Call",
    "Cardinality",
    "Engine",
    "EngineLimits",
    "Expr",
    "HttpQuerier",
    "InstantQuerier",
    "LabelQuerier",
    "Matching",
    "MatrixSelector",
    "Number",
    "Paren",
    "PromqlError",
    "Querier",
    "QuerierUnreachableError",
    "QueryLimitError",
    "QueueFullError",
    "RangeQuerier",
    "String",
    "Subquery",
    "TurnLimits",
    "Turns",
    "Unary",
    "VectorSelector",
    "children",
    "duration_ms",
    "duration_seconds",
    "duration_text",
    "kind_of",
    "parse",
    "parse_selector",
    "parses_remembered",
    "walk",
]
