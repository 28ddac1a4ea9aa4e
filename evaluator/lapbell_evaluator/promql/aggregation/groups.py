"""Arithmetic by groups: the plan that a grouping makes possible, and the sums over it.

`order` lists the rows group by group, `starts` and `counts` say where each group lies in it. With them, an aggregation
is one call of `ufunc.reduceat` over reordered columns, without a loop over groups. What must go row by row within each
group (exact sums of mixed signs, variance) uses `padded`: the k-th rows of all groups at once.

Sums keep what rounding would lose, as Prometheus' do: compensated, in the order of series. Where all values of a step
have one sign nothing can cancel, and `floats.sums` has a faster way.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from lapbell_evaluator.model import METRIC_NAME
from lapbell_evaluator.promql.floats.sums import compensated_sum, grouped_sums, is_easy
from lapbell_evaluator.series import Grouping, LabelTable
from lapbell_evaluator.series.arrays import Bools, Floats, Ints

__all__ = ["Groups", "groups_of"]

_WIDEST_PADDED: Final = 128  # larger groups are summed one by one


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """Rows of a table by group.

    Attributes:
        table: labels of the groups.
        ids: int64[row], the group of each row.
        size: number of groups.
        order: int64[row], rows group by group, within a group in their order.
        starts: int64[group], where each group begins in `order`.
        counts: int64[group], rows of each.
    """

    table: LabelTable
    ids: Ints
    size: int
    order: Ints
    starts: Ints
    counts: Ints

    def padded(self) -> Ints:
        """int64[place, group]: the rows of each group below each other, -1 where there are fewer."""
        return self.table.memo(("padded", id(self.ids)), self._make_padded)

    def _make_padded(self) -> Ints:
        padded = np.full((int(self.counts.max(initial=0)), self.size), -1, np.int64)
        place = np.arange(len(self.order)) - np.repeat(self.starts, self.counts)
        padded[place, self.ids[self.order]] = self.order
        return padded

    def present(self, present: Bools) -> Bools:
        """bool[step, group]: where any row of the group has a value."""
        return self.count(present) > 0

    def count(self, present: Bools) -> Ints:
        """int64[step, group]: how many rows have a value."""
        if bool(present.all()):
            return np.repeat(self.counts[None, :], len(present), axis=0)
        return np.stack([np.bincount(self.ids[row], minlength=self.size) for row in present])

    def reduced(self, function: np.ufunc, values: Floats) -> Floats:
        """float64[step, group]: `function` over each group, e.g. `np.fmax`; an absent value is NaN."""
        if not self.size:
            return np.zeros((len(values), 0))
        reduced: Floats = function.reduceat(values[:, self.order], self.starts, axis=1)
        return reduced

    def sums(self, values: Floats, present: Bools) -> tuple[Floats, Floats]:
        """Totals and compensations, each float64[step, group], in the order of rows."""
        total, lost = np.zeros((len(values), self.size)), np.zeros((len(values), self.size))
        if not self.size:
            return total, lost
        is_all = bool(present.all())
        for step, row in enumerate(values):
            counted = row if is_all else np.where(present[step], row, 0.0)
            if len(self.order) == self.size:
                total[step, self.ids] = counted
            elif is_easy(counted):
                total[step], lost[step] = grouped_sums(counted[self.order], self.starts, self.counts)
            elif int(self.counts.max()) <= _WIDEST_PADDED:
                cells = np.append(counted, 0.0)[self.padded()]
                total[step], lost[step] = compensated_sum(cells, None)
            else:
                total[step] = self._exact_sums(counted)
        return total, lost

    def _exact_sums(self, values: Floats) -> Floats:
        ordered = values[self.order]
        stops = self.starts + self.counts
        return np.array([_exact(ordered[a:b]) for a, b in zip(self.starts.tolist(), stops.tolist(), strict=True)])


def _exact(values: Floats) -> float:
    try:
        return math.fsum(values.tolist())
    except (OverflowError, ValueError):  # infinite, or infinities of both signs: plain addition says which
        with np.errstate(all="ignore"):
            return float(values.sum())


def groups_of(table: LabelTable, names: tuple[str, ...], *, without: bool) -> Groups:
    """The groups of an aggregation; made once per table and grouping."""
    dropped = (*names, METRIC_NAME) if without else names
    return table.memo(("groups", dropped, without), lambda: _new_groups(table, table.group(dropped, without=without)))


def _new_groups(table: LabelTable, grouping: Grouping) -> Groups:
    size = grouping.table.size if table.size else 0
    order = np.argsort(grouping.ids, kind="stable")
    counts = np.bincount(grouping.ids, minlength=size)
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]]) if size else np.empty(0, np.int64)
    of_groups = grouping.table
    if table.drops_name is not None and of_groups.has_name:
        drops = np.bincount(grouping.ids[table.drops_name], minlength=size) > 0
        of_groups = LabelTable(size, of_groups.columns, drops)
    return Groups(of_groups, grouping.ids, size, order, starts, counts)
