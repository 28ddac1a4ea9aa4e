"""What the store holds at most."""

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Limits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the store holds at most.

    Attributes:
        series: of all metrics.
        series_per_metric: of one.
        reserved: of `series`, those that only metrics have which rules read or make.
        ended_ms: where there is no room, a series without a sample for so long behind the newest counts as ended.
        retention_ms: how long samples are kept behind the newest: the longest window in use and the lookback.
        late_ms: how far behind the newest sample of the store a late one may be.
        coalesce_ms: a sample within so many milliseconds of the beginning of its series' last one takes its place.
        longer_ms: by how much longer samples of some metrics are kept, by name: a rule looks further back to them.
    """

    series: int = 200_000
    series_per_metric: int = 100_000
    reserved: int = 0
    ended_ms: int = 5 * 60_000
    retention_ms: int = 15 * 60_000
    late_ms: int = 15 * 60_000
    coalesce_ms: int = 1_000
    longer_ms: Mapping[str, int] = field(default_factory=dict)
