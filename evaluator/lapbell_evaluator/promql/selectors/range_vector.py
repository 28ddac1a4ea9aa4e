"""Range selectors: each series with its samples in a window."""

from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from lapbell_evaluator.model import Histogram
from lapbell_evaluator.promql.run import Run
from lapbell_evaluator.promql.selectors.selected import selected
from lapbell_evaluator.promql.selectors.times import shifted_times
from lapbell_evaluator.promql.selectors.window import Window
from lapbell_evaluator.promql.syntax.ast import MatrixSelector
from lapbell_evaluator.promql.syntax.duration_arithmetic import duration_ms
from lapbell_evaluator.series import HistogramSeries, LabelTable
from lapbell_evaluator.series.arrays import Ints

__all__ = ["RangeVector", "histograms_within", "range_vector"]


@dataclass(frozen=True, slots=True, eq=False)
class RangeVector:
    """Series with their samples in a window that ends at each step.

    Attributes:
        table: labels.
        windows: of the frames, one after the other; they have the steps `after_ms` and `until_ms`.
        histograms: native histograms by row of `table`.
        after_ms: int64[step], not part of the window.
        until_ms: int64[step], part of it.
        range_ms: from one to the other; the lookback before an anchored window is not part of it.
        is_fixed: whether all steps see the same window; then the arrays have one step.
        is_anchored: whether the windows reach back by the lookback, and nothing is extrapolated.
    """

    table: LabelTable
    windows: tuple[Window, ...]
    histograms: dict[int, HistogramSeries]
    after_ms: Ints
    until_ms: Ints
    range_ms: int
    is_fixed: bool
    is_anchored: bool = False


@contextmanager
def range_vector(run: Run, node: MatrixSelector) -> Iterator[RangeVector]:
    """The windows of a range selector; samples do not change within the context."""
    until, is_fixed = shifted_times(run, node.selector.offset, node.selector.at)
    range_ms = duration_ms(node.range, run.step_s, run.range_s)
    before_ms = range_ms + (run.lookback_ms if node.is_anchored else 0)
    after = until - before_ms
    is_brief = run.shared is not None  # a rule's: a copy would cost more than the look, and rules ask one by one
    with selected(run, node.selector.matchers, until, before_ms, is_brief=is_brief) as selection:
        windows = tuple(Window.of(frame, after, until, run.budget) for frame in selection.frames)
        yield RangeVector(
            selection.table, windows, selection.histograms, after, until, range_ms, is_fixed, node.is_anchored
        )


def histograms_within(series: HistogramSeries, after_ms: int, until_ms: int) -> list[tuple[int, Histogram]]:
    """A series' native histograms after one time up to another."""
    begin, end = bisect_right(series.times, after_ms), bisect_right(series.times, until_ms)
    return list(zip(series.times[begin:end], series.histograms[begin:end], strict=True))
