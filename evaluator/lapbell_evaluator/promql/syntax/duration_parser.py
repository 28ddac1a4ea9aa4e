"""Numbers and durations, and arithmetic with durations in brackets and after `offset`."""

import math
from typing import Final

from lapbell_evaluator.promql.syntax.ast import Duration, DurationExpr, Number
from lapbell_evaluator.promql.syntax.durations import duration_seconds
from lapbell_evaluator.promql.syntax.lexer import Token
from lapbell_evaluator.promql.syntax.token_stream import TokenStream, wrong

__all__ = ["SPECIAL_NUMBERS", "DurationParser"]

_PRECEDENCE: Final = {"+": 1, "-": 1, "*": 2, "/": 2, "%": 2, "^": 3}
_MAX_NESTING: Final = 32
_MOST_DIGITS: Final = 400  # more than any float has
SPECIAL_NUMBERS: Final = {"inf": math.inf, "nan": math.nan}
_MAX_SECONDS: Final = (1 << 63) / 1e9


class DurationParser:
    """Reads durations from the same tokens as the expressions around them."""

    def __init__(self, words: TokenStream) -> None:
        self._words = words
        self._depth = 0

    def number(self) -> Number:
        """A number, or a duration in seconds."""
        word = self._words.next
        if word.kind == "duration":
            seconds = duration_seconds(self._words.take().text)
            if seconds is None:
                raise wrong(
                    word, f"not a valid duration string: {word.text!r}", "Write units from large to small: 1h30m."
                )
            return Number(seconds, is_duration=True, position=word.position)
        if word.text.lower() in SPECIAL_NUMBERS:
            self._words.take()
            return Number(SPECIAL_NUMBERS[word.text.lower()], position=word.position)
        if word.kind != "number":
            raise self._words.unexpected("a number or a duration")
        return Number(_number(self._words.take()), position=word.position)

    def positive(self) -> Duration:
        """What stands between brackets; a plain one must be more than nothing."""
        word = self._words.next
        duration = self._expression()
        if isinstance(duration, Number):
            if duration.value <= 0:
                raise wrong(word, "duration must be greater than 0")
            is_said = duration.is_duration
            return duration if is_said else Number(duration.value, is_duration=True, position=duration.position)
        return duration

    def offset(self) -> Duration:
        """What stands after `offset`: arithmetic only in parentheses."""
        word = self._words.next
        sign = word.text if self._words.take_symbol("-") or self._words.take_symbol("+") else ""
        operand = self._operand()
        if isinstance(operand, Number):
            value = -operand.value if sign == "-" else operand.value
            if not abs(value) <= _MAX_SECONDS:
                raise wrong(word, "duration out of range")
            return Number(value, is_duration=True, position=word.position)
        return DurationExpr("-", None, operand, position=word.position) if sign == "-" else operand

    def _expression(self, least: int = 1) -> Duration:
        self._depth += 1
        if self._depth > _MAX_NESTING:
            raise wrong(self._words.next, "the duration is nested too deeply")
        left = self._signed()
        while (binds := _PRECEDENCE.get(self._words.operator(), 0)) >= least:
            op = self._words.take()
            right = self._expression(binds if op.text == "^" else binds + 1)
            if op.text in "/%" and isinstance(right, Number) and right.value == 0:
                raise wrong(op, "division by zero" if op.text == "/" else "modulo by zero")
            left = DurationExpr(op.text, left, right, position=left.position)
        self._depth -= 1
        return left

    def _signed(self) -> Duration:
        word = self._words.next
        if not self._words.next_is("-", "+"):
            return self._operand()
        self._words.take()
        operand = self._expression(_PRECEDENCE["^"])
        if word.text == "+":
            return operand
        if isinstance(operand, Number):
            return Number(-operand.value, operand.is_duration, word.position)
        return DurationExpr("-", None, operand, position=word.position)

    def _operand(self) -> Duration:
        word = self._words.next
        if self._words.take_symbol("("):
            inner = self._expression()
            self._words.expect(")")
            if isinstance(inner, Number):
                return inner
            return DurationExpr(inner.op, inner.left, inner.right, is_wrapped=True, position=word.position)
        name = word.text.lower()
        if word.kind == "name" and name in ("step", "range"):
            self._words.take()
            self._words.expect("(")
            self._words.expect(")")
            return DurationExpr(name, position=word.position)
        if word.kind == "name" and name in ("min_of", "max_of"):
            return self._choice(name)
        if word.kind not in ("number", "duration"):
            raise self._words.unexpected("number, duration, step(), or range()")
        number = self.number()
        if not abs(number.value) <= _MAX_SECONDS:
            raise wrong(word, "duration out of range")
        return number

    def _choice(self, name: str) -> Duration:
        word = self._words.take()
        self._words.expect("(")
        left = self._expression()
        self._words.expect(",")
        right = self._expression()
        self._words.expect(")")
        return DurationExpr(name, left, right, position=word.position)


def _number(word: Token) -> float:
    """Source: Prometheus' `parser.number`: whole numbers as Go reads them (0x1f, 017), others as floats."""
    text = word.text
    lowered = text.lower()
    if len(text) > _MOST_DIGITS:
        raise wrong(word, f"a number of {len(text):,} characters", f"Write at most {_MOST_DIGITS}.")
    if lowered.startswith("0x"):
        return float(int(lowered, 16))
    if len(text) > 1 and text.startswith("0") and text.isdigit() and not set(text) & set("89"):
        return float(int(text, 8))
    if "_" in text and not text.replace("_", "").isdigit():
        raise wrong(word, f"error parsing number: {text!r}", "Underscores stand in whole numbers only.")
    return float(text.replace("_", ""))
