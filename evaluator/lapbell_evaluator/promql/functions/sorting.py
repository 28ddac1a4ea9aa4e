"""`sort`, `sort_by_label` and their descending twins."""

import re
from collections.abc import Sequence
from typing import Final

import numpy as np

from lapbell_evaluator.promql.arguments import Arguments, Function
from lapbell_evaluator.promql.run import Budget
from lapbell_evaluator.promql.value import Value, Vector
from lapbell_evaluator.series import LabelTable
from lapbell_evaluator.series.arrays import Ints

__all__ = ["SORTING"]

_Key = list[tuple[int, int, str]]
_RUNS: Final = re.compile(r"(\d+)")


def _sort(args: Arguments) -> Value:
    run, vector = args.run, args.vector(0)
    if run.start_ms != run.end_ms:
        text = "sort is ineffective for range queries since results are always ordered by labels"
        run.annotations.warn(text, args.position)
    is_descending = args.function.endswith("_desc")
    if args.function.startswith("sort_by_label"):
        return (
            vector
            if run.steps > 1
            else _sorted_by_labels(run.budget, vector, args.texts(1), is_descending=is_descending)
        )
    floats = Vector(vector.table, vector.values, vector.floats_present)
    return floats if run.steps > 1 else _sorted_by_value(floats, is_descending=is_descending)


def _sorted_by_value(vector: Vector, *, is_descending: bool) -> Vector:
    """The series of one step in the order of their values, NaN last."""
    rows = np.flatnonzero(vector.present[0])
    values = vector.values[0, rows]
    is_nan = np.isnan(values)
    key = np.where(is_nan, 0.0, -values if is_descending else values)
    return _taken(vector, rows[np.lexsort((key, is_nan))])


def _sorted_by_labels(budget: Budget, vector: Vector, names: Sequence[str], *, is_descending: bool) -> Vector:
    """The series of one step in the natural order of some labels, then of all."""
    rows = np.flatnonzero(vector.present[0]).tolist()
    keys: list[list[_Key]] = []
    for name in names:
        texts = vector.table.texts(name)
        key_of = {text: _natural(text) for text in budget.counted(set(texts))}
        keys.append([key_of[text] for text in texts])
    full = vector.table.full_rows()
    budget.spend(len(rows))
    rows.sort(key=lambda row: ([column[row] for column in keys], full[row]), reverse=is_descending)
    return _taken(vector, np.array(rows, np.int64))


def _natural(text: str) -> _Key:
    """Numbers inside the text count as numbers, however long: more digits are more, equally many are as they read."""
    parts = (part.lstrip("0") if part.isdigit() else part for part in _RUNS.split(text) if part)
    return [(0, len(part), part) if part.isdigit() or not part else (1, 0, part) for part in parts]


def _taken(vector: Vector, rows: Ints) -> Vector:
    table: LabelTable = vector.table.take(rows)
    histograms = None if vector.histograms is None else vector.histograms[:, rows]
    return Vector(table, vector.values[:, rows], vector.present[:, rows], histograms)


SORTING: Final[dict[str, Function]] = {
    "sort": _sort,
    "sort_desc": _sort,
    "sort_by_label": _sort,
    "sort_by_label_desc": _sort,
}
