"""The requests that run: how many, how old, and which of them are overdue.

A request that hangs ends no span, so it is in no histogram: whoever measures finished requests alone sees it when the
provider has long given up. A sweep over the running ones, some eight times a second on a thread of ours, counts a
webhook as missed when it passes a threshold, asks for an export when it passes the requirement, and shows its open
spans.
"""

import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

from opentelemetry.metrics import Observation
from opentelemetry.trace import Span

from lapbell import semconv
from lapbell.process import process
from lapbell.processor.active_request import ActiveRequest
from lapbell.processor.open_trace import OpenTrace
from lapbell.processor.rules import Rules

__all__ = ["ActiveRequests", "ActiveTraces"]

WATCHED_FROM_S: Final = 0.1
"""A client's going away is noticed from this age on: no provider gives up sooner, and quick requests pay nothing."""
MOST_ROUTES: Final = 256
"""Routes that are told to have nothing running; of those that have something running, all are told."""
MOST_SNAPSHOTS: Final = 20
"""Requests whose open spans are shown in one sweep."""
MOST_JUDGED: Final = 1_000
"""Requests that are judged in one sweep, so that ten thousand that hang do not cost the app a second at a time."""
MOST_WATCHED: Final = 256
"""Requests whose clients are looked after in one beat of a loop, in turn."""
NAMED_FROM_S: Final = 1.0
"""Who marks a webhook does so early: from this age on its provider and route stay."""

Named: TypeAlias = tuple[str, str]
"""Provider and route."""


class ActiveTraces(Protocol):
    """Knows the spans of requests that run."""

    def open_trace(self, span_id: int) -> OpenTrace | None:
        """The open trace that a span belongs to."""
        ...

    def missed(self, provider: str, route: str, threshold: str) -> None:
        """A running webhook has passed a threshold."""
        ...

    def abandoned(self, request: ActiveRequest) -> None:
        """The client of a running request went away."""
        ...

    def snapshot(self, request: ActiveRequest, provider: str, route: str, now_ns: int) -> None:
        """Show the open spans of an overdue webhook."""
        ...


@dataclass(slots=True)
class _Row:
    """What runs of one provider and route; ages in seconds."""

    active: int = 0
    oldest_s: float = 0.0
    unanswered_s: float = 0.0
    past_requirement: int = 0
    past_deadline: int = 0


class ActiveRequests:
    """Knows the requests that run in this process.

    Args:
        rules: which requests are webhooks, and when they are late.
        traces: knows their spans.
        request_export: asks for an export soon.
        unix_ns: Unix nanoseconds.

    Attributes:
        unix_ns: the same; a test that moves time by hand moves it for running requests too.
    """

    def __init__(
        self,
        rules: Rules,
        traces: ActiveTraces,
        request_export: Callable[[], None],
        unix_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._rules = rules
        self._traces = traces
        self._request_export = request_export
        self.unix_ns = unix_ns
        self._first_s = min(*rules.limits.targets_s, *rules.limits.deadlines_s.values())
        self._renew()
        process.register(renew_after_fork=self._renew)

    def _renew(self) -> None:
        """What runs in the parent is the parent's to tell."""
        self._lock = threading.Lock()
        self._active: dict[int, ActiveRequest] = {}
        self._routes: dict[Named, None] = {}
        self._watched_next = 0
        self._counted: dict[tuple[tuple[str, str], ...], None] = {}

    def begin(
        self,
        span: Span | None,
        method: str,
        route_of: Callable[[], str],
        watch_client: Callable[[], None],
        metric_attributes: Mapping[str, str] | None,
    ) -> ActiveRequest:
        """A request has begun; called on its loop.

        Args:
            span: its SERVER span; an invalid one if somebody makes it further in.
            method: HTTP's.
            route_of: asks for the route's template, empty until the request has been routed.
            watch_client: begins to wait for the client's going away; called on this loop.
            metric_attributes: of `http.server.active_requests`; None where somebody else counts it.
        """
        started_ns = getattr(span, "start_time", None) or self.unix_ns()
        request = ActiveRequest(method, route_of, started_ns, None, None, metric_attributes, watch_client)
        if span is not None:
            self.link(request, span)
        self._active[id(request)] = request
        if metric_attributes is not None:
            self._counted[tuple(metric_attributes.items())] = None
        return request

    def link(self, request: ActiveRequest, span: Span) -> None:
        """A request belongs to the trace of this span; nothing happens if nobody records that."""
        trace = self._traces.open_trace(span.get_span_context().span_id)
        root = trace.root() if trace is not None and trace.root is not None else None
        if trace is not None and root is not None and trace.request is None:
            trace.request = request
            request.span, request.trace = root, trace

    def end(self, request: ActiveRequest) -> None:
        """It has been answered, or the app has returned without an answer; again does nothing."""
        self._active.pop(id(request), None)

    def abandon(self, request: ActiveRequest) -> None:
        """Its client went away, or the server gave it up; without effect once the answer was handed over."""
        if request.abandoned_ns is None and not request.is_handed_over:
            request.abandoned_ns = self.unix_ns()
            self._traces.abandoned(request)

    def settle(self, request: ActiveRequest) -> frozenset[str]:
        """The thresholds that it was counted as missed for; from now on whoever asks counts."""
        with self._lock:
            missed = request.missed
            request.trace = None
        return missed

    def watch_clients(self) -> None:
        """Begin to wait for the going away of each client that has waited for a while; called on their loop."""
        now_ns, thread = self.unix_ns(), threading.get_ident()
        running = list(self._active.values())
        first, count = self._watched_next, min(len(running), MOST_WATCHED)
        self._watched_next = (first + count) % max(1, len(running))
        for place in range(first, first + count):
            request = running[place % len(running)]
            if request.thread == thread and request.age_s(now_ns) >= WATCHED_FROM_S:
                request.watch_client()

    def sweep(self) -> None:
        """Judge every webhook that runs by its age."""
        now_ns, snapshots, judged, is_urgent = self.unix_ns(), 0, 0, False
        for request in list(self._active.values()):
            age_s = request.age_s(now_ns)
            if age_s < self._first_s:
                break  # later ones are younger
            if request.abandoned_ns is not None:
                continue
            if age_s >= request.next_judged_s and judged < MOST_JUDGED:
                judged += 1
                is_urgent |= self._judge(request, age_s)
            if age_s >= request.next_snapshot_s and snapshots < MOST_SNAPSHOTS and request.next_judged_s:
                snapshots += self._snapshot(request, age_s, now_ns)
        if is_urgent:
            self._request_export()

    def _judge(self, request: ActiveRequest, age_s: float) -> bool:
        """Count what it has missed, and say from which age to look again; whether that is worth an export at once.

        Most that runs for long has passed all that it can pass: it is looked at ever more seldom.
        """
        request.next_judged_s = later_s = max(1.5 * age_s, age_s + 1.0)
        named = self._named(request)
        if named is None:
            request.next_snapshot_s = max(request.next_snapshot_s, later_s)
            return False
        if age_s >= NAMED_FROM_S and named[1]:
            request.named = named
        limits, is_urgent = self._rules.limits, self._count_missed(request, named, age_s)
        overdue_s = limits.overdue_s(named[0])
        if not request.is_overdue and age_s > overdue_s:
            request.is_overdue = is_urgent = True
        coming_s = [time_s for time_s, _ in limits.thresholds(named[0]) if time_s >= age_s]
        request.next_judged_s = min(later_s, *coming_s, later_s if request.is_overdue else overdue_s)
        request.next_snapshot_s = max(request.next_snapshot_s, self._snapshot_s(named))
        return is_urgent

    def _snapshot(self, request: ActiveRequest, age_s: float, now_ns: int) -> bool:
        """Show its open spans, unless it answers already; whether that was done."""
        named = self._named(request)
        request.next_snapshot_s = math.inf if request.has_begun else 2 * age_s
        if named is None or request.has_begun:
            return False
        self._traces.snapshot(request, *named, now_ns)
        return True

    def _snapshot_s(self, named: Named) -> float:
        limits = self._rules.limits
        return min(limits.requirement_s, limits.overdue_s(named[0]))

    def _count_missed(self, request: ActiveRequest, named: Named, age_s: float) -> bool:
        """Count each threshold that it has passed, once; whether the requirement is among them."""
        is_urgent = False
        limits = self._rules.limits
        with self._lock:
            if request.trace is None:
                return False
            for time_s, threshold in limits.thresholds(named[0]):
                if age_s > time_s and threshold not in request.missed:
                    request.missed |= {threshold}
                    self._traces.missed(*named, threshold)
                    is_urgent |= time_s == limits.requirement_s
        return is_urgent

    def _named(self, request: ActiveRequest) -> Named | None:
        """Provider and route of a webhook, None if it is none."""
        if request.named is not None:
            return request.named
        route = request.route_of()
        marked = request.trace.marked_provider(request.span) if request.trace is not None else ""
        provider = marked or self._rules.provider_of(request.method, route)
        return None if provider is None else (provider, route)

    @property
    def gauges(self) -> tuple[str, ...]:
        """The gauges whose values it knows."""
        return (semconv.HTTP_SERVER_ACTIVE_REQUESTS, *_GAUGES)

    def observe(self, gauge: str) -> Iterator[Observation]:
        """The present values of one gauge; a route that had requests has 0 when none runs."""
        if gauge == semconv.HTTP_SERVER_ACTIVE_REQUESTS:
            yield from self._all_requests()
            return
        for (provider, route), row in self._rows().items():
            names = {semconv.WEBHOOK_PROVIDER: provider, semconv.HTTP_ROUTE: route}
            attributes = {name: value for name, value in names.items() if value}
            for value, more in _GAUGES[gauge](row):
                yield Observation(value, {**attributes, **more})

    def _all_requests(self) -> Iterator[Observation]:
        counts = dict.fromkeys(list(self._counted), 0)
        for request in list(self._active.values()):
            if request.metric_attributes is not None:
                counts[tuple(request.metric_attributes.items())] += 1
        for attributes, count in counts.items():
            yield Observation(count, dict(attributes))

    def _rows(self) -> dict[Named, _Row]:
        now_ns, limits = self.unix_ns(), self._rules.limits
        rows = {named: _Row() for named in list(self._routes)}
        for request in list(self._active.values()):
            named = self._named(request)
            if named is None:
                continue
            if named not in self._routes and len(self._routes) < MOST_ROUTES:
                self._routes[named] = None
            row, age_s = rows.setdefault(named, _Row()), request.age_s(now_ns)
            row.active += 1
            row.oldest_s = max(row.oldest_s, age_s)
            if not request.has_begun:
                row.unanswered_s = max(row.unanswered_s, age_s)
                row.past_requirement += age_s > limits.requirement_s
                row.past_deadline += age_s > limits.overdue_s(named[0])
        return rows


_GAUGES: Final[Mapping[str, Callable[[_Row], tuple[tuple[float, Mapping[str, str]], ...]]]] = {
    semconv.WEBHOOK_ACTIVE_REQUESTS: lambda row: ((row.active, {}),),
    semconv.WEBHOOK_ACTIVE_REQUEST_OLDEST_AGE: lambda row: ((row.oldest_s, {}),),
    semconv.WEBHOOK_UNANSWERED_REQUEST_OLDEST_AGE: lambda row: ((row.unanswered_s, {}),),
    semconv.WEBHOOK_ACTIVE_REQUESTS_OVERDUE: lambda row: (
        (row.past_requirement, {semconv.WEBHOOK_OVERDUE_LIMIT: semconv.OVERDUE_REQUIREMENT}),
        (row.past_deadline, {semconv.WEBHOOK_OVERDUE_LIMIT: semconv.OVERDUE_DEADLINE}),
    ),
}
