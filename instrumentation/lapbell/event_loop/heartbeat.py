"""A callback that an event loop is asked for again and again: it comes as late as everything else on the loop."""

import asyncio
import sys
import threading
import time
from collections.abc import Callable
from contextvars import Context
from typing import Final, Protocol

from lapbell import faults, seam, semconv
from lapbell.event_loop.block import OpenBlock
from lapbell.event_loop.frames import loop_frame

__all__ = ["PERIOD_S", "Heartbeat", "Judge"]

PERIOD_S: Final = 0.02
_BEATS_PER_CALL: Final = 5


class Judge(Protocol):
    """Decides what a block that has ended was."""

    def ended(self, heartbeat: "Heartbeat", block: OpenBlock, end_s: float) -> None:
        """The loop runs again since `end_s`, monotonic seconds."""
        ...


class Heartbeat:
    """Measures one event loop, from its own thread: make it in a callback or a task of that loop.

    Args:
        loop: the loop; one of asyncio's or uvloop's.
        judge: is told of blocks that have ended.
        on_beat: called on the loop at every fifth beat.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        judge: Judge,
        on_beat: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.loop = loop
        self.thread = threading.get_ident()
        self.lock = threading.Lock()
        self.beats = 0
        self.base = 0
        self.block: OpenBlock | None = None
        self.was_paused = False
        self._judge = judge
        self._on_beat = on_beat
        self._clock = clock
        # A context of its own: the request during which the heartbeat began is none of its business.
        self._context = Context()
        self.due_s = clock() + PERIOD_S
        self._handle = loop.call_later(PERIOD_S, self._beat, context=self._context)

    def stop(self) -> None:
        """Beat no more."""
        self._handle.cancel()

    def _beat(self) -> None:
        now_s = self._clock()
        lag_s, block, paused = max(0.0, now_s - self.due_s), None, self.was_paused
        with self.lock:
            self.beats += 1
            self.was_paused = False
            block, self.block = self.block, None
            self.due_s = now_s + PERIOD_S
        self._handle = self.loop.call_later(PERIOD_S, self._beat, context=self._context)
        try:
            self.base = loop_frame(sys._getframe())  # noqa: SLF001 - the only way to the caller's frame
            if not paused:
                seam.current().record(semconv.EVENT_LOOP_LAG, lag_s, {})
                if block is not None:
                    self._judge.ended(self, block, now_s)
            if self.beats % _BEATS_PER_CALL == 0:
                self._on_beat()
        except Exception as fault:  # noqa: BLE001 - the loop is the app's
            faults.report("event loop heartbeat", fault)
