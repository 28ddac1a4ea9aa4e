"""The way of an export: bytes, columns, samples, store.

All gates share one `Ingest`. Decoding runs in one thread of its own, so that the loop answers others meanwhile and the
translator's state needs no lock; senders take turns there.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt

from lapbell_evaluator.model import Batch, Clock, EvaluatorError, Reading
from lapbell_evaluator.receiver.arrivals import Arrivals
from lapbell_evaluator.receiver.envelope import Envelope, LongerThanToldError
from lapbell_evaluator.receiver.families import Recovered
from lapbell_evaluator.receiver.items import LOGS, METRICS, TRACES, Fields, check_items, check_json_items
from lapbell_evaluator.receiver.json_metrics import decode_json_metrics
from lapbell_evaluator.receiver.json_traces import count_json_logs, decode_json_spans
from lapbell_evaluator.receiver.limits import Limits
from lapbell_evaluator.receiver.ports import Durable, ExemplarSink, Sink, TraceSink
from lapbell_evaluator.receiver.protobuf import decode_metrics
from lapbell_evaluator.receiver.refusal import Reason, Refusal
from lapbell_evaluator.receiver.remote_write import WrittenSeries
from lapbell_evaluator.receiver.replies import JSON, Outcome, Signal
from lapbell_evaluator.receiver.room import Room
from lapbell_evaluator.receiver.sender_clocks import SenderClocks
from lapbell_evaluator.receiver.spans import count_logs, decode_spans
from lapbell_evaluator.receiver.telemetry import Telemetry
from lapbell_evaluator.receiver.translated import HistogramSample, Translated
from lapbell_evaluator.receiver.translator import Translator
from lapbell_evaluator.receiver.turns import Turns
from lapbell_evaluator.receiver.write_messages import decode_written, unpacked_size
from lapbell_evaluator.series import AppendResult

_TOO_OLD: Final = "samples older than what is kept"
_OUT_OF_ORDER: Final = "native histograms older than the newest of their series"
_NO_ROOM: Final = "samples of series beyond series.limit, series.limit_per_metric or the share of their job"
_MS_PER_S: Final = 1000

_T = TypeVar("_T")
_Renew = Callable[[Batch, npt.NDArray[np.int64]], Batch]

__all__ = ["Ingest"]


class Ingest:
    """Takes exports one after the other.

    Args:
        sink: the series store.
        traces: the room for evidence.
        exemplars: the room for exemplars.
        clock: says when an export arrived.
        limits: see `Limits`.
        durable: awaited before an export is acknowledged; None if memory is enough.
        recovered: the last sample of a series before a restart; None if memory began empty.
        arrivals: notes when samples arrived; None if nobody asks.
        on_received: told on the loop what came, once it is in the store: rules that it touches may run early.
        promote: resource attributes that every series of the sender carries as labels.
        utf8: metrics and labels keep OpenTelemetry's names, dots and all; only suffixes are added.
        leap_s: how far the machine's clock is ahead of `clock` because it leapt.

    Attributes:
        room: for bytes under way; gates hold their exports in it.
        turns: of the senders whose exports wait to be decoded.
        telemetry: counts since the start.
        clocks: of the senders.
    """

    def __init__(
        self,
        sink: Sink,
        traces: TraceSink,
        exemplars: ExemplarSink,
        clock: Clock,
        limits: Limits,
        *,
        durable: Durable | None = None,
        recovered: Recovered | None = None,
        arrivals: Arrivals | None = None,
        on_received: Callable[[Translated], None] | None = None,
        promote: frozenset[str] = frozenset(),
        utf8: bool = False,
        leap_s: Callable[[], float] | None = None,
    ) -> None:
        self._sink = sink
        self._traces = traces
        self._exemplars = exemplars
        self._clock = clock
        self._limits = limits
        self._durable = durable
        self._arrivals = arrivals
        self._on_received = on_received
        self._leap_s = leap_s or (lambda: 0.0)
        self.clocks = SenderClocks(corrects=limits.corrects_clocks)
        self._translator = Translator(sink, limits, promote, recovered=recovered, utf8=utf8, clocks=self.clocks)
        self._written = WrittenSeries(sink, limits, self.clocks)
        self.turns = Turns("lapbell-receiver")
        self.room = Room(limits)
        self.telemetry = Telemetry()

    async def take(self, envelope: Envelope) -> Outcome:
        """Decode and keep an export; returns when it is safe. Cancelled before its turn, it is never decoded.

        Raises:
            Refusal: nothing of it was kept, or it is not safe.
        """
        match envelope.signal:
            case Signal.METRICS:
                return await self._announced(await self._in_thread(self._take_metrics, envelope))
            case Signal.TRACES:
                return await self._in_thread(self._take_traces, envelope)
            case Signal.LOGS:
                return await self._in_thread(self._take_logs, envelope)

    async def take_written(self, envelope: Envelope) -> Outcome:
        """As `take`, for a body of Prometheus remote write 1.0."""
        return await self._announced(await self._in_thread(self._take_written, envelope))

    def refused(self, signal: Signal | None, refusal: Refusal) -> None:
        """Count an export of which nothing was taken."""
        if signal is not None:
            self.telemetry.refused[signal, refusal.reason] += 1

    def readings(self) -> tuple[Reading, ...]:
        """What the receiver says about itself now."""
        return (*self.telemetry.readings(self.room.used_bytes), *self.clocks.readings(self._clock.now()))

    async def stop(self) -> None:
        """End the thread after the exports that it holds."""
        await asyncio.to_thread(self.turns.stop)

    async def _announced(self, translated: Translated) -> Outcome:
        """Tell those who wait for samples, once they are safe; memory alone is enough for them if they can't be."""
        try:
            if self._durable is not None:
                await self._durable.committed()
        except EvaluatorError as error:
            raise _unavailable(error) from error
        finally:
            if self._on_received is not None:
                self._on_received(translated)
        return _outcome(translated.rejected, translated.remarks)

    async def _in_thread(self, work: Callable[[Envelope], _T], envelope: Envelope) -> _T:
        telemetry, signal = self.telemetry, envelope.signal
        telemetry.bytes[signal] += len(envelope.body)
        telemetry.queued += 1
        try:
            told = min(envelope.told_bytes, self._limits.body_bytes)
            try:
                return await self._in_turn(work, replace(envelope, most_bytes=told), told)
            except LongerThanToldError:
                return await self._in_turn(work, envelope, self._limits.body_bytes)
        except Refusal:
            raise
        except EvaluatorError as error:
            raise _unavailable(error) from error
        finally:
            telemetry.queued -= 1

    async def _in_turn(self, work: Callable[[Envelope], _T], envelope: Envelope, size: int) -> _T:
        timed = partial(self._timed, work, envelope)
        return await self.turns.run(envelope.sender, envelope.connection, timed, size=size)

    def _timed(self, work: Callable[[Envelope], _T], envelope: Envelope) -> _T:
        began = time.thread_time()
        try:
            return work(envelope)
        except Refusal as refusal:
            # Frames hold the unpacked body: fifty answers that wait to be sent would hold fifty of them.
            refusal.__traceback__ = refusal.__context__ = None
            raise
        finally:
            self.telemetry.decode_s[envelope.signal] += time.thread_time() - began

    def _take_metrics(self, envelope: Envelope) -> Translated:
        decode = decode_json_metrics if envelope.content_type == JSON else decode_metrics
        with self._plain(envelope, METRICS) as plain:
            export = decode(plain)
        self.clocks.leapt(self._leap_s())
        return self._stored(self._translator.translate(export, self._clock.now()), self._translator.renewed)

    def _take_written(self, envelope: Envelope) -> Translated:
        size = unpacked_size(envelope.body, self._limits.body_bytes)
        with self.room.beside(envelope.sender, size):
            written = decode_written(envelope.body, self._limits.items)
        self.clocks.leapt(self._leap_s())
        translated = self._written.translate(written, envelope.sender.peer, self._clock.now())
        return self._stored(translated, self._written.renewed)

    def _stored(self, translated: Translated, renewed: _Renew) -> Translated:
        self._append(translated.zeros, renewed)
        rejected = Counter(translated.rejected)
        for result in self._append(translated.batch, renewed):
            rejected += Counter({_TOO_OLD: result.out_of_window, _NO_ROOM: result.over_limit})
        for sample in translated.histograms:
            result = self._append_histogram(sample, renewed)
            if not sample.is_start:
                rejected += Counter({_OUT_OF_ORDER: result.out_of_window, _NO_ROOM: result.over_limit})
        translated = replace(translated, rejected=dict(rejected))
        if translated.exemplars:
            self._exemplars.add(translated.exemplars)
        self._count(Signal.METRICS, len(translated.batch.refs) + len(translated.histograms), rejected)
        if len(translated.batch.times_ms):
            self.telemetry.lag_s = self._clock.now() - int(translated.batch.times_ms.max()) / _MS_PER_S
        return translated

    def _append(self, batch: Batch, renewed: _Renew) -> tuple[AppendResult, ...]:
        """Append, and once more what belongs to series that the store had let go in the meantime."""
        result = self._sink.append(batch)
        self._note(batch)
        if not len(result.gone):
            return (result,)
        again = renewed(batch, result.gone)
        self._note(again)
        return result, self._sink.append(again)

    def _note(self, batch: Batch) -> None:
        if self._arrivals is not None:
            self._arrivals.note(batch, self._clock.now())

    def _append_histogram(self, sample: HistogramSample, renewed: _Renew) -> AppendResult:
        place = Batch(np.array([sample.ref]), np.array([sample.time_ms]), np.zeros(1))
        result = self._sink.append_histogram(sample.ref, sample.time_ms, sample.histogram)
        if len(result.gone):
            place = renewed(place, result.gone)
            result = self._sink.append_histogram(int(place.refs[0]), sample.time_ms, sample.histogram)
        self._note(place)
        return result

    def _take_traces(self, envelope: Envelope) -> Outcome:
        decode = decode_json_spans if envelope.content_type == JSON else decode_spans
        with self._plain(envelope, TRACES) as plain:
            decoded = decode(plain)
        self.clocks.leapt(self._leap_s())
        self._traces.add(self.clocks.shifted(decoded.spans, self._clock.now()))
        self._count(Signal.TRACES, len(decoded.spans), decoded.rejected)
        return _outcome(decoded.rejected)

    def _take_logs(self, envelope: Envelope) -> Outcome:
        count = count_json_logs if envelope.content_type == JSON else count_logs
        with self._plain(envelope, LOGS) as plain:
            records = count(plain)
        self._count(Signal.LOGS, records, {})
        return Outcome()

    def _count(self, signal: Signal, items: int, rejected: Mapping[str, int]) -> None:
        self.telemetry.items[signal] += items
        for reason, count in rejected.items():
            self.telemetry.rejected[signal, reason] += count

    @contextmanager
    def _plain(self, envelope: Envelope, of: Fields) -> Iterator[bytes]:
        """The body unpacked, with room for it, and known to have no more items than may be."""
        plain, limit = envelope.plain(self._limits.body_bytes), self._limits.items
        with self.room.beside(envelope.sender, 0 if plain is envelope.body else len(plain)):
            if envelope.content_type == JSON:
                check_json_items(plain, limit)
            else:
                check_items(plain, of, limit)
            yield plain


def _unavailable(error: EvaluatorError) -> Refusal:
    """What cannot be kept now may be sent again."""
    return Refusal(Reason.UNAVAILABLE, error.message, error.remedy)


def _outcome(rejected: Mapping[str, int], remarks: Sequence[str] = ()) -> Outcome:
    message = "; ".join((*(f"{count} {reason}" for reason, count in rejected.items()), *remarks))
    return Outcome(sum(rejected.values()), message)
