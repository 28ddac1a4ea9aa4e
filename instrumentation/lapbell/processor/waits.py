"""The time that a request waited because something else kept the event loop from running, as spans in its trace."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

from lapbell import semconv
from lapbell.breakdown import segments
from lapbell.event_loop import Block
from lapbell.processor.open_trace import pieces_of
from lapbell.seam import SCOPE
from lapbell.tracing import ReadableSpan, finished_span

__all__ = ["waits"]

_LEAST_NS: Final = 1_000_000
_NAME: Final = semconv.PHASE_SPAN_PREFIX + semconv.PHASE_EVENT_LOOP


def waits(
    root: ReadableSpan,
    end_ns: int,
    parts: Sequence[tuple[ReadableSpan, str | None]],
    blocks: Sequence[Block],
    elsewhere: Collection[int],
) -> Iterator[ReadableSpan]:
    """A span `webhook.event_loop` for each part of the critical path during which the loop was kept from running.

    It lies in the span that owned the time, so that attribution gives it to the phase `event_loop`, here and wherever
    the trace is read.

    Args:
        root: the SERVER span.
        end_ns: when the last chunk of the response left, Unix nanoseconds.
        parts: the spans under it, each with its phase.
        blocks: of the request's loop, by others than the request itself.
        elsewhere: ids of spans that ran on other threads, where a blocked loop keeps nothing from running.
    """
    spans = (root, *(span for span, _ in parts))
    contexts = {span.context.span_id: span.context for span in spans if span.context is not None}
    for segment in segments(*pieces_of(root, end_ns, parts)):
        parent = contexts.get(segment.piece.key) if isinstance(segment.piece.key, int) else None
        if parent is None or parent.span_id in elsewhere:
            continue
        for block in blocks:
            since_ns, until_ns = max(segment.start_ns, block.start_ns), min(segment.end_ns, block.end_ns)
            if until_ns - since_ns >= _LEAST_NS:
                yield finished_span(_NAME, SCOPE, root, parent, since_ns, until_ns, _attributes(block))


def _attributes(block: Block) -> Mapping[str, str | float]:
    """The line that kept the loop from running, where it is known."""
    if block.line is None:
        return {}
    return {
        semconv.CODE_FILE_PATH: block.line.file,
        semconv.CODE_FUNCTION_NAME: block.line.function,
        semconv.CODE_LINE_NUMBER: block.line.line,
    }
