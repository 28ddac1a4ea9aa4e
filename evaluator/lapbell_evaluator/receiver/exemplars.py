"""Exemplars on their way from the points they came with to the series they belong to.

Source: OpenTelemetry specification, compatibility/prometheus_and_openmetrics.md, "Exemplars".
"""

import math
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from lapbell_evaluator.model import SPAN_ID, TRACE_ID, Exemplar, Labels, labels
from lapbell_evaluator.receiver.families import Series
from lapbell_evaluator.receiver.points import Exponentials, Histograms, Numbers

__all__ = ["bounded", "exemplar_labels", "exemplars_of", "is_findable"]

_MOST_CHARS: Final = 128
_NS_PER_MS: Final = 1_000_000
_IDS: Final = (TRACE_ID, SPAN_ID)
_TRACE: Final = re.compile("[0-9a-f]{32}")
_SPAN: Final = re.compile("[0-9a-f]{16}")


def exemplar_labels(trace_id: str, span_id: str, attributes: Iterable[tuple[str, str]] = ()) -> Labels:
    """The labels of an exemplar: its ids, and its attributes under their own names.

    Args:
        trace_id: 32 hex digits; nothing but zeros, or anything else, where there is none.
        span_id: 16 hex digits, likewise.
        attributes: those that its series leaves out.
    """
    everything = dict(attributes)
    if _TRACE.fullmatch(trace_id) and trace_id.strip("0"):
        everything[TRACE_ID] = trace_id
    if _SPAN.fullmatch(span_id) and span_id.strip("0"):
        everything[SPAN_ID] = span_id
    return bounded(everything)


def bounded(of: Mapping[str, str]) -> Labels:
    """The labels of an exemplar; its ids alone, or none, where the others are too long.

    Source: OpenMetrics 1.0, "Exemplars": 128 characters of names and values.
    """
    if _chars(of) <= _MOST_CHARS:
        return labels(of)
    ids = {name: of[name] for name in _IDS if name in of}
    return labels(ids) if _chars(ids) <= _MOST_CHARS else ()


def _chars(of: Mapping[str, str]) -> int:
    return sum(map(len, of)) + sum(map(len, of.values()))


def is_findable(exemplar: Exemplar, horizon_ms: int) -> bool:
    """Whether an exemplar has a value, and a time up to `horizon_ms` (Unix milliseconds)."""
    return 0 < exemplar.time_ms <= horizon_ms and not math.isnan(exemplar.value)


def exemplars_of(
    columns: Numbers | Histograms | Exponentials, series: Mapping[int, Series], horizon_ms: int
) -> Iterator[tuple[Labels, Exemplar]]:
    """Exemplars with the labels of their series; of a classic histogram, the bucket that the value fell into.

    Those of points that say that there is no value any more are left out, and what nobody could find.

    Args:
        columns: the points.
        series: of the points that were taken, by position.
        horizon_ms: Unix milliseconds.
    """
    bounds = columns.bounds.tolist() if isinstance(columns, Histograms) else []
    ended = frozenset(columns.ended)
    for point in columns.exemplars:
        own = series.get(point.position)
        exemplar = Exemplar(point.time_ns // _NS_PER_MS, point.value, point.labels)
        if own is not None and point.position not in ended and is_findable(exemplar, horizon_ms):
            yield own.labels[bisect_left(bounds, point.value)], exemplar
