"""Expressions as trees: frozen, comparable without their positions, printed canonically by `str`."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from lapbell_evaluator.promql.syntax.durations import duration_text
from lapbell_evaluator.promql.syntax.hashing import hashed_once
from lapbell_evaluator.promql.syntax.matching import Matching
from lapbell_evaluator.promql.syntax.position import NOWHERE, Position
from lapbell_evaluator.promql.syntax.printer import grouping_text, number_text, selector_text
from lapbell_evaluator.promql.syntax.quoting import quoted
from lapbell_evaluator.series import Matcher

__all__ = [
    "COMPARISONS",
    "SET_OPERATORS",
    "Aggregate",
    "At",
    "Binary",
    "Call",
    "Duration",
    "DurationExpr",
    "Expr",
    "MatrixSelector",
    "Number",
    "Paren",
    "String",
    "Subquery",
    "Unary",
    "VectorSelector",
]

COMPARISONS: Final = frozenset({"==", "!=", "<", ">", "<=", ">="})
SET_OPERATORS: Final = frozenset({"and", "or", "unless"})


class At(StrEnum):
    """The ends of a query's time, as `@` names them."""

    START = "start()"
    END = "end()"


@dataclass(frozen=True, slots=True)
class Number:
    """A number; a duration is its seconds."""

    value: float
    is_duration: bool = False
    position: Position = field(default=NOWHERE, compare=False)

    def __str__(self) -> str:
        return duration_text(self.value) if self.is_duration else number_text(self.value)


@dataclass(frozen=True, slots=True)
class String:
    """A text."""

    value: str
    position: Position = field(default=NOWHERE, compare=False)

    def __str__(self) -> str:
        return quoted(self.value)


@dataclass(frozen=True, slots=True)
class DurationExpr:
    """Arithmetic with durations.

    Attributes:
        op: `+ - * / % ^`, or `step`, `range`, `min_of`, `max_of`.
        left: None for a sign and for `step`, `range`.
        right: None for `step`, `range`.
        is_wrapped: stands in parentheses.
    """

    op: str
    left: "Duration | None" = None
    right: "Duration | None" = None
    is_wrapped: bool = False
    position: Position = field(default=NOWHERE, compare=False)

    def __str__(self) -> str:
        match self.op:
            case "step" | "range":
                text = f"{self.op}()"
            case "min_of" | "max_of":
                text = f"{self.op}({self.left}, {self.right})"
            case op:
                text = f"{op}{self.right}" if self.left is None else f"{self.left} {op} {self.right}"
        return f"({text})" if self.is_wrapped else text


Duration = Number | DurationExpr


def _shift_text(offset: Duration | None, at: float | At | None) -> str:
    text = ""
    if at is not None:
        text += f" @ {at}" if isinstance(at, At) else f" @ {at:.3f}"
    if offset is None:
        return text
    return text + f" offset {duration_text(offset.value) if isinstance(offset, Number) else offset}"


@hashed_once
@dataclass(frozen=True, slots=True)
class VectorSelector:
    """Series by their labels.

    Attributes:
        name: the metric's name as written before the braces, empty if it is not.
        matchers: all conditions, the one on the name included.
        offset: how far back.
        at: fixed time in Unix seconds, or an end of the query's time.
    """

    name: str
    matchers: tuple[Matcher, ...]
    offset: Duration | None = None
    at: float | At | None = None
    position: Position = field(default=NOWHERE, compare=False)
    digest: int = field(default=0, init=False, repr=False, compare=False)

    def __str__(self) -> str:
        return selector_text(self.name, self.matchers) + _shift_text(self.offset, self.at)


@hashed_once
@dataclass(frozen=True, slots=True)
class MatrixSelector:
    """Series with their samples of a while; offset and `@` stand in the selector.

    With `is_anchored` the window begins with the last sample at or before its start, and nothing is extrapolated.
    """

    selector: VectorSelector
    range: Duration
    position: Position = field(default=NOWHERE, compare=False)
    is_anchored: bool = False
    digest: int = field(default=0, init=False, repr=False, compare=False)

    def __str__(self) -> str:
        selector = self.selector
        anchored = " anchored" if self.is_anchored else ""
        shift = _shift_text(selector.offset, selector.at)
        return f"{selector_text(selector.name, selector.matchers)}[{self.range}]{anchored}{shift}"


@hashed_once
@dataclass(frozen=True, slots=True)
class Subquery:
    """An expression evaluated at many moments.

    Attributes:
        expr: what is evaluated.
        range: how far back it goes.
        step: between moments; None means the evaluation interval.
        offset: how far back it ends.
        at: as in `VectorSelector`.
    """

    expr: "Expr"
    range: Duration
    step: Duration | None = None
    offset: Duration | None = None
    at: float | At | None = None
    position: Position = field(default=NOWHERE, compare=False)
    digest: int = field(default=0, init=False, repr=False, compare=False)

    def __str__(self) -> str:
        step = "" if self.step is None else self.step
        return f"{self.expr}[{self.range}:{step}]{_shift_text(self.offset, self.at)}"


@hashed_once
@dataclass(frozen=True, slots=True)
class Call:
    """A function of arguments."""

    function: str
    args: tuple["Expr", ...]
    position: Position = field(default=NOWHERE, compare=False)
    digest: int = field(default=0, init=False, repr=False, compare=False)

    def __str__(self) -> str:
        return f"{self.function}({', '.join(map(str, self.args))})"


@hashed_once
@dataclass(frozen=True, slots=True)
class Aggregate:
    """Many series made few.

    Attributes:
        op: `sum`, `topk`, …
        expr: what is aggregated.
        param: of `topk`, `bottomk`, `quantile`, `count_values`, `limitk`, `limit_ratio`.
        grouping: names of labels.
        without: whether these are dropped; they are kept otherwise.
    """

    op: str
    expr: "Expr"
    param: "Expr | None" = None
    grouping: tuple[str, ...] = ()
    without: bool = False
    position: Position = field(default=NOWHERE, compare=False)
    digest: int = field(default=0, init=False, repr=False, compare=False)

    def __str__(self) -> str:
        param = "" if self.param is None else f"{self.param}, "
        return f"{self.op}{grouping_text(self.grouping, without=self.without)}({param}{self.expr})"


@hashed_once
@dataclass(frozen=True, slots=True)
class Binary:
    """An operator between two expressions.

    Attributes:
        op: as written, in lower case.
        left: before it.
        right: behind it.
        returns_bool: a comparison that gives 0 and 1 and drops nothing.
        matching: None unless both sides are vectors.
    """

    op: str
    left: "Expr"
    right: "Expr"
    returns_bool: bool = False
    matching: Matching | None = None
    position: Position = field(default=NOWHERE, compare=False)
    digest: int = field(default=0, init=False, repr=False, compare=False)

    @property
    def is_comparison(self) -> bool:
        """Whether values are compared."""
        return self.op in COMPARISONS

    @property
    def is_set_operator(self) -> bool:
        """Whether it is `and`, `or` or `unless`."""
        return self.op in SET_OPERATORS

    def __str__(self) -> str:
        matching = "" if self.matching is None else self.matching
        return f"{self.left} {self.op}{' bool' if self.returns_bool else ''}{matching} {self.right}"


@hashed_once
@dataclass(frozen=True, slots=True)
class Unary:
    """A sign before an expression."""

    op: str
    expr: "Expr"
    position: Position = field(default=NOWHERE, compare=False)
    digest: int = field(default=0, init=False, repr=False, compare=False)

    def __str__(self) -> str:
        return f"{self.op}{self.expr}"


@hashed_once
@dataclass(frozen=True, slots=True)
class Paren:
    """An expression in parentheses."""

    expr: "Expr"
    position: Position = field(default=NOWHERE, compare=False)
    digest: int = field(default=0, init=False, repr=False, compare=False)

    def __str__(self) -> str:
        return f"({self.expr})"


Expr = Number | String | VectorSelector | MatrixSelector | Subquery | Call | Aggregate | Binary | Unary | Paren
