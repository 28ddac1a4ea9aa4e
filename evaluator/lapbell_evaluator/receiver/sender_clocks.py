"""How far the clocks of senders are off, and what their times are shifted by.

What an export tells is its lead: the time of its newest points minus the time of its arrival. That is the offset of the
sender's clock minus the delay on the way, and delays are never negative: the largest lead of the last minute is the
offset minus the least delay. Exports that waited in a queue have a smaller lead and change nothing.

- Ahead: a lead above 5 s can't come from a delay. The sender is shifted at once, up to ten minutes; beyond, nothing of
  it is taken, because nobody can say which day it lives in.
- Behind: a lead below -5 s looks like a queue. Late data is history and stays where it is, unless six exports in a row,
  over a minute at least, are late by the same to within two seconds: queues drain, clocks do not.
- Set right: times that went back and now agree with ours, or three exports in a row that do, end the shift.

A shift changes by half a second at least, so that samples keep their distances, and never turns the order of a sender's
times round. Source of the filter: D. Mills, RFC 5905, section 10, which trusts the sample of least delay likewise.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from lapbell import semconv
from lapbell_evaluator.evidence import Span
from lapbell_evaluator.model import Reading, ReadingKind, labels

FAR_AHEAD: Final = "points of senders whose clocks are more than ten minutes ahead"

__all__ = ["FAR_AHEAD", "SenderClock", "SenderClocks"]

_OFF_MS: Final = 5_000
_AT_MOST_MS: Final = 600_000
_AGREES_MS: Final = (-10_000, 2_500)
_AGREEING: Final = 3
_WINDOW_MS: Final = 60_000
_WINDOW_EXPORTS: Final = 6
_WINDOW_AT_MOST: Final = 600
_CONSTANT_MS: Final = 2_000
_STEP_MS: Final = 500
_CLOCKS_KEPT: Final = 1_000
_FORGOTTEN_MS: Final = 600_000
_NS_PER_MS: Final = 1_000_000
_MS_PER_S: Final = 1_000
_THIS_EVALUATOR: Final = "lapbell-evaluator"


def _no_leads() -> deque[tuple[int, int]]:
    return deque(maxlen=_WINDOW_AT_MOST)


@dataclass(slots=True)
class SenderClock:
    """The clock of one sender that was off.

    Attributes:
        job: of the sender.
        instance: which of its processes.
        offset_ms: by how much it is ahead of ours; negative if it is behind.
        shift_ms: what is taken off its times.
        heard_ms: when it sent last.
        off_at_ms: when it sent last while it was off; None if it never was.
    """

    job: str
    instance: str
    offset_ms: int = 0
    shift_ms: int = 0
    heard_ms: int = 0
    off_at_ms: int | None = None
    _leads: deque[tuple[int, int]] = field(default_factory=_no_leads)  # of exports: when they came, and their lead
    _agreeing: int = 0
    _newest_ms: int = 0
    _newest_shifted_ms: int = 0

    @property
    def is_far_ahead(self) -> bool:
        """Whether it is too far ahead for its times to mean anything."""
        return self.offset_ms > _AT_MOST_MS

    def hear(self, newest_ms: int, now_ms: int) -> int:
        """An export came whose newest points are of `newest_ms`; what its times are to be shifted by, milliseconds."""
        lead_ms, self.heard_ms = newest_ms - now_ms, now_ms
        went_back = newest_ms <= self._newest_ms
        agrees = _AGREES_MS[0] <= lead_ms <= _AGREES_MS[1]
        self._agreeing = self._agreeing + 1 if agrees else 0
        if agrees and (went_back or self._agreeing >= _AGREEING):
            self._leads.clear()
            self.offset_ms = self.shift_ms = 0
        else:
            self._leads.append((now_ms, lead_ms))
            self._estimate(now_ms)
            if self.offset_ms:
                self.off_at_ms = now_ms
        return self._in_order(newest_ms, went_back=went_back)

    def _estimate(self, now_ms: int) -> None:
        leads = self._leads
        while len(leads) > _WINDOW_EXPORTS and leads[0][0] < now_ms - _WINDOW_MS:
            leads.popleft()
        largest = max(lead for _, lead in leads)
        self.offset_ms = largest if self._is_off(largest, now_ms) else 0
        if not self.offset_ms or abs(self.offset_ms) > _AT_MOST_MS:
            self.shift_ms = 0
        elif abs(self.offset_ms - self.shift_ms) > _STEP_MS:
            self.shift_ms = self.offset_ms

    def _is_off(self, largest_ms: int, now_ms: int) -> bool:
        if largest_ms > 0:
            return largest_ms >= _OFF_MS or self.shift_ms > 0
        if largest_ms > -_OFF_MS:
            return False
        return self._is_constant(now_ms) or (self.shift_ms < 0 and largest_ms <= self.shift_ms + _CONSTANT_MS)

    def _is_constant(self, now_ms: int) -> bool:
        """Whether all exports of the window were late by the same."""
        leads = [lead for _, lead in self._leads]
        is_long = len(leads) >= _WINDOW_EXPORTS and now_ms - self._leads[0][0] >= _WINDOW_MS
        return is_long and max(leads) - min(leads) <= _CONSTANT_MS

    def _in_order(self, newest_ms: int, *, went_back: bool) -> int:
        shift_ms = self.shift_ms
        if not went_back and self._newest_ms:
            shift_ms = min(shift_ms, newest_ms - self._newest_shifted_ms - 1)
        self._newest_ms, self._newest_shifted_ms = newest_ms, newest_ms - shift_ms
        return shift_ms


class SenderClocks:
    """The clocks of those senders that were off lately. The receiver's thread hears them, any thread reads them.

    Args:
        corrects: whether times are shifted; offsets are told either way.
    """

    def __init__(self, *, corrects: bool = True) -> None:
        self._corrects = corrects
        self._clocks: dict[tuple[str, str], SenderClock] = {}
        self._leap_ms = 0
        self._by_machine = self._by_us = 0  # exports since the leap, by the clock that they agree with

    @property
    def contradict_leap(self) -> bool:
        """Whether most exports since the machine's clock leapt are dated as if it had not."""
        return self._by_us > self._by_machine

    def leapt(self, leap_s: float) -> None:
        """The machine's clock is ahead of ours by this, because it leapt; 0 if it did not."""
        leap_ms = round(leap_s * _MS_PER_S)
        if abs(leap_ms - self._leap_ms) >= _OFF_MS:
            self._by_machine = self._by_us = 0
        self._leap_ms = leap_ms

    def shift_ms(self, job: str, instance: str, newest_ms: int, now_ms: int) -> int | None:
        """What the times of an export are shifted by, milliseconds; 0 for almost all, None if they mean nothing.

        Args:
            job: of the sender.
            instance: which of its processes.
            newest_ms: Unix milliseconds of its newest points.
            now_ms: when it came.
        """
        leap_ms = self._leap_of(newest_ms, now_ms)
        if self._leap_ms:
            self._by_machine += bool(leap_ms)
            self._by_us += not leap_ms
        shift_ms = self._shift_ms(job, instance, newest_ms - leap_ms, now_ms)
        return None if shift_ms is None else shift_ms + leap_ms

    def _leap_of(self, time_ms: int, now_ms: int) -> int:
        """The leap, if a time that is about now is nearer to the machine's clock than to ours."""
        is_of_machine = abs(time_ms - self._leap_ms - now_ms) < abs(time_ms - now_ms)
        return self._leap_ms if is_of_machine else 0

    def _shift_ms(self, job: str, instance: str, newest_ms: int, now_ms: int) -> int | None:
        clock = self._clocks.get((job, instance))
        if clock is None:
            if abs(newest_ms - now_ms) <= _OFF_MS or not self._has_room(now_ms):
                return 0
            clock = self._clocks[job, instance] = SenderClock(job, instance)
        shift_ms = clock.hear(newest_ms, now_ms)
        if not self._corrects:
            return 0
        return None if clock.is_far_ahead else shift_ms

    def shifted(self, spans: Sequence[Span], now: float) -> Sequence[Span]:
        """Spans that came at Unix seconds `now`, at the times at which the metrics of their senders are."""
        are_off = self._corrects and any(clock.shift_ms for clock in [*self._clocks.values()])
        if not self._leap_ms and not are_off:
            return spans
        return [self._shifted(span, int(now * _MS_PER_S)) for span in spans]

    def readings(self, now: float) -> tuple[Reading, ...]:
        """The offsets of clocks that were off lately and still send, at Unix seconds `now`."""
        now_ms = int(now * _MS_PER_S)
        self._forget(now_ms)
        off = [clock for clock in [*self._clocks.values()] if clock.off_at_ms is not None]
        if self._leap_ms:
            off.append(SenderClock(_THIS_EVALUATOR, "", self._leap_ms))
        return tuple(_reading(clock) for clock in off)

    def _shifted(self, span: Span, now_ms: int) -> Span:
        clock = self._clocks.get((span.job, span.instance))
        by_ms = self._leap_of(span.end_ns // _NS_PER_MS, now_ms) + (clock.shift_ms if clock and self._corrects else 0)
        if not by_ms:
            return span
        by_ns = by_ms * _NS_PER_MS
        events = tuple(replace(event, time_ns=event.time_ns - by_ns) for event in span.events)
        return replace(span, start_ns=span.start_ns - by_ns, end_ns=span.end_ns - by_ns, events=events)

    def _has_room(self, now_ms: int) -> bool:
        if len(self._clocks) >= _CLOCKS_KEPT:
            self._forget(now_ms)
        return len(self._clocks) < _CLOCKS_KEPT

    def _forget(self, now_ms: int) -> None:
        """Let go of clocks that are right again for a while, and of senders that went."""
        for key, clock in [*self._clocks.items()]:
            last_ms = clock.heard_ms if clock.off_at_ms is None else clock.off_at_ms
            if now_ms - clock.heard_ms > _FORGOTTEN_MS or now_ms - last_ms > _FORGOTTEN_MS:
                self._clocks.pop(key, None)


def _reading(clock: SenderClock) -> Reading:
    return Reading(
        semconv.LAPBELL_SENDER_CLOCK_OFFSET,
        ReadingKind.GAUGE,
        "s",
        clock.offset_ms / _MS_PER_S,
        "How far a sender's clock is ahead of the evaluator's.",
        labels({semconv.LAPBELL_SENDER_JOB: clock.job, semconv.LAPBELL_SENDER_INSTANCE: clock.instance}),
    )
