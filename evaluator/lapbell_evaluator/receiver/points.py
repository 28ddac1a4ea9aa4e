"""The output of every decoder: the data points of one metric in columns, with attributes still encoded as sent.

The three decoders (lite protobuf, full protobuf, JSON) end here; the translator begins here and knows none of them.

One object holds the points of one metric, or of one metric and one set of bucket bounds. Entry i of every column
belongs to point i, so all columns have the same length; `ended` and `exemplars` refer to points by that position.
Columns are lists because decoders append to them point by point; numpy sees each of them once, when it is whole.
"""

from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from lapbell_evaluator.model import Histogram, Labels
from lapbell_evaluator.receiver.names import Kind

__all__ = [
    "CUMULATIVE",
    "DELTA",
    "AttributesKey",
    "Columns",
    "ExemplarPoint",
    "Exponentials",
    "Histograms",
    "Metric",
    "MetricsExport",
    "Numbers",
    "Scope",
    "Source",
    "Summaries",
]

DELTA: Final = 1
CUMULATIVE: Final = 2
"""OTLP's numbers of the two temporalities."""

AttributesKey = tuple[bytes, ...] | tuple[tuple[str, str], ...]
"""Attributes as sent: one serialised `KeyValue` each, or pairs of text. Hashable; decoded only when first seen."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric of one scope, without its points.

    Attributes:
        name: OpenTelemetry's.
        unit: UCUM, as sent.
        kind: what the name's suffix and the points' meaning depend on.
        is_delta: points hold changes since the last point, not totals.
        description: for people; two metrics that differ in it alone are one.
        has_temporality: it is known whether points hold changes or totals, where that matters.
    """

    name: str
    unit: str
    kind: Kind
    is_delta: bool = False
    description: str = field(default="", compare=False)
    has_temporality: bool = True


@dataclass(frozen=True, slots=True)
class ExemplarPoint:
    """A measurement of one point, with the trace in which it was made.

    Attributes:
        position: of the point in its columns.
        time_ns: Unix nanoseconds, 0 where unknown.
        value: what was measured, NaN where the sender did not say.
        labels: of the exemplar alone.
    """

    position: int
    time_ns: int
    value: float
    labels: Labels


@dataclass(slots=True)
class Numbers:
    """Number points of one metric; the columns are of equal length.

    Attributes:
        metric: whose points these are.
        attributes: of each point.
        starts_ns: Unix nanoseconds, 0 where unknown.
        times_ns: Unix nanoseconds.
        values: NaN where the point says that there is no value any more.
        ended: positions of points that carry `NO_RECORDED_VALUE`.
        exemplars: measurements behind the points.
    """

    metric: Metric
    attributes: list[AttributesKey] = field(default_factory=list)
    starts_ns: list[int] = field(default_factory=list)
    times_ns: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    ended: list[int] = field(default_factory=list)
    exemplars: list[ExemplarPoint] = field(default_factory=list)


@dataclass(slots=True)
class Histograms:
    """Classic histogram points of one metric that share their bounds.

    Attributes:
        metric: whose points these are.
        bounds: float64[b], upper bounds without +Inf, ascending.
        attributes: of each point.
        starts_ns: Unix nanoseconds, 0 where unknown.
        times_ns: Unix nanoseconds.
        counts: of each bucket, not cumulated: little-endian uint64[b + 1] each.
        totals: number of measurements.
        sums: NaN where the sender did not say.
        ended: positions of points that carry `NO_RECORDED_VALUE`.
        exemplars: measurements behind the points.
    """

    metric: Metric
    bounds: npt.NDArray[np.float64]
    attributes: list[AttributesKey] = field(default_factory=list)
    starts_ns: list[int] = field(default_factory=list)
    times_ns: list[int] = field(default_factory=list)
    counts: list[bytes] = field(default_factory=list)
    totals: list[int] = field(default_factory=list)
    sums: list[float] = field(default_factory=list)
    ended: list[int] = field(default_factory=list)
    exemplars: list[ExemplarPoint] = field(default_factory=list)

    def matrix(self) -> npt.NDArray[np.uint64]:
        """`counts` as uint64[point, bucket], a read-only view; the last bucket is that above the last bound."""
        return np.frombuffer(b"".join(self.counts), "<u8").reshape(len(self.counts), len(self.bounds) + 1)

    def cumulated(self) -> npt.NDArray[np.float64]:
        """Values of the series of a classic histogram: float64[point, b + 3].

        Columns 0 to b - 1 are `_bucket` by ascending `le`, then come `le="+Inf"`, `_sum`, `_count`. The order is that
        of `Family.names`, and `Samples.add_points` relies on the sum being the last but one.
        """
        totals = np.array(self.totals, np.float64)
        values = np.empty((len(totals), len(self.bounds) + 3))
        # Added up as uint64: exact, where float64 would round each step above 2^53. `+Inf` is the count as sent, which
        # equals the sum of all buckets (`misfits` has refused the others).
        values[:, :-3] = np.cumsum(self.matrix()[:, :-1], axis=1, dtype=np.uint64)
        values[:, -3] = values[:, -1] = totals
        values[:, -2] = self.sums
        return values

    @property
    def has_ascending_bounds(self) -> bool:
        """Whether each bound is above the one before, as OTLP demands."""
        below = np.concatenate([[-np.inf], self.bounds[:-1]])
        return bool((self.bounds > below).all())

    def misfits(self) -> set[int]:
        """Positions of points whose buckets do not add up to their count; points that end a series have neither."""
        positions = np.flatnonzero(self.matrix().sum(axis=1, dtype=np.uint64) != np.array(self.totals, np.uint64))
        return set(positions.tolist()) - set(self.ended)

    def without(self, dropped: set[int]) -> "Histograms":
        """The points at the positions that are not in `dropped`, renumbered from 0."""
        positions = [at for at in range(len(self.totals)) if at not in dropped]
        new_at = {old: new for new, old in enumerate(positions)}
        return Histograms(
            self.metric,
            self.bounds,
            [self.attributes[at] for at in positions],
            [self.starts_ns[at] for at in positions],
            [self.times_ns[at] for at in positions],
            [self.counts[at] for at in positions],
            [self.totals[at] for at in positions],
            [self.sums[at] for at in positions],
            [new_at[at] for at in self.ended if at in new_at],
            [
                replace(exemplar, position=new_at[exemplar.position])
                for exemplar in self.exemplars
                if exemplar.position in new_at
            ],
        )

    def has_no_sum(self, positions: list[int]) -> npt.NDArray[np.bool_] | None:
        """bool[kept point]: which of the points at these positions came without a sum; None if all have one."""
        absent = np.isnan(self.sums)
        absent[self.ended] = False
        return absent[positions] if absent.any() else None


@dataclass(slots=True)
class Exponentials:
    """Exponential histogram points of one metric.

    Attributes:
        metric: whose points these are.
        attributes: of each point.
        starts_ns: Unix nanoseconds, 0 where unknown.
        times_ns: Unix nanoseconds.
        histograms: of each point, with Prometheus' bucket numbers.
        ended: positions of points that carry `NO_RECORDED_VALUE`.
        exemplars: measurements behind the points.
    """

    metric: Metric
    attributes: list[AttributesKey] = field(default_factory=list)
    starts_ns: list[int] = field(default_factory=list)
    times_ns: list[int] = field(default_factory=list)
    histograms: list[Histogram] = field(default_factory=list)
    ended: list[int] = field(default_factory=list)
    exemplars: list[ExemplarPoint] = field(default_factory=list)


@dataclass(slots=True)
class Summaries:
    """Summary points of one metric.

    Attributes:
        metric: whose points these are.
        attributes: of each point.
        starts_ns: Unix nanoseconds, 0 where unknown.
        times_ns: Unix nanoseconds.
        quantiles: (quantile, value) pairs of each point.
        totals: number of measurements.
        sums: of the measurements.
        ended: positions of points that carry `NO_RECORDED_VALUE`.
    """

    metric: Metric
    attributes: list[AttributesKey] = field(default_factory=list)
    starts_ns: list[int] = field(default_factory=list)
    times_ns: list[int] = field(default_factory=list)
    quantiles: list[tuple[tuple[float, float], ...]] = field(default_factory=list)
    totals: list[int] = field(default_factory=list)
    sums: list[float] = field(default_factory=list)
    ended: list[int] = field(default_factory=list)

    def only(self, positions: list[int]) -> "Summaries":
        """The points at the positions, renumbered from 0."""
        ended = set(self.ended)
        return Summaries(
            self.metric,
            [self.attributes[at] for at in positions],
            [self.starts_ns[at] for at in positions],
            [self.times_ns[at] for at in positions],
            [self.quantiles[at] for at in positions],
            [self.totals[at] for at in positions],
            [self.sums[at] for at in positions],
            [new for new, old in enumerate(positions) if old in ended],
        )

    def matrix(self) -> npt.NDArray[np.float64]:
        """float64[point, q + 2]: the values of the q quantiles that all points share, then sum and count."""
        return np.array(
            [
                [*(value for _, value in quantiles), of_point, total]
                for quantiles, of_point, total in zip(self.quantiles, self.sums, self.totals, strict=True)
            ],
            np.float64,
        )


Columns = Numbers | Histograms | Exponentials | Summaries


@dataclass(slots=True)
class Scope:
    """What one instrumentation scope sent, in its order.

    Attributes:
        key: which scope: its message as sent, or name and version.
        columns: points by metric.
    """

    key: bytes | tuple[str, str] = b""
    columns: list[Columns] = field(default_factory=list)


@dataclass(slots=True)
class Source:
    """What one resource sent.

    Attributes:
        resource: its attributes as sent.
        scopes: its instrumentation scopes.
    """

    resource: AttributesKey
    scopes: list[Scope] = field(default_factory=list)


@dataclass(slots=True)
class MetricsExport:
    """One export of metrics.

    Attributes:
        sources: one per resource.
        rejected: number of points that cannot be taken, by reason.
    """

    sources: list[Source] = field(default_factory=list)
    rejected: dict[str, int] = field(default_factory=dict)

    def reject(self, reason: str, points: int = 1) -> None:
        """Count points that cannot be taken."""
        self.rejected[reason] = self.rejected.get(reason, 0) + points
