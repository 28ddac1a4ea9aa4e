"""Answers PromQL over a storage, in threads of its own."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Final, TypeVar

import numpy as np

from lapbell_evaluator.model import EvaluatorError, Labels, QueryResult, RangeResult, RawSample
from lapbell_evaluator.promql.annotations import Annotations
from lapbell_evaluator.promql.answers import each_answer, instant_answer, joined_answer, matrix_answer, range_answer
from lapbell_evaluator.promql.errors import QueryLimitError, TooManyCellsError
from lapbell_evaluator.promql.evaluator import Evaluator
from lapbell_evaluator.promql.origins import origins
from lapbell_evaluator.promql.run import Budget, Run, Shared, Storage
from lapbell_evaluator.promql.syntax.ast import Expr, MatrixSelector, Paren, Subquery
from lapbell_evaluator.promql.syntax.errors import PromqlError
from lapbell_evaluator.promql.syntax.parser import parse, parse_selector
from lapbell_evaluator.promql.syntax.tree import kind_of
from lapbell_evaluator.promql.turns import TurnLimits, Turns
from lapbell_evaluator.series.arrays import Ints

__all__ = ["Engine", "EngineLimits"]

_log: Final = logging.getLogger(__name__)
_T = TypeVar("_T")

_RULE_HELD_S: Final = 0.25
_PERSON_HELD_S: Final = 0.02
"""Who took longer at first does not hold up what arrives."""


@dataclass(slots=True)
class _Memo:
    """Values of sub-expressions that the queries of a cycle share, as the storage was at one version."""

    values: Shared = field(default_factory=dict)
    version: int = -1

    def at(self, version: int) -> Shared:
        """The values of a version; those of another are forgotten."""
        if version != self.version:
            self.values, self.version = {}, version
        return self.values


_SHARED: Final[ContextVar[_Memo | None]] = ContextVar("lapbell_promql_cycle", default=None)


@dataclass(frozen=True, slots=True)
class EngineLimits:
    """What one query may cost.

    Attributes:
        timeout_s: seconds, waiting for the thread not counted.
        samples: samples and results that it may touch.
        cells: series times steps in memory at once; a range query that needs more is evaluated in pieces.
        steps: of a range query.
        lookback_s: how old a sample may be and still count as present.
        subquery_step_s: between moments of a subquery that names no step.
    """

    timeout_s: float = 10.0
    samples: int = 50_000_000
    cells: int = 4_000_000
    steps: int = 11_000
    lookback_s: float = 300.0
    subquery_step_s: float = 60.0


class Engine:
    """A `Querier` over a storage. What is asked within `cycle` has a thread of its own: rules wait for nobody.

    Args:
        storage: where series come from.
        limits: what one query may cost.
        turns: how many of people's queries there may be.
    """

    def __init__(self, storage: Storage, limits: EngineLimits | None = None, turns: TurnLimits | None = None) -> None:
        self._storage = storage
        self._limits = limits or EngineLimits()
        self._rules = ThreadPoolExecutor(max_workers=1, thread_name_prefix="lapbell-promql-rules")
        self._people = Turns(turns or TurnLimits(), "lapbell-promql-people")

    def close(self) -> None:
        """End the threads after the queries that run."""
        self._rules.shutdown(cancel_futures=True)
        self._people.close()

    @contextmanager
    def cycle(self) -> Iterator[None]:
        """Queries within share the values of equal sub-expressions at equal times, as long as nothing arrives."""
        token = _SHARED.set(_Memo())
        try:
            yield
        finally:
            _SHARED.reset(token)

    async def query(self, expr: str | Expr, time: float) -> QueryResult:
        """See `Querier`."""
        memo = _SHARED.get()

        def evaluate(cancelled: threading.Event) -> QueryResult:
            return self._instant(expr, time, memo, cancelled)

        return await self._in_thread(evaluate)

    def query_here(self, expr: str | Expr, time: float) -> QueryResult:
        """`query`, in the caller's thread; values are shared within `cycle`."""
        return self._instant(expr, time, _SHARED.get(), None)

    async def query_all(self, exprs: Sequence[str], time: float) -> tuple[QueryResult, ...]:
        """The values of several expressions at one time: one turn of the thread, and what they share is evaluated once.

        Args:
            exprs: what is asked.
            time: Unix seconds.

        Raises:
            PromqlError: one of the expressions is wrong or has no answer.
            QueryLimitError: one of them costs too much.
        """

        def evaluate_all(cancelled: threading.Event) -> tuple[QueryResult, ...]:
            nodes = [parse(expr) for expr in exprs]

            def evaluate(shared: Shared) -> tuple[QueryResult, ...]:
                return tuple([self.evaluate(node, time, shared, cancelled) for node in nodes])

            return self._of_one_version(evaluate, _Memo(), _PERSON_HELD_S)

        return await self._in_thread(evaluate_all)

    async def origins(self, expr: Expr, series: Sequence[Labels], time: float) -> tuple[RawSample | None, ...]:
        """The newest raw sample that each series of an answer was made from.

        Args:
            expr: what was asked.
            series: labels of samples of the answer.
            time: Unix seconds, those of the question.

        Returns:
            One for each of `series`; None where `expr` reads no sample.

        Raises:
            QueryLimitError: it costs too much.
        """
        moment = _milliseconds(time)
        times = np.array([moment], np.int64)
        return await self._in_thread(
            lambda cancelled: origins(self._run(times, moment, 0, cancelled, None), expr, series)
        )

    async def query_range(self, expr: str | Expr, start: float, end: float, step: float) -> RangeResult:
        """See `Querier`."""

        def evaluate(cancelled: threading.Event) -> RangeResult:
            node = parse(expr) if isinstance(expr, str) else expr
            return self.evaluate_range(node, start, end, step, cancelled)

        return await self._in_thread(evaluate)

    async def series(self, selectors: Sequence[str], start: float, end: float) -> tuple[Labels, ...]:
        """See `Querier`."""
        return await self._in_thread(lambda cancelled: self._series(selectors, start, end, cancelled))

    async def label_names(self, selectors: Sequence[str], start: float, end: float) -> tuple[str, ...]:
        """See `Querier`."""

        def names(cancelled: threading.Event) -> tuple[str, ...]:
            series = self._series(selectors, start, end, cancelled)
            return tuple(sorted({name for labels in series for name, _ in labels}))

        return await self._in_thread(names)

    async def label_values(self, name: str, selectors: Sequence[str], start: float, end: float) -> tuple[str, ...]:
        """See `Querier`."""

        def values(cancelled: threading.Event) -> tuple[str, ...]:
            series = self._series(selectors, start, end, cancelled)
            return tuple(sorted({value for labels in series for own, value in labels if own == name}))

        return await self._in_thread(values)

    def evaluate(
        self, node: Expr, time: float, shared: Shared | None = None, cancelled: threading.Event | None = None
    ) -> QueryResult:
        """`query`, in the caller's thread.

        Args:
            node: what is asked.
            time: Unix seconds.
            shared: values left by other queries of the cycle.
            cancelled: set when nobody waits any more.
        """
        moment = _milliseconds(time)
        run = self._run(np.array([moment], np.int64), moment, 0, cancelled, shared)
        inner = node
        while isinstance(inner, Paren):
            inner = inner.expr
        with _recursion_reported():
            if isinstance(inner, MatrixSelector | Subquery):
                return matrix_answer(run, inner)
            return instant_answer(run, Evaluator(run).value(node), kind_of(node))

    def _instant(
        self, expr: str | Expr, time: float, memo: _Memo | None, cancelled: threading.Event | None
    ) -> QueryResult:
        node = parse(expr) if isinstance(expr, str) else expr
        if memo is not None:
            return self._of_one_version(lambda shared: self.evaluate(node, time, shared, cancelled), memo, _RULE_HELD_S)
        return self._of_one_version(lambda _: self.evaluate(node, time, None, cancelled), _Memo(), _PERSON_HELD_S)

    def _of_one_version(self, evaluate: Callable[[Shared], _T], memo: _Memo, held_s: float) -> _T:
        """An answer whose selectors all saw the same samples: a share of which the errors are newer is no share.

        What arrives meanwhile is seldom, so it is looked for afterwards; then it has to wait for a second evaluation,
        unless the first one took longer than `held_s`.
        """
        version, began = self._storage.version, time.monotonic()
        answer = evaluate(memo.at(version))
        if self._storage.version == version or time.monotonic() - began > held_s:
            return answer
        with self._storage.unchanged() as version:
            return evaluate(memo.at(version))

    def query_each(self, node: Expr, times: Sequence[float], shared: Shared) -> tuple[QueryResult, ...]:
        """What `query_here` answers at each of some ascending times, all found at once.

        For expressions that ask nothing of the query itself, as `end()` and `step()` do. Warnings are those of all
        times. Values of sub-expressions are taken from `shared`, and left there.

        Raises:
            EvaluatorError: there is no answer at one of the times, or all of them cost too much.
        """
        moments = np.array([_milliseconds(time) for time in times], np.int64)
        run = self._run(moments, int(moments[-1]), 0, None, shared)
        with _recursion_reported():
            return each_answer(run, Evaluator(run).value(node), kind_of(node))

    def evaluate_range(
        self, node: Expr, start: float, end: float, step: float, cancelled: threading.Event | None = None
    ) -> RangeResult:
        """`query_range`, in the caller's thread."""
        begin, stop, apart = _milliseconds(start), _milliseconds(end), _milliseconds(step)
        if apart <= 0:
            raise PromqlError("the step must be more than nothing", remedy="Give a step in seconds.")
        if stop < begin:
            raise PromqlError("the end lies before the start")
        if (stop - begin) // apart + 1 > self._limits.steps:
            remedy = f"Ask for at most {self._limits.steps} steps: a longer step or a shorter time."
            raise QueryLimitError("the query has too many steps", remedy=remedy)
        run = self._run(np.arange(begin, stop + 1, apart), stop, apart, cancelled, None)
        with _recursion_reported():
            return self._in_pieces(run, node)

    def _in_pieces(self, run: Run, node: Expr) -> RangeResult:
        """The answer for all steps at once, or, where that needs too much memory, for each half of them."""
        try:
            return range_answer(run, Evaluator(run).value(node), kind_of(node))
        except TooManyCellsError as error:
            if run.steps == 1 or error.cells > run.budget.samples:
                raise
        middle = run.steps // 2
        first, second = run.at(run.times[:middle]), run.at(run.times[middle:])
        return joined_answer(self._in_pieces(first, node), self._in_pieces(second, node))

    def _run(
        self, times: Ints, end_ms: int, step_ms: int, cancelled: threading.Event | None, shared: Shared | None
    ) -> Run:
        limits = self._limits
        return Run(
            self._storage,
            times,
            int(times[0]),
            end_ms,
            step_ms,
            _milliseconds(limits.subquery_step_s),
            _milliseconds(limits.lookback_s),
            self._budget(cancelled),
            Annotations(),
            shared,
        )

    def _budget(self, cancelled: threading.Event | None) -> Budget:
        limits = self._limits
        return Budget(limits.samples, limits.cells, time.monotonic() + limits.timeout_s, cancelled or threading.Event())

    def _series(
        self, selectors: Sequence[str], start: float, end: float, cancelled: threading.Event
    ) -> tuple[Labels, ...]:
        begin, stop = _milliseconds(start), _milliseconds(end)
        budget = self._budget(cancelled)
        if not selectors:
            return self._storage.matching((), begin, stop, budget.spend)
        every: set[Labels] = set()
        for selector in selectors:
            every.update(self._storage.matching(parse_selector(selector).matchers, begin, stop, budget.spend))
        return tuple(sorted(every))

    async def _in_thread(self, work: Callable[[threading.Event], _T]) -> _T:
        """Rules' questions in their own thread, others in fair turns; who is cancelled cancels the work."""
        cancelled = threading.Event()
        try:
            if _SHARED.get() is not None:
                return await asyncio.get_running_loop().run_in_executor(self._rules, _unburdened, work, cancelled)
            return await self._people.run(lambda: _unburdened(work, cancelled))
        except asyncio.CancelledError:
            cancelled.set()
            raise
        except EvaluatorError:
            raise
        except Exception as error:
            _log.exception("a query failed in the engine")
            raise PromqlError(
                f"the engine failed: {type(error).__name__}",
                remedy="This is a fault of lapbell; its log has the details.",
            ) from error


def _unburdened(work: Callable[[threading.Event], _T], cancelled: threading.Event) -> _T:
    """The answer of some work; an error leaves what the work held in this thread: to let go of it takes its time."""
    try:
        return work(cancelled)
    except EvaluatorError as error:
        raise error.with_traceback(None) from None


@contextmanager
def _recursion_reported() -> Iterator[None]:
    try:
        yield
    except RecursionError as error:
        remedy = "Record a part of it by a rule."
        raise QueryLimitError("the expression is nested too deeply", remedy=remedy) from error


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
