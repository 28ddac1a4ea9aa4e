"""Traces as Jaeger's API gives them, as trees."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

__all__ = ["Node", "Trace", "trace_of"]


@dataclass(frozen=True, slots=True)
class Node:
    """One span and what ran inside it, in the order of their beginnings; times in microseconds."""

    name: str
    span_id: str
    start: int
    end: int
    links: tuple[str, ...]
    children: tuple["Node", ...]

    def walk(self) -> Iterator["Node"]:
        """This span and all below."""
        yield self
        for child in self.children:
            yield from child.walk()

    @property
    def shape(self) -> tuple[str, tuple[Any, ...]]:
        """Names alone, nested as the spans are."""
        return (self.name, tuple(child.shape for child in self.children))

    @property
    def is_nested(self) -> bool:
        """Whether every span below began and ended while its parent ran."""
        fits = all(self.start <= child.start and child.end <= self.end for child in self.children)
        return fits and all(child.is_nested for child in self.children)


@dataclass(frozen=True, slots=True)
class Trace:
    """One trace with one root; `links` of its spans are span ids of other traces."""

    trace_id: str
    root: Node


def trace_of(found: dict[str, Any]) -> Trace:
    """From an element of `data` of `/api/traces`."""
    spans = found["spans"]
    known = {span["spanID"] for span in spans}
    parents = {
        span["spanID"]: next(
            (r["spanID"] for r in span["references"] if r["refType"] == "CHILD_OF" and r["spanID"] in known), None
        )
        for span in spans
    }
    by_start = sorted(spans, key=lambda span: span["startTime"])

    def node(span: dict[str, Any]) -> Node:
        return Node(
            name=span["operationName"],
            span_id=span["spanID"],
            start=span["startTime"],
            end=span["startTime"] + span["duration"],
            links=tuple(r["spanID"] for r in span["references"] if r["refType"] == "FOLLOWS_FROM"),
            children=tuple(node(child) for child in by_start if parents[child["spanID"]] == span["spanID"]),
        )

    (root,) = [span for span in spans if parents[span["spanID"]] is None]
    return Trace(found["traceID"], node(root))
