"""A parsed template at work, in a bounded number of steps and characters."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from lapbell_evaluator.model import Histogram
from lapbell_evaluator.rules.template import nodes
from lapbell_evaluator.rules.template.errors import MOST_CHARACTERS, TemplateError
from lapbell_evaluator.rules.template.moments import DURATION_METHODS, TIME_METHODS, Duration, Time
from lapbell_evaluator.rules.template.parser import Template
from lapbell_evaluator.rules.template.values import (
    AlertFields,
    Arguments,
    Value,
    VectorSample,
    is_true,
    shown,
    type_name,
)

__all__ = ["Executor"]

_MOST_STEPS: Final = 100_000
_CHARACTERS_PER_STEP: Final = 32
_MOST_CALLS: Final = 50
_HISTOGRAM_FIELDS: Final[Mapping[str, Callable[[Histogram], Value]]] = {
    "Count": lambda of: of.count,
    "Sum": lambda of: of.sum,
    "Schema": lambda of: of.schema,
    "ZeroCount": lambda of: of.zero_count,
    "ZeroThreshold": lambda of: of.zero_threshold,
}


class _BreakLoop(Exception):  # noqa: N818 -- moves control, is no error
    pass


class _ContinueLoop(Exception):  # noqa: N818 -- moves control, is no error
    pass


class Executor:
    """Executes one template once.

    Args:
        template: parsed.
        functions: by name; `and` and `or` are built in.
        own: functions of this execution, by name.
        dot: what `.` and `$` are.
        variables: defined from outside, with their dollars.
    """

    def __init__(
        self,
        template: Template,
        functions: Mapping[str, Callable[..., Value]],
        own: Mapping[str, Callable[..., Value]],
        dot: Value,
        variables: Mapping[str, Value],
    ) -> None:
        self._template = template
        self._functions = functions
        self._own = own
        self._scopes: list[dict[str, Value]] = [{"$": dot, **variables}]
        self._out: list[str] = []
        self._size = 0
        self._steps = 0
        self._calls = 0

    def run(self) -> str:
        """The text.

        Raises:
            TemplateError: a value of the wrong kind, or too many steps or characters.
        """
        self._block(self._template.body, self._scopes[0]["$"])
        return "".join(self._out)

    def _block(self, block: nodes.Block, dot: Value) -> None:
        depth = len(self._scopes)
        self._scopes.append({})
        for statement in block:
            self._count()
            if isinstance(statement, nodes.Text):
                self._write(statement.text)
            elif isinstance(statement, nodes.Action):
                value = self._pipe(statement.pipe, dot)
                if not statement.pipe.declared:
                    self._write("<no value>" if value is None else shown(value))
            else:
                self._control(statement, dot)
        del self._scopes[depth:]

    def _control(self, statement: nodes.Control, dot: Value) -> None:
        if isinstance(statement, nodes.When):
            self._when(statement, dot)
        elif isinstance(statement, nodes.Range):
            self._range(statement, dot)
        elif isinstance(statement, nodes.Call):
            self._call_template(statement, dot)
        elif isinstance(statement, nodes.Break):
            raise _BreakLoop
        else:
            raise _ContinueLoop

    def _when(self, statement: nodes.When, dot: Value) -> None:
        self._scopes.append({})
        value = self._pipe(statement.pipe, dot)
        if is_true(value):
            self._block(statement.body, value if statement.moves_dot else dot)
        else:
            self._block(statement.otherwise, dot)
        self._scopes.pop()

    def _range(self, statement: nodes.Range, dot: Value) -> None:
        depth = len(self._scopes)
        self._scopes.append({})
        pairs = _pairs(self._pipe(nodes.Pipe((), False, statement.pipe.commands), dot))
        for key, value in pairs:
            del self._scopes[depth + 1 :]
            self._scopes.append(_bound(statement.pipe.declared, key, value))
            try:
                self._block(statement.body, value)
            except _ContinueLoop:
                continue
            except _BreakLoop:
                break
        del self._scopes[depth:]
        if not pairs:
            self._block(statement.otherwise, dot)

    def _call_template(self, statement: nodes.Call, dot: Value) -> None:
        body = self._template.defined.get(statement.name)
        if body is None:
            raise TemplateError(f'template "{statement.name}" not defined')
        self._calls += 1
        if self._calls > _MOST_CALLS:
            raise TemplateError(f"templates call each other deeper than {_MOST_CALLS}")
        argument = self._pipe(statement.pipe, dot) if statement.pipe else None
        scopes, self._scopes = self._scopes, [{"$": argument}]
        self._block(body, argument)
        self._scopes = scopes
        self._calls -= 1

    def _pipe(self, pipe: nodes.Pipe, dot: Value) -> Value:
        first, *others = pipe.commands
        value = self._command(first, dot, ())
        for command in others:
            value = self._command(command, dot, (value,))
        for name in pipe.declared:
            self._assign(name, value, is_assignment=pipe.is_assignment)
        return value

    def _assign(self, name: str, value: Value, *, is_assignment: bool) -> None:
        if not is_assignment:
            self._scopes[-1][name] = value
            return
        scope = next(scope for scope in reversed(self._scopes) if name in scope)
        scope[name] = value

    def _command(self, command: nodes.Command, dot: Value, piped: tuple[Value, ...]) -> Value:
        first = command.operands[0]
        if isinstance(first, nodes.Function):
            self._count()
            return self._function(first.name, command.operands[1:], dot, piped)
        if not piped and len(command.operands) == 1:
            return self._operand(first, dot)
        if isinstance(first, nodes.Variable | nodes.Field | nodes.Chain) and first.names:
            return self._method(first, command.operands[1:], dot, piped)
        raise TemplateError("can't give argument to non-function")

    def _method(
        self,
        of: nodes.Variable | nodes.Field | nodes.Chain,
        operands: Sequence[nodes.Operand],
        dot: Value,
        piped: tuple[Value, ...],
    ) -> Value:
        *names, last = of.names
        value = _fields(self._operand(replace(of, names=()), dot) if not isinstance(of, nodes.Field) else dot, names)
        method = _method_of(value, last)
        if method is None:
            raise TemplateError(f"{last} has arguments but cannot be invoked as function")
        arguments = [self._operand(operand, dot) for operand in operands]
        return _bounded(_invoked(last, method, (value, *arguments, *piped)))

    def _function(self, name: str, operands: Sequence[nodes.Operand], dot: Value, piped: tuple[Value, ...]) -> Value:
        if name in ("and", "or"):
            return self._until(operands, dot, piped, stops_at=name == "or")
        values = [self._operand(operand, dot) for operand in operands]
        self._count(sum(len(value) for value in (*values, *piped) if isinstance(value, str)) // _CHARACTERS_PER_STEP)
        try:
            return _bounded((self._own.get(name) or self._functions[name])(*values, *piped))
        except TemplateError as error:
            raise TemplateError(f"error calling {name}: {error.message}") from None
        except TypeError:
            raise TemplateError(f"wrong number of args for {name}: got {len(values) + len(piped)}") from None

    def _until(
        self,
        operands: Sequence[nodes.Operand],
        dot: Value,
        piped: tuple[Value, ...],
        *,
        stops_at: bool,
    ) -> Value:
        value: Value = None
        for operand in operands:
            value = self._operand(operand, dot)
            if is_true(value) is stops_at:
                return value
        return piped[0] if piped else value

    def _operand(self, operand: nodes.Operand, dot: Value) -> Value:
        self._count()
        if isinstance(operand, nodes.Variable):
            value = self._variable(operand.name)
            return _fields(value, operand.names) if operand.names else value
        if isinstance(operand, nodes.Literal):
            return operand.value
        if isinstance(operand, nodes.Field):
            return _fields(dot, operand.names)
        if isinstance(operand, nodes.Dot):
            return dot
        if isinstance(operand, nodes.Function):
            return self._function(operand.name, (), dot, ())
        if isinstance(operand, nodes.Chain):
            return _fields(self._operand(operand.of, dot), operand.names)
        return self._pipe(operand, dot)

    def _variable(self, name: str) -> Value:
        for scope in reversed(self._scopes):
            if name in scope:
                return scope[name]
        raise TemplateError(f"undefined variable: {name}")

    def _count(self, steps: int = 1) -> None:
        self._steps += steps
        if self._steps > _MOST_STEPS:
            raise TemplateError(f"more than {_MOST_STEPS} steps")

    def _write(self, text: str) -> None:
        self._size += len(text)
        if self._size > MOST_CHARACTERS:
            raise TemplateError(f"more than {MOST_CHARACTERS} characters of text")
        self._out.append(text)


def _bounded(value: Value) -> Value:
    """The value, unless it grew beyond what a text may have: a loop can double it in each round."""
    size = len(value) if isinstance(value, str) else value.size if isinstance(value, Arguments) else 0
    if size > MOST_CHARACTERS:
        raise TemplateError(f"more than {MOST_CHARACTERS} characters of text")
    return value


def _method_of(value: Value, name: str) -> Callable[..., Value] | None:
    if isinstance(value, Time):
        return TIME_METHODS.get(name)
    return DURATION_METHODS.get(name) if isinstance(value, Duration) else None


def _invoked(name: str, method: Callable[..., Value], values: Sequence[Value]) -> Value:
    try:
        return method(*values)
    except TypeError:
        raise TemplateError(f"wrong number of args for {name}: got {len(values) - 1}") from None


def _fields(value: Value, names: Sequence[str]) -> Value:
    for name in names:
        if type(value) is dict:
            value = value.get(name, "")
        elif isinstance(value, VectorSample) and name in ("Labels", "Value"):
            value = value.labels if name == "Labels" else value.value
        elif (method := _method_of(value, name)) is not None:
            value = _invoked(name, method, (value,))
        elif isinstance(value, Histogram) and name in _HISTOGRAM_FIELDS:
            value = _HISTOGRAM_FIELDS[name](value)
        elif isinstance(value, AlertFields) and name in value.fields:
            value = value.fields[name]
        elif isinstance(value, Mapping):
            value = value.get(name, None if isinstance(value, Arguments) else "")
        elif value is None:
            raise TemplateError(f'nil data; no entry for key "{name}"')
        else:
            raise TemplateError(f"can't evaluate field {name} in type {type_name(value)}")
    return value


def _pairs(value: Value) -> list[tuple[Value, Value]]:
    if isinstance(value, Mapping):
        return [(key, value[key]) for key in sorted(value)]
    if isinstance(value, bool | float | str | Time | Duration | Histogram | VectorSample | AlertFields):
        raise TemplateError(f"range can't iterate over {shown(value)}")
    if isinstance(value, int):
        return [(number, number) for number in range(min(value, _MOST_STEPS))]
    return list(enumerate(value or ()))


def _bound(declared: Sequence[str], key: Value, value: Value) -> dict[str, Value]:
    if len(declared) == 1:
        return {declared[0]: value}
    return dict(zip(declared, (key, value), strict=True)) if declared else {}
