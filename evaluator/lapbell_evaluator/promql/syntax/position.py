"""Where something stands in the text of an expression."""

from dataclasses import dataclass
from typing import Final

__all__ = ["NOWHERE", "Position"]


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the text.

    Attributes:
        line: from 1.
        column: from 1.
    """

    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.line}:{self.column}"


NOWHERE: Final = Position()
"""Of what was made without a text."""
