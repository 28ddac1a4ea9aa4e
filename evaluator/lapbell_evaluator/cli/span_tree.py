"""The spans of a trace as a tree: whatever their parents claim, each has one place."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Branch", "branches"]


@dataclass(frozen=True, slots=True)
class Branch:
    """A span in its place.

    Attributes:
        span: as REST tells it.
        depth: how many spans are above it.
        is_orphan: the parent that it names is not there, or is below itself.
        is_entry: it is the first of its service on the way from the top, and not all spans are of one service.
    """

    span: dict[str, Any]
    depth: int
    is_orphan: bool
    is_entry: bool = False


def branches(spans: Sequence[dict[str, Any]]) -> list[Branch]:
    """Every span once, each behind its parent, siblings in the order given.

    Args:
        spans: in the order of their starts.
    """
    children: dict[str | None, list[dict[str, Any]]] = {}
    by_id = {span["span_id"]: span for span in spans}
    for span in by_id.values():
        children.setdefault(span["parent_id"], []).append(span)
    tops = [span for span in by_id.values() if span["parent_id"] not in by_id]
    are_several = len({span["service"] for span in spans}) > 1
    placed: dict[str, Branch] = {}
    for top in (*tops, *by_id.values()):  # what is left after the tops goes in circles: it is cut where it begins
        is_orphan = top["parent_id"] is not None
        waiting = [(top, 0)]
        while waiting:
            span, depth = waiting.pop()
            if span["span_id"] in placed:
                continue
            above = by_id.get(span["parent_id"]) if span is not top else None
            is_entry = are_several and (above is None or above["service"] != span["service"])
            placed[span["span_id"]] = Branch(span, depth, is_orphan and span is top, is_entry)
            waiting += [(child, depth + 1) for child in reversed(children.get(span["span_id"], []))]
    return list(placed.values())
