"""A request that runs, as those see it who look on from outside."""

import threading
from collections.abc import Callable, Mapping, Sequence
from contextvars import Context, ContextVar
from dataclasses import dataclass, field
from typing import Final, Protocol

from lapbell.tracing import ReadableSpan, Span

__all__ = ["ActiveRequest", "SpansOfRequest", "current_request", "request_of"]


class SpansOfRequest(Protocol):
    """The spans under a SERVER span that runs."""

    @property
    def spans(self) -> Sequence[ReadableSpan]:
        """Those that have started, ended ones too."""
        ...

    def marked_provider(self, root: ReadableSpan | None) -> str:
        """What the root or a span says about `webhook.provider`, empty if none does."""
        ...


@dataclass(slots=True, eq=False)
class ActiveRequest:
    """What is known of a request from its beginning to its end.

    Attributes:
        method: HTTP's.
        route_of: asks for the route's template, empty until the request has been routed.
        started_ns: Unix nanoseconds.
        span: its SERVER span; None if somebody makes it further in, and it is not known yet.
        trace: the open trace of that span; None if nobody records it.
        metric_attributes: of `http.server.active_requests`; None where somebody else counts it.
        watch_client: begins to wait for the client's going away; called on the loop that the request runs on.
        thread: the thread of that loop.
        has_begun: whether the response has begun.
        is_handed_over: whether the last chunk of the response was handed to the server.
        answered_ns: when the last chunk had left, Unix nanoseconds.
        abandoned_ns: when the client went away before that, Unix nanoseconds.
        error: what the app raised.
        is_overdue: whether it was seen past three times the requirement, or past its provider's deadline.
        missed: thresholds of the SLO counter that it was counted for while it ran.
        next_snapshot_s: age from which its open spans are shown again.
        next_judged_s: age before which no threshold is passed.
        named: provider and route, once they stay as they are.
    """

    method: str
    route_of: Callable[[], str]
    started_ns: int
    span: Span | None
    trace: SpansOfRequest | None
    metric_attributes: Mapping[str, str] | None
    watch_client: Callable[[], None]
    thread: int = field(default_factory=threading.get_ident)
    has_begun: bool = False
    is_handed_over: bool = False
    answered_ns: int | None = None
    abandoned_ns: int | None = None
    error: BaseException | None = None
    is_overdue: bool = False
    missed: frozenset[str] = frozenset()
    next_snapshot_s: float = 0.0
    next_judged_s: float = 0.0
    named: tuple[str, str] | None = None

    @property
    def span_id(self) -> int:
        """Of the SERVER span, which identifies the request in this process; 0 if it is not known yet."""
        return 0 if self.span is None else self.span.get_span_context().span_id

    def age_s(self, now_ns: int) -> float:
        """Seconds since it began."""
        return (now_ns - self.started_ns) / 1e9


current_request: Final[ContextVar[ActiveRequest | None]] = ContextVar("lapbell_request", default=None)
"""The request that the running code belongs to; tasks that it makes inherit it."""


def request_of(context: Context) -> int:
    """The span id of the request that a context belongs to, 0 if it is none's."""
    request = context.get(current_request)
    return 0 if request is None else request.span_id
