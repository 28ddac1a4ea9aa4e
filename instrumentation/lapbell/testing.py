"""For your own tests: what was measured while a block ran, and a clock that moves when you move it."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from opentelemetry.context import Context

from lapbell.errors import LapbellError
from lapbell.observations import RedisOperation, Webhook
from lapbell.pipeline import Pipeline
from lapbell.process import process
from lapbell.tracing import ReadableSpan, Span, SpanProcessor, set_times

__all__ = ["Captured", "HandClock", "capture"]

_SECOND_NS: Final = 1_000_000_000


@dataclass(slots=True)
class Captured:
    """What was measured.

    Attributes:
        webhooks: in the order they were answered.
        operations: Redis operations, in the order they ended.
    """

    webhooks: list[Webhook] = field(default_factory=list)
    operations: list[RedisOperation] = field(default_factory=list)

    def webhook(self, webhook: Webhook) -> None:
        """A webhook has been answered."""
        self.webhooks.append(webhook)

    def redis(self, operation: RedisOperation) -> None:
        """A Redis operation has ended."""
        self.operations.append(operation)


class HandClock:
    """Time that stands still until it is moved.

    Args:
        at_s: Unix seconds to begin with.
    """

    def __init__(self, at_s: float = 1_700_000_000.0) -> None:
        self.now_ns = int(at_s * _SECOND_NS)

    def advance(self, seconds: float) -> None:
        """Let time pass: call it where the app would have taken its time."""
        self.now_ns += round(seconds * _SECOND_NS)


@contextlib.contextmanager
def capture(clock: HandClock | None = None) -> Iterator[Captured]:
    """See every webhook and Redis operation of this process that ends in the block.

    Args:
        clock: what the spans of the block take as the time; the machine's clock if not given.

    Raises:
        LapbellError: `lapbell.setup()` has not been called.
    """
    pipeline = process.find(Pipeline)
    if pipeline is None:
        raise LapbellError("nothing is measured yet: import the module that calls lapbell.setup() before capture()")
    captured = Captured()
    with pipeline.observed_by(captured), contextlib.ExitStack() as stack:
        if clock is not None:
            moved = clock
            stack.enter_context(pipeline.seen_through(lambda processor: _HandTimed(processor, moved)))
            stack.enter_context(pipeline.timed_by(lambda: moved.now_ns))
        yield captured


class _HandTimed(SpanProcessor):
    """Gives spans the hand-moved time before the processor sees them."""

    def __init__(self, processor: SpanProcessor, clock: HandClock) -> None:
        self._processor = processor
        self._clock = clock
        self._live: dict[int, Span] = {}

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """A span has started now."""
        set_times(span, self._clock.now_ns)
        self._live[span.get_span_context().span_id] = span
        self._processor.on_start(span, parent_context)

    def on_end(self, span: ReadableSpan) -> None:
        """A span has ended now."""
        live = self._live.pop(span.context.span_id, None) if span.context is not None else None
        if live is not None:
            started_ns = live.start_time or 0
            for timed in (live, span):
                set_times(timed, started_ns, self._clock.now_ns)
        self._processor.on_end(span)
