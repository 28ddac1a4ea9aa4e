"""Where something stands in the text of an expression."""

from typing import Final, NamedTuple

__all__ = ["NOWHERE", "Position"]


class Position(NamedTuple):
    """A place in the text; a tuple, because each token of ten thousand rules has one.

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
