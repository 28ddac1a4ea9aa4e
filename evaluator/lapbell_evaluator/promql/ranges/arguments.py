"""What a range function is given: windows of samples and evaluated scalars."""

from dataclasses import dataclass

from lapbell_evaluator.promql.run import Run
from lapbell_evaluator.promql.selectors.range_vector import RangeVector
from lapbell_evaluator.promql.syntax.position import Position
from lapbell_evaluator.series.arrays import Floats

__all__ = ["RangeArguments"]


@dataclass(frozen=True, slots=True, eq=False)
class RangeArguments:
    """The evaluated arguments of one call of a range function.

    Attributes:
        run: the steps, the budget, and where annotations go.
        function: the name that was called.
        ranges: the windows of the range argument.
        scalars: the other arguments, float64[step] each, in their order.
        position: of the call.
        first_position: of the first argument as written, parentheses included.
        range_position: of the selector or subquery.
    """

    run: Run
    function: str
    ranges: RangeVector
    scalars: tuple[Floats, ...]
    position: Position
    first_position: Position
    range_position: Position
