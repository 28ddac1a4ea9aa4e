"""Which phase owns which part of a request: attribution on the critical path, pure.

Phases overlap and nest, so subtracting children from parents counts time twice or below zero. Here every instant of
the request has exactly one owner: walk back from the end of the root; at every instant the child that ends last owns
the time, gaps belong to the parent, and the same rule applies inside the child. The parts are integers of nanoseconds
and always sum to the root.
"""

from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from lapbell import semconv

__all__ = ["Piece", "Segment", "phase_of_name", "segments", "self_times"]

_FASTAPI_PHASES: Final = {
    semconv.FASTAPI_DEPENDENCIES_SPAN: semconv.PHASE_VALIDATION,
    semconv.FASTAPI_SERIALIZATION_SPAN: semconv.PHASE_RESPONSE_PREPARATION,
}


class Piece(NamedTuple):
    """A span, reduced to what attribution needs.

    Attributes:
        key: its identity, unique within the request.
        parent: the key of its parent; a piece whose parent is unknown counts as a child of the root.
        start_ns: Unix nanoseconds.
        end_ns: Unix nanoseconds, None for a span that has not ended when the root does.
        phase: the phase that its time belongs to; None gives its time to the nearest phase above it.
    """

    key: Hashable
    parent: Hashable
    start_ns: int
    end_ns: int | None
    phase: str | None = None


class Segment(NamedTuple):
    """A part of the request that one piece owns.

    Attributes:
        piece: the piece.
        phase: the phase that the time belongs to.
        start_ns: Unix nanoseconds.
        end_ns: Unix nanoseconds.
    """

    piece: Piece
    phase: str
    start_ns: int
    end_ns: int


def phase_of_name(name: str, *, is_redis: bool = False, is_producer: bool = False) -> str | None:
    """The phase that a span of this name stands for, None if it stands for none.

    Args:
        name: the span's name.
        is_redis: whether it is the CLIENT span of a Redis call.
        is_producer: whether it is a PRODUCER span: putting a message into a queue is `task_queuing`.
    """
    if is_redis:
        return semconv.PHASE_REDIS_OPERATION
    if is_producer:
        return semconv.PHASE_TASK_QUEUING
    if name.startswith(semconv.PHASE_SPAN_PREFIX):
        return name[len(semconv.PHASE_SPAN_PREFIX) :]
    return _FASTAPI_PHASES.get(name)


def self_times(root: Piece, pieces: Iterable[Piece]) -> dict[str, int]:
    """Nanoseconds of the root by phase; what no phase covers is `other`. They sum to the root's duration exactly.

    Args:
        root: the request; its `end_ns` must be known.
        pieces: every other span of the request in this process, in any order. Spans that end after the root, or not at
            all, are clipped.

    Raises:
        ValueError: the root has not ended.
    """
    times: dict[str, int] = {}
    for _, phase, start_ns, end_ns in segments(root, pieces):
        times[phase] = times.get(phase, 0) + end_ns - start_ns
    return times


def segments(root: Piece, pieces: Iterable[Piece]) -> Iterator[Segment]:
    """The parts of the request, each with the piece that owns it, in no order; together they are the request exactly.

    Args:
        root: the request; its `end_ns` must be known.
        pieces: every other span of the request in this process, in any order.

    Raises:
        ValueError: the root has not ended.
    """
    if root.end_ns is None:
        raise ValueError("attribution needs a root that has ended: pass its end_ns")
    children = _children(root, pieces)
    # One entry is a window of one piece: the piece, its owner, the window's start and end.
    stack = [(root, root.phase or semconv.PHASE_OTHER, root.start_ns, max(root.end_ns, root.start_ns))]
    while stack:
        piece, owner, start_ns, cursor_ns = stack.pop()
        for child in children.get(piece.key, ()):
            if child.start_ns >= cursor_ns:
                continue
            end_ns = cursor_ns if child.end_ns is None else min(child.end_ns, cursor_ns)
            if end_ns <= start_ns:
                break
            # A clock that was set back makes spans that end before they begin: they take no time.
            end_ns = max(end_ns, child.start_ns)
            if end_ns < cursor_ns:
                yield Segment(piece, owner, end_ns, cursor_ns)
            cursor_ns = max(child.start_ns, start_ns)
            if end_ns > cursor_ns:
                stack.append((child, child.phase or owner, cursor_ns, end_ns))
        yield Segment(piece, owner, start_ns, cursor_ns)


def _children(root: Piece, pieces: Iterable[Piece]) -> Mapping[Hashable, list[Piece]]:
    """Children by parent, the one that ends last first; of those that end together, the one that started first."""
    by_key = {piece.key: piece for piece in pieces if piece.key != root.key}
    children: dict[Hashable, list[Piece]] = {}
    for piece in by_key.values():
        parent = piece.parent if piece.parent in by_key and piece.parent != piece.key else root.key
        children.setdefault(parent, []).append(piece)
    for siblings in children.values():
        if len(siblings) > 1:
            siblings.sort(key=lambda piece: (piece.end_ns is not None, -(piece.end_ns or 0), piece.start_ns))
    return children
