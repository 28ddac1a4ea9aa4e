"""Tokens to statements.

Source: the grammar of Go's text/template.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from lapbell_evaluator.rules.template import nodes
from lapbell_evaluator.rules.template.constants import number, unquoted
from lapbell_evaluator.rules.template.errors import TemplateError
from lapbell_evaluator.rules.template.lexer import Token, tokens

__all__ = ["Template", "parse"]

_MOST_CHARACTERS: Final = 65_536
_MOST_NESTED: Final = 50
_CONSTANTS: Final = {"true": True, "false": False, "nil": None}
_ENDERS: Final = ("end", "else")


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed template with the templates that it defines."""

    body: nodes.Block
    defined: Mapping[str, nodes.Block]


def parse(text: str, functions: Collection[str], variables: Collection[str] = ()) -> Template:
    """Parse a template.

    Args:
        text: at most 64 Ki characters, nested at most 50 deep.
        functions: names that may be called.
        variables: names that are defined from outside, with their dollars.

    Raises:
        TemplateError: with the line, and what was expected.
    """
    if len(text) > _MOST_CHARACTERS:
        raise TemplateError(f"The template has {len(text)} characters; {_MOST_CHARACTERS} are allowed.")
    parser = _Parser(list(tokens(text)), functions, variables)
    body, ender = parser.block(())
    if ender:
        raise parser.error(f"unexpected {{{{{ender}}}}}")
    return Template(body, parser.defined)


class _Parser:
    def __init__(self, read: list[Token], functions: Collection[str], variables: Collection[str]) -> None:
        self._tokens = read
        self._at = 0
        self._functions = functions
        self._scopes = [{"$", *variables}]
        self._depth = 0
        self._loops = 0
        self.defined: dict[str, nodes.Block] = {}

    def error(self, message: str) -> TemplateError:
        line = self._tokens[min(self._at, len(self._tokens) - 1)].line
        return TemplateError(f"line {line}: {message}")

    def block(self, enders: tuple[str, ...]) -> tuple[nodes.Block, str]:
        """Statements up to `end` or `else`, and which of them it was; empty at the end of the text."""
        self._depth += 1
        if self._depth > _MOST_NESTED:
            raise self.error(f"nested deeper than {_MOST_NESTED}")
        self._scopes.append(set())
        statements: list[nodes.Statement] = []
        ender = None
        while ender is None:
            token = self._take()
            if token.kind == "text":
                statements.append(nodes.Text(token.text))
            elif token.kind == "end":
                if enders:
                    raise self.error("unexpected end of the text, expected {{end}}")
                ender = ""
            else:
                self._skip_space()
                word = self._peek().text if self._peek().kind == "word" else ""
                if word in _ENDERS:
                    if word not in enders:
                        raise self.error(f"unexpected {{{{{word}}}}}")
                    self._take()
                    ender = word
                else:
                    statements.extend(self._statement(word))
        self._scopes.pop()
        self._depth -= 1
        return tuple(statements), ender

    def _statement(self, word: str) -> nodes.Block:
        if word in ("if", "with", "range"):
            self._take()
            return (self._control(word),)
        if word in ("break", "continue"):
            self._take()
            if not self._loops:
                raise self.error(f"{{{{{word}}}}} outside {{{{range}}}}")
            self._close()
            return (nodes.Break() if word == "break" else nodes.Continue(),)
        if word in ("define", "block", "template"):
            self._take()
            return self._named(word)
        pipe = self._pipe("command")
        self._close()
        return (nodes.Action(pipe),)

    def _control(self, word: str) -> nodes.Statement:
        self._scopes.append(set())
        pipe = self._pipe(word)
        self._close()
        self._loops += word == "range"
        body, ender = self.block(("end", "else"))
        self._loops -= word == "range"
        otherwise: nodes.Block = ()
        if ender == "else":
            self._skip_space()
            chained = self._peek().text if self._peek().kind == "word" else ""
            if chained and (chained, word) in (("if", "if"), ("with", "with")):
                self._take()
                otherwise = (self._control(chained),)
                self._scopes.pop()
                return nodes.When(pipe, body, otherwise, word == "with")
            self._close()
            otherwise, _ = self.block(("end",))
        self._close()
        self._scopes.pop()
        if word == "range":
            return nodes.Range(pipe, body, otherwise)
        return nodes.When(pipe, body, otherwise, word == "with")

    def _named(self, word: str) -> nodes.Block:
        self._skip_space()
        token = self._take()
        if token.kind not in ("string", "raw"):
            raise self.error(f"unexpected {token.text!r} in {word} clause, expected a quoted name")
        name = str(unquoted(token))
        pipe = None
        self._skip_space()
        if word != "define" and self._peek().kind != "close":
            pipe = self._pipe(word)
        self._close()
        if word == "template":
            return (nodes.Call(name, pipe),)
        scopes, self._scopes = self._scopes, [{"$"}]
        body, _ = self.block(("end",))
        self._scopes = scopes
        self._close()
        self.defined[name] = body
        return (nodes.Call(name, pipe),) if word == "block" else ()

    def _pipe(self, context: str) -> nodes.Pipe:
        self._skip_space()
        declared, is_assignment = self._declared(context)
        commands = [self._command(context)]
        while self._peek().text == "|" and self._peek().kind == "mark":
            self._take()
            commands.append(self._command(context))
        for later in commands[1:]:
            if isinstance(later.operands[0], nodes.Literal | nodes.Dot):
                raise self.error(f"non executable command in pipeline stage {commands.index(later) + 1}")
        if not is_assignment:
            self._scopes[-1].update(declared)
        return nodes.Pipe(tuple(declared), is_assignment, tuple(commands))

    def _declared(self, context: str) -> tuple[list[str], bool]:
        """`$x :=`, `$x =`, and in a range `$i, $x :=`."""
        start, names = self._at, []
        while self._peek().kind == "variable":
            names.append(self._take().text)
            self._skip_space()
            token = self._take()
            if token.kind == "declare" or token.text == "=":
                if token.text == "=":
                    self._check_defined(names)
                return names, token.text == "="
            if token.text != "," or context != "range" or len(names) == 2:
                break
            self._skip_space()
        self._at = start
        return [], False

    def _check_defined(self, names: Collection[str]) -> None:
        for name in names:
            if not any(name in scope for scope in self._scopes):
                raise self.error(f'undefined variable "{name}"')

    def _command(self, context: str) -> nodes.Command:
        operands: list[nodes.Operand] = []
        while True:
            self._skip_space()
            token = self._peek()
            if token.kind in ("close", "end") or (token.kind == "mark" and token.text in "|)"):
                break
            operands.append(self._operand())
            token = self._peek()
            if token.kind not in ("space", "close", "end") and token.text not in ("|", ")"):
                raise self.error(f"unexpected {token.text!r} in operand")
        if not operands:
            raise self.error(f"missing value for {context}")
        return nodes.Command(tuple(operands))

    def _operand(self) -> nodes.Operand:
        term = self._term()
        names: list[str] = []
        while self._peek().kind == "field":
            names.append(self._take().text[1:])
        if not names:
            return term
        if isinstance(term, nodes.Variable):
            return nodes.Variable(term.name, (*term.names, *names))
        if isinstance(term, nodes.Field):
            return nodes.Field((*term.names, *names))
        if isinstance(term, nodes.Literal | nodes.Dot):
            raise self.error("unexpected field of a constant")
        return nodes.Chain(term, tuple(names))

    def _term(self) -> nodes.Operand:
        token = self._take()
        if token.kind == "field":
            return nodes.Field((token.text[1:],))
        if token.kind == "variable":
            self._check_defined([token.text])
            return nodes.Variable(token.text, ())
        if token.kind in ("string", "raw", "char"):
            return nodes.Literal(unquoted(token))
        if token.kind == "number":
            return nodes.Literal(number(token))
        if token.kind == "word":
            return self._word(token.text)
        if token.text == ".":
            return nodes.Dot()
        if token.text == "(":
            return self._group()
        raise self.error(f"unexpected {token.text!r} in command")

    def _word(self, word: str) -> nodes.Operand:
        if word in _CONSTANTS:
            return nodes.Literal(_CONSTANTS[word])
        if word not in self._functions:
            raise self.error(f'function "{word}" not defined')
        return nodes.Function(word)

    def _group(self) -> nodes.Operand:
        self._depth += 1
        if self._depth > _MOST_NESTED:
            raise self.error(f"nested deeper than {_MOST_NESTED}")
        inner = self._pipe("parenthesized pipeline")
        if self._take().text != ")":
            raise self.error("unclosed left parenthesis")
        self._depth -= 1
        return inner

    def _close(self) -> None:
        self._skip_space()
        token = self._take()
        if token.kind != "close":
            raise self.error(f"unexpected {token.text!r}, expected }}}}")

    def _peek(self) -> Token:
        return self._tokens[self._at]

    def _take(self) -> Token:
        token = self._tokens[self._at]
        if self._at < len(self._tokens) - 1:
            self._at += 1
        return token

    def _skip_space(self) -> None:
        while self._peek().kind == "space":
            self._at += 1
