"""Selectors: a metric's name, and conditions in braces."""

from typing import Final

from lapbell_evaluator.model import METRIC_NAME
from lapbell_evaluator.promql.syntax.ast import VectorSelector
from lapbell_evaluator.promql.syntax.position import Position
from lapbell_evaluator.promql.syntax.token_stream import TokenStream
from lapbell_evaluator.series import Matcher, MatchOp

__all__ = ["SelectorParser"]

_OPERATORS: Final = {op.value: op for op in MatchOp}


class SelectorParser:
    """Reads selectors from the same tokens as the expressions around them."""

    def __init__(self, words: TokenStream) -> None:
        self._words = words

    def selector(self, name: str, position: Position) -> VectorSelector:
        """A selector whose name, if it has one before the braces, was read."""
        matchers = self._matchers() if self._words.next.text == "{" else []
        if name:
            matchers.append(Matcher(METRIC_NAME, MatchOp.EQUAL, name))
        return VectorSelector(name, tuple(matchers), position=position)

    def _matchers(self) -> list[Matcher]:
        self._words.expect("{")
        matchers: list[Matcher] = []
        while not self._words.take_symbol("}"):
            if matchers:
                self._words.expect(",", or_else='"," or "}"')
                if self._words.take_symbol("}"):
                    break
            matchers.append(self._matcher())
        return matchers

    def _matcher(self) -> Matcher:
        word = self._words.next
        if word.kind not in ("name", "string"):
            raise self._words.unexpected('the name of a label or "}"')
        name = self._words.take_text() if word.kind == "string" else self._words.take().text
        if word.kind == "string" and self._words.next.text in (",", "}"):
            return Matcher(METRIC_NAME, MatchOp.EQUAL, name)
        op = _OPERATORS.get(self._words.next.text)
        if op is None:
            raise self._words.unexpected("one of = != =~ !~")
        self._words.take()
        if self._words.next.kind != "string":
            raise self._words.unexpected("a quoted value")
        return Matcher(name, op, self._words.take_text())
