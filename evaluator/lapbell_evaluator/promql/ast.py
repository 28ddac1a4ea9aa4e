"""Expressions as trees: frozen, comparable without their positions, printed canonically by `str`."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from lapbell_evaluator.series import Matcher

__all__ = [
    "COMPARISONS",
    "SET_OPERATORS",
    "Aggregate",
    "At",
    "Binary",
    "Call",
    "Cardinality",
    "Duration",
    "DurationExpr",
    "Expr",
    "Matching",
    "MatrixSelector",
    "Number",
    "Paren",
    "Position",
    "String",
    "Subquery",
    "Unary",
    "VectorSelector",
]

COMPARISONS: Final = frozenset({"==", "!=", "<", ">", "<=", ">="})
SET_OPERATORS: Final = frozenset({"and", "or", "unless"})


@dataclass(frozen=True, slots=True)
class Position:
    """Where something stands in the text.

    Attributes:
        line: from 1.
        column: from 1.
    """

    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.line}:{self.column}"


_NOWHERE: Final = Position()


class Cardinality(StrEnum):
    """How the series of two sides belong together."""

    ONE_TO_ONE = "one-to-one"
    MANY_TO_ONE = "many-to-one"
    ONE_TO_MANY = "one-to-many"
    MANY_TO_MANY = "many-to-many"


class At(StrEnum):
    """The ends of a query's time, as `@` names them."""

    START = "start()"
    END = "end()"


@dataclass(frozen=True, slots=True)
class Number:
    """A number; a duration is its seconds."""

    value: float
    is_duration: bool = False
    position: Position = field(default=_NOWHERE, compare=False)

    def __str__(self) -> str:
        return _printed(self)


@dataclass(frozen=True, slots=True)
class String:
    """A text."""

    value: str
    position: Position = field(default=_NOWHERE, compare=False)

    def __str__(self) -> str:
        return _printed(self)


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
    position: Position = field(default=_NOWHERE, compare=False)

    def __str__(self) -> str:
        return _printed(self)


Duration = Number | DurationExpr


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
    position: Position = field(default=_NOWHERE, compare=False)

    def __str__(self) -> str:
        return _printed(self)


@dataclass(frozen=True, slots=True)
class MatrixSelector:
    """Series with their samples of a while; offset and `@` stand in the selector.

    With `is_anchored` the window begins with the last sample at or before its start, and nothing is extrapolated.
    """

    selector: VectorSelector
    range: Duration
    position: Position = field(default=_NOWHERE, compare=False)
    is_anchored: bool = False

    def __str__(self) -> str:
        return _printed(self)


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
    position: Position = field(default=_NOWHERE, compare=False)

    def __str__(self) -> str:
        return _printed(self)


@dataclass(frozen=True, slots=True)
class Call:
    """A function of arguments."""

    function: str
    args: tuple["Expr", ...]
    position: Position = field(default=_NOWHERE, compare=False)

    def __str__(self) -> str:
        return _printed(self)


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
    position: Position = field(default=_NOWHERE, compare=False)

    def __str__(self) -> str:
        return _printed(self)


@dataclass(frozen=True, slots=True)
class Matching:
    """Which series of two vectors belong together.

    Attributes:
        cardinality: how many of each side.
        labels: names that are compared (`on`), or not (`ignoring`).
        on: which of both.
        include: labels of the one side that the many side takes over.
        fill_left: value of a series that the left side lacks.
        fill_right: value of a series that the right side lacks.
    """

    cardinality: Cardinality = Cardinality.ONE_TO_ONE
    labels: tuple[str, ...] = ()
    on: bool = False
    include: tuple[str, ...] = ()
    fill_left: float | None = None
    fill_right: float | None = None


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
    position: Position = field(default=_NOWHERE, compare=False)

    @property
    def is_comparison(self) -> bool:
        """Whether values are compared."""
        return self.op in COMPARISONS

    @property
    def is_set_operator(self) -> bool:
        """Whether it is `and`, `or` or `unless`."""
        return self.op in SET_OPERATORS

    def __str__(self) -> str:
        return _printed(self)


@dataclass(frozen=True, slots=True)
class Unary:
    """A sign before an expression."""

    op: str
    expr: "Expr"
    position: Position = field(default=_NOWHERE, compare=False)

    def __str__(self) -> str:
        return _printed(self)


@dataclass(frozen=True, slots=True)
class Paren:
    """An expression in parentheses."""

    expr: "Expr"
    position: Position = field(default=_NOWHERE, compare=False)

    def __str__(self) -> str:
        return _printed(self)


Expr = Number | String | VectorSelector | MatrixSelector | Subquery | Call | Aggregate | Binary | Unary | Paren


def _printed(node: Expr | DurationExpr) -> str:
    from lapbell_evaluator.promql.printer import printed  # noqa: PLC0415 - the printer knows the nodes, not they it

    return printed(node)
