"""Labels of many series as columns, and plans over them that are made once.

Each label is dictionary-encoded, as column stores do it: distinct values once, and a code for every row. Grouping by
labels then is arithmetic on codes: the codes of several columns are read as the digits of one number (`_distinct`), and
`np.unique` of these numbers are the groups.

A plan (grouping, dropping names, joining) depends on the labels only, never on values: it is made when first asked for
and kept with the table, so that the next evaluation of the same rule starts with arrays of row numbers. That works
because tables are immutable and live as long as the selection they belong to (see `selecting`). This memo is the whole
query planner.

Invariants: code 0 of every column is the empty text, which is an absent label; all columns have `size` codes; groups
come in the order of their first rows, because Prometheus' `limitk` and sums depend on the order of series.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar, cast

import numpy as np

from lapbell_evaluator.model import METRIC_NAME, Labels
from lapbell_evaluator.series.arrays import Bools, Codes, Ints

__all__ = ["METADATA_LABELS", "Column", "Grouping", "LabelTable", "column_of"]

_T = TypeVar("_T")

_KEY_LIMIT: Final = 1 << 62
_OTHERS_KEPT: Final = 8
_FLAG: Final = "\0"  # no label has this name

METADATA_LABELS: Final = (METRIC_NAME, "__type__", "__unit__")
"""What disappears together with the name. Source: Prometheus, schema.IsMetadataLabel."""


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """One label of all rows.

    Attributes:
        codes: int32[row], positions in `values`.
        values: the distinct values; the first is empty and stands for an absent label.
    """

    codes: Codes
    values: Sequence[str]

    def texts(self) -> list[str]:
        """The value of every row."""
        values = self.values
        return [values[code] for code in self.codes.tolist()]


def column_of(texts: Iterable[str]) -> Column:
    """A column with these values."""
    code_of = {"": 0}
    codes = np.array([code_of.setdefault(text, len(code_of)) for text in texts], np.int32)
    return Column(codes, list(code_of))


@dataclass(frozen=True, slots=True, eq=False)
class Grouping:
    """Rows divided into groups.

    Attributes:
        ids: int64[row], the group of each row.
        first: int64[group], the first row of each.
        table: labels of the groups, in the order of their first rows.
    """

    ids: Ints
    first: Ints
    table: "LabelTable"


class LabelTable:
    """Labels of `size` rows; never changed.

    Args:
        size: number of rows.
        columns: by label name; a row without the label has the code 0.
        drops_name: bool[row], rows whose `__name__` disappears from the answer; None means no row.
    """

    __slots__ = ("_memo", "columns", "drops_name", "size")

    def __init__(self, size: int, columns: Mapping[str, Column], drops_name: Bools | None = None) -> None:
        self.size = size
        self.columns = columns
        self.drops_name = drops_name
        self._memo: dict[Hashable, object] = {}

    def memo(self, key: Hashable, make: Callable[[], _T]) -> _T:
        """What `make` returned when `key` was first asked for."""
        value = self._memo.get(key)
        if value is None:
            value = self._memo[key] = make()
        return cast("_T", value)

    def pair_memo(self, key: Hashable, other: "LabelTable", make: Callable[[], _T]) -> _T:
        """What `make` returned for this table and another; the last few others are remembered.

        A table lives as long as its metric has the same series; the other may change before it does.
        """
        pairs = self.memo(("pairs", key), list[tuple["LabelTable", object]])
        for table, value in pairs:
            if table is other:
                return cast("_T", value)
        new = make()
        pairs.append((other, new))
        del pairs[:-_OTHERS_KEPT]
        return new

    @classmethod
    def from_rows(cls, rows: Sequence[Labels]) -> "LabelTable":
        """A table of label sets."""
        names = dict.fromkeys(name for row in rows for name, _ in row)
        maps = [dict(row) for row in rows]
        return cls(len(rows), {name: column_of(row.get(name, "") for row in maps) for name in names})

    def rows(self) -> list[Labels]:
        """The labels of every row as they stand in an answer."""
        return self.memo("rows", self._make_rows)

    def _make_rows(self) -> list[Labels]:
        names = sorted(self.columns)
        texts = [self.columns[name].texts() for name in names]
        if self.drops_name is not None and METRIC_NAME in self.columns:
            at = names.index(METRIC_NAME)
            texts[at] = [
                "" if is_dropped else text for text, is_dropped in zip(texts[at], self.drops_name, strict=True)
            ]
        if not texts:
            return [()] * self.size
        return [
            tuple((name, text) for name, text in zip(names, row, strict=True) if text)
            for row in zip(*texts, strict=True)
        ]

    def full_rows(self) -> list[Labels]:
        """The labels of every row, names that will be dropped included."""
        if self.drops_name is None:
            return self.rows()
        return self.memo("full_rows", lambda: LabelTable(self.size, self.columns).rows())

    def take(self, rows: Ints) -> "LabelTable":
        """The table of these rows, in this order; not memoised."""
        columns = {name: Column(column.codes[rows], column.values) for name, column in self.columns.items()}
        return LabelTable(len(rows), columns, None if self.drops_name is None else self.drops_name[rows])

    def dropping_name(self) -> "LabelTable":
        """The same rows, whose names disappear at the end of the query (Prometheus' delayed name removal)."""
        if not self.has_name or (self.drops_name is not None and bool(self.drops_name.all())):
            return self
        return self.memo("dropping_name", lambda: LabelTable(self.size, self.columns, np.ones(self.size, np.bool_)))

    def without_dropped_names(self) -> "LabelTable":
        """The same rows with the removal of names carried out."""
        if self.drops_name is None or not self.has_name:
            return self
        return self.memo("without_dropped_names", self._clear_names)

    @property
    def has_name(self) -> bool:
        """Whether any label of a metric's name is among the columns."""
        return any(name in self.columns for name in METADATA_LABELS)

    def _clear_names(self) -> "LabelTable":
        drops = np.zeros(self.size, np.bool_) if self.drops_name is None else self.drops_name
        cleared = {
            name: Column(np.where(drops, 0, self.columns[name].codes).astype(np.int32), self.columns[name].values)
            for name in METADATA_LABELS
            if name in self.columns
        }
        return LabelTable(self.size, {**self.columns, **cleared})

    def with_column(self, name: str, column: Column, drops_name: Bools | None) -> "LabelTable":
        """The same rows with one label set anew."""
        return LabelTable(self.size, {**self.columns, name: column}, drops_name)

    def texts(self, name: str) -> list[str]:
        """The value of one label in every row, empty where absent."""
        column = self.columns.get(name)
        return [""] * self.size if column is None else self.memo(("texts", name), column.texts)

    def group(self, names: Iterable[str], *, without: bool = False) -> Grouping:
        """Rows with equal labels together: equal `names` of them, or equal others if `without`."""
        key = ("group", frozenset(names), without)
        return self.memo(key, lambda: self._make_group(key[1], without=without))

    def group_all(self) -> Grouping:
        """Rows with the very same labels together; a name that will be dropped is not one that stays."""
        return self.memo("group_all", self._make_group_all)

    def _make_group_all(self) -> Grouping:
        drops = self.drops_name
        if drops is None or not self.has_name or drops.all() == drops.any():
            return self.group((), without=True)
        flag = Column(drops.astype(np.int32), ("", "dropped"))
        grouping = LabelTable(self.size, {**self.columns, _FLAG: flag}).group((), without=True)
        columns = {name: column for name, column in grouping.table.columns.items() if name != _FLAG}
        return Grouping(grouping.ids, grouping.first, LabelTable(len(grouping.first), columns, drops[grouping.first]))

    def _make_group(self, names: frozenset[str], *, without: bool) -> Grouping:
        compared = {name: column for name, column in self.columns.items() if (name in names) != without}
        first, ids = _distinct(self.size, list(compared.values()))
        columns = {name: Column(column.codes[first], column.values) for name, column in compared.items()}
        drops = None if self.drops_name is None else self.drops_name[first]
        return Grouping(ids, first, LabelTable(len(first), columns, drops))

    @staticmethod
    def concatenated(tables: Sequence["LabelTable"]) -> "LabelTable":
        """The rows of all tables, one after the other."""
        if len(tables) == 1:
            return tables[0]
        names = dict.fromkeys(name for table in tables for name in table.columns)
        size = sum(table.size for table in tables)
        columns = {name: _joined([(table.size, table.columns.get(name)) for table in tables]) for name in names}
        drops = None
        if any(table.drops_name is not None for table in tables):
            drops = np.concatenate(
                [np.zeros(table.size, np.bool_) if table.drops_name is None else table.drops_name for table in tables]
            )
        return LabelTable(size, columns, drops)


def _distinct(size: int, columns: Sequence[Column]) -> tuple[Ints, Ints]:
    """First row of every distinct combination, and the combination of every row; in the order of first rows.

    The codes of a row are the digits of `key`, int64[row], in a number system whose bases are the columns' sizes: equal
    keys are equal combinations. Before the number could leave int64, the keys so far are replaced by their ranks.

    Returns:
        int64[combination] and int64[row].
    """
    if not columns or not size:
        return np.zeros(min(size, 1), np.int64), np.zeros(size, np.int64)
    key = np.zeros(size, np.int64)
    span = 1
    for column in columns:
        if span * len(column.values) >= _KEY_LIMIT:
            distinct, key = np.unique(key, return_inverse=True)
            span = len(distinct)
        key = key * len(column.values) + column.codes
        span *= len(column.values)
    _, first, inverse = np.unique(key, return_index=True, return_inverse=True)
    order = np.argsort(first, kind="stable")  # `np.unique` sorts by key; answers want the order of rows
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return first[order], rank[inverse.reshape(-1)]


def _joined(parts: Sequence[tuple[int, Column | None]]) -> Column:
    """One column of several tables' rows; a table without it (None) has as many absent labels as rows."""
    code_of = {"": 0}
    pieces = []
    for size, column in parts:
        if column is None:
            pieces.append(np.zeros(size, np.int32))
        else:
            translation = np.array([code_of.setdefault(value, len(code_of)) for value in column.values], np.int32)
            pieces.append(translation[column.codes])
    return Column(np.concatenate(pieces), list(code_of))
