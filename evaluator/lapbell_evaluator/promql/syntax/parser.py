"""Tokens to a tree: precedence climbing over Prometheus 3's grammar."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import Final

from lapbell_evaluator.promql.syntax.ast import (
    COMPARISONS,
    SET_OPERATORS,
    Aggregate,
    Binary,
    Call,
    Expr,
    Number,
    Paren,
    String,
    Unary,
    VectorSelector,
)
from lapbell_evaluator.promql.syntax.checks import check
from lapbell_evaluator.promql.syntax.duration_parser import SPECIAL_NUMBERS, DurationParser
from lapbell_evaluator.promql.syntax.errors import PromqlError
from lapbell_evaluator.promql.syntax.lexer import Token
from lapbell_evaluator.promql.syntax.matching import Cardinality, Matching
from lapbell_evaluator.promql.syntax.modifier_parser import ModifierParser
from lapbell_evaluator.promql.syntax.quoting import is_label_name
from lapbell_evaluator.promql.syntax.selector_parser import SelectorParser
from lapbell_evaluator.promql.syntax.signatures import AGGREGATIONS, PARAMETRIC_AGGREGATIONS, SIGNATURES
from lapbell_evaluator.promql.syntax.token_stream import TokenStream, wrong

__all__ = ["parse", "parse_selector", "parses_remembered"]

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
_MATCHING_WORDS: Final = frozenset({"on", "ignoring", "fill", "fill_left", "fill_right"})
_ONE_TO_ONE: Final = Matching(Cardinality.ONE_TO_ONE)
_MANY_TO_MANY: Final = Matching(Cardinality.MANY_TO_MANY)
_REFUSED: Final = {
    "start_timestamp": "Start times are not kept; they become zero samples.",
}


_REMEMBERED: Final[ContextVar[dict[str, Expr] | None]] = ContextVar("lapbell_promql_parsed", default=None)


@contextmanager
def parses_remembered() -> Iterator[None]:
    """Each text is parsed once within, however many there are: rules are checked, measured and compiled."""
    token = _REMEMBERED.set({})
    try:
        yield
    finally:
        _REMEMBERED.reset(token)


def parse(text: str) -> Expr:
    """The tree of an expression; its types are checked.

    Raises:
        PromqlError: what is wrong, where, and what was expected.
    """
    remembered = _REMEMBERED.get()
    if remembered is None:
        return _parsed(text)
    expr = remembered.get(text)
    if expr is None:
        expr = remembered[text] = _parsed(text)
    return expr


@lru_cache(_PARSED_KEPT)
def _parsed(text: str) -> Expr:
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
        self._selectors = SelectorParser(words)
        self._modifiers = ModifierParser(words)
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
            raise wrong(at, "bool modifier can only be used on comparison operators")
        matching = self._matching(op)
        right = self.expression(binds if op == "^" else binds + 1)
        return Binary(op, left, right, returns_bool, matching, left.position)

    def _operand(self) -> Expr:
        word = self.words.next
        if word.text in ("+", "-") and word.kind == "symbol":
            self.words.take()
            return _signed(word, self.expression(_UNARY_OPERAND))
        return self._modifiers.modified(self._primary())

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
                return self._selectors.selector("", word.position)
            case "symbol" if word.text == ":":
                return self._selectors.selector(self.words.take_metric_name(), word.position)
            case _:
                raise self.words.unexpected("an expression")

    def _named(self) -> Expr:
        word = self.words.next
        lowered = word.text.lower()
        if lowered in SPECIAL_NUMBERS and ":" not in word.text:
            self.words.take()
            return Number(SPECIAL_NUMBERS[lowered], position=word.position)
        if lowered in AGGREGATIONS and self.words.peek_is("(", "by", "without"):
            return self._aggregate()
        name = self.words.take_metric_name()
        if self.words.next_is("(") and ":" not in name:
            return self._call(word)
        if lowered in _NO_METRIC_NAMES:
            raise wrong(
                word, f"unexpected {word.text!r}", "It is a keyword; write {" + f'__name__="{word.text}"' + "}."
            )
        return self._selectors.selector(name, word.position)

    def _call(self, word: Token) -> Expr:
        name = word.text if word.text in SIGNATURES or word.text in _REFUSED else word.text.lower()
        if name in _REFUSED:
            raise wrong(word, f"function {name!r} is not supported", _REFUSED[name])
        if name not in SIGNATURES or (name != word.text and name not in ("start", "end", "step", "range")):
            raise wrong(word, f"unknown function with name {word.text!r}", self._closest(name))
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
                    raise wrong(self.words.next, "trailing commas not allowed in function call args")
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
            raise wrong(word, "no arguments for aggregate expression provided")
        if len(args) != wanted:
            reason = f"wrong number of arguments for aggregate expression provided, expected {wanted}, got {len(args)}"
            raise wrong(word, reason)
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
                raise wrong(word, f"invalid label name for grouping: {name!r}")
            return name
        if word.kind != "name":
            raise self.words.unexpected("the name of a label")
        return self.words.take().text

    def _matching(self, op: str) -> Matching:
        if self.words.operator() not in _MATCHING_WORDS:
            return _MANY_TO_MANY if op in SET_OPERATORS else _ONE_TO_ONE
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

    def _enter(self) -> None:
        self._depth += 1
        if self._depth > _MAX_NESTING:
            raise self._too_deep(self.words.next)

    def _too_deep(self, word: Token) -> PromqlError:
        remedy = f"Nest at most {_MAX_NESTING} and chain at most {_MAX_CHAIN}; record a part of it by a rule."
        return wrong(word, "the expression is nested too deeply", remedy)


def _signed(sign: Token, expr: Expr) -> Expr:
    if isinstance(expr, Number):
        return Number(-expr.value if sign.text == "-" else expr.value, expr.is_duration, sign.position)
    return Unary(sign.text, expr, sign.position)
