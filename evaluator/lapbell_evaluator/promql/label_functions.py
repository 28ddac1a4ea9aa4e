"""Functions of labels: replacing, joining, sorting."""

import re
from collections.abc import Sequence
from functools import cmp_to_key
from typing import Final

import numpy as np
import re2

from lapbell_evaluator.model import METRIC_NAME
from lapbell_evaluator.promql.ast import Call
from lapbell_evaluator.promql.errors import PromqlError
from lapbell_evaluator.promql.joins import merged
from lapbell_evaluator.promql.texts import is_label_name
from lapbell_evaluator.promql.value import Ints, Vector
from lapbell_evaluator.series import LabelTable, column_of

__all__ = ["label_join", "label_replace", "sorted_by_labels", "sorted_by_value"]

_REFERENCE: Final = re.compile(r"\$(?:\$|(\w+)|\{(\w+)\})")
_RUNS: Final = re.compile(r"(\d+)")


def label_replace(node: Call, vector: Vector, target: str, replacement: str, source: str, pattern: str) -> Vector:
    """The series with a label made from another by a pattern.

    Raises:
        PromqlError: the pattern or the label's name is wrong, or two series become one.
    """
    where = node.position
    options = re2.Options()
    options.log_errors = False
    options.dot_nl = True
    try:
        compiled = re2.compile(pattern, options=options)
    except re2.error as error:
        reason = f"invalid regular expression in label_replace(): {pattern}"
        raise PromqlError(reason, where.line, where.column, "The syntax is RE2's.") from error
    _check_name(node, target, "destination")
    sources, targets = vector.table.texts(source), vector.table.texts(target)
    replaced = {text: _expanded(compiled, replacement, text) for text in set(sources)}
    texts = [
        own if replaced[text] is None else replaced[text] or "" for text, own in zip(sources, targets, strict=True)
    ]
    is_matched = np.array([replaced[text] is not None for text in sources], np.bool_)
    return _relabelled(vector, target, texts, is_matched)


def _expanded(compiled: "re2._Regexp[str]", replacement: str, text: str) -> str | None:
    """The replacement with its references filled in; None if the pattern does not match all of `text`."""
    match = compiled.fullmatch(text)
    if match is None:
        return None

    def value(reference: re.Match[str]) -> str:
        name = reference[1] or reference[2]
        if name is None:
            return "$"
        try:
            return match.group(int(name) if name.isdigit() else name) or ""
        except (IndexError, KeyError):
            return ""

    return _REFERENCE.sub(value, replacement)


def label_join(node: Call, vector: Vector, target: str, separator: str, sources: Sequence[str]) -> Vector:
    """The series with a label joined from others.

    Raises:
        PromqlError: as `label_replace`.
    """
    for source in sources:
        _check_name(node, source, "source")
    _check_name(node, target, "destination")
    columns = [vector.table.texts(source) for source in sources]
    texts = [separator.join(row) for row in zip(*columns, strict=True)] if columns else [""] * vector.table.size
    return _relabelled(vector, target, texts, np.ones(vector.table.size, np.bool_))


def _relabelled(vector: Vector, target: str, texts: list[str], is_set: np.ndarray) -> Vector:
    drops = vector.table.drops_name
    if target == METRIC_NAME and drops is not None:
        drops = drops & ~is_set
    table = vector.table.with_column(target, column_of(texts), drops)
    return merged(Vector(table, vector.values, vector.present, vector.histograms))


def _check_name(node: Call, name: str, role: str) -> None:
    where = node.position
    if not is_label_name(name):
        raise PromqlError(f"invalid {role} label name in {node.function}(): {name}", where.line, where.column)


def sorted_by_value(vector: Vector, *, is_descending: bool) -> Vector:
    """The series of one step in the order of their values, NaN last."""
    rows = np.flatnonzero(vector.present[0])
    values = vector.values[0, rows]
    is_nan = np.isnan(values)
    key = np.where(is_nan, 0.0, -values if is_descending else values)
    return _taken(vector, rows[np.lexsort((key, is_nan))])


def sorted_by_labels(vector: Vector, names: Sequence[str], *, is_descending: bool) -> Vector:
    """The series of one step in the natural order of some labels, then of all."""
    rows = np.flatnonzero(vector.present[0]).tolist()
    columns = [vector.table.texts(name) for name in names]
    full = vector.table.full_rows()

    def compare(first: int, second: int) -> int:
        for column in columns:
            if column[first] != column[second]:
                return -1 if _natural(column[first]) < _natural(column[second]) else 1
        return -1 if full[first] < full[second] else 1

    rows.sort(key=cmp_to_key(compare), reverse=is_descending)
    return _taken(vector, np.array(rows, np.int64))


def _natural(text: str) -> list[tuple[int, int, str]]:
    """Numbers inside the text count as numbers, however long: more digits are more, equally many are as they read."""
    parts = (part.lstrip("0") if part.isdigit() else part for part in _RUNS.split(text) if part)
    return [(0, len(part), part) if part.isdigit() or not part else (1, 0, part) for part in parts]


def _taken(vector: Vector, rows: Ints) -> Vector:
    table: LabelTable = vector.table.take(rows)
    histograms = None if vector.histograms is None else vector.histograms[:, rows]
    return Vector(table, vector.values[:, rows], vector.present[:, rows], histograms)
