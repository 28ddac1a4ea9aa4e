"""What an incident shows to people when it fires."""

from dataclasses import dataclass
from typing import Final

from lapbell import semconv
from lapbell_evaluator.evidence.blame import Querier, phase_blame
from lapbell_evaluator.evidence.traces import RecentTraces
from lapbell_evaluator.model import ALERT_NAME, Alert, Evidence
from lapbell_evaluator.model.prometheus_names import label

__all__ = ["Witness"]

_JOB: Final = "job"
_ROUTE: Final = label(semconv.HTTP_ROUTE)
_OPERATION: Final = label(semconv.DB_OPERATION_NAME)
_CATEGORY: Final = "category"  # `redis` is also the name of all Redis operations
_ABOUT_FAILURE: Final = frozenset({"WebhookErrorRate", "RedisFailureRate"})
_LOOK_BACK_S: Final = 60.0
_EXAMPLES: Final = 5


@dataclass(frozen=True, slots=True)
class Witness:
    """Knows the traces, and asks the metrics.

    Attributes:
        querier: where the metrics are.
        traces: what was seen of late.
    """

    querier: Querier
    traces: RecentTraces

    async def testify(self, alert: Alert, at: float) -> Evidence:
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
        traces = self.traces.examples(job, name, start, at, failed=is_about_failure, limit=_EXAMPLES)
        return Evidence(blame, traces)
