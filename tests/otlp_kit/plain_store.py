"""The plainest store there is: every sample in the order it came."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

from lapbell_evaluator.evidence import Span
from lapbell_evaluator.model import Batch, Histogram, Labels
from lapbell_evaluator.series import AppendResult, Metadata

STALE_BITS = 0x7FF0000000000002


@dataclass
class PlainStore:
    """Keeps samples and spans as they arrive; a stale marker reads as the text `stale`."""

    numbers: dict[Labels, int] = field(default_factory=dict)
    samples: list[tuple[str, int, float | str]] = field(default_factory=list)
    histograms: list[tuple[str, int, Histogram]] = field(default_factory=list)
    metadata: dict[str, Metadata] = field(default_factory=dict)
    spans: list[Span] = field(default_factory=list)

    def intern(self, labels: Labels) -> int:
        return self.numbers.setdefault(labels, len(self.numbers) + 1)

    def describe(self, metric: str, metadata: Metadata) -> None:
        self.metadata[metric] = metadata

    def append(self, batch: Batch) -> AppendResult:
        names = ["", *(series_text(labels) for labels in self.numbers)]
        columns = zip(batch.refs.tolist(), batch.times_ms.tolist(), batch.values, strict=True)
        self.samples += [(names[ref], time, _value(value)) for ref, time, value in columns]
        return AppendResult(accepted=len(batch.refs))

    def append_histogram(self, ref: int, time_ms: int, histogram: Histogram) -> AppendResult:
        self.histograms.append((series_text(list(self.numbers)[ref - 1]), time_ms, histogram))
        return AppendResult(accepted=1)

    def add(self, spans: Sequence[Span]) -> None:
        self.spans += spans

    def of(self, name: str) -> list[tuple[str, int, float | str]]:
        """The samples of one metric name."""
        return [sample for sample in self.samples if sample[0].partition("{")[0] == name]


def series_text(labels: Labels) -> str:
    """`name{a="b"}`."""
    values = dict(labels)
    name = values.pop("__name__")
    inside = ",".join(f'{key}="{value}"' for key, value in sorted(values.items()))
    return f"{name}{{{inside}}}" if inside else name


def _value(value: float) -> float | str:
    bits = struct.unpack("<Q", struct.pack("<d", value))[0]
    return "stale" if bits == STALE_BITS else float(value)
