"""Runs test scripts on the engine."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from lapbell_evaluator.model import (
    Batch,
    EvaluatorError,
    Histogram,
    Labels,
    QueryResult,
    RangeResult,
    RangeSeries,
    Sample,
    ValueKind,
)
from lapbell_evaluator.promql import Engine, Expr, parse, walk
from lapbell_evaluator.promql.syntax.ast import (
    Aggregate,
    Binary,
    Call,
    MatrixSelector,
    Paren,
    Subquery,
    Unary,
    VectorSelector,
)
from lapbell_evaluator.promql.syntax.printer import labels_text
from lapbell_evaluator.series import Limits, SeriesStore, stale_marker
from promql_kit.classic import custom_bucket_series
from promql_kit.comparing import almost_equal, almost_equal_histograms
from promql_kit.script import Clear, Eval, Load, read_script
from promql_kit.series_text import Point

_FOREVER_MS = 1 << 60
_PLACE = re.compile(r"^\d+:\d+: ")
_OF_QUERY = re.compile(r"(start|end|range|step)\(\)")
_MOVES_WITH_TIME = frozenset(
    {
        "days_in_month", "day_of_month", "day_of_week", "day_of_year", "end", "hour", "minute", "month", "year",
        "predict_linear", "range", "start", "step", "time", "timestamp",
    }
)  # fmt: skip


@dataclass
class Outcome:
    """Of one file: how many of its evaluations were right, and what was wrong with the others."""

    total: int = 0
    failures: list[str] = field(default_factory=list)

    @property
    def passed(self) -> int:
        """How many were right."""
        return self.total - len(self.failures)


class WrongError(Exception):
    """An answer is not the expected one."""


def run_file(path: Path) -> Outcome:
    """Run all commands of a script."""
    outcome = Outcome()
    bench = _Bench()
    for command in read_script(path):
        match command:
            case Clear():
                bench.close()
                bench = _Bench()
            case Load():
                bench.load(command)
            case Eval():
                outcome.total += 1
                try:
                    bench.check(command)
                except (WrongError, EvaluatorError) as error:
                    outcome.failures.append(f"{path.name}:{command.line}: {command.expr}: {error}")
                except Exception as error:  # noqa: BLE001 - a defect is a failure of this case, not of the run
                    outcome.failures.append(f"{path.name}:{command.line}: {command.expr}: {error!r}")
    bench.close()
    return outcome


class _Bench:
    """A store, and an engine over it."""

    def __init__(self) -> None:
        self._store = SeriesStore(Limits(retention_ms=_FOREVER_MS, late_ms=_FOREVER_MS, coalesce_ms=0))
        self._engine = Engine(self._store)

    def close(self) -> None:
        self._engine.close()

    def load(self, command: Load) -> None:
        for own, points in dict(command.series).items():
            self._append(own, points, command.step_s)
        if command.with_custom_buckets:
            for own, points in custom_bucket_series(command.series):
                self._append(own, points, command.step_s)

    def _append(self, own: Labels, points: list[Point], step_s: float) -> None:
        ref = self._store.intern(own)
        for at, point in enumerate(points):
            time_ms = round(at * step_s * 1000)
            if isinstance(point.value, Histogram):
                self._store.append_histogram(ref, time_ms, point.value)
                continue
            if point.value is None and not point.is_stale:
                continue
            value = stale_marker() if point.is_stale else np.array([point.value], np.float64)
            self._store.append(Batch(np.array([ref], np.int64), np.array([time_ms], np.int64), value))

    def check(self, command: Eval) -> None:
        try:
            node = parse(command.expr)
            if command.is_range:
                result = self._engine.evaluate_range(node, command.start, command.end, command.step)
                self._check_annotations(command, result.warnings, result.infos)
                self._compare_range(command, result)
                return
            for variant, time in _variants(node, command.start):
                self._check_instant(command, variant, time)
        except EvaluatorError as error:
            _check_failure(command, error)

    def _check_instant(self, command: Eval, node: Expr, time: float) -> None:
        result = self._engine.evaluate(node, time)
        if command.expects("fail"):
            raise WrongError("there should be an error, and there is none")
        self._check_annotations(command, result.warnings, result.infos)
        _compare_instant(command, result)
        if command.text is not None or command.points is not None or _OF_QUERY.search(command.expr):
            return
        ranged = self._engine.evaluate_range(node, time - 60, time + 60, 60)
        if not command.expects("ordered"):
            _compare_instant(command, _middle(ranged, time, result.kind))

    @staticmethod
    def _check_annotations(command: Eval, warnings: tuple[str, ...], infos: tuple[str, ...]) -> None:
        if command.expects("fail"):
            raise WrongError("there should be an error, and there is none")
        for kind, texts in (("warn", warnings), ("info", infos)):
            if command.expects(f"no_{kind}") and texts:
                raise WrongError(f"there should be no {kind}: {list(texts)}")
            expected = command.expects(kind)
            if not expected:
                continue
            missing = [one for one in expected if not any(one.matches(text) for text in texts)]
            more = [text for text in texts if not any(one.matches(text) for one in expected)]
            if missing or more:
                raise WrongError(f"{kind}s are {list(texts)}, not {[one.pattern for one in expected]}")

    @staticmethod
    def _compare_range(command: Eval, result: RangeResult) -> None:
        _compare_series(command, result.series, command.start, command.step)


def _check_failure(command: Eval, error: EvaluatorError) -> None:
    expected = command.expects("fail")
    if not expected:
        raise error
    text = _PLACE.sub("", error.message)
    if not any(one.matches(text) or one.matches(error.message) for one in expected):
        raise WrongError(f"the error is {text!r}, not {[one.pattern for one in expected]}")


def _middle(result: RangeResult, time: float, kind: ValueKind) -> QueryResult:
    samples = []
    for series in result.series:
        samples += [Sample(series.labels, at, value) for at, value in series.points if at == time]
        samples += [Sample(series.labels, at, math.nan, one) for at, one in series.histograms if at == time]
    return QueryResult(tuple(samples), kind=kind)


def _compare_instant(command: Eval, result: QueryResult) -> None:
    match result.kind:
        case ValueKind.STRING:
            if result.text != command.text:
                raise WrongError(f"the text is {result.text!r}")
        case ValueKind.SCALAR:
            if command.scalar is None or not almost_equal(command.scalar, result.samples[0].value):
                raise WrongError(f"the scalar is {result.samples[0].value}, not {command.scalar}")
        case ValueKind.MATRIX:
            start, _, step = command.points or (command.start, command.start, 0.0)
            _compare_series(command, result.series, start, step)
        case ValueKind.VECTOR:
            _compare_vector(command, result.samples)


def _compare_vector(command: Eval, samples: tuple[Sample, ...]) -> None:
    if command.scalar is not None:
        raise WrongError("the answer is a vector")
    actual = {sample.labels: sample for sample in samples}
    if len(actual) != len(samples):
        raise WrongError(f"series twice: {samples}")
    expected = dict(command.series)
    if actual.keys() != expected.keys():
        missing = [labels_text(one) for one in expected if one not in actual]
        more = [f"{labels_text(one)} {actual[one].value}" for one in actual if one not in expected]
        raise WrongError(f"missing {missing}, unexpected {more}")
    for own, points in expected.items():
        _compare_point(own, points[0], actual[own].histogram or actual[own].value)
    if command.expects("ordered") and [one.labels for one in samples] != [own for own, _ in command.series]:
        raise WrongError(f"the order is {[labels_text(one.labels) for one in samples]}")


def _compare_point(own: Labels, expected: Point, actual: float | Histogram) -> None:
    if isinstance(expected.value, Histogram) and isinstance(actual, Histogram):
        if not almost_equal_histograms(expected.value, actual, hint_matters=expected.hint_matters):
            raise WrongError(f"{labels_text(own)} is {actual}, not {expected.value}")
    elif (
        isinstance(expected.value, Histogram)
        or isinstance(actual, Histogram)
        or expected.value is None
        or not almost_equal(expected.value, actual)
    ):
        raise WrongError(f"{labels_text(own)} is {actual}, not {expected.value}")


def _compare_series(command: Eval, actual: tuple[RangeSeries, ...], start: float, step: float) -> None:
    expected = dict(command.series)
    own = {one.labels: one for one in actual}
    if own.keys() != expected.keys():
        missing = [labels_text(one) for one in expected if one not in own]
        more = [f"{labels_text(one)} {own[one].points}" for one in own if one not in expected]
        raise WrongError(f"missing {missing}, unexpected {more}")
    for labels, points in expected.items():
        timed = [(round(start + at * step, 3), point) for at, point in enumerate(points) if point.value is not None]
        series = own[labels]
        merged: list[tuple[float, float | Histogram]] = [*series.points, *series.histograms]
        merged.sort(key=lambda pair: pair[0])
        if [time for time, _ in timed] != [round(time, 3) for time, _ in merged]:
            raise WrongError(f"{labels_text(labels)} has {merged}, not {timed}")
        for (_, point), (_, value) in zip(timed, merged, strict=True):
            _compare_point(labels, point, value)


def _variants(node: Expr, time: float) -> Iterator[tuple[Expr, float]]:
    """The query at its time; and with its time fixed by `@`, asked at other times.

    Source: Prometheus, promql/promqltest/test.go, `atModifierTestCases`.
    """
    yield node, time
    if any(isinstance(one, Call) and one.function in _MOVES_WITH_TIME for one in walk(node)):
        return
    fixed = _fixed(node, time)
    others = [-1.0, -time, 1.0] if time == 0 else [-10 * time, 0.0, time / 5, time, 10 * time]
    for other in others:
        yield fixed, round(other, 3)


def _fixed(node: Expr, time: float) -> Expr:
    match node:
        case VectorSelector():
            return node if node.at is not None else replace(node, at=time)
        case MatrixSelector(selector=selector):
            return node if selector.at is not None else replace(node, selector=replace(selector, at=time))
        case Subquery():
            return node if node.at is not None else replace(node, at=time)
        case Call(args=args):
            return replace(node, args=tuple(_fixed(arg, time) for arg in args))
        case Aggregate(expr=expr, param=param):
            return replace(node, expr=_fixed(expr, time), param=None if param is None else _fixed(param, time))
        case Binary(left=left, right=right):
            return replace(node, left=_fixed(left, time), right=_fixed(right, time))
        case Unary(expr=expr) | Paren(expr=expr):
            return replace(node, expr=_fixed(expr, time))
        case _:
            return node


__all__ = ["Outcome", "run_file"]
