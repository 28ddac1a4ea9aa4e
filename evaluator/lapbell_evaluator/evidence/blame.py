"""Which phase took the time: each phase's share of what a request takes more than it used to."""

import json
import math
from typing import Final, Protocol

from lapbell import semconv
from lapbell_evaluator.model import PhaseShare, QueryResult
from lapbell_evaluator.model.prometheus_names import SECONDS, label, metric

__all__ = ["Querier", "phase_blame"]

_WINDOW_S: Final = 60
_BASELINE_S: Final = 600
_LEAST_EXCESS_S: Final = 1e-6  # less is rounding
_PHASE_LABEL: Final = label(semconv.WEBHOOK_PHASE_NAME)
_ROUTE_LABEL: Final = label(semconv.HTTP_ROUTE)
_SELF_SECONDS: Final = metric(semconv.WEBHOOK_PHASE_SELF_DURATION, f"{SECONDS}_sum")
_REQUESTS: Final = metric(semconv.WEBHOOK_REQUEST_DURATION, f"{SECONDS}_count")


class Querier(Protocol):
    """Answers PromQL."""

    async def query(self, expr: str, time: float) -> QueryResult:
        """The instant vector of `expr` at `time` (Unix seconds)."""
        ...


async def phase_blame(querier: Querier, job: str, route: str, breached_at: float, at: float) -> tuple[PhaseShare, ...]:
    """Shares of the excess self time per request over the baseline, the largest first; empty if nothing exceeds it.

    The last minute up to `at` is compared with the ten minutes that end a minute before `breached_at`: that minute may
    already hold what made the rule breach. Without a baseline everything is excess.

    Args:
        querier: where the metrics are.
        job: the service.
        route: its `http.route`.
        breached_at: Unix seconds when the rule was first seen to breach.
        at: Unix seconds of now.
    """
    now = await _per_request(querier, job, route, _WINDOW_S, at)
    baseline = await _per_request(querier, job, route, _BASELINE_S, breached_at - _WINDOW_S)
    excess = {phase: seconds - baseline.get(phase, 0.0) for phase, seconds in now.items()}
    positive = {phase: seconds for phase, seconds in excess.items() if seconds >= _LEAST_EXCESS_S}
    total = math.fsum(positive.values())
    shares = (PhaseShare(phase, seconds / total, seconds) for phase, seconds in positive.items())
    return tuple(sorted(shares, key=lambda share: (-share.share, share.phase)))


async def _per_request(querier: Querier, job: str, route: str, window_s: int, at: float) -> dict[str, float]:
    """Self seconds of each phase per request, over a window that ends at `at`; empty without requests."""
    scope = f"{{job={_quoted(job)},{_ROUTE_LABEL}={_quoted(route)}}}[{window_s}s]"
    requests = await querier.query(f"sum(increase({_REQUESTS}{scope}))", at)
    count = requests.samples[0].value if requests.samples else 0.0
    if not (math.isfinite(count) and count > 0):
        return {}
    spent = await querier.query(f"sum by ({_PHASE_LABEL}) (increase({_SELF_SECONDS}{scope}))", at)
    return {
        dict(sample.labels).get(_PHASE_LABEL, semconv.PHASE_OTHER): sample.value / count
        for sample in spent.samples
        if math.isfinite(sample.value)
    }


def _quoted(text: str) -> str:
    """A PromQL string; JSON's escapes are among PromQL's."""
    return json.dumps(text, ensure_ascii=False)
