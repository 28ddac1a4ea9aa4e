"""Which series of two vectors an operator brings together, as the query says it."""

from dataclasses import dataclass
from enum import StrEnum

from lapbell_evaluator.promql.syntax.printer import label_names_text, number_text

__all__ = ["Cardinality", "Matching"]


class Cardinality(StrEnum):
    """How the series of two sides belong together."""

    ONE_TO_ONE = "one-to-one"
    MANY_TO_ONE = "many-to-one"
    ONE_TO_MANY = "one-to-many"
    MANY_TO_MANY = "many-to-many"


@dataclass(frozen=True, slots=True)
class Matching:
    """Which series of two vectors belong together.

    Attributes:
        cardinality: how many of each side.
        labels: names that are compared (`on`), or not (`ignoring`).
        on: which of both.
        include: labels of the one side that the many side takes over.
        fill_left: value of a series that the left side lacks.
        fill_right: value of a series that the right side lacks.
    """

    cardinality: Cardinality = Cardinality.ONE_TO_ONE
    labels: tuple[str, ...] = ()
    on: bool = False
    include: tuple[str, ...] = ()
    fill_left: float | None = None
    fill_right: float | None = None

    def __str__(self) -> str:
        """The clauses as they follow the operator, each with a space before it."""
        is_grouped = self.cardinality in (Cardinality.MANY_TO_ONE, Cardinality.ONE_TO_MANY)
        text = ""
        if self.labels or self.on or is_grouped:
            text += f" {'on' if self.on else 'ignoring'} {label_names_text(self.labels)}"
        if is_grouped:
            side = "left" if self.cardinality is Cardinality.MANY_TO_ONE else "right"
            text += f" group_{side} {label_names_text(self.include)}"
        return text + self._fills_text()

    def _fills_text(self) -> str:
        left, right = self.fill_left, self.fill_right
        if left is not None and left == right:
            return f" fill ({number_text(left)})"
        text = "" if left is None else f" fill_left ({number_text(left)})"
        return text + ("" if right is None else f" fill_right ({number_text(right)})")
