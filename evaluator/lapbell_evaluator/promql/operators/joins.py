"""Operators between two vectors: pairs of series, their values, their labels.

A join depends on labels, not on values: which row of the many side meets which row of the one side is found once per
pair of label tables and kept with them (`LabelTable.pair_memo`). An evaluation then only gathers columns:
`left.values[:, pairs.many]` beside `right.values[:, pairs.one]`, both float64[step, pair].

That holds as long as each row of the one side has a match group to itself (`_static_pairs`). Where series take turns in
a group, or `fill` makes partners of nothing, pairs are found step by step (`_stepwise_pairs`); equal pairs of different
steps share a column.

Invariant: the rows of `pairs.table`, the columns of `pairs.present` and both row arrays are in the same order.
Source: Prometheus 3.14, promql/engine.go, `VectorBinop` and `resultMetric`.
"""

from dataclasses import dataclass

import numpy as np

from lapbell_evaluator.model import METRIC_NAME
from lapbell_evaluator.promql.merging import merged
from lapbell_evaluator.promql.operators.match_plan import MatchPlan, match_plan
from lapbell_evaluator.promql.run import Run
from lapbell_evaluator.promql.syntax.ast import Binary
from lapbell_evaluator.promql.syntax.errors import PromqlError
from lapbell_evaluator.promql.syntax.matching import Cardinality, Matching
from lapbell_evaluator.promql.syntax.printer import labels_text
from lapbell_evaluator.promql.value import Vector, empty_vector
from lapbell_evaluator.series import METADATA_LABELS, Column, LabelTable, column_of
from lapbell_evaluator.series.arrays import Bools, Ints

__all__ = ["Pairs", "pairs_of", "set_operation"]


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Series of the many side with their partners on the one side.

    Attributes:
        many: int64[pair], rows of the many side; -1 where it is filled.
        one: int64[pair], rows of the one side; -1 where it is filled.
        present: bool[step, pair].
        table: labels of the results.
    """

    many: Ints
    one: Ints
    present: Bools
    table: LabelTable


def set_operation(node: Binary, left: Vector, right: Vector, matching: Matching) -> Vector:
    """`and`, `or`, `unless`; a side without series needs no plan."""
    if not left.table.size:
        return right if node.op == "or" else left
    if not right.table.size:
        return empty_vector(len(left.present)) if node.op == "and" else left
    plan = match_plan(left.table, right.table, matching)
    if node.op == "or":
        return _either(left, right, plan)
    has_right = _has(plan.right, right.present, plan.size)
    matched = has_right[:, plan.left]
    present = left.present & (matched if node.op == "and" else ~matched)
    return Vector(left.table, left.values, present, left.histograms)


def _has(numbers: Ints, present: Bools, size: int) -> Bools:
    """bool[step, signature]: where any row of the signature has a value."""
    has = np.zeros((len(present), size), np.bool_)
    steps, rows = np.nonzero(present)
    has[steps, numbers[rows]] = True
    return has


def _either(left: Vector, right: Vector, plan: MatchPlan) -> Vector:
    has_left = _has(plan.left, left.present, plan.size)
    only_right = right.present & ~has_left[:, plan.right]
    table = left.table.pair_memo("or", right.table, lambda: LabelTable.concatenated([left.table, right.table]))
    histograms = None
    if left.histograms is not None or right.histograms is not None:
        histograms = np.concatenate([_objects(left), _objects(right)], axis=1)
    values = np.concatenate([left.values, right.values], axis=1)
    return merged(Vector(table, values, np.concatenate([left.present, only_right], axis=1), histograms))


def _objects(vector: Vector) -> np.ndarray:
    return np.full(vector.values.shape, None, np.object_) if vector.histograms is None else vector.histograms


def pairs_of(run: Run, node: Binary, many: Vector, one: Vector, matching: Matching) -> Pairs:
    """The pairs of an arithmetic or comparing operator; `many` is the left side except for `group_right`.

    Raises:
        PromqlError: a series has several partners where it may have one.
    """
    plan = match_plan(many.table, one.table, matching)
    fill_one, fill_many = matching.fill_right, matching.fill_left
    if not plan.is_right_unique:
        _check_one_side(node, one, plan, matching)
    if plan.is_right_unique and fill_one is None and fill_many is None:
        pairs = _static_pairs(node, many, one, plan, matching)
    else:
        fills = (fill_many is not None, fill_one is not None)
        pairs = _stepwise_pairs(run, node, many, one, plan, matching, fills)
    _check_many_side(node, pairs, plan, matching)
    return pairs


def _static_pairs(node: Binary, many: Vector, one: Vector, plan: MatchPlan, matching: Matching) -> Pairs:
    """Each series has the same partner at all steps."""
    key = ("pairs", matching, node.is_comparison, node.returns_bool)

    def make() -> tuple[Ints, Ints, LabelTable]:
        partner = np.full(plan.size, -1, np.int64)
        partner[plan.right] = np.arange(one.table.size)
        partners = partner[plan.left]
        rows = np.flatnonzero(partners >= 0)
        return rows, partners[rows], _result_table(node, many, one, rows, partners[rows], matching)

    rows, partners, table = many.table.pair_memo(key, one.table, make)
    return Pairs(rows, partners, many.present[:, rows] & one.present[:, partners], table)


def _stepwise_pairs(
    run: Run, node: Binary, many: Vector, one: Vector, plan: MatchPlan, matching: Matching, fills: tuple[bool, bool]
) -> Pairs:
    """Partners looked up step by step, for sides whose series share signatures at different steps, and for fills."""
    number_of: dict[tuple[int, int], int] = {}
    steps: list[list[int]] = []
    fills_many, fills_one = fills
    for step in range(len(many.present)):
        partner = np.full(plan.size, -1, np.int64)
        of_one = np.flatnonzero(one.present[step])
        run.budget.spend(many.table.size + one.table.size)
        partner[plan.right[of_one]] = of_one
        of_many = np.flatnonzero(many.present[step])
        partners = partner[plan.left[of_many]]
        pairs = [pair for pair in zip(of_many.tolist(), partners.tolist(), strict=True) if pair[1] >= 0 or fills_one]
        if fills_many:
            matched = set(plan.left[of_many].tolist())
            pairs += [(-1, row) for row in of_one.tolist() if int(plan.right[row]) not in matched]
        steps.append([number_of.setdefault(pair, len(number_of)) for pair in pairs])
    present = np.zeros((len(steps), len(number_of)), np.bool_)
    for step, numbers in enumerate(steps):
        present[step, numbers] = True
    rows = np.array([pair[0] for pair in number_of], np.int64)
    partners = np.array([pair[1] for pair in number_of], np.int64)
    return Pairs(rows, partners, present, _result_table(node, many, one, rows, partners, matching))


def _result_table(
    node: Binary, many: Vector, one: Vector, rows: Ints, partners: Ints, matching: Matching
) -> LabelTable:
    """Labels of the pairs. Source: Prometheus 3.14, promql/engine.go, `resultMetric`."""
    is_filled = rows < 0
    columns = dict(_taken(many.table, rows))
    if is_filled.any():
        compared = _compared(one.table, matching)
        for name in compared:
            columns[name] = _mixed(columns.get(name), one.table.columns[name], is_filled, partners)
    if not node.is_comparison:
        columns = {name: column for name, column in columns.items() if name not in METADATA_LABELS}
    if matching.cardinality is Cardinality.ONE_TO_ONE:
        names = set(matching.labels)
        columns = {name: column for name, column in columns.items() if (name in names) == matching.on}
    for name in matching.include:
        source = one.table.columns.get(name)
        keeps_own = not matching.on and name not in matching.labels
        columns[name] = _included(source, partners, columns.get(name) if keeps_own else None)
    drops = None
    if any(name in columns for name in METADATA_LABELS):
        if node.returns_bool:
            drops = np.ones(len(rows), np.bool_)
        elif many.table.drops_name is not None:
            drops = np.where(is_filled, False, many.table.drops_name[np.maximum(rows, 0)])
    return LabelTable(len(rows), columns, drops)


def _taken(table: LabelTable, rows: Ints) -> dict[str, Column]:
    """Columns of some rows; the row -1 has no labels."""
    if not table.size:
        return {}
    return {
        name: Column(np.where(rows < 0, 0, column.codes[rows]).astype(np.int32), column.values)
        for name, column in table.columns.items()
    }


def _compared(table: LabelTable, matching: Matching) -> list[str]:
    excluded = {*matching.labels, METRIC_NAME}
    return [name for name in table.columns if (name in matching.labels if matching.on else name not in excluded)]


def _mixed(own: Column | None, other: Column, is_filled: Bools, partners: Ints) -> Column:
    texts = own.texts() if own is not None else [""] * len(partners)
    others = other.texts()
    filled = zip(texts, is_filled.tolist(), partners.tolist(), strict=True)
    return column_of(others[partner] if is_taken else text for text, is_taken, partner in filled)


def _included(source: Column | None, partners: Ints, own: Column | None) -> Column:
    """The one side's label; where the one side is filled, the many side's own, if it has one."""
    others = [""] if source is None else source.texts()
    texts = [""] * len(partners) if own is None else own.texts()
    taken = zip(texts, partners.tolist(), strict=True)
    return column_of(text if partner < 0 else others[partner if source is not None else 0] for text, partner in taken)


def _check_one_side(node: Binary, one: Vector, plan: MatchPlan, matching: Matching) -> None:
    """Raise if two series of the one side have a value and the same signature."""
    for row in one.present:
        rows = np.flatnonzero(row)
        counts = np.bincount(plan.right[rows], minlength=plan.size)
        if not (counts > 1).any():
            continue
        several = rows[counts[plan.right[rows]] > 1]
        first = plan.right[several[0]]
        twins = [one.table.full_rows()[at] for at in several.tolist() if plan.right[at] == first][:2]
        group = tuple(
            pair for pair in twins[0] if (pair[0] in matching.labels if matching.on else pair[0] not in matching.labels)
        )
        side = "left" if matching.cardinality is Cardinality.ONE_TO_MANY else "right"
        raise PromqlError(
            f"found duplicate series for the match group {labels_text(group)} on the {side} hand-side of the "
            f"operation: [{labels_text(twins[1])}, {labels_text(twins[0])}];many-to-many matching not allowed: "
            "matching labels must be unique on one side",
            node.position.line,
            node.position.column,
        )


def _check_many_side(node: Binary, pairs: Pairs, plan: MatchPlan, matching: Matching) -> None:
    """Raise if two pairs with a value give the same series."""
    if matching.cardinality is Cardinality.ONE_TO_ONE:
        if plan.is_left_unique:
            return
        numbers = np.where(pairs.many >= 0, plan.left[pairs.many], plan.right[pairs.one])
        reason = "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)"
    else:
        grouping = pairs.table.group_all()
        if grouping.table.size >= pairs.table.size:
            return
        numbers = grouping.ids
        reason = "multiple matches for labels: grouping labels must ensure unique matches"
    for row in pairs.present:
        if (np.bincount(numbers[row]) > 1).any():
            raise PromqlError(reason, node.position.line, node.position.column)
