"""What the samples of one export are, under Prometheus' names."""

from dataclasses import dataclass

from lapbell_evaluator.model import Batch, Exemplar, Histogram, Labels

__all__ = ["HistogramSample", "Translated"]


@dataclass(frozen=True, slots=True)
class HistogramSample:
    """A native histogram at one time.

    Attributes:
        ref: the series, as interned.
        time_ms: Unix milliseconds.
        histogram: the value.
        is_start: it says when the counter was zero; no loss if the store finds it too old.
    """

    ref: int
    time_ms: int
    histogram: Histogram
    is_start: bool = False


@dataclass(frozen=True, slots=True)
class Translated:
    """What an export came to.

    Attributes:
        zeros: where counters began; earlier than `batch`, and no loss if the store finds them too old.
        batch: its samples.
        histograms: its native histograms, those where they began first.
        metrics: the Prometheus names in it, `target_info` aside.
        exemplars: measurements, with the labels of their series.
        remarks: what a person should know of the points that were not taken, beside the reasons.
        rejected: number of points that were not taken, by reason.
    """

    zeros: Batch
    batch: Batch
    histograms: tuple[HistogramSample, ...]
    metrics: frozenset[str]
    rejected: dict[str, int]
    exemplars: tuple[tuple[Labels, Exemplar], ...] = ()
    remarks: tuple[str, ...] = ()
