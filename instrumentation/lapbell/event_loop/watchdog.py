"""A thread beside the event loops: it sees a loop that does not run, and which line of the app keeps it from running.

A block is believed only as far as the watchdog itself ran in time. Where the whole process was stopped (CPU throttled
by a cgroup, starved by others, or by C code that holds the interpreter), the watchdog is as late as the loop: then no
line is to blame, and nothing is said.
"""

import asyncio
import contextlib
import gc
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import Context
from typing import Any, Final

from opentelemetry.metrics import Observation

from lapbell import faults, semconv
from lapbell.event_loop.block import Block, CodeLine, OpenBlock, Sample
from lapbell.event_loop.frames import app_line
from lapbell.event_loop.heartbeat import Heartbeat

__all__ = ["Watchdog"]

TICK_S: Final = 0.04
"""Short beside what is called blocked, so that a process that stands still is caught standing still."""
BLOCKED_S: Final = 0.05
"""A loop that is this late is blocked, and its stack is looked at."""
REPORTED_S: Final = 0.25
"""A block of this length asks for an export."""
SHOWN_FOR_S: Final = 30.0
"""A block is seen in the gauge this long, so that every export and every evaluation meets it."""
_IDLE_S: Final = 0.5
_TICKS_PER_LOOK: Final = 3
_STARVED: Final = 0.25
"""Share of a block in which the watchdog itself did not run, from which the block is nobody's."""
_ON_TIME_S: Final = 0.005
_MOST_LINES: Final = 16
_MOST_BLOCKS: Final = 256


def _nothing() -> None:
    """Nothing else is to be done."""


class Watchdog:
    """Watches the event loops of this process.

    Args:
        request_export: asks for an export soon.
        request_of: the span id of the request that a context belongs to, 0 if it is none's.
        clock: monotonic seconds.
        unix_ns: Unix nanoseconds.
    """

    def __init__(
        self,
        request_export: Callable[[], None],
        request_of: Callable[[Context], int],
        clock: Callable[[], float] = time.monotonic,
        unix_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._request_export = request_export
        self._request_of = request_of
        self._on_beat = self._on_look = _nothing
        self._clock = clock
        self._unix_ns = unix_ns
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._clear()

    def _clear(self) -> None:
        self._heartbeats: dict[asyncio.AbstractEventLoop, Heartbeat] = {}
        self._late: deque[tuple[float, float]] = deque(maxlen=1_024)
        self._blocks: deque[Block] = deque(maxlen=_MOST_BLOCKS)
        self._shown: deque[tuple[float, CodeLine, float]] = deque(maxlen=_MOST_BLOCKS)
        self._due_s = self._clock()
        self._ticks = 0

    def calls(self, on_beat: Callable[[], None], on_look: Callable[[], None]) -> None:
        """What else is to be done, some eight times a second where there is a loop.

        Args:
            on_beat: on each loop.
            on_look: on the watchdog's thread, so that a loop that is blocked does not hold it up.
        """
        self._on_beat, self._on_look = on_beat, on_look

    def start(self) -> None:
        """Start the thread; again in the child after a fork, where no loop of the parent runs."""
        self._clear()
        self._stopping = threading.Event()
        self._thread = threading.Thread(name="lapbell-watchdog", target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Let the thread end."""
        self._stopping.set()
        for heartbeat in tuple(self._heartbeats.values()):
            with contextlib.suppress(RuntimeError):  # a loop that is closed beats no more by itself
                heartbeat.loop.call_soon_threadsafe(heartbeat.stop)

    def watch_this_loop(self) -> None:
        """Watch the running loop from now on; called in every request, so it must cost nothing when it is watched."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return  # not asyncio's
        if loop not in self._heartbeats and not self._stopping.is_set():
            self._heartbeats[loop] = Heartbeat(loop, self, self._on_beat, self._clock)

    def blocks(self, thread: int, start_ns: int, end_ns: int) -> list[Block]:
        """The blocks of a thread's loop that overlap a time, those that have not ended included.

        Args:
            thread: of the loop.
            start_ns: Unix nanoseconds.
            end_ns: Unix nanoseconds.
        """
        blocks = [block for block in tuple(self._blocks) if block.thread == thread]
        now_s = self._clock()
        for heartbeat in tuple(self._heartbeats.values()):
            block = heartbeat.block
            if heartbeat.thread == thread and block is not None and not self._is_starved(block.start_s, now_s):
                blocks += block.blocks(thread, now_s)
        return [block for block in blocks if block.start_ns < end_ns and block.end_ns > start_ns]

    @property
    def gauges(self) -> tuple[str, ...]:
        """The gauge whose values it knows."""
        return (semconv.EVENT_LOOP_BLOCKED,)

    def observe(self, _gauge: str) -> Iterator[Observation]:
        """The longest block of the last 30 s by line, and 0 without a line: a loop that runs is evidence too."""
        if not self._heartbeats and not self._shown:
            return
        yield Observation(0.0, {})
        now_s = self._clock()
        longest: dict[CodeLine, float] = {}
        for line, time_s in self._lines(now_s):
            longest[line] = max(time_s, longest.get(line, 0.0))
        worst = sorted(longest.items(), key=lambda item: -item[1])[:_MOST_LINES]
        for line, time_s in worst:
            yield Observation(time_s, _attributes(line))

    def _lines(self, now_s: float) -> Iterator[tuple[CodeLine, float]]:
        for at_s, line, time_s in tuple(self._shown):
            if now_s - at_s <= SHOWN_FOR_S:
                yield line, time_s
        for heartbeat in tuple(self._heartbeats.values()):
            block = heartbeat.block
            if block is not None and not self._is_starved(block.start_s, now_s):
                yield from block.time_by_line(now_s).items()

    def ended(self, heartbeat: Heartbeat, block: OpenBlock, end_s: float) -> None:
        """A loop runs again; called on its thread."""
        if self._is_starved(block.start_s, end_s):
            return
        self._blocks.extend(block.blocks(heartbeat.thread, end_s))
        for line, time_s in block.time_by_line(end_s).items():
            self._shown.append((end_s, line, time_s))
        if not block.is_reported and end_s - block.start_s >= REPORTED_S:
            self._request_export()

    def _run(self) -> None:
        stopping = self._stopping
        self._due_s = self._clock() + TICK_S
        while not stopping.wait(max(0.0, self._due_s - self._clock())):
            try:
                self.tick()
            except Exception as fault:  # noqa: BLE001 - the next tick may go well
                faults.report("event loop watchdog", fault)

    def tick(self) -> None:
        """Look at every loop once."""
        now_s = self._clock()
        if now_s - self._due_s > _ON_TIME_S:
            self._late.append((self._due_s, now_s))
        for loop, heartbeat in tuple(self._heartbeats.items()):
            if loop.is_closed():
                self._heartbeats.pop(loop, None)
            elif not loop.is_running():
                heartbeat.was_paused = True
            else:
                self._look(heartbeat, now_s)
        self._ticks += 1
        if self._ticks % _TICKS_PER_LOOK == 0 or not self._heartbeats:
            self._on_look()
        self._due_s = self._clock() + (TICK_S if self._heartbeats else _IDLE_S)

    def _look(self, heartbeat: Heartbeat, now_s: float) -> None:
        beats, due_s = heartbeat.beats, heartbeat.due_s
        if not beats or now_s - due_s < BLOCKED_S:
            return
        sample = self._sample(heartbeat, now_s)
        with heartbeat.lock:
            if heartbeat.beats != beats:
                return  # it ran meanwhile: what was sampled may be anything
            if heartbeat.block is None:
                if sample.line is None:
                    return
                heartbeat.block = OpenBlock(due_s, self._unix_ns() - int(self._clock() * 1e9))
            block = heartbeat.block
            block.add(sample)
        if now_s - block.start_s >= REPORTED_S and not block.is_reported and not self._is_starved(block.start_s, now_s):
            block.is_reported = True
            self._request_export()

    def _sample(self, heartbeat: Heartbeat, now_s: float) -> Sample:
        line = app_line(sys._current_frames().get(heartbeat.thread), heartbeat.base)  # noqa: SLF001 - documented for debuggers
        task = asyncio.current_task(heartbeat.loop)
        context = None if task is None else _context_of(task)
        return Sample(now_s, line, 0 if context is None else self._request_of(context))

    def _is_starved(self, start_s: float, end_s: float) -> bool:
        """Whether the watchdog was late for so much of a time that it can't vouch for it."""
        late = [*tuple(self._late), (self._due_s, self._clock())]
        late_s = sum(max(0.0, min(end_s, until_s) - max(start_s, since_s)) for since_s, until_s in late)
        return late_s > _STARVED * (end_s - start_s)


def _attributes(line: CodeLine) -> Mapping[str, str | int]:
    return {
        semconv.CODE_FILE_PATH: line.file,
        semconv.CODE_FUNCTION_NAME: line.function,
        semconv.CODE_LINE_NUMBER: line.line,
    }


def _context_of(task: "asyncio.Task[Any]") -> Context | None:
    """The context that a task runs in; before Python 3.12 a task does not tell, but the collector of garbage knows."""
    if sys.version_info >= (3, 12):
        return task.get_context()
    referents: Sequence[object] = gc.get_referents(task)
    return next((referent for referent in referents if isinstance(referent, Context)), None)
