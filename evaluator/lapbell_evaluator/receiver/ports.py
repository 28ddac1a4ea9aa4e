"""What the receiver needs of other rooms."""

from collections.abc import Sequence
from typing import Protocol

from lapbell_evaluator.evidence import Span
from lapbell_evaluator.model import Batch, Exemplar, Histogram, Labels
from lapbell_evaluator.receiver.families import Registry
from lapbell_evaluator.series import AppendResult

__all__ = ["Durable", "ExemplarSink", "Sink", "TraceSink"]


class Sink(Registry, Protocol):
    """Where samples go: the series store. Called from the receiver's thread."""

    def append(self, batch: Batch) -> AppendResult:
        """Keep samples; repeated ones are the store's to drop."""
        ...

    def append_histogram(self, ref: int, time_ms: int, histogram: Histogram) -> AppendResult:
        """Keep a native histogram."""
        ...


class TraceSink(Protocol):
    """Where spans go. Called from the receiver's thread."""

    def add(self, spans: Sequence[Span]) -> None:
        """Keep spans, within bounds."""
        ...


class ExemplarSink(Protocol):
    """Where exemplars go. Called from the receiver's thread."""

    def add(self, arrivals: Sequence[tuple[Labels, Exemplar]]) -> None:
        """Keep exemplars with the labels of their series, within bounds; repeated ones are the sink's to drop."""
        ...


class Durable(Protocol):
    """Where samples survive the end of the process."""

    async def committed(self) -> None:
        """Return when everything that was stored until now would survive `kill -9`.

        Raises:
            EvaluatorError: it would not; the disk is full, for example.
        """
        ...
