"""What the receiver says about itself."""

from collections import Counter
from dataclasses import dataclass, field

from lapbell import semconv
from lapbell_evaluator.model import Reading, ReadingKind, labels
from lapbell_evaluator.receiver.refusal import Reason
from lapbell_evaluator.receiver.replies import Signal

__all__ = ["Telemetry"]


@dataclass(slots=True)
class Telemetry:
    """Counts since the start. Written by the loop and by the receiver's thread, each its own fields.

    Attributes:
        items: points, spans and records that arrived, by signal.
        rejected: those that were not taken, by signal and reason.
        refused: exports that were not taken, by signal and reason.
        bytes: of exports as sent, by signal.
        decode_s: seconds that the thread spent, by signal.
        queued: exports that wait for the thread or are in it.
        lag_s: how old the newest sample of the last metrics export was on arrival.
    """

    items: Counter[Signal] = field(default_factory=Counter)
    rejected: Counter[tuple[Signal, str]] = field(default_factory=Counter)
    refused: Counter[tuple[Signal, Reason]] = field(default_factory=Counter)
    bytes: Counter[Signal] = field(default_factory=Counter)
    decode_s: dict[Signal, float] = field(default_factory=lambda: dict.fromkeys(Signal, 0.0))
    queued: int = 0
    lag_s: float = 0.0

    def readings(self, in_flight_bytes: int) -> tuple[Reading, ...]:
        """All of it as it stands now."""
        return (
            *(_items(signal, self.items[signal]) for signal in Signal),
            *(_bytes(signal, self.bytes[signal]) for signal in Signal),
            *(_decode_time(signal, seconds) for signal, seconds in self.decode_s.items()),
            *(_rejected(*of, count) for of, count in sorted(self.rejected.copy().items(), key=str)),
            *(_refused(*of, count) for of, count in sorted(self.refused.copy().items(), key=str)),
            Reading(
                semconv.LAPBELL_RECEIVER_IN_FLIGHT,
                ReadingKind.GAUGE,
                "By",
                in_flight_bytes,
                "Bytes of exports that are being read, wait or are decoded.",
            ),
            Reading(
                semconv.LAPBELL_RECEIVER_QUEUED_EXPORTS,
                ReadingKind.GAUGE,
                "{export}",
                self.queued,
                "Exports that wait to be decoded.",
            ),
            Reading(
                semconv.LAPBELL_RECEIVER_LAG,
                ReadingKind.GAUGE,
                "s",
                self.lag_s,
                "Age of the newest sample of the last export when it arrived.",
            ),
        )


def _items(signal: Signal, count: int) -> Reading:
    of = labels({semconv.LAPBELL_SIGNAL: signal.label})
    text = "Points, spans and log records that arrived."
    return Reading(semconv.LAPBELL_RECEIVER_ITEMS, ReadingKind.COUNTER, "{item}", count, text, of)


def _bytes(signal: Signal, size: int) -> Reading:
    of = labels({semconv.LAPBELL_SIGNAL: signal.label})
    return Reading(semconv.LAPBELL_RECEIVER_BYTES, ReadingKind.COUNTER, "By", size, "Bytes of exports, as sent.", of)


def _decode_time(signal: Signal, seconds: float) -> Reading:
    of = labels({semconv.LAPBELL_SIGNAL: signal.label})
    text = "Time spent on decoding and storing exports."
    return Reading(semconv.LAPBELL_RECEIVER_DECODE_TIME, ReadingKind.COUNTER, "s", seconds, text, of)


def _rejected(signal: Signal, reason: str, count: int) -> Reading:
    of = labels({semconv.LAPBELL_SIGNAL: signal.label, semconv.LAPBELL_REASON: reason})
    text = "Points and spans that were not taken while the rest of their export was."
    return Reading(semconv.LAPBELL_RECEIVER_REJECTED_ITEMS, ReadingKind.COUNTER, "{item}", count, text, of)


def _refused(signal: Signal, reason: Reason, count: int) -> Reading:
    of = labels({semconv.LAPBELL_SIGNAL: signal.label, semconv.LAPBELL_REASON: reason.name.lower()})
    text = "Exports of which nothing was taken."
    return Reading(semconv.LAPBELL_RECEIVER_REFUSED_EXPORTS, ReadingKind.COUNTER, "{export}", count, text, of)
