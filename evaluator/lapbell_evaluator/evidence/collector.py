"""What an incident shows to people when it fires."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

from lapbell import semconv
from lapbell_evaluator.evidence.circuits import circuit_evidence
from lapbell_evaluator.evidence.errors import error_evidence, traces_of_failures
from lapbell_evaluator.evidence.event_loop import event_loop_evidence
from lapbell_evaluator.evidence.examples import Example, worst_first
from lapbell_evaluator.evidence.hosts import host_evidence
from lapbell_evaluator.evidence.kind import Kind, kind_of_alert, subject_of
from lapbell_evaluator.evidence.latency import latency_evidence, phase_blame
from lapbell_evaluator.evidence.queues import queue_evidence
from lapbell_evaluator.evidence.redis import RedisServer, redis_evidence
from lapbell_evaluator.evidence.redis_spans import redis_servers
from lapbell_evaluator.evidence.traces import RecentTraces
from lapbell_evaluator.model import METRIC_NAME, TRACE_ID, Alert, Evidence, InFlightEvidence, SeriesExemplars
from lapbell_evaluator.model.prometheus_names import SECONDS, label, metric
from lapbell_evaluator.promql import InstantQuerier
from lapbell_evaluator.series import Matcher, MatchOp

__all__ = ["EvidenceCollector", "Exemplars"]

_JOB: Final = "job"
_ROUTE: Final = label(semconv.HTTP_ROUTE)
_OPERATION: Final = label(semconv.DB_OPERATION_NAME)
_ABOUT_FAILURE: Final = frozenset({Kind.ERRORS, Kind.REDIS_ERRORS, Kind.CIRCUIT})
_RUNNING: Final = (semconv.HTTP_ROUTE, semconv.MESSAGING_SYSTEM, semconv.MESSAGING_DESTINATION_NAME)
_LOOK_BACK_S: Final = 60.0
_EXAMPLES: Final = 5
_MS_PER_S: Final = 1000
_MEASURED: Final = {
    _ROUTE: metric(semconv.WEBHOOK_REQUEST_DURATION, SECONDS),
    _OPERATION: metric(semconv.DB_CLIENT_OPERATION_DURATION, SECONDS),
}
"""What an alert with this label is about; a classic histogram has its exemplars in its buckets."""


class Exemplars(Protocol):
    """Knows measurements with the traces in which they were made."""

    def select(self, selectors: Sequence[Sequence[Matcher]], start_ms: int, end_ms: int) -> tuple[SeriesExemplars, ...]:
        """Exemplars between two times of the series that any selector means."""
        ...


@dataclass(frozen=True, slots=True)
class EvidenceCollector:
    """Knows the traces, and asks the metrics.

    Attributes:
        querier: where the metrics are.
        traces: what was seen of late.
        exemplars: what was measured of late: their spans may be somewhere else, or still on their way.
    """

    querier: InstantQuerier
    traces: RecentTraces
    exemplars: Exemplars

    async def collect(self, alert: Alert, at: float) -> Evidence:
        """What is to blame for an alert, by its kind, and traces that show what it is about.

        Args:
            alert: what fires; its labels say which service, and which route, Redis operation, queue or machine.
            at: Unix seconds of now.
        """
        labels = dict(alert.labels) | dict(alert.series)
        kind = kind_of_alert(labels)
        start = min(alert.active_at, at) - _LOOK_BACK_S
        evidence, examples = await asyncio.gather(
            self._by_kind(kind, labels, alert.active_at, start, at), self._examples(kind, labels, start, at)
        )
        trace_ids = dict.fromkeys((*evidence.trace_ids, *(example.trace_id for example in examples)))
        evidence = replace(evidence, trace_ids=tuple(trace_ids)[:_EXAMPLES])
        if evidence.latency is None:
            return evidence
        traces = (self.traces.trace(trace_id) for trace_id in evidence.trace_ids)
        spans = [trace.spans for trace in traces if trace is not None]
        servers = redis_servers(spans, labels.get(_JOB, ""), labels.get(_ROUTE, ""))
        return replace(evidence, latency=replace(evidence.latency, redis_servers=servers))

    async def _by_kind(
        self, kind: Kind, labels: Mapping[str, str], breached_at: float, start: float, at: float
    ) -> Evidence:
        job, route = labels.get(_JOB, ""), labels.get(_ROUTE, "")
        match kind:
            case Kind.LATENCY:
                blame = await phase_blame(self.querier, job, route, breached_at, at)
                return Evidence(blame, latency=await latency_evidence(self.querier, job, blame, at))
            case Kind.ERRORS:
                errors = await error_evidence(self.querier, self.traces, job, route, start, at)
                return Evidence(trace_ids=traces_of_failures(errors), errors=errors)
            case Kind.REDIS_LATENCY | Kind.REDIS_ERRORS:
                server = RedisServer.of(labels)
                return Evidence(redis=await redis_evidence(self.querier, self.traces, server, breached_at, at))
            case Kind.QUEUE | Kind.TASK_IN_FLIGHT:
                evidence = self._running(labels, at) if kind is Kind.TASK_IN_FLIGHT else Evidence()
                return replace(evidence, queue=await queue_evidence(self.querier, labels, at))
            case Kind.HOST:
                return Evidence(host=await host_evidence(self.querier, labels, at))
            case Kind.IN_FLIGHT:
                return self._running(labels, at)
            case Kind.EVENT_LOOP:
                return Evidence(event_loop=await event_loop_evidence(self.querier, job, at))
            case Kind.CIRCUIT:
                return Evidence(circuit=await circuit_evidence(self.querier, self.traces, labels, at))
            case Kind.OTHER:
                return Evidence()

    def _running(self, labels: Mapping[str, str], at: float) -> Evidence:
        """What runs longest of the route or queue that an alert's labels name; a queue may be of several services."""
        where = {name: value for name in _RUNNING if (value := labels.get(label(name)))}
        oldest = self.traces.running(labels.get(_JOB, ""), where, at)
        return Evidence(trace_ids=tuple(request.trace_id for request in oldest), in_flight=InFlightEvidence(oldest))

    async def _examples(self, kind: Kind, labels: Mapping[str, str], start: float, end: float) -> tuple[Example, ...]:
        """The worst of what an alert is about: the slowest, or the slowest of those that failed."""
        job, name = subject_of(labels)
        failed = kind in _ABOUT_FAILURE
        traced = self.traces.examples(job, name, start, end, failed=failed, limit=_EXAMPLES)
        measured = () if failed else await asyncio.to_thread(self._measured, labels, start, end)
        return worst_first((*traced, *measured))

    def _measured(self, labels: Mapping[str, str], start: float, end: float) -> list[Example]:
        """Exemplars of what an alert with these labels is about."""
        of = next((name for name in _MEASURED if labels.get(name)), None)
        if of is None:
            return []
        matchers = (
            Matcher(METRIC_NAME, MatchOp.REGEX, f"{_MEASURED[of]}(_bucket)?"),
            Matcher(_JOB, MatchOp.EQUAL, labels.get(_JOB, "")),
            Matcher(of, MatchOp.EQUAL, labels[of]),
        )
        selected = self.exemplars.select([matchers], round(start * _MS_PER_S), round(end * _MS_PER_S))
        return [
            Example(exemplar.time_ms / _MS_PER_S, exemplar.value, failed=False, trace_id=trace_id)
            for series in selected
            for exemplar in series.exemplars
            if (trace_id := dict(exemplar.labels).get(TRACE_ID))
        ]
