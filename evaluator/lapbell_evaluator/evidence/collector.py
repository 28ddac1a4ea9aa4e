"""What an incident shows to people when it fires."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from lapbell import semconv
from lapbell_evaluator.evidence.blame import Querier, phase_blame
from lapbell_evaluator.evidence.examples import Example, worst_first
from lapbell_evaluator.evidence.traces import RecentTraces
from lapbell_evaluator.model import ALERT_NAME, METRIC_NAME, TRACE_ID, Alert, Evidence, SeriesExemplars
from lapbell_evaluator.model.prometheus_names import SECONDS, label, metric
from lapbell_evaluator.series import Matcher, MatchOp

__all__ = ["EvidenceCollector", "Exemplars"]

_JOB: Final = "job"
_ROUTE: Final = label(semconv.HTTP_ROUTE)
_OPERATION: Final = label(semconv.DB_OPERATION_NAME)
_CATEGORY: Final = "category"  # `redis` is also the name of all Redis operations
_ABOUT_FAILURE: Final = frozenset({"WebhookErrorRate", "RedisFailureRate"})
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

    querier: Querier
    traces: RecentTraces
    exemplars: Exemplars

    async def collect(self, alert: Alert, at: float) -> Evidence:
        """The phase to blame for an alert about webhooks, and traces that show what any alert is about.

        Args:
            alert: what fires; its labels say which service, and which route or Redis operation.
            at: Unix seconds of now.
        """
        known = dict(alert.labels) | dict(alert.series)
        job, route = known.get(_JOB, ""), known.get(_ROUTE)
        blame = () if route is None else await phase_blame(self.querier, job, route, alert.active_at, at)
        name = route or known.get(_OPERATION) or known.get(_CATEGORY, "")
        start = min(alert.active_at, at) - _LOOK_BACK_S
        is_about_failure = known.get(ALERT_NAME) in _ABOUT_FAILURE
        seen = self.traces.examples(job, name, start, at, failed=is_about_failure, limit=_EXAMPLES)
        measured = () if is_about_failure else await asyncio.to_thread(self._measured, known, start, at)
        worst = worst_first((*seen, *measured))[:_EXAMPLES]
        return Evidence(blame, tuple(example.trace_id for example in worst))

    def _measured(self, known: dict[str, str], start: float, end: float) -> list[Example]:
        """Exemplars of what an alert with the labels `known` is about."""
        of = next((name for name in _MEASURED if known.get(name)), None)
        if of is None:
            return []
        matchers = (
            Matcher(METRIC_NAME, MatchOp.REGEX, f"{_MEASURED[of]}(_bucket)?"),
            Matcher(_JOB, MatchOp.EQUAL, known.get(_JOB, "")),
            Matcher(of, MatchOp.EQUAL, known[of]),
        )
        series = self.exemplars.select([matchers], round(start * _MS_PER_S), round(end * _MS_PER_S))
        return [
            Example(exemplar.time_ms / _MS_PER_S, exemplar.value, failed=False, trace_id=trace_id)
            for each in series
            for exemplar in each.exemplars
            if (trace_id := dict(exemplar.labels).get(TRACE_ID))
        ]
