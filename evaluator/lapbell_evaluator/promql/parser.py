"""Tokens to a tree: precedence climbing over Prometheus 3's grammar."""

import math
from dataclasses import replace
from functools import lru_cache
from typing import Final

from lapbell_evaluator.model import METRIC_NAME
from lapbell_evaluator.promql.ast import (
    COMPARISONS,
    SET_OPERATORS,
    Aggregate,
    At,
    Binary,
    Call,
    Cardinality,
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
from lapbell_evaluator.promql.checks import check
from lapbell_evaluator.promql.duration_parser import DurationParser
from lapbell_evaluator.promql.errors import PromqlError
from lapbell_evaluator.promql.lexer import Token
from lapbell_evaluator.promql.signatures import AGGREGATIONS, PARAMETRIC_AGGREGATIONS, SIGNATURES
from lapbell_evaluator.promql.texts import is_label_name
from lapbell_evaluator.promql.token_stream import TokenStream
from lapbell_evaluator.series import Matcher, MatchOp

__all__ = ["parse", "parse_selector"]

_MAX_BYTES: Final = 8 * 1024
_MAX_NESTING: Final = 64
_MAX_CHAIN: Final = 128
_PARSED_KEPT: Final = 2_000

_PRECEDENCE: Final = {
    "or": 1,
    "and": 2,
    "unless": 2,
    **dict.fromkeys([*COMPARISONS, "</", ">/"], 3),
    "+": 4,
    "-": 4,
    "*": 5,
    "/": 5,
    "%": 5,
    "atan2": 5,
    "^": 6,
}
_UNARY_OPERAND: Final = 6
_NO_METRIC_NAMES: Final = frozenset({"on", "ignoring", "group_left", "group_right", "bool", "atan2"})
_SPECIAL_NUMBERS: Final = {"inf": math.inf, "nan": math.nan}
_PRECEDED: Final = "must be preceded by an instant vector selector or range vector selector or a subquery"
_REFUSED: Final = {
    "info": "Join with the info metric: x * on (job, instance) group_left (label) target_info.",
    "start_timestamp": "Start times are not kept; they become zero samples.",
}


@lru_cache(_PARSED_KEPT)
def parse(text: str) -> Expr:
    """The tree of an expression; its types are checked.

    Raises:
        PromqlError: what is wrong, where, and what was expected.
    """
    if len(text.encode("utf-8", "surrogatepass")) > _MAX_BYTES:
        raise PromqlError(f"the expression is longer than {_MAX_BYTES} bytes", 1, 1, "Record a part of it by a rule.")
    parser = _Parser(TokenStream(text))
    expr = parser.expression()
    parser.words.expect_end()
    check(expr)
    return expr


def parse_selector(text: str) -> VectorSelector:
    """The selector of an API's `match[]`.

    Raises:
        PromqlError: the text is something else.
    """
    expr = parse(text)
    if not isinstance(expr, VectorSelector) or expr.offset is not None or expr.at is not None:
        raise PromqlError("expected a plain selector", 1, 1, 'Write metric{label="value"}.')
    return expr


class _Parser:
    """Reads one text."""

    def __init__(self, words: TokenStream) -> None:
        self.words = words
        self._durations = DurationParser(words)
        self._depth = 0

    def expression(self, least: int = 1) -> Expr:
        """An expression of operators that bind at least so tightly."""
        self._enter()
        left = self._operand()
        chain = 0
        while (binds := _PRECEDENCE.get(self.words.operator(), 0)) >= least:
            chain += 1
            if chain > _MAX_CHAIN:
                raise self._too_deep(self.words.next)
            left = self._binary(left, binds)
        self._depth -= 1
        return left

    def _binary(self, left: Expr, binds: int) -> Expr:
        op = self.words.operator()
        at = self.words.take()
        returns_bool = self.words.take_word("bool")
        if returns_bool and op not in COMPARISONS:
            raise self._fail(at, "bool modifier can only be used on comparison operators")
        matching = self._matching(op)
        right = self.expression(binds if op == "^" else binds + 1)
        return Binary(op, left, right, returns_bool, matching, left.position)

    def _operand(self) -> Expr:
        word = self.words.next
        if word.text in ("+", "-") and word.kind == "symbol":
            self.words.take()
            return _signed(word, self.expression(_UNARY_OPERAND))
        return self._modified(self._primary())

    def _primary(self) -> Expr:
        word = self.words.next
        match word.kind:
            case "number" | "duration":
                return self._durations.number()
            case "string":
                return String(self.words.take_text(), word.position)
            case "name":
                return self._named()
            case "symbol" if word.text == "(":
                self.words.take()
                inner = self.expression()
                self.words.expect(")")
                return Paren(inner, word.position)
            case "symbol" if word.text == "{":
                return self._selector("", word.position)
            case _:
                raise self.words.unexpected("an expression")

    def _named(self) -> Expr:
        word = self.words.next
        lowered = word.text.lower()
        if lowered in _SPECIAL_NUMBERS and ":" not in word.text:
            self.words.take()
            return Number(_SPECIAL_NUMBERS[lowered], position=word.position)
        if lowered in AGGREGATIONS and self.words.peek_is("(", "by", "without"):
            return self._aggregate()
        name = self.words.take_metric_name()
        if self.words.next_is("(") and ":" not in name:
            return self._call(word)
        if lowered in _NO_METRIC_NAMES:
            raise self._fail(
                word, f"unexpected {word.text!r}", "It is a keyword; write {" + f'__name__="{word.text}"' + "}."
            )
        return self._selector(name, word.position)

    def _call(self, word: Token) -> Expr:
        name = word.text if word.text in SIGNATURES or word.text in _REFUSED else word.text.lower()
        if name in _REFUSED:
            raise self._fail(word, f"function {name!r} is not supported", _REFUSED[name])
        if name not in SIGNATURES or (name != word.text and name not in ("start", "end", "step", "range")):
            raise self._fail(word, f"unknown function with name {word.text!r}", self._closest(name))
        return Call(name, self._arguments(), word.position)

    @staticmethod
    def _closest(name: str) -> str:
        from difflib import get_close_matches  # noqa: PLC0415 - only for a message

        close = get_close_matches(name, SIGNATURES, 1)
        return f"Did you mean {close[0]}?" if close else ""

    def _arguments(self) -> tuple[Expr, ...]:
        self.words.expect("(")
        args: list[Expr] = []
        while not self.words.take_symbol(")"):
            if args:
                self.words.expect(",", or_else='"," or ")"')
                if self.words.next_is(")"):
                    raise self._fail(self.words.next, "trailing commas not allowed in function call args")
            args.append(self.expression())
        return tuple(args)

    def _aggregate(self) -> Expr:
        word = self.words.take()
        op = word.text.lower()
        grouping = self._grouping_clause()
        args = self._arguments()
        if grouping is None:
            grouping = self._grouping_clause() or ((), False)
        wanted = 2 if op in PARAMETRIC_AGGREGATIONS else 1
        if not args:
            raise self._fail(word, "no arguments for aggregate expression provided")
        if len(args) != wanted:
            said = f"wrong number of arguments for aggregate expression provided, expected {wanted}, got {len(args)}"
            raise self._fail(word, said)
        return Aggregate(op, args[-1], args[0] if wanted > 1 else None, grouping[0], grouping[1], word.position)

    def _grouping_clause(self) -> tuple[tuple[str, ...], bool] | None:
        if self.words.take_word("by"):
            return self._label_names(), False
        if self.words.take_word("without"):
            return self._label_names(), True
        return None

    def _label_names(self) -> tuple[str, ...]:
        self.words.expect("(", or_else='"(" and names of labels')
        names: list[str] = []
        while not self.words.take_symbol(")"):
            if names:
                self.words.expect(",", or_else='"," or ")"')
                if self.words.take_symbol(")"):
                    break
            names.append(self._label_name())
        return tuple(names)

    def _label_name(self) -> str:
        word = self.words.next
        if word.kind == "string":
            name = self.words.take_text()
            if not is_label_name(name):
                raise self._fail(word, f"invalid label name for grouping: {name!r}")
            return name
        if word.kind != "name":
            raise self.words.unexpected("the name of a label")
        return self.words.take().text

    def _matching(self, op: str) -> Matching:
        cardinality = Cardinality.MANY_TO_MANY if op in SET_OPERATORS else Cardinality.ONE_TO_ONE
        labels: tuple[str, ...] = ()
        include: tuple[str, ...] = ()
        on = self.words.take_word("on")
        if on or self.words.take_word("ignoring"):
            labels = self._label_names()
            for side, grouped in (("left", Cardinality.MANY_TO_ONE), ("right", Cardinality.ONE_TO_MANY)):
                if self.words.take_word(f"group_{side}"):
                    cardinality = grouped
                    include = self._label_names() if self.words.next_is("(") else ()
        left, right = self._fills()
        return Matching(cardinality, labels, on, include, left, right)

    def _fills(self) -> tuple[float | None, float | None]:
        left = right = None
        while self.words.next.text.lower() in ("fill", "fill_left", "fill_right") and self.words.peek_is("("):
            side = self.words.take().text.lower()
            self.words.expect("(")
            sign = -1.0 if self.words.take_symbol("-") else 1.0
            if sign > 0:
                self.words.take_symbol("+")
            value = sign * self._durations.number().value
            self.words.expect(")")
            left = value if side != "fill_right" else left
            right = value if side != "fill_left" else right
            if side == "fill":
                break
        return left, right

    def _selector(self, name: str, position: Position) -> Expr:
        matchers = self._matchers() if self.words.next_is("{") else []
        if name:
            matchers.append(Matcher(METRIC_NAME, MatchOp.EQUAL, name))
        return VectorSelector(name, tuple(matchers), position=position)

    def _matchers(self) -> list[Matcher]:
        self.words.expect("{")
        matchers: list[Matcher] = []
        while not self.words.take_symbol("}"):
            if matchers:
                self.words.expect(",", or_else='"," or "}"')
                if self.words.take_symbol("}"):
                    break
            matchers.append(self._matcher())
        return matchers

    def _matcher(self) -> Matcher:
        word = self.words.next
        if word.kind not in ("name", "string"):
            raise self.words.unexpected('the name of a label or "}"')
        name = self.words.take_text() if word.kind == "string" else self.words.take().text
        if word.kind == "string" and self.words.next.text in (",", "}"):
            return Matcher(METRIC_NAME, MatchOp.EQUAL, name)
        op = self.words.next
        if op.text not in ("=", "!=", "=~", "!~"):
            raise self.words.unexpected("one of = != =~ !~")
        self.words.take()
        if self.words.next.kind != "string":
            raise self.words.unexpected("a quoted value")
        return Matcher(name, MatchOp(op.text), self.words.take_text())

    def _modified(self, expr: Expr) -> Expr:
        """An operand with what stands behind it: a range, an offset, a fixed time."""
        while True:
            word = self.words.next
            if self.words.next_is("["):
                expr = self._ranged(expr)
            elif self.words.take_word("offset"):
                expr = self._offset(expr, word)
            elif self.words.take_symbol("@"):
                expr = self._fixed(expr, word)
            elif self.words.take_word("anchored"):
                expr = self._anchored(expr, word)
            elif word.kind == "name" and word.text.lower() == "smoothed":
                raise self._fail(word, "smoothed modifier is not supported", "Leave it out.")
            else:
                return expr

    def _anchored(self, expr: Expr, word: Token) -> Expr:
        if not isinstance(expr, MatrixSelector):
            raise self._fail(word, "anchored modifier only allowed for range selectors", "Write it behind [range].")
        return replace(expr, is_anchored=True)

    def _ranged(self, expr: Expr) -> Expr:
        bracket = self.words.take()
        range_ = self._durations.positive()
        if self.words.take_symbol(":"):
            step = None if self.words.next_is("]") else self._durations.positive()
            self.words.expect("]")
            return Subquery(expr, range_, step, position=expr.position)
        self.words.expect("]", or_else='":" or "]"')
        if not isinstance(expr, VectorSelector):
            raise self._fail(bracket, "ranges only allowed for vector selectors", "Write [range:step] for a subquery.")
        if expr.offset is not None:
            raise self._fail(bracket, "no offset modifiers allowed before range")
        if expr.at is not None:
            raise self._fail(bracket, "no @ modifiers allowed before range")
        return MatrixSelector(expr, range_, expr.position)

    def _offset(self, expr: Expr, word: Token) -> Expr:
        offset = self._durations.offset()
        match expr:
            case VectorSelector(offset=None):
                return VectorSelector(expr.name, expr.matchers, offset, expr.at, expr.position)
            case MatrixSelector(selector=VectorSelector(offset=None) as inner):
                shifted = VectorSelector(inner.name, inner.matchers, offset, inner.at, inner.position)
                return replace(expr, selector=shifted)
            case Subquery(offset=None):
                return Subquery(expr.expr, expr.range, expr.step, offset, expr.at, expr.position)
            case VectorSelector() | MatrixSelector() | Subquery():
                raise self._fail(word, "offset may not be set multiple times")
            case _:
                raise self._fail(word, f"offset modifier {_PRECEDED}")

    def _fixed(self, expr: Expr, word: Token) -> Expr:
        at = self._timestamp()
        match expr:
            case VectorSelector(at=None):
                return VectorSelector(expr.name, expr.matchers, expr.offset, at, expr.position)
            case MatrixSelector(selector=VectorSelector(at=None) as inner):
                fixed = VectorSelector(inner.name, inner.matchers, inner.offset, at, inner.position)
                return replace(expr, selector=fixed)
            case Subquery(at=None):
                return Subquery(expr.expr, expr.range, expr.step, expr.offset, at, expr.position)
            case VectorSelector() | MatrixSelector() | Subquery():
                raise self._fail(word, "@ <timestamp> may not be set multiple times")
            case _:
                raise self._fail(word, f"@ modifier {_PRECEDED}")

    def _timestamp(self) -> float | At:
        for end in At:
            if self.words.next.text.lower() == end.removesuffix("()") and self.words.peek_is("("):
                self.words.take()
                self.words.expect("(")
                self.words.expect(")")
                return end
        word = self.words.next
        sign = -1.0 if self.words.take_symbol("-") else 1.0
        if sign > 0:
            self.words.take_symbol("+")
        value = sign * self._special_or_number()
        if not abs(value) < 1 << 63:
            raise self._fail(word, f"timestamp out of bounds for @ modifier: {value:f}")
        return value

    def _special_or_number(self) -> float:
        if self.words.next.text.lower() in _SPECIAL_NUMBERS:
            return float(self.words.take().text)
        if self.words.next.kind not in ("number", "duration"):
            raise self.words.unexpected("a timestamp, start() or end()")
        return self._durations.number().value

    def _enter(self) -> None:
        self._depth += 1
        if self._depth > _MAX_NESTING:
            raise self._too_deep(self.words.next)

    def _too_deep(self, word: Token) -> PromqlError:
        remedy = f"Nest at most {_MAX_NESTING} and chain at most {_MAX_CHAIN}; record a part of it by a rule."
        return self._fail(word, "the expression is nested too deeply", remedy)

    def _fail(self, word: Token, reason: str, remedy: str = "") -> PromqlError:
        return PromqlError(reason, word.position.line, word.position.column, remedy)


def _signed(sign: Token, expr: Expr) -> Expr:
    if isinstance(expr, Number):
        return Number(-expr.value if sign.text == "-" else expr.value, expr.is_duration, sign.position)
    return Unary(sign.text, expr, sign.position)
