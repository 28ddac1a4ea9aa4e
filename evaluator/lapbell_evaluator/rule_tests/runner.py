"""Runs a test file on the real store, engine and alert life, second by second of a time of its own."""

import math
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import cache
from pathlib import Path
from typing import Final

from lapbell_evaluator.alerts import AlertStore
from lapbell_evaluator.evaluation.annotator import Annotator
from lapbell_evaluator.evaluation.compiled import CompiledGroup, CompiledRule, compile_groups
from lapbell_evaluator.evaluation.recorder import Recorder
from lapbell_evaluator.evaluation.rule_evaluator import RuleEvaluator
from lapbell_evaluator.model import (
    CounterHint,
    EvaluatorError,
    Histogram,
    Labels,
    QueryResult,
    Sample,
    State,
    ValueKind,
)
from lapbell_evaluator.promql import Engine, EngineLimits, Expr
from lapbell_evaluator.promql.syntax.durations import duration_text
from lapbell_evaluator.rule_tests.cases import (
    AlertCase,
    ExpectedSample,
    ExprCase,
    TestFile,
    TestGroup,
    read,
)
from lapbell_evaluator.rule_tests.errors import NotationError
from lapbell_evaluator.rule_tests.foresight import Foresight
from lapbell_evaluator.rule_tests.histogram_notation import described
from lapbell_evaluator.rule_tests.inputs import Inputs
from lapbell_evaluator.rule_tests.notation import parse_metric, parse_values
from lapbell_evaluator.rule_tests.report import CaseReport, FileReport
from lapbell_evaluator.rules import load
from lapbell_evaluator.series import Limits, SeriesStore, compiled
from lapbell_evaluator.series.native import with_hint

__all__ = ["run_file"]

_SERIES: Final = 1_000_000
_HOUR_MS: Final = 3_600_000
_Shown = tuple[Labels, str, float]  # labels, a histogram's notation, a number


async def run_file(file: Path, only: str | None = None) -> FileReport:
    """Run one test file.

    Args:
        file: in promtool's format.
        only: a regular expression; test groups whose name it does not match are left out.
    """
    try:
        tests = read(file)
        groups = [group for path in tests.rule_files for group in load(path.read_text(encoding="utf-8"), str(path))]
    except (EvaluatorError, OSError, UnicodeDecodeError) as error:
        return FileReport(file, (), str(error))
    wanted = [test for test in tests.tests if only is None or compiled(only).search(test.name)]
    compiled_at = cache(lambda interval_s: _in_order(tests, compile_groups(groups, interval_s)))
    return FileReport(file, tuple([CaseReport(test.name, await _run(tests, test, compiled_at)) for test in wanted]))


def _in_order(file: TestFile, groups: Sequence[CompiledGroup]) -> list[CompiledGroup]:
    rank = {name: position for position, name in enumerate(file.order)}
    return sorted(groups, key=lambda group: rank.get(group.group.name, 0))


async def _run(
    file: TestFile, test: TestGroup, compiled_at: Callable[[float], Sequence[CompiledGroup]]
) -> tuple[str, ...]:
    times = [*(case.eval_time_s for case in test.alerts), *(case.eval_time_s for case in test.exprs)]
    last_s = max(times, default=0.0)
    retention_ms = round(last_s * 1000) + 24 * _HOUR_MS
    limits = Limits(
        series=_SERIES, series_per_metric=_SERIES, retention_ms=retention_ms, late_ms=retention_ms, coalesce_ms=0
    )
    store, ahead = SeriesStore(limits), SeriesStore(limits)
    engine, engine_ahead = (Engine(one, EngineLimits(subquery_step_s=file.interval_s)) for one in (store, ahead))
    try:
        groups = compiled_at(test.interval_s)
        Inputs(test, ahead).load(last_s)
        foresight = _foresight(engine_ahead, groups, [test.start + at_s for at_s in _moments(file.interval_s, last_s)])
        bench = _Bench(test, store, engine, groups, foresight)
        failures = await bench.evaluate(file.interval_s, last_s)
        if failures is None:
            failures = bench.failures + [
                failure for case in test.exprs if (failure := await bench.compare(case, is_fuzzy=file.is_fuzzy))
            ]
        return tuple(failures)
    except EvaluatorError as error:
        return (f"    {error}",)
    finally:
        engine.close()
        engine_ahead.close()


def _moments(interval_s: float, last_s: float) -> list[float]:
    """When rules are evaluated, seconds from the start."""
    return [number * interval_s for number in range(math.floor(last_s / interval_s) + 1)]


def _foresight(ahead: Engine, groups: Sequence[CompiledGroup], times: Sequence[float]) -> Foresight:
    written = frozenset[str]().union(*(group.written for group in groups))
    foresight = Foresight(ahead, (rule for group in groups for rule in group.rules), written)
    for offset_s in {group.group.query_offset_s for group in groups}:
        foresight.expect([time - offset_s for time in times])
    return foresight


class _Inline:
    """Answers where it is asked: a test waits for nobody, and the turn of a thread costs as much as a small query.

    Args:
        engine: answers.
        foresight: knows some of the answers already.
    """

    def __init__(self, engine: Engine, foresight: Foresight) -> None:
        self._engine = engine
        self._foresight = foresight

    async def query(self, expr: str | Expr, time: float) -> QueryResult:
        """See `InstantQuerier`."""
        known = None if isinstance(expr, str) else self._foresight.query(expr, time)
        return self._engine.query_here(expr, time) if known is None else known


class _Bench:
    """One test group under way."""

    def __init__(
        self,
        test: TestGroup,
        store: SeriesStore,
        engine: Engine,
        groups: Sequence[CompiledGroup],
        foresight: Foresight,
    ) -> None:
        self._test = test
        self._store = store
        self._engine = engine
        self._groups = groups
        self._alerts = AlertStore()
        self._recorder = Recorder(store)
        querier = _Inline(engine, foresight)
        self._rule_evaluator = RuleEvaluator(querier, None, test.external_labels, test.external_url)
        self._annotator = Annotator(querier, None, test.external_labels, test.external_url)
        self._inputs = Inputs(test, store)
        self.failures: list[str] = []

    async def evaluate(self, interval_s: float, last_s: float) -> list[str] | None:
        """Evaluate every interval up to the last time that is asked about; the errors of rules, if there are any."""
        moments = sorted({case.eval_time_s for case in self._test.alerts})
        for at_s in _moments(interval_s, last_s):
            self._inputs.load(at_s)
            errors = [error for group in self._groups for error in await self._group(group, at_s)]
            if errors:
                return [*self.failures, *errors]
            while moments and at_s <= moments[0] < at_s + interval_s:
                moment = moments.pop(0)
                for case in self._test.alerts:
                    if case.eval_time_s == moment:
                        await self._check(case, at_s)
        self._inputs.load(last_s)
        return None

    async def compare(self, case: ExprCase, *, is_fuzzy: bool) -> str:
        """What is wrong with the result of an expression; empty if nothing is."""
        where = f'    expr: "{case.expr}", time: {duration_text(case.eval_time_s)},'
        try:
            result = self._engine.query_here(case.expr, self._test.start + case.eval_time_s)
            expected = sorted(_expected(sample) for sample in case.expected)
        except EvaluatorError as error:
            return f"{where} err: {error}"
        if result.kind not in (ValueKind.VECTOR, ValueKind.SCALAR):
            return f"{where} err: the result is not a vector or scalar"
        actual = sorted(_actual(sample) for sample in result.samples)
        is_same = [(own, text) for own, text, _ in actual] == [(own, text) for own, text, _ in expected] and all(
            _is_same(one, other, is_fuzzy=is_fuzzy) for (*_, one), (*_, other) in zip(actual, expected, strict=True)
        )
        return "" if is_same else f"{where}\n        exp: {_samples(expected)}\n        got: {_samples(actual)}"

    async def _group(self, group: CompiledGroup, at_s: float) -> list[str]:
        now = self._test.start + at_s
        at = now - group.group.query_offset_s
        errors = []
        with self._engine.cycle() if group.is_closed else nullcontext():
            for rule in group.rules:
                error = await self._rule(rule, group.group.limit, now, at)
                if error:
                    errors.append(f"    rule: {rule.rule.name}, time: {duration_text(at_s)}, err: {error}")
        return errors

    async def _rule(self, rule: CompiledRule, limit: int, now: float, at: float) -> str:
        if not rule.is_alerting:
            outcome, samples = await self._rule_evaluator.record(rule, limit, at)
            if not outcome.error:
                self._recorder.write(rule.key, samples, at)
            return outcome.error
        outcome = await self._rule_evaluator.evaluate(rule, limit, at, self._alerts.of_rule(rule.key))
        self._alerts.apply(self._alerts.plan([(rule.policy, outcome.results)], now))
        shown = (alert for alert in self._alerts.of_rule(rule.key).values() if alert.state is not State.HELD)
        self._recorder.alerts(rule.key, shown, at)
        return outcome.error

    async def _check(self, case: AlertCase, at_s: float) -> None:
        actual: list[tuple[Labels, Labels]] = []
        for group in self._groups:
            for rule in group.rules:
                if rule.is_alerting and rule.rule.name == case.alertname:
                    actual.extend(await self._firing(rule, at_s))
        wanted = sorted((alert.labels, alert.annotations) for alert in case.expected)
        if sorted(actual) != wanted:
            self.failures.append(
                f"    name: {self._test.name},\n    alertname: {case.alertname},"
                f" time: {duration_text(case.eval_time_s)},"
                f"\n        exp: {_alerts(wanted)}\n        got: {_alerts(sorted(actual))}"
            )

    async def _firing(self, rule: CompiledRule, at_s: float) -> list[tuple[Labels, Labels]]:
        alerts = [alert for alert in self._alerts.of_rule(rule.key).values() if alert.state is State.FIRING]
        at = self._test.start + at_s
        return [(alert.labels, await self._annotator.annotations(rule, alert, at, is_whole=True)) for alert in alerts]


def _is_same(one: float, other: float, *, is_fuzzy: bool) -> bool:
    return one == other or (is_fuzzy and other in (math.nextafter(one, math.inf), math.nextafter(one, -math.inf)))


def _text(labels: Labels) -> str:
    return "{" + ", ".join(f'{name}="{value}"' for name, value in labels) + "}"


def _alerts(alerts: Sequence[tuple[Labels, Labels]]) -> str:
    lines = [f"\n            Labels: {_text(one)}\n            Annotations: {_text(other)}" for one, other in alerts]
    return "".join(lines) or "none"


def _expected(sample: ExpectedSample) -> _Shown:
    if not sample.histogram:
        return parse_metric(sample.labels), "", sample.value
    values = parse_values(sample.histogram)
    if len(values.positions) or len(values.histograms) != 1:
        raise NotationError(f"{sample.histogram!r} is not one native histogram.")
    return parse_metric(sample.labels), _notation(values.histograms[0][1]), sample.value


def _actual(sample: Sample) -> _Shown:
    if sample.histogram is None:
        return sample.labels, "", sample.value
    histogram = sample.histogram
    if histogram.hint is CounterHint.RESET:  # Prometheus' storage does not keep it
        histogram = with_hint(histogram, CounterHint.UNKNOWN)
    return sample.labels, _notation(histogram), 0.0


def _notation(histogram: Histogram) -> str:
    return f"{{{{{described(histogram)}}}}}"


def _samples(samples: Sequence[_Shown]) -> str:
    return ", ".join(f"{_text(labels)} {text or repr(value)}" for labels, text, value in samples) or "nil"
