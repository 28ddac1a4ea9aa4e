"""Which span of a trace owns which time: each request of each process by its critical path.

A request is what runs below one span of one process: below a SERVER span, or below a span whose parent is in another
process, or never came. Within it every instant has one owner, see `lapbell.breakdown`; the parts sum to the request.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from lapbell import semconv
from lapbell.breakdown import segments
from lapbell_evaluator.evidence.phases import piece_of
from lapbell_evaluator.evidence.span import SERVER
from lapbell_evaluator.model import Span, Trace

__all__ = ["Part", "Request", "requests_of"]


@dataclass(frozen=True, slots=True)
class Part:
    """A time that one span owns: nothing below it was what the request waited for.

    Attributes:
        span_id: of the span.
        phase: the phase that the time counts for.
        start_ns: Unix nanoseconds.
        end_ns: Unix nanoseconds, after `start_ns`.
    """

    span_id: str
    phase: str
    start_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True)
class Request:
    """What one process did for a trace.

    Attributes:
        root: the span that all of it runs below.
        parts: in the order of time, without gaps or overlaps; together they are the root's time.
    """

    root: Span
    parts: tuple[Part, ...]

    def phases_ns(self) -> dict[str, int]:
        """Nanoseconds by phase; they sum to the root's duration."""
        times: dict[str, int] = {}
        for part in self.parts:
            times[part.phase] = times.get(part.phase, 0) + part.end_ns - part.start_ns
        return times


def requests_of(trace: Trace) -> tuple[Request, ...]:
    """The requests of a trace, the first to begin first. What runs in a circle of parents belongs to none."""
    by_process: dict[tuple[str, str], dict[str, Span]] = {}
    for span in trace.spans:
        if span.name != semconv.PENDING_SPAN:
            by_process.setdefault((span.job, span.instance), {})[span.span_id] = span
    requests = [request for own in by_process.values() for request in _requests(own)]
    return tuple(sorted(requests, key=lambda request: (request.root.start_ns, request.root.span_id)))


def _requests(own: Mapping[str, Span]) -> Iterable[Request]:
    below: dict[str, list[Span]] = {}
    for span_id, root in _roots(own).items():
        if root is not None:
            below.setdefault(root, []).append(own[span_id])
    for root, spans in below.items():
        owned = segments(piece_of(own[root]), map(piece_of, spans))
        parts = (
            Part(str(segment.piece.key), segment.phase, segment.start_ns, segment.end_ns)
            for segment in owned
            if segment.end_ns > segment.start_ns
        )
        yield Request(own[root], tuple(sorted(parts, key=lambda part: part.start_ns)))


def _roots(own: Mapping[str, Span]) -> dict[str, str | None]:
    """The root of the request that each span of a process belongs to; None in a circle.

    A span whose parent never came belongs to the only SERVER span of the process, if there is but one.
    """
    roots: dict[str, str | None] = {}
    for span in own.values():
        root, path = _climb(span, own, roots)
        roots |= dict.fromkeys(path, root)
    servers = [span.span_id for span in own.values() if span.kind == SERVER]
    if len(servers) == 1:
        return dict.fromkeys(own, servers[0])
    return roots


def _climb(span: Span, own: Mapping[str, Span], roots: Mapping[str, str | None]) -> tuple[str | None, dict[str, None]]:
    """The root above a span, and the spans up to it."""
    path: dict[str, None] = {}
    while True:
        if span.span_id in roots:
            return roots[span.span_id], path
        if span.span_id in path:
            return None, path
        path[span.span_id] = None
        parent = None if span.kind == SERVER else own.get(span.parent_id)
        if parent is None:
            return span.span_id, path
        span = parent
