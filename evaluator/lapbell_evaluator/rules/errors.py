"""What is wrong with a rule file."""

from collections.abc import Sequence
from dataclasses import dataclass

from lapbell_evaluator.model import EvaluatorError

__all__ = ["Problem", "RuleFileError"]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to mend.

    Attributes:
        line: from 1.
        column: from 1.
        message: what is wrong.
        group: where; empty outside of a group.
        rule: which rule of the group, from 1; 0 outside of a rule.
        name: the rule's name; empty if it has none.
    """

    line: int
    column: int
    message: str
    group: str = ""
    rule: int = 0
    name: str = ""

    def __str__(self) -> str:
        group = f'group "{self.group}", ' if self.group else ""
        rule = f'rule {self.rule}, "{self.name}", ' if self.rule else ""
        where = f"{group}{rule}".removesuffix(", ")
        return f"{self.line}:{self.column}: {f'{where}: ' if where else ''}{self.message}"


class RuleFileError(EvaluatorError):
    """A rule file that can't be used; one line for each thing to mend.

    Attributes:
        problems: each with its position.
    """

    def __init__(self, file: str, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(f"{file or '<rules>'}:{problem}" for problem in problems))
        self.file = file
        self.problems = tuple(problems)
