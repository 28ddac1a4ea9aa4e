"""Pages: rows of many series, ordered by series, as the table `pages` keeps them until they become chunks."""

from collections.abc import Iterator
from typing import Final

from lapbell_evaluator.history.columns import Columns
from lapbell_evaluator.history.histograms import HistogramRow, pack_histograms
from lapbell_evaluator.history.packing import pack_page
from lapbell_evaluator.history.schema import FLOATS, HISTOGRAMS

__all__ = ["INSERT_PAGE", "PAGE_ROWS", "PageRow", "float_pages", "histogram_pages"]

PAGE_ROWS: Final = 16_384
PageRow = tuple[int, int, int, int, int, int, bytes]

INSERT_PAGE: Final = "INSERT INTO pages (kind, cut, first_series, last_series, start_ms, end_ms, data)"


def float_pages(rows: Columns, now_ms: int) -> Iterator[PageRow]:
    """Pages of rows that are ordered by series and time."""
    for begin in range(0, len(rows), PAGE_ROWS):
        page = rows.where(slice(begin, begin + PAGE_ROWS))
        series, times = page.series, page.times_ms
        bounds = (int(series[0]), int(series[-1]), int(times.min()), int(times.max()))
        yield (FLOATS, now_ms, *bounds, pack_page(page))


def histogram_pages(rows: list[HistogramRow], now_ms: int) -> Iterator[PageRow]:
    """Pages of native histograms, in any order."""
    rows = sorted(rows, key=lambda row: (row.series, row.time_ms))
    for begin in range(0, len(rows), PAGE_ROWS):
        page = rows[begin : begin + PAGE_ROWS]
        times = [row.time_ms for row in page]
        yield HISTOGRAMS, now_ms, page[0].series, page[-1].series, min(times), max(times), pack_histograms(page)
