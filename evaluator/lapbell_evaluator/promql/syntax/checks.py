"""What the grammar allows and the language does not: kinds of values, and clauses that don't go together."""

from typing import Final

from lapbell_evaluator.model import METRIC_NAME, ValueKind
from lapbell_evaluator.promql.syntax.ast import (
    Aggregate,
    Binary,
    Call,
    Expr,
    MatrixSelector,
    Subquery,
    Unary,
    VectorSelector,
)
from lapbell_evaluator.promql.syntax.errors import PromqlError
from lapbell_evaluator.promql.syntax.matching import Cardinality, Matching
from lapbell_evaluator.promql.syntax.signatures import SIGNATURES
from lapbell_evaluator.promql.syntax.tree import kind_of, walk
from lapbell_evaluator.series import MatchOp, RegexError

__all__ = ["check"]

_NAMES: Final = {
    ValueKind.SCALAR: "scalar",
    ValueKind.VECTOR: "instant vector",
    ValueKind.MATRIX: "range vector",
    ValueKind.STRING: "string",
}
_ANCHORED: Final = frozenset({"delta", "increase", "rate"})
_REGEXES: Final = (MatchOp.REGEX, MatchOp.NOT_REGEX)
_CALCULABLE: Final = (ValueKind.SCALAR, ValueKind.VECTOR)


def check(expr: Expr) -> None:
    """Raise for the first thing that does not fit.

    Raises:
        PromqlError: with its place.
    """
    label_selectors: set[int] = set()  # second arguments of `info`, which name no metric
    for node in walk(expr):
        if isinstance(node, Call) and node.function == "info":
            label_selectors.update(map(id, node.args[1:]))
        if isinstance(node, VectorSelector):
            _check_selector(node, is_of_labels=id(node) in label_selectors)
        else:
            _check_node(node)


def _check_node(node: Expr) -> None:
    match node:
        case Call():
            _check_call(node)
        case Aggregate():
            _check_aggregate(node)
        case Binary():
            _check_binary(node)
        case Unary():
            if kind_of(node.expr) not in _CALCULABLE:
                reason = "unary expression only allowed on expressions of type scalar or instant vector, got "
                raise _wrong(node, reason + repr(_NAMES[kind_of(node.expr)]))
        case Subquery():
            if kind_of(node.expr) is not ValueKind.VECTOR:
                reason = f"subquery is only allowed on instant vector, got {_NAMES[kind_of(node.expr)]} instead"
                raise _wrong(node, reason)
        case _:
            pass


def _check_selector(node: VectorSelector, *, is_of_labels: bool) -> None:
    if node.name and [matcher.name for matcher in node.matchers].count(METRIC_NAME) > 1:
        names = [matcher.value for matcher in node.matchers if matcher.name == METRIC_NAME]
        raise _wrong(node, f"metric name must not be set twice: {node.name!r} or {names[0]!r}")
    try:
        matches_empty = [matcher.matches("") for matcher in node.matchers if matcher.op in _REGEXES or not node.name]
    except RegexError as error:
        raise PromqlError(error.message, node.position.line, node.position.column, error.remedy) from error
    if not node.name and not is_of_labels and all(matches_empty):
        remedy = 'Name the metric, or a label like {job=~".+"}.'
        raise _wrong(node, "vector selector must contain at least one non-empty matcher", remedy)


def _check_call(node: Call) -> None:
    signature = SIGNATURES[node.function]
    least, most, count = signature.least, signature.most, len(node.args)
    if least == most != count:
        raise _wrong(node, f"expected {least} argument(s) in call to {node.function!r}, got {count}")
    if count < least:
        raise _wrong(node, f"expected at least {least} argument(s) in call to {node.function!r}, got {count}")
    if most is not None and count > most:
        raise _wrong(node, f"expected at most {most} argument(s) in call to {node.function!r}, got {count}")
    if node.function == "info" and count > 1:
        _check_label_selector(node.args[1])
    for at, arg in enumerate(node.args):
        if isinstance(arg, MatrixSelector) and arg.is_anchored and node.function not in _ANCHORED:
            reason = f"anchored modifier can only be used with {', '.join(sorted(_ANCHORED))}, not with {node.function}"
            raise _wrong(arg, reason)
        wanted = signature.args[min(at, len(signature.args) - 1)]
        _expect(arg, wanted, f"call to function {node.function!r}")


def _check_label_selector(arg: Expr) -> None:
    if not isinstance(arg, VectorSelector):
        raise _wrong(arg, "expected label selectors only", 'Write {label="value"}.')
    if arg.name:
        reason = "expected label selectors only, got vector selector instead"
        raise _wrong(arg, reason, f'Write {{__name__="{arg.name}"}}.')


def _check_aggregate(node: Aggregate) -> None:
    _expect(node.expr, ValueKind.VECTOR, "aggregation expression")
    if node.param is not None:
        wanted = ValueKind.STRING if node.op == "count_values" else ValueKind.SCALAR
        _expect(node.param, wanted, "aggregation parameter")


def _check_binary(node: Binary) -> None:
    left, right = kind_of(node.left), kind_of(node.right)
    for side, kind in ((node.left, left), (node.right, right)):
        if kind not in _CALCULABLE:
            raise _wrong(side, "binary expression must contain only scalar and instant vector types")
    are_vectors = left is right is ValueKind.VECTOR
    if node.is_comparison and not node.returns_bool and left is right is ValueKind.SCALAR:
        raise _wrong(node, "comparisons between scalars must use BOOL modifier", f"Write {node.op} bool.")
    if node.is_set_operator and not are_vectors:
        raise _wrong(node, f"set operator {node.op!r} not allowed in binary scalar expression")
    if node.matching is not None:
        _check_matching(node, node.matching, are_vectors=are_vectors)


def _check_matching(node: Binary, matching: Matching, *, are_vectors: bool) -> None:
    is_filled = matching.fill_left is not None or matching.fill_right is not None
    both = set(matching.labels) & set(matching.include)
    if both and matching.on:
        raise _wrong(node, f"label {min(both)!r} must not occur in ON and GROUP clause at once")
    if not are_vectors and matching.labels:
        raise _wrong(node, "vector matching only allowed between instant vectors")
    if not are_vectors and is_filled:
        raise _wrong(node, "filling in missing series only allowed between instant vectors")
    if node.is_set_operator and matching.cardinality is not Cardinality.MANY_TO_MANY:
        raise _wrong(node, f"no grouping allowed for {node.op!r} operation")
    if node.is_set_operator and is_filled:
        raise _wrong(node, "filling in missing series not allowed for set operators")


def _expect(node: Expr, wanted: ValueKind, where: str) -> None:
    kind = kind_of(node)
    if kind is not wanted:
        raise _wrong(node, f"expected type {_NAMES[wanted]} in {where}, got {_NAMES[kind]}")


def _wrong(node: Expr, reason: str, remedy: str = "") -> PromqlError:
    return PromqlError(reason, node.position.line, node.position.column, remedy)
