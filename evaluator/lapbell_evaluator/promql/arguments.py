"""What a function is given: its arguments, already evaluated, and where they stand in the text."""

from collections.abc import Callable
from dataclasses import dataclass

from lapbell_evaluator.promql.run import Run
from lapbell_evaluator.promql.syntax.position import Position
from lapbell_evaluator.promql.value import Scalar, Text, Value, Vector
from lapbell_evaluator.series.arrays import Floats

__all__ = ["Arguments", "Function"]


@dataclass(frozen=True, slots=True, eq=False)
class Arguments:
    """The evaluated arguments of one call; their kinds were checked when the text was parsed.

    Attributes:
        run: the steps, the budget, and where annotations go.
        function: the name that was called.
        values: one for each argument.
        position: of the call.
        positions: of each argument.
    """

    run: Run
    function: str
    values: tuple[Value, ...]
    position: Position
    positions: tuple[Position, ...]

    def __len__(self) -> int:
        return len(self.values)

    def vector(self, at: int) -> Vector:
        """The argument `at`, an instant vector."""
        value = self.values[at]
        if not isinstance(value, Vector):
            raise TypeError(f"argument {at} of {self.function} is no vector")
        return value

    def scalar(self, at: int) -> Floats:
        """The argument `at`, a scalar, float64[step]."""
        value = self.values[at]
        if not isinstance(value, Scalar):
            raise TypeError(f"argument {at} of {self.function} is no scalar")
        return value.values

    def text(self, at: int) -> str:
        """The argument `at`, a string."""
        value = self.values[at]
        if not isinstance(value, Text):
            raise TypeError(f"argument {at} of {self.function} is no string")
        return value.value

    def texts(self, start: int) -> list[str]:
        """The arguments from `start` on, strings."""
        return [self.text(at) for at in range(start, len(self.values))]


Function = Callable[[Arguments], Value]
"""From evaluated arguments to the value of the call."""
