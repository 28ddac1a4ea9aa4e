"""Which function has which name; those of ranges and of histograms have rooms of their own."""

from typing import Final

from lapbell_evaluator.promql.arguments import Function
from lapbell_evaluator.promql.functions.calendar import OF_TIMES
from lapbell_evaluator.promql.functions.elementwise import OF_FLOATS
from lapbell_evaluator.promql.functions.labels import OF_LABELS
from lapbell_evaluator.promql.functions.limiting import LIMITING
from lapbell_evaluator.promql.functions.scalars import OF_SCALARS
from lapbell_evaluator.promql.functions.sorting import SORTING

__all__ = ["FUNCTIONS"]

FUNCTIONS: Final[dict[str, Function]] = {**OF_FLOATS, **OF_TIMES, **OF_SCALARS, **LIMITING, **OF_LABELS, **SORTING}
"""Those that need nothing but evaluated arguments; `timestamp`, `absent` and `info` see the node in `Evaluator`."""
