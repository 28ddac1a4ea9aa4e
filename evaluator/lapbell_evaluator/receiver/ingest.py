"""The way of an export: bytes, columns, samples, store.

All gates share one `Ingest`. Decoding runs in one thread of its own, so that the loop answers others meanwhile and the
translator's state needs no lock.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, Protocol

from lapbell_evaluator.evidence import Span
from lapbell_evaluator.model import Batch, Clock, Histogram
from lapbell_evaluator.receiver.body import unpacked
from lapbell_evaluator.receiver.families import Registry
from lapbell_evaluator.receiver.json_metrics import decode_json_metrics
from lapbell_evaluator.receiver.json_traces import count_json_logs, decode_json_spans
from lapbell_evaluator.receiver.limits import Limits
from lapbell_evaluator.receiver.protobuf import decode_metrics
from lapbell_evaluator.receiver.replies import JSON, PROTOBUF, Outcome, Signal
from lapbell_evaluator.receiver.spans import count_logs, decode_spans
from lapbell_evaluator.receiver.translator import Translated, Translator
from lapbell_evaluator.series import AppendResult

_TOO_OLD: Final = "samples older than what is kept"
_NO_ROOM: Final = "samples of series beyond the limit"

__all__ = ["Envelope", "Ingest", "Sink", "TraceSink"]


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


@dataclass(frozen=True, slots=True)
class Envelope:
    """An export as it came in.

    Attributes:
        signal: what it holds.
        body: as sent.
        encoding: its Content-Encoding, empty if none.
        content_type: its media type without parameters.
    """

    signal: Signal
    body: bytes
    encoding: str = ""
    content_type: str = PROTOBUF


class Ingest:
    """Takes exports one after the other.

    Args:
        sink: the series store.
        traces: the room for evidence.
        clock: says when an export arrived.
        limits: see `Limits`.
        on_received: told on the loop what came, once it is in the store: rules that it touches may run early.
        promote: resource attributes that every series of the sender carries as labels.
    """

    def __init__(
        self,
        sink: Sink,
        traces: TraceSink,
        clock: Clock,
        limits: Limits,
        *,
        on_received: Callable[[Translated], None] | None = None,
        promote: frozenset[str] = frozenset(),
    ) -> None:
        self._sink = sink
        self._traces = traces
        self._clock = clock
        self._limits = limits
        self._on_received = on_received
        self._translator = Translator(sink, limits, promote)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="lapbell-receiver")

    async def take(self, envelope: Envelope) -> Outcome:
        """Decode and keep an export; returns when it is in the store.

        Raises:
            Refusal: nothing of it was kept.
        """
        loop = asyncio.get_running_loop()
        match envelope.signal:
            case Signal.METRICS:
                translated = await loop.run_in_executor(self._thread, self._take_metrics, envelope)
                if self._on_received is not None:
                    self._on_received(translated)
                return _outcome(translated.rejected)
            case Signal.TRACES:
                return await loop.run_in_executor(self._thread, self._take_traces, envelope)
            case Signal.LOGS:
                return await loop.run_in_executor(self._thread, self._take_logs, envelope)

    async def stop(self) -> None:
        """End the thread after the exports that it holds."""
        await asyncio.to_thread(self._thread.shutdown)

    def _take_metrics(self, envelope: Envelope) -> Translated:
        decode = decode_json_metrics if envelope.content_type == JSON else decode_metrics
        export = decode(self._plain(envelope))
        translated = self._translator.translate(export, self._clock.now())
        self._store(translated)
        return translated

    def _store(self, translated: Translated) -> None:
        self._append(translated.zeros)
        result = self._append(translated.batch)
        rejected = translated.rejected
        for count, reason in ((result.out_of_window, _TOO_OLD), (result.over_limit, _NO_ROOM)):
            if count:
                rejected[reason] = rejected.get(reason, 0) + count
        for sample in translated.histograms:
            self._sink.append_histogram(sample.ref, sample.time_ms, sample.histogram)

    def _append(self, batch: Batch) -> AppendResult:
        """Append, and once more what belongs to series that the store had let go in the meantime."""
        result = self._sink.append(batch)
        return self._sink.append(self._translator.renewed(batch, result.gone)) if len(result.gone) else result

    def _take_traces(self, envelope: Envelope) -> Outcome:
        decode = decode_json_spans if envelope.content_type == JSON else decode_spans
        decoded = decode(self._plain(envelope))
        self._traces.add(decoded.spans)
        return _outcome(decoded.rejected)

    def _take_logs(self, envelope: Envelope) -> Outcome:
        count = count_json_logs if envelope.content_type == JSON else count_logs
        count(self._plain(envelope))
        return Outcome()

    def _plain(self, envelope: Envelope) -> bytes:
        return unpacked(envelope.body, envelope.encoding, self._limits.body_bytes)


def _outcome(rejected: dict[str, int]) -> Outcome:
    message = "; ".join(f"{count} {reason}" for reason, count in rejected.items())
    return Outcome(sum(rejected.values()), message)
