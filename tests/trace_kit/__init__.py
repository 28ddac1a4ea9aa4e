"""Traces for tests: by hand, and at random, hostile ones among them."""

from hypothesis import strategies as st

from lapbell_evaluator.model import Span, SpanEvent, Trace

__all__ = ["TRACE", "span", "traces"]

TRACE = "ab" * 16
_NS_PER_MS = 10**6
_ROUTES = ("/w", "/v")


def span(
    name: str,
    start_ms: int,
    end_ms: int,
    *,
    id_: int = 1,
    parent: int = 0,
    kind: int = 1,
    trace: str = TRACE,
    job: str = "shop",
    instance: str = "one",
    failed: bool = False,
    events: tuple[SpanEvent, ...] = (),
    **attributes: str,
) -> Span:
    """`http__route="/w"` becomes the attribute `http.route`; ids are numbers here, 0 for no parent."""
    pairs = tuple((key.replace("__", "."), value) for key, value in attributes.items())
    ids = (f"{id_:016x}", f"{parent:016x}" if parent else "")
    times = (start_ms * _NS_PER_MS, end_ms * _NS_PER_MS)
    return Span(trace, *ids, name, kind, *times, failed, job, instance, pairs, events)


def traces() -> st.SearchStrategy[Trace]:
    """Traces of up to twelve spans: parents that are missing, in circles or in other processes, ends before starts."""
    ids = st.integers(1, 12)
    ms = st.integers(0, 50)
    one = st.builds(
        lambda id_, parent, kind, start, end, job, name, route, failed: span(
            name,
            start,
            end,
            id_=id_,
            parent=parent,
            kind=kind,
            job=job,
            failed=failed,
            **({"http__route": route} if kind == 2 else {}),
        ),
        ids,
        st.integers(0, 13),
        st.sampled_from((1, 1, 1, 2, 3, 5)),
        ms,
        ms,
        st.sampled_from(("shop", "shop", "team/worker")),
        st.sampled_from(("webhook.validation", "webhook.signature_validation", "fastapi.endpoint", "POST", "ü 名")),
        st.sampled_from(_ROUTES),
        st.booleans(),
    )
    spans = st.lists(one, min_size=1, max_size=12, unique_by=lambda each: each.span_id)
    return spans.map(lambda each: Trace(TRACE, tuple(each)))
