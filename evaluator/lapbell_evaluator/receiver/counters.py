"""How a counter moves on: when it began, and what its deltas come to."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from lapbell_evaluator.receiver.delta import accumulated
from lapbell_evaluator.receiver.families import Series
from lapbell_evaluator.receiver.names import Kind
from lapbell_evaluator.receiver.points import Columns, Numbers

__all__ = ["Move", "began", "moved"]

SECOND_SENDER: Final = (
    "points of a series that a newer process sends as well: give each process a service.instance.id of its own"
)
BELOW_ZERO: Final = "deltas below zero of sums that only grow"
NO_NUMBER: Final = "deltas that are no finite number"
_WITHOUT_START: Final = frozenset({Kind.GAUGE, Kind.UP_DOWN_COUNTER})
_NS_PER_MS: Final = 1_000_000
_KEPT_APART_MS: Final = 1_001
_ALIVE_NS: Final = 300_000_000_000
_STARTS_KEPT: Final = 8


@dataclass(frozen=True, slots=True)
class Move:
    """What a point does to its counter.

    Attributes:
        is_stored: there is something to store.
        refusal: why the point cannot be taken, empty if it can.
        zero_ms: when the counter is known to have been zero, Unix milliseconds; None if that was said before.
    """

    is_stored: bool
    refusal: str = ""
    zero_ms: int | None = None


_STORED: Final = Move(is_stored=True)
_SILENT: Final = Move(is_stored=False)


def moved(series: Series, columns: Columns, position: int, values: npt.NDArray[np.float64]) -> Move:
    """Move a counter on by one point; if it comes as deltas, its row in `values` becomes the totals.

    Args:
        series: of the point; changes.
        columns: the points.
        position: which of them.
        values: float64[point, series].
    """
    metric = columns.metric
    if (metric.kind in _WITHOUT_START and not metric.is_delta) or position in columns.ended:
        return _STORED
    start_ns, end_ns = columns.starts_ns[position], columns.times_ns[position]
    if metric.is_delta:
        refusal = _refusal_of_delta(columns, values[position])
        if refusal:
            return Move(is_stored=False, refusal=refusal)
        totals = accumulated(series, start_ns, end_ns, values[position])
        if totals is None:
            return _SILENT
        values[position] = totals
    elif _is_of_another_sender(series, start_ns, end_ns):
        return Move(is_stored=False, refusal=SECOND_SENDER)
    else:
        series.last_ns = max(series.last_ns, end_ns)
    zero_ms = began(series, columns, position)
    return _STORED if zero_ms is None else Move(is_stored=True, zero_ms=zero_ms)


def _refusal_of_delta(columns: Columns, change: npt.NDArray[np.float64]) -> str:
    """Why a delta cannot be added to a total, empty if it can: what is no number would stay in it for ever."""
    if not isinstance(columns, Numbers):
        return ""
    if not np.isfinite(change[0]):
        return NO_NUMBER
    return BELOW_ZERO if columns.metric.kind is Kind.COUNTER and change[0] < 0 else ""


def began(series: Series, columns: Columns, position: int) -> int | None:
    """When a counter that is known to have begun was zero, Unix milliseconds: all of its first value happened since.

    The zero stands a little more than a second before the first point at least, because the store lets a sample
    replace the one that it follows within a second. Deltas go on from one total, so they begin once.

    Source: OpenTelemetry metrics data model, "Cumulative streams: handling unknown start time", and Prometheus'
    created timestamps.
    """
    start_ns, end_ns = columns.starts_ns[position], columns.times_ns[position]
    if start_ns == series.start_ns or start_ns in series.earlier_starts:
        return None
    if columns.metric.is_delta and series.start_ns:
        return None
    if start_ns > series.start_ns:
        series.earlier_starts = (*series.earlier_starts, series.start_ns)[-_STARTS_KEPT:]
        series.start_ns = start_ns
    elif start_ns:
        series.earlier_starts = (*series.earlier_starts, start_ns)[-_STARTS_KEPT:]
    if not 0 < start_ns < end_ns:
        return None
    return min(start_ns // _NS_PER_MS, end_ns // _NS_PER_MS - _KEPT_APART_MS)


def _is_of_another_sender(series: Series, start_ns: int, end_ns: int) -> bool:
    """Whether an older run of a counter reports while a newer one does: both at once make no sense.

    A late point of the older run is from before the newer one began. A clock that was set back may make a new run look
    old, so the newer one counts only while it is alive.

    Source: OpenTelemetry metrics data model, "Single-Writer".
    """
    return 0 < start_ns < series.start_ns < end_ns < series.last_ns + _ALIVE_NS
