"""One service: what it is asked, and what the evaluator hears of it. Times are Unix seconds."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from lapbell import semconv
from lapbell_evaluator.evidence import CLIENT, INTERNAL, SERVER, RecentTraces, Span, SpanEvent
from lapbell_evaluator.model import METRIC_NAME, Batch, labels
from lapbell_evaluator.series import SeriesStore

JOB = "shop/app"
INSTANCE = "app-1"
SERVER_ADDRESS = "10.0.0.5"
SERVER_PORT = "6379"
REQUIREMENT_S = 2.0


@dataclass(frozen=True, slots=True)
class Failing:
    """How a request fails.

    Attributes:
        phase: in which it fails; empty outside of all phases.
        error_type: the exception's type; empty if there is none, only a status.
        redis: the command that failed first; empty if none did.
        message: of the exception, as it arrives.
        code: `db.response.status_code` of the command.
        wrapped_as: the type in which the app raises it again outside of the phase; empty if it does not.
        is_answered: the app catches the exception and answers the status itself.
    """

    phase: str
    error_type: str
    redis: str = ""
    message: str = ""
    code: str = ""
    wrapped_as: str = ""
    is_answered: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """One request: its phases in order with their seconds, and how it ends.

    Attributes:
        end: when it ended.
        phases: name and seconds; `other` is time that no span covers.
        route: its `http.route`.
        provider: who sent it.
        failing: how it fails; None if it does not.
        handled: phases whose exception the app caught and went on.
        is_abandoned: the client went away before the answer.
        status: of the response.
    """

    end: float
    phases: tuple[tuple[str, float], ...]
    route: str = "/w"
    provider: str = "stripe"
    failing: Failing | None = None
    handled: tuple[str, ...] = ()
    is_abandoned: bool = False
    status: int = 200

    @property
    def seconds(self) -> float:
        """From its start to its end."""
        return sum(seconds for _, seconds in self.phases)

    @property
    def outcome(self) -> str:
        """As the library names it."""
        if self.is_abandoned:
            return semconv.OUTCOME_ABANDONED
        return semconv.OUTCOME_ACCEPTED if self.failing is None else semconv.OUTCOME_ERROR


@dataclass(slots=True)
class Service:
    """Counts what it is asked, and tells when it is scraped."""

    store: SeriesStore
    traces: RecentTraces
    job: str = JOB
    _totals: defaultdict[tuple[tuple[str, str], ...], float] = field(default_factory=lambda: defaultdict(float))
    _told: set[tuple[tuple[str, str], ...]] = field(default_factory=set)
    _numbers: int = 0
    _scraped_at: float = 0.0

    def answer(self, request: Request, *, with_spans: bool = True) -> str:
        """Measure a request; its trace id."""
        self._numbers += 1
        trace = f"{self._numbers:032x}"
        self._measure(request)
        if with_spans:
            self.traces.add(self.spans(request, trace))
        return trace

    def redis(self, command: str, seconds: float, error_type: str = "", code: str = "") -> None:
        """Count an operation."""
        named = {
            semconv.DB_SYSTEM_NAME: semconv.REDIS,
            semconv.DB_OPERATION_NAME: command,
            semconv.SERVER_ADDRESS: SERVER_ADDRESS,
            semconv.SERVER_PORT: SERVER_PORT,
            semconv.ERROR_TYPE: error_type,
            semconv.DB_RESPONSE_STATUS_CODE: code,
        }
        self._observe(semconv.DB_CLIENT_OPERATION_DURATION, seconds, named)

    def pool_wait(self, pool: str, seconds: float) -> None:
        """Count a wait for a connection."""
        self._observe(semconv.DB_CLIENT_CONNECTION_WAIT_TIME, seconds, {semconv.DB_CLIENT_CONNECTION_POOL_NAME: pool})

    def task(self, queue: str, name: str, seconds: float, error_type: str = "") -> None:
        """Count a task."""
        named = {
            semconv.MESSAGING_SYSTEM: semconv.REDIS,
            semconv.MESSAGING_DESTINATION_NAME: queue,
            semconv.MESSAGING_OPERATION_NAME: name,
            semconv.ERROR_TYPE: error_type,
        }
        self._observe(semconv.MESSAGING_PROCESS_DURATION, seconds, named)

    def pending(self, at: float, age_s: float, route: str, phase: str) -> Span:
        """A request that runs tells what it does; its snapshot."""
        self._numbers += 1
        trace = f"{self._numbers:032x}"
        pairs = {
            semconv.HTTP_ROUTE: route,
            semconv.WEBHOOK_PHASE_NAME: phase,
            semconv.PENDING_AGE: f"{age_s:.3f}",
            semconv.PENDING_SPAN_ID: trace[-16:],
        }
        opened = SpanEvent(
            f"{semconv.PHASE_SPAN_PREFIX}{phase}", _ns(at - age_s), ((semconv.WEBHOOK_PHASE_NAME, phase),)
        )
        own = f"e{trace[-15:]}"
        name = semconv.PENDING_SPAN
        snapshot = self._span(trace, own, trace[-16:], name, INTERNAL, at, at, pairs, (opened,), failed=False)
        self.traces.add([snapshot])
        return snapshot

    def ended(self, snapshot: Span, at: float) -> None:
        """The request of a snapshot has been answered."""
        trace, route = snapshot.trace_id, snapshot.attribute(semconv.HTTP_ROUTE)
        start = at - 1
        pairs = {semconv.HTTP_ROUTE: route}
        root = self._span(trace, trace[-16:], "", f"POST {route}", SERVER, start, at, pairs, (), failed=False)
        self.traces.add([root])

    def gauge(self, at: float, name: str, value: float, **own: str) -> None:
        """One sample of a gauge, by its name in PromQL."""
        self._append(at, {labels({METRIC_NAME: name, "job": self.job, **own}): value})

    def scrape(self, at: float) -> None:
        """Tell all totals; a new one was zero at the scrape before, because its start is known."""
        fresh = {key: 0.0 for key in self._totals if key not in self._told}
        if fresh and self._scraped_at:
            self._append(self._scraped_at, fresh)
        self._append(at, self._totals)
        self._told.update(self._totals)
        self._scraped_at = at

    def spans(self, request: Request, trace: str) -> list[Span]:
        """The spans of a request, in the order in which they end."""
        spans: list[Span] = []
        root = trace[-16:]
        begin = request.end - request.seconds
        for number, (phase, seconds) in enumerate(request.phases):
            if phase != semconv.PHASE_OTHER:
                spans += self._phase(request, trace, f"{number + 1:02x}{root[2:]}", phase, begin, begin + seconds)
            begin += seconds
        attributes = {
            semconv.HTTP_ROUTE: request.route,
            semconv.WEBHOOK_PROVIDER: request.provider,
            semconv.WEBHOOK_OUTCOME: request.outcome,
            semconv.HTTP_RESPONSE_STATUS_CODE: "" if request.is_abandoned else str(request.status),
        }
        events = self._uncaught(request.failing, request.end)
        failed = request.failing is not None
        start = request.end - request.seconds
        spans.append(
            self._span(
                trace, root, "", f"POST {request.route}", SERVER, start, request.end, attributes, events, failed=failed
            )
        )
        return spans

    def _phase(self, request: Request, trace: str, id_: str, phase: str, start: float, end: float) -> list[Span]:
        parent = trace[-16:]
        failing = request.failing if request.failing is not None and request.failing.phase == phase else None
        if phase in request.handled:
            failing = Failing(phase, "redis.exceptions.ConnectionError", redis="GET")
        events = self._raised(failing.error_type, failing.message, end) if failing and failing.error_type else ()
        error = {semconv.ERROR_TYPE: failing.error_type.rpartition(".")[2]} if failing and failing.error_type else {}
        spans = []
        if failing is not None and failing.redis:
            call = {
                semconv.DB_SYSTEM_NAME: semconv.REDIS,
                semconv.DB_OPERATION_NAME: failing.redis,
                semconv.DB_RESPONSE_STATUS_CODE: failing.code,
                **error,
            }
            spans.append(
                self._span(trace, f"f{id_[1:]}", id_, failing.redis, CLIENT, start, end, call, events, failed=True)
            )
        name = f"{semconv.PHASE_SPAN_PREFIX}{phase}"
        failed = failing is not None and bool(failing.error_type)
        return [*spans, self._span(trace, id_, parent, name, INTERNAL, start, end, error, events, failed=failed)]

    def _uncaught(self, failing: Failing | None, end: float) -> tuple[SpanEvent, ...]:
        """The exception of the SERVER span, if one left the app."""
        if failing is None or not failing.error_type or failing.is_answered:
            return ()
        return self._raised(
            failing.wrapped_as or failing.error_type, "" if failing.wrapped_as else failing.message, end
        )

    def _raised(self, error_type: str, message: str, at: float) -> tuple[SpanEvent, ...]:
        stack = (
            'File "/srv/app/hooks.py", line 42, in handle\nFile "/venv/lib/python3.12/site-packages/x.py", line 7, in y'
        )
        pairs = {
            semconv.EXCEPTION_TYPE: error_type,
            semconv.EXCEPTION_MESSAGE: message,
            semconv.EXCEPTION_STACKTRACE: stack,
        }
        return (SpanEvent(semconv.EXCEPTION_EVENT, _ns(at), tuple(pairs.items())),)

    def _span(
        self,
        trace: str,
        id_: str,
        parent: str,
        name: str,
        kind: int,
        start: float,
        end: float,
        attributes: Mapping[str, str],
        events: tuple[SpanEvent, ...],
        *,
        failed: bool,
    ) -> Span:
        pairs = tuple((key, value) for key, value in attributes.items() if value)
        return Span(trace, id_, parent, name, kind, _ns(start), _ns(end), failed, self.job, INSTANCE, pairs, events)

    def _measure(self, request: Request) -> None:
        named = {semconv.HTTP_ROUTE: request.route, semconv.WEBHOOK_PROVIDER: request.provider}
        failing = request.failing
        error = "" if failing is None else failing.wrapped_as or failing.error_type or str(request.status)
        ended = {
            semconv.WEBHOOK_OUTCOME: request.outcome,
            semconv.HTTP_RESPONSE_STATUS_CODE: "" if request.is_abandoned else str(request.status),
            semconv.ERROR_TYPE: error,
        }
        self._observe(semconv.WEBHOOK_REQUEST_DURATION, request.seconds, named | ended)
        is_missed = request.is_abandoned or request.seconds > REQUIREMENT_S
        result = {semconv.WEBHOOK_SLO_RESULT: semconv.SLO_MISSED if is_missed else semconv.SLO_MET}
        for phase, seconds in request.phases:
            own = named | result | {semconv.WEBHOOK_PHASE_NAME: phase}
            self._observe(semconv.WEBHOOK_PHASE_SELF_DURATION, seconds, own)
        if failing is not None and failing.redis:
            self.redis(failing.redis, 0.001, failing.error_type.rpartition(".")[2], failing.code)

    def _observe(self, name: str, seconds: float, attributes: Mapping[str, str]) -> None:
        for part, value in (("count", 1.0), ("sum", seconds)):
            metric = f"{name.replace('.', '_')}_seconds_{part}"
            own = {key.replace(".", "_"): text for key, text in attributes.items() if text}
            self._totals[labels({METRIC_NAME: metric, "job": self.job, "instance": INSTANCE, **own})] += value

    def _append(self, at: float, values: Mapping[tuple[tuple[str, str], ...], float]) -> None:
        refs = np.array([self.store.intern(key) for key in values], np.int64)  # int64[series]
        times = np.full(len(values), round(at * 1_000), np.int64)  # int64[series]
        self.store.append(Batch(refs, times, np.array([*values.values()], np.float64)))


def _ns(seconds: float) -> int:
    return round(seconds * 1e9)
