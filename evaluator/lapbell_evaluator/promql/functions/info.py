"""`info`: series with the labels of the info series of their instance.

Source: Prometheus 3.14, promql/info.go.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from lapbell_evaluator.model import METRIC_NAME
from lapbell_evaluator.promql.merging import merged
from lapbell_evaluator.promql.run import Run
from lapbell_evaluator.promql.selectors.instant import last_samples
from lapbell_evaluator.promql.selectors.selected import selected
from lapbell_evaluator.promql.selectors.times import shifted_times
from lapbell_evaluator.promql.syntax.ast import Call, Expr, Subquery, VectorSelector
from lapbell_evaluator.promql.syntax.errors import PromqlError
from lapbell_evaluator.promql.syntax.printer import labels_text
from lapbell_evaluator.promql.syntax.tree import children
from lapbell_evaluator.promql.value import Vector
from lapbell_evaluator.series import Column, LabelTable, Matcher, MatchOp, column_of
from lapbell_evaluator.series.arrays import Bools, Ints

__all__ = ["info"]

_TARGET_INFO: Final = "target_info"
_IDENTIFYING: Final = ("instance", "job")
_COST_OF_A_MATCH: Final = 20  # in samples: each is looked up by itself

_Identity = tuple[str, str, str]
"""Name of an info metric, instance, job."""


def info(run: Run, node: Call, base: Vector, arg: Expr, selector: Expr | None) -> Vector:
    """The series of `base`, each with the labels of its info series at that step.

    Args:
        run: the steps.
        node: the call, for errors.
        base: what `arg` is worth.
        arg: what is given labels; its `offset` and `@` hold for the info series too.
        selector: which info metrics, and which of their labels; None means all labels of `target_info`.

    Raises:
        PromqlError: two info series of one instance contradict each other.
    """
    matchers = selector.matchers if isinstance(selector, VectorSelector) else ()
    names = _name_matchers(tuple(one for one in matchers if one.name == METRIC_NAME))
    wanted = tuple(one for one in matchers if one.name != METRIC_NAME)
    info_series = _select_info(run, node, _reference_times(run, arg), (*names, *wanted))
    is_source = _all_match(base.table.texts(METRIC_NAME), names)
    run.budget.spend(int(base.present.sum()) * _COST_OF_A_MATCH)
    pairs, present = _paired(run, base, info_series, is_source, needs_match=not all(one.matches("") for one in wanted))
    chosen = {one.name for one in wanted}
    return _labelled(run, node, base, info_series.table, pairs, present, chosen)


def _name_matchers(matchers: tuple[Matcher, ...]) -> tuple[Matcher, ...]:
    if any(one.op in (MatchOp.EQUAL, MatchOp.REGEX) for one in matchers):
        return matchers
    if matchers:
        return (Matcher(METRIC_NAME, MatchOp.REGEX, ".+_info"), *matchers)
    return (Matcher(METRIC_NAME, MatchOp.EQUAL, _TARGET_INFO),)


def _all_match(texts: list[str], matchers: tuple[Matcher, ...]) -> list[bool]:
    predicates = [one.predicate() for one in matchers]
    return [all(matches(text) for matches in predicates) for text in texts]


def _reference_times(run: Run, arg: Expr) -> Ints:
    """int64[step]: the times that the first selector inside looks at."""
    times, node = run.times, arg
    while True:
        if isinstance(node, Subquery | VectorSelector):
            shifted, is_fixed = shifted_times(run.at(times), node.offset, node.at)
            times = np.repeat(shifted, run.steps) if is_fixed else shifted
        inside = children(node)
        if not inside:
            return times
        node = next((one for one in inside if _holds_selector(one)), inside[-1])


def _holds_selector(node: Expr) -> bool:
    return isinstance(node, VectorSelector) or any(_holds_selector(one) for one in children(node))


@dataclass(frozen=True, slots=True, eq=False)
class _InfoSeries:
    """Info series.

    Attributes:
        table: their labels.
        names: of the metrics among them.
        by_step: for each step, the row of each identity that has one.
    """

    table: LabelTable
    names: tuple[str, ...]
    by_step: tuple[dict[_Identity, int], ...]


def _select_info(run: Run, node: Call, times: Ints, matchers: tuple[Matcher, ...]) -> _InfoSeries:
    with selected(run, matchers, times, run.lookback_ms, is_brief=True) as selection:
        if selection.histograms:
            raise PromqlError("info sample should be float", node.position.line, node.position.column)
        sampled, _, present = last_samples(selection, times, run)
    table = selection.table
    texts = [table.texts(name) for name in (METRIC_NAME, *_IDENTIFYING)]
    identities: list[_Identity] = [(name, instance, job) for name, instance, job in zip(*texts, strict=True)]
    by_step = tuple(
        _newest(node, table, identities, sampled[step], present[step]) for step in run.budget.counted(range(len(times)))
    )
    return _InfoSeries(table, tuple(dict.fromkeys(texts[0])), by_step)


def _newest(
    node: Call, table: LabelTable, identities: list[_Identity], sampled: Ints, present: Bools
) -> dict[_Identity, int]:
    """The row of each identity whose sample is the newest."""
    rows: dict[_Identity, int] = {}
    for row in np.flatnonzero(present).tolist():
        other = rows.setdefault(identities[row], row)
        if sampled[other] < sampled[row]:
            rows[identities[row]] = row
        elif other != row and sampled[other] == sampled[row]:
            twins = " and ".join(labels_text(table.full_rows()[one]) for one in (other, row))
            reason = f"found duplicate series for info metric: {twins}"
            raise PromqlError(reason, node.position.line, node.position.column, "End one of them, or tell them apart.")
    return rows


_Pair = tuple[int, tuple[int, ...]]
"""A row of the base series, and rows of its info series."""


def _paired(
    run: Run, base: Vector, info_series: _InfoSeries, is_source: list[bool], *, needs_match: bool
) -> tuple[list[_Pair], list[tuple[int, int]]]:
    """The pairs that occur, and at which steps each does: (step, position of the pair)."""
    instances, jobs = (base.table.texts(name) for name in _IDENTIFYING)
    pairs: dict[_Pair, int] = {}
    present: list[tuple[int, int]] = []
    cells = zip(*(indices.tolist() for indices in np.nonzero(base.present)), strict=True)
    for step, row in run.budget.counted(cells):
        rows: tuple[int, ...] = ()
        if not is_source[row]:
            if instances[row] or jobs[row]:
                at = info_series.by_step[step]
                identities = ((name, instances[row], jobs[row]) for name in info_series.names)
                rows = tuple(at[identity] for identity in identities if identity in at)
            if not rows and needs_match:
                continue
        present.append((step, pairs.setdefault((row, rows), len(pairs))))
    return list(pairs), present


def _labelled(
    run: Run,
    node: Call,
    base: Vector,
    table: LabelTable,
    pairs: list[_Pair],
    present: list[tuple[int, int]],
    chosen: set[str],
) -> Vector:
    rows = np.array([row for row, _ in pairs], np.int64)
    steps = np.zeros((len(base.present), len(pairs)), np.bool_)
    if present:
        steps[tuple(np.array(present).T)] = True
    own = base.table.take(rows)
    columns: dict[str, Column] = dict(own.columns)
    for name in table.columns:
        if name == METRIC_NAME or (chosen and name not in chosen):
            continue
        run.budget.spend(len(pairs))
        columns[name] = column_of(_added(node, name, own.texts(name), table.texts(name), pairs))
    histograms = None if base.histograms is None else base.histograms[:, rows]
    return merged(Vector(LabelTable(len(rows), columns, own.drops_name), base.values[:, rows], steps, histograms))


def _added(node: Call, name: str, own: list[str], others: list[str], pairs: list[_Pair]) -> list[str]:
    """A label's values: the base series' own come before those of its info series."""
    texts = []
    for text, (_, rows) in zip(own, pairs, strict=True):
        values = {others[row] for row in rows if others[row]}
        if len(values) > 1:
            raise PromqlError(f"conflicting label: {name}", node.position.line, node.position.column)
        texts.append(text or next(iter(values), ""))
    return texts
