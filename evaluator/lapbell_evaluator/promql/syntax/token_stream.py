"""Tokens under a finger that moves on."""

from lapbell_evaluator.promql.syntax.errors import PromqlError
from lapbell_evaluator.promql.syntax.lexer import Token, tokens
from lapbell_evaluator.promql.syntax.quoting import unquoted

__all__ = ["TokenStream", "wrong"]


class TokenStream:
    """The tokens of one text, in order.

    Attributes:
        next: the token that comes next.
    """

    def __init__(self, text: str) -> None:
        self._tokens = tokens(text)
        self._at = 0
        self.next: Token = self._tokens[0]

    def operator(self) -> str:
        """The next token as an operator's name; words in lower case."""
        return self.next.text.lower()

    def next_is(self, *symbols: str) -> bool:
        """Whether one of these symbols comes next."""
        return self.next.text in symbols

    def peek_is(self, *texts: str) -> bool:
        """Whether one of these words or symbols comes after the next one."""
        after = self._tokens[min(self._at + 1, len(self._tokens) - 1)]
        return after.kind in ("symbol", "name") and after.text.lower() in texts

    def take(self) -> Token:
        """The next token, gone past."""
        word = self.next
        if word.kind != "end":
            self._at += 1
            self.next = self._tokens[self._at]
        return word

    def take_symbol(self, symbol: str) -> bool:
        """Go past a symbol if it comes next."""
        if self.next.text != symbol:
            return False
        self.take()
        return True

    def take_word(self, word: str) -> bool:
        """Go past a keyword, in any case of letters, if it comes next."""
        if self.next.text.lower() != word:
            return False
        self.take()
        return True

    def take_text(self) -> str:
        """The value of the quoted string that comes next."""
        word = self.take()
        try:
            return unquoted(word.text)
        except ValueError as error:
            raise PromqlError(str(error), word.position.line, word.position.column) from error

    def take_metric_name(self) -> str:
        """A name with colons in it, which may begin with one: the parts must touch."""
        word = self.take()
        name, end = word.text, word.end
        while self.next.start == end and (self.next.text == ":" or self.next.kind in ("name", "number", "duration")):
            part = self.take()
            name, end = name + part.text, part.end
        return name

    def expect(self, symbol: str, *, or_else: str = "") -> Token:
        """The symbol that must come next.

        Raises:
            PromqlError: something else does.
        """
        if self.next.text != symbol:
            raise self.unexpected(or_else or f'"{symbol}"')
        return self.take()

    def expect_end(self) -> None:
        """Make sure that nothing comes any more."""
        if self.next.kind != "end":
            raise self.unexpected("an operator or the end")

    def unexpected(self, expected: str) -> PromqlError:
        """Say what should stand here and what does."""
        word = self.next
        shown = word.text if word.kind == "end" else f"{word.text!r}"
        return PromqlError(f"expected {expected}, found {shown}", word.position.line, word.position.column)


def wrong(word: Token, reason: str, remedy: str = "") -> PromqlError:
    """What is wrong at a word."""
    return PromqlError(reason, word.position.line, word.position.column, remedy)
