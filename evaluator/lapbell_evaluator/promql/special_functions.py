"""Functions that need more than one float at a time, or the run around them."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import numpy as np

from lapbell_evaluator.promql.absence import absent, absent_labels
from lapbell_evaluator.promql.ast import Call, Expr, VectorSelector
from lapbell_evaluator.promql.info_function import info
from lapbell_evaluator.promql.label_functions import label_join, label_replace, sorted_by_labels, sorted_by_value
from lapbell_evaluator.promql.operators import larger, smaller
from lapbell_evaluator.promql.run import Run
from lapbell_evaluator.promql.selectors import sample_times
from lapbell_evaluator.promql.value import Floats, Scalar, Value, Vector
from lapbell_evaluator.series import LabelTable

if TYPE_CHECKING:
    from lapbell_evaluator.promql.evaluator import Evaluator

__all__ = ["SPECIAL", "of_floats"]

_SORTING: Final = frozenset({"sort", "sort_desc", "sort_by_label", "sort_by_label_desc"})


def of_floats(vector: Vector, function: Callable[[Floats], Floats]) -> Vector:
    """A function of each float; histograms have no value then."""
    with np.errstate(all="ignore"):
        values = function(vector.values)
    return Vector(vector.table.dropping_name(), values, vector.floats_present)


def _time(evaluator: "Evaluator", node: Call, args: tuple[Expr, ...]) -> Value:
    del node, args
    return Scalar(evaluator.run.times / 1000)


def _constant(value: Callable[[Run], float]) -> Callable[["Evaluator", Call, tuple[Expr, ...]], Value]:
    def special(evaluator: "Evaluator", node: Call, args: tuple[Expr, ...]) -> Value:
        del node, args
        return Scalar(np.full(evaluator.run.steps, value(evaluator.run)))

    return special


def _vector(evaluator: "Evaluator", node: Call, args: tuple[Expr, ...]) -> Value:
    del node
    values = evaluator.scalar(args[0])
    return Vector(LabelTable(1, {}), values[:, None].copy(), np.ones((len(values), 1), np.bool_))


def _scalar(evaluator: "Evaluator", node: Call, args: tuple[Expr, ...]) -> Value:
    del node
    vector = evaluator.vector(args[0])
    present = vector.floats_present
    total = np.where(present, vector.values, 0.0).sum(axis=1)
    return Scalar(np.where(present.sum(axis=1) == 1, total, np.nan))


def _timestamp(evaluator: "Evaluator", node: Call, args: tuple[Expr, ...]) -> Value:
    del node
    if isinstance(args[0], VectorSelector):
        times = sample_times(evaluator.run, args[0])
        return Vector(times.table.dropping_name(), times.values, times.present)
    vector = evaluator.vector(args[0])
    values = np.repeat(evaluator.run.times[:, None] / 1000, vector.table.size, axis=1)
    return Vector(vector.table.dropping_name(), values, vector.present)


def _clamp(evaluator: "Evaluator", node: Call, args: tuple[Expr, ...]) -> Value:
    vector = evaluator.vector(args[0])
    bounds = [evaluator.scalar(arg)[:, None] for arg in args[1:]]
    infinite = np.full((evaluator.run.steps, 1), np.inf)
    match node.function:
        case "clamp_min":
            low, high = bounds[0], infinite
        case "clamp_max":
            low, high = -infinite, bounds[0]
        case _:
            low, high = bounds
    values = larger(low, smaller(high, vector.values))
    return Vector(vector.table.dropping_name(), values, vector.floats_present & ~(high < low))


def _round(evaluator: "Evaluator", node: Call, args: tuple[Expr, ...]) -> Value:
    del node
    vector = evaluator.vector(args[0])
    nearest = evaluator.scalar(args[1])[:, None] if len(args) > 1 else np.ones((evaluator.run.steps, 1))
    with np.errstate(all="ignore"):
        inverse = 1.0 / nearest
        return of_floats(vector, lambda values: np.floor(values * inverse + 0.5) / inverse)


def _choice(function: Callable[[Floats, Floats], Floats]) -> Callable[["Evaluator", Call, tuple[Expr, ...]], Value]:
    def special(evaluator: "Evaluator", node: Call, args: tuple[Expr, ...]) -> Value:
        del node
        return Scalar(function(evaluator.scalar(args[0]), evaluator.scalar(args[1])))

    return special


def _absent(evaluator: "Evaluator", node: Call, args: tuple[Expr, ...]) -> Value:
    del node
    return absent(evaluator.vector(args[0]).present, absent_labels(args[0]))


def _replace(evaluator: "Evaluator", node: Call, args: tuple[Expr, ...]) -> Value:
    texts = [evaluator.text(arg) for arg in args[1:]]
    return label_replace(node, evaluator.vector(args[0]), *texts)


def _join(evaluator: "Evaluator", node: Call, args: tuple[Expr, ...]) -> Value:
    texts = [evaluator.text(arg) for arg in args[1:]]
    return label_join(node, evaluator.vector(args[0]), texts[0], texts[1], texts[2:])


def _info(evaluator: "Evaluator", node: Call, args: tuple[Expr, ...]) -> Value:
    return info(evaluator.run, node, evaluator.vector(args[0]), args[0], args[1] if len(args) > 1 else None)


def _sorted(evaluator: "Evaluator", node: Call, args: tuple[Expr, ...]) -> Value:
    run = evaluator.run
    vector = evaluator.vector(args[0])
    if run.start_ms != run.end_ms:
        text = "sort is ineffective for range queries since results are always ordered by labels"
        run.annotations.warn(text, node.position)
    is_descending = node.function.endswith("_desc")
    if node.function.startswith("sort_by_label"):
        names = [evaluator.text(arg) for arg in args[1:]]
        return vector if run.steps > 1 else sorted_by_labels(vector, names, is_descending=is_descending)
    floats = Vector(vector.table, vector.values, vector.floats_present)
    return floats if run.steps > 1 else sorted_by_value(floats, is_descending=is_descending)


SPECIAL: Final[dict[str, Callable[["Evaluator", Call, tuple[Expr, ...]], Value]]] = {
    "time": _time,
    "pi": _constant(lambda _: np.pi),
    "start": _constant(lambda run: run.start_ms / 1000),
    "end": _constant(lambda run: run.end_ms / 1000),
    "step": _constant(lambda run: run.step_s),
    "range": _constant(lambda run: run.range_s),
    "vector": _vector,
    "scalar": _scalar,
    "timestamp": _timestamp,
    "clamp": _clamp,
    "clamp_min": _clamp,
    "clamp_max": _clamp,
    "round": _round,
    "min_of": _choice(smaller),
    "max_of": _choice(larger),
    "absent": _absent,
    "info": _info,
    "label_replace": _replace,
    "label_join": _join,
    **dict.fromkeys(_SORTING, _sorted),
}
