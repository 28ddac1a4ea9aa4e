"""What a template is made of, once parsed."""

from dataclasses import dataclass
from typing import TypeAlias

__all__ = [
    "Action",
    "Block",
    "Break",
    "Call",
    "Chain",
    "Command",
    "Continue",
    "Control",
    "Dot",
    "Field",
    "Function",
    "Literal",
    "Operand",
    "Pipe",
    "Range",
    "Statement",
    "Text",
    "Variable",
    "When",
]


@dataclass(frozen=True, slots=True)
class Dot:
    """The dot."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A string, a number, a boolean or nil."""

    value: str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Field:
    """As in `.Labels.job`."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Variable:
    """As in `$labels.job`; the name keeps its dollar."""

    name: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Function:
    """The name of a function."""

    name: str


@dataclass(frozen=True, slots=True)
class Chain:
    """As in `(pipeline).Value`."""

    of: "Operand"
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Command:
    """A function or an operand with its arguments."""

    operands: tuple["Operand", ...]


@dataclass(frozen=True, slots=True)
class Pipe:
    """Commands, each handing its value to the next as its last argument.

    Attributes:
        declared: variables that get the value, with their dollars.
        is_assignment: `=` rather than `:=`.
        commands: at least one.
    """

    declared: tuple[str, ...]
    is_assignment: bool
    commands: tuple[Command, ...]


Operand: TypeAlias = Dot | Literal | Field | Variable | Function | Chain | Pipe


@dataclass(frozen=True, slots=True)
class Text:
    """Text outside of actions."""

    text: str


@dataclass(frozen=True, slots=True)
class Action:
    """As in `{{ pipeline }}`."""

    pipe: Pipe


@dataclass(frozen=True, slots=True)
class When:
    """`if`, or `with`, which moves the dot to the value."""

    pipe: Pipe
    body: "Block"
    otherwise: "Block"
    moves_dot: bool


@dataclass(frozen=True, slots=True)
class Range:
    """A `range`."""

    pipe: Pipe
    body: "Block"
    otherwise: "Block"


@dataclass(frozen=True, slots=True)
class Break:
    """A `break`."""


@dataclass(frozen=True, slots=True)
class Continue:
    """A `continue`."""


@dataclass(frozen=True, slots=True)
class Call:
    """As in `template "name" pipeline`."""

    name: str
    pipe: Pipe | None


Control: TypeAlias = When | Range | Break | Continue | Call
Statement: TypeAlias = Text | Action | Control
Block: TypeAlias = tuple[Statement, ...]
