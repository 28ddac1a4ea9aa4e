"""The selections of matchers, cached while no series of their metrics comes or goes.

A selection's key is its matchers, its version the versions of the metrics that the matchers can mean. Because a cached
selection keeps its label table, everything that the engine memoises on the table (groups, join plans, bucket plans)
lives exactly as long as the set of series it was made for.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from lapbell_evaluator.model import METRIC_NAME
from lapbell_evaluator.series.arrays import Ints
from lapbell_evaluator.series.directory import Directory
from lapbell_evaluator.series.matcher import Matcher, MatchOp
from lapbell_evaluator.series.metric import Metric, Shard
from lapbell_evaluator.series.selection import HistogramSeries, RingFrame, Selection
from lapbell_evaluator.series.table import LabelTable

__all__ = ["Selections"]

_ROWS_KEPT: Final = 2_000_000

_Version = tuple[tuple[int, int], ...]


class Selections:
    """Selections by matchers; those asked for last are kept, up to so many rows in all.

    Args:
        directory: the series.
        histograms: native histograms by slot.
    """

    def __init__(self, directory: Directory, histograms: dict[int, HistogramSeries]) -> None:
        self._directory = directory
        self._histograms = histograms
        self._by_matchers: OrderedDict[tuple[Matcher, ...], tuple[_Version, Selection]] = OrderedDict()
        self._rows = 0

    def select(self, matchers: tuple[Matcher, ...]) -> Selection:
        """The selection as things stand.

        Raises:
            RegexError: a pattern is wrong.
        """
        metrics = self._candidates(matchers)
        version = tuple((id(metric), metric.version) for metric in metrics)
        cached = self._by_matchers.get(matchers)
        if cached is not None and cached[0] == version:
            self._by_matchers.move_to_end(matchers)
            return cached[1]
        self._forget(matchers)
        selection = self._new_selection(metrics, matchers)
        self._by_matchers[matchers] = version, selection
        self._rows += selection.table.size + 1
        while self._rows > _ROWS_KEPT and len(self._by_matchers) > 1:
            self._forget(next(iter(self._by_matchers)))
        return selection

    def forget_outdated(self) -> None:
        """Let go of selections that hold series which left."""
        for matchers in list(self._by_matchers):
            version = tuple((id(metric), metric.version) for metric in self._candidates(matchers))
            if version != self._by_matchers[matchers][0]:
                self._forget(matchers)

    def _forget(self, matchers: tuple[Matcher, ...]) -> None:
        cached = self._by_matchers.pop(matchers, None)
        if cached is not None:
            self._rows -= cached[1].table.size + 1

    def _candidates(self, matchers: tuple[Matcher, ...]) -> list[Metric]:
        """Metrics whose name matches."""
        of_name = [matcher for matcher in matchers if matcher.name == METRIC_NAME]
        metrics = self._directory.metrics
        if len(of_name) == 1 and of_name[0].op is MatchOp.EQUAL:
            metric = metrics.get(of_name[0].value)
            return [] if metric is None else [metric]
        predicates = [matcher.predicate() for matcher in of_name]
        return [metric for name, metric in metrics.items() if all(matches(name) for matches in predicates)]

    def _new_selection(self, metrics: Sequence[Metric], matchers: tuple[Matcher, ...]) -> Selection:
        tables: list[LabelTable] = []
        frames: list[RingFrame] = []
        histograms: dict[int, HistogramSeries] = {}
        rows = 0
        for metric in metrics:
            for shard in metric.shards:
                columns = metric.matching_columns(shard, matchers)
                frame = RingFrame(shard.ring, columns)
                if frame.size:
                    tables.append(metric.table(shard, columns))
                    frames.append(frame)
                    histograms |= self._histograms_of(shard, columns, rows)
                    rows += frame.size
        table = LabelTable.concatenated(tables) if tables else LabelTable(0, {})
        return Selection(table, tuple(frames), histograms)

    def _histograms_of(self, shard: Shard, columns: Ints | None, first_row: int) -> dict[int, HistogramSeries]:
        if not self._histograms:
            return {}
        slots = shard.slots[: shard.ring.used] if columns is None else shard.slots[columns]
        rows = enumerate(slots.tolist(), first_row)
        return {row: self._histograms[slot] for row, slot in rows if slot in self._histograms}
