"""One aggregation: groups its series, and puts floats and native histograms together."""

from typing import Final

import numpy as np

from lapbell_evaluator.model import Histogram, Labels
from lapbell_evaluator.promql.aggregation.floats import aggregate_floats, quantiles
from lapbell_evaluator.promql.aggregation.groups import Groups, groups_of
from lapbell_evaluator.promql.aggregation.labels_hash import labels_hash
from lapbell_evaluator.promql.annotations import go_number
from lapbell_evaluator.promql.histograms.native_sums import average, total
from lapbell_evaluator.promql.histograms.native_text import histogram_text
from lapbell_evaluator.promql.run import Run
from lapbell_evaluator.promql.syntax.ast import Aggregate
from lapbell_evaluator.promql.syntax.errors import PromqlError
from lapbell_evaluator.promql.syntax.printer import number_text
from lapbell_evaluator.promql.syntax.quoting import is_label_name, quoted
from lapbell_evaluator.promql.value import Scalar, Text, Value, Vector, empty_vector
from lapbell_evaluator.series import LabelTable, column_of
from lapbell_evaluator.series.arrays import Bools, Floats, Ints, Objects

__all__ = ["Aggregating"]

_CHOOSING: Final = frozenset({"topk", "bottomk", "limitk", "limit_ratio"})
_COUNTING: Final = frozenset({"count", "group"})
_INT64: Final = float(1 << 63)
_COST_OF_A_TEXT: Final = 20  # in samples: it is made one by one


class Aggregating:
    """One aggregation within a run."""

    def __init__(self, run: Run, node: Aggregate) -> None:
        self.run = run
        self.node = node

    def value(self, vector: Vector, param: Value | None) -> Vector:
        """The aggregated series.

        Raises:
            PromqlError: the parameter has no meaning.
        """
        if self.node.op == "count_values" and isinstance(param, Text):
            return self._count_values(vector, param.value)
        groups = groups_of(vector.table, self.node.grouping, without=self.node.without)
        if self.node.op in _CHOOSING and isinstance(param, Scalar):
            return self._chosen(vector, groups, param.values)
        if self.node.op == "quantile" and isinstance(param, Scalar):
            self._check_quantile(param.values, vector)
            self._ignore_histograms(vector)
            values, present = quantiles(groups, vector, param.values)
            return Vector(groups.table, values, present)
        if self.node.op in _COUNTING:
            return self._counted(vector, groups)
        values, present = aggregate_floats(self.node.op, groups, vector)
        if vector.histograms is None:
            return Vector(groups.table, values, present)
        if self.node.op in ("sum", "avg"):
            return self._with_histograms(vector, groups, values, present)
        self._ignore_histograms(vector)
        return Vector(groups.table, values, present)

    def _counted(self, vector: Vector, groups: Groups) -> Vector:
        """`count` and `group` do not ask what the values are."""
        everything = Vector(vector.table, vector.values, vector.present)
        values, present = aggregate_floats(self.node.op, groups, everything)
        return Vector(groups.table, values, present)

    def _ignore_histograms(self, vector: Vector) -> None:
        if vector.histograms is not None and bool(vector.has_histogram.any()):
            is_chosen = self.node.op in _CHOOSING
            at = self.node.position if is_chosen else self.node.expr.position
            self.run.annotations.histograms_ignored(self.node.op, at)

    def _check_quantile(self, wanted: Floats, vector: Vector) -> None:
        if not vector.table.size or self.node.param is None:
            return
        for value in wanted[np.isnan(wanted) | (wanted < 0) | (wanted > 1)].tolist():
            self.run.annotations.quantile_out_of_range(value, self.node.param.position)

    def _with_histograms(self, vector: Vector, groups: Groups, values: Floats, present: Bools) -> Vector:
        has = vector.has_histogram
        histograms: Objects = np.full(values.shape, None, np.object_)
        touched = groups.present(has)
        values = np.where(present, values, 0.0)
        for step, group in self.run.budget.counted(zip(*np.nonzero(touched), strict=True)):
            if present[step, group]:
                self.run.annotations.mixed_aggregation(self.node.expr.position)
                present[step, group] = False
                continue
            rows = groups.order[groups.starts[group] : groups.starts[group] + groups.counts[group]]
            own = [one for one in rows.tolist() if has[step, one]]
            self.run.budget.spend(len(own))
            result = self._combined(vector, int(step), own)
            histograms[step, group], present[step, group] = result, result is not None
        return Vector(groups.table, values, present, histograms)

    def _combined(self, vector: Vector, step: int, rows: list[int]) -> Histogram | None:
        if vector.histograms is None:
            return None
        members = [vector.histograms[step, row] for row in rows]
        metric = vector.table.texts("__name__")[rows[-1]]
        function = total if self.node.op == "sum" else average
        return function(members, self.run.annotations, metric, self.node.expr.position)

    def _chosen(self, vector: Vector, groups: Groups, param: Floats) -> Vector:
        """Some series of each group, unchanged."""
        if self.node.op == "limit_ratio":
            return self._limited_by_ratio(vector, param)
        if not np.isnan(param).any() and not param.max() >= 1:
            return empty_vector(self.run.steps)
        self._check_count(param)
        present = vector.floats_present
        if self.node.op == "limitk":
            return self._limited(vector, groups, param)
        self._ignore_histograms(vector)
        chosen = np.zeros_like(present)
        orders = []
        for step in range(self.run.steps):
            self.run.budget.spend(0)
            order = _best(vector.values[step], groups.ids, present[step], is_descending=self.node.op == "topk")
            rank = _rank_in_group(groups.ids[order])
            order = order[rank < param[step]]
            chosen[step, order] = True
            orders.append(order)
        result = Vector(vector.table, vector.values, chosen)
        return result if self.run.steps > 1 else _taken(result, orders[0])

    def _check_count(self, param: Floats) -> None:
        where = self.node.position
        if np.isnan(param).any():
            raise PromqlError("Parameter value is NaN", where.line, where.column)
        if param.min() <= -_INT64:
            raise PromqlError(
                f"Scalar value {go_number(float(param.min()))} underflows int64", where.line, where.column
            )
        if param.max() >= _INT64:
            raise PromqlError(f"Scalar value {go_number(float(param.max()))} overflows int64", where.line, where.column)

    def _limited(self, vector: Vector, groups: Groups, param: Floats) -> Vector:
        """The first series of each group, in the order of the table."""
        chosen = np.zeros_like(vector.present)
        for step in range(self.run.steps):
            self.run.budget.spend(0)
            order = groups.order[vector.present[step, groups.order]]
            chosen[step, order[_rank_in_group(groups.ids[order]) < np.trunc(param[step])]] = True
        return Vector(vector.table, vector.values, chosen, vector.histograms)

    def _limited_by_ratio(self, vector: Vector, param: Floats) -> Vector:
        """A share of all series, the same at every step, chosen by a hash of the labels."""
        where = self.node.position
        if np.isnan(param).any():
            raise PromqlError("Ratio value is NaN", where.line, where.column)
        for value in {float(param.max(initial=0)), float(param.min(initial=0))}:
            if abs(value) > 1 and self.node.param is not None:
                text = f"ratio value should be between -1 and 1, got {go_number(value)}, capping to "
                self.run.annotations.warn(text + ("1" if value > 0 else "-1"), self.node.param.position)
        place = vector.table.memo(
            "places",
            lambda: np.array([_place(row) for row in self.run.budget.counted(vector.table.full_rows())], np.float64),
        )
        ratio = np.clip(param, -1, 1)[:, None]
        chosen = np.where(ratio >= 0, place < ratio, place >= 1 + ratio)
        return Vector(vector.table, vector.values, vector.present & chosen, vector.histograms)

    def _count_values(self, vector: Vector, label: str) -> Vector:
        where = self.node.position
        if not is_label_name(label):
            raise PromqlError(f"invalid label name {quoted(label)}", where.line, where.column)
        at_step, at_row = np.nonzero(vector.present)
        self.run.budget.spend(len(at_row) * _COST_OF_A_TEXT)
        texts = [""] * len(at_row)
        for at, (step, row) in enumerate(zip(at_step.tolist(), at_row.tolist(), strict=True)):
            texts[at] = _text_of(vector, step, row)
            self.run.budget.write(len(texts[at]))
        cells = vector.table.take(at_row)
        named = cells.with_column(label, column_of(texts), cells.drops_name)
        names = self.node.grouping if self.node.without else (*self.node.grouping, label)
        groups = groups_of(named, names, without=self.node.without)
        values = np.zeros((self.run.steps, groups.size))
        np.add.at(values, (at_step, groups.ids), 1.0)
        return Vector(LabelTable(groups.size, groups.table.columns), values, values > 0)


def _text_of(vector: Vector, step: int, row: int) -> str:
    if vector.histograms is not None and vector.histograms[step, row] is not None:
        return histogram_text(vector.histograms[step, row])
    return number_text(float(vector.values[step, row]))


def _place(own: Labels) -> float:
    """A number of 0..1 that belongs to a label set, the same as in Prometheus (`HashRatioSampler`)."""
    return labels_hash(own) / float((1 << 64) - 1)


def _best(values: Floats, ids: Ints, present: Bools, *, is_descending: bool) -> Ints:
    """Rows group by group, the best of each first; NaN last."""
    rows = np.flatnonzero(present)
    own = values[rows]
    is_nan = np.isnan(own)
    key = np.where(is_nan, 0.0, -own if is_descending else own)
    return rows[np.lexsort((key, is_nan, ids[rows]))]


def _rank_in_group(ids: Ints) -> Ints:
    """The place of each row among its group; rows of a group lie together."""
    if not len(ids):
        return np.empty(0, np.int64)
    starts = np.flatnonzero(np.concatenate([[True], ids[1:] != ids[:-1]]))
    lengths = np.diff(np.concatenate([starts, [len(ids)]]))
    return np.arange(len(ids)) - np.repeat(starts, lengths)


def _taken(vector: Vector, rows: Ints) -> Vector:
    return Vector(vector.table.take(rows), vector.values[:, rows], vector.present[:, rows])
