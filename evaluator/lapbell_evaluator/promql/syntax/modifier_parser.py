"""What stands behind an operand: a range, an offset, a fixed time."""

from dataclasses import replace
from typing import Final

from lapbell_evaluator.promql.syntax.ast import At, Expr, MatrixSelector, Subquery, VectorSelector
from lapbell_evaluator.promql.syntax.duration_parser import SPECIAL_NUMBERS, DurationParser
from lapbell_evaluator.promql.syntax.lexer import Token
from lapbell_evaluator.promql.syntax.token_stream import TokenStream, wrong

__all__ = ["ModifierParser"]

_MODIFIERS: Final = frozenset({"[", "offset", "@", "anchored", "smoothed"})
_PRECEDED: Final = "must be preceded by an instant vector selector or range vector selector or a subquery"


class ModifierParser:
    """Reads modifiers from the same tokens as the expressions before them."""

    def __init__(self, words: TokenStream) -> None:
        self._words = words
        self._durations = DurationParser(words)

    def modified(self, expr: Expr) -> Expr:
        """An operand with what stands behind it: a range, an offset, a fixed time."""
        while (modifier := self._words.operator()) in _MODIFIERS:
            word = self._words.next
            if modifier == "[":
                expr = self._ranged(expr)
                continue
            self._words.take()
            match modifier:
                case "offset":
                    expr = self._offset(expr, word)
                case "@":
                    expr = self._fixed(expr, word)
                case "anchored":
                    expr = self._anchored(expr, word)
                case _:
                    raise wrong(word, "smoothed modifier is not supported", "Leave it out.")
        return expr

    def _anchored(self, expr: Expr, word: Token) -> Expr:
        if not isinstance(expr, MatrixSelector):
            raise wrong(word, "anchored modifier only allowed for range selectors", "Write it behind [range].")
        return replace(expr, is_anchored=True)

    def _ranged(self, expr: Expr) -> Expr:
        bracket = self._words.take()
        range_ = self._durations.positive()
        if self._words.take_symbol(":"):
            step = None if self._words.next_is("]") else self._durations.positive()
            self._words.expect("]")
            return Subquery(expr, range_, step, position=expr.position)
        self._words.expect("]", or_else='":" or "]"')
        if not isinstance(expr, VectorSelector):
            raise wrong(bracket, "ranges only allowed for vector selectors", "Write [range:step] for a subquery.")
        if expr.offset is not None:
            raise wrong(bracket, "no offset modifiers allowed before range")
        if expr.at is not None:
            raise wrong(bracket, "no @ modifiers allowed before range")
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
                raise wrong(word, "offset may not be set multiple times")
            case _:
                raise wrong(word, f"offset modifier {_PRECEDED}")

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
                raise wrong(word, "@ <timestamp> may not be set multiple times")
            case _:
                raise wrong(word, f"@ modifier {_PRECEDED}")

    def _timestamp(self) -> float | At:
        for end in At:
            if self._words.next.text.lower() == end.removesuffix("()") and self._words.peek_is("("):
                self._words.take()
                self._words.expect("(")
                self._words.expect(")")
                return end
        word = self._words.next
        sign = -1.0 if self._words.take_symbol("-") else 1.0
        if sign > 0:
            self._words.take_symbol("+")
        value = sign * self._special_or_number()
        if not abs(value) < 1 << 63:
            raise wrong(word, f"timestamp out of bounds for @ modifier: {value:f}")
        return value

    def _special_or_number(self) -> float:
        if self._words.next.text.lower() in SPECIAL_NUMBERS:
            return SPECIAL_NUMBERS[self._words.take().text.lower()]
        if self._words.next.kind not in ("number", "duration"):
            raise self._words.unexpected("a timestamp, start() or end()")
        return self._durations.number().value
