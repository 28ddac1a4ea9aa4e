"""Which phase took the time: each phase's share of what a request takes more than it used to."""

import asyncio
import math
from collections.abc import Mapping
from typing import Final

from lapbell import semconv
from lapbell_evaluator.evidence.event_loop import explaining_line
from lapbell_evaluator.evidence.questions import seconds_of, selector, sum_of_counts, sum_of_seconds
from lapbell_evaluator.model import LatencyEvidence, PhaseShare
from lapbell_evaluator.model.prometheus_names import label
from lapbell_evaluator.promql import InstantQuerier

__all__ = ["latency_evidence", "phase_blame"]

_WINDOW_S: Final = 60
_BASELINE_S: Final = 600
_LEAST_EXCESS_S: Final = 1e-6  # less is rounding
_LEAST_MISSED: Final = 3.0
_PHASE: Final = label(semconv.WEBHOOK_PHASE_NAME)
_ROUTE: Final = label(semconv.HTTP_ROUTE)
_MISSED: Final = f'{label(semconv.WEBHOOK_SLO_RESULT)}="{semconv.SLO_MISSED}"'
_SELF_TIME: Final = seconds_of(semconv.WEBHOOK_PHASE_SELF_DURATION)
_REQUESTS: Final = seconds_of(semconv.WEBHOOK_REQUEST_DURATION)


async def latency_evidence(
    querier: InstantQuerier, job: str, blame: tuple[PhaseShare, ...], at: float
) -> LatencyEvidence:
    """What the shares leave to say: time that waited for the event loop, time that no span covers, and what blocks.

    Args:
        querier: where the metrics are.
        job: the service.
        blame: as `phase_blame` answers.
        at: Unix seconds of now.
    """
    shares = {share.phase: share for share in blame}
    waited = shares.get(semconv.PHASE_EVENT_LOOP)
    line = await explaining_line(querier, job, at) if waited is not None or not blame else None
    return LatencyEvidence(waited, shares.get(semconv.PHASE_OTHER), line)


async def phase_blame(
    querier: InstantQuerier, job: str, route: str, breached_at: float, at: float
) -> tuple[PhaseShare, ...]:
    """Shares of the excess self time per request over the baseline, the largest first; empty if nothing exceeds it.

    The last minute up to `at` is compared with the ten minutes that end a minute before `breached_at`: that minute may
    already hold what made the rule breach. Without a baseline everything is excess. If at least three requests of the
    minute took longer than the requirement, they alone are compared: the alert is about the slow ones, and a phase that
    became a little slower for everybody is not why.

    Args:
        querier: where the metrics are.
        job: the service.
        route: its `http.route`.
        breached_at: Unix seconds when the rule was first seen to breach.
        at: Unix seconds of now.
    """
    of = {"job": job, _ROUTE: route}
    every, missed, baseline = await asyncio.gather(
        _per_request(querier, selector(of), _WINDOW_S, at),
        _per_missed_request(querier, selector(of, _MISSED), at),
        _per_request(querier, selector(of), _BASELINE_S, breached_at - _WINDOW_S),
    )
    now = missed or every
    excess = {phase: seconds - baseline.get(phase, 0.0) for phase, seconds in now.items()}
    positive = {phase: seconds for phase, seconds in excess.items() if seconds >= _LEAST_EXCESS_S}
    total = math.fsum(positive.values())
    shares = (PhaseShare(phase, seconds / total, seconds) for phase, seconds in positive.items())
    return tuple(sorted(shares, key=lambda share: (-share.share, share.phase)))


async def _per_request(querier: InstantQuerier, where: str, window_s: int, at: float) -> Mapping[str, float]:
    """Self seconds of each phase per request, over a window that ends at `at`; empty without requests."""
    counts, seconds = await asyncio.gather(
        sum_of_counts(querier, _REQUESTS, (), where, window_s, at),
        sum_of_seconds(querier, _SELF_TIME, (_PHASE,), where, window_s, at),
    )
    count = counts.get((), 0.0)
    return _divided({phase: spent for (phase,), spent in seconds.items()}, count)


async def _per_missed_request(querier: InstantQuerier, where: str, at: float) -> Mapping[str, float]:
    """The same of the requests of the last minute that missed the requirement; empty if they are too few to tell.

    Only self times say which request they are of; nearly every request has some in the phase that most of them have.
    """
    counts, seconds = await asyncio.gather(
        sum_of_counts(querier, _SELF_TIME, (_PHASE,), where, _WINDOW_S, at),
        sum_of_seconds(querier, _SELF_TIME, (_PHASE,), where, _WINDOW_S, at),
    )
    count = max(counts.values(), default=0.0)
    if count < _LEAST_MISSED:
        return {}
    return _divided({phase: spent for (phase,), spent in seconds.items()}, count)


def _divided(spent: Mapping[str, float], count: float) -> Mapping[str, float]:
    if count <= 0:
        return {}
    return {phase or semconv.PHASE_OTHER: seconds / count for phase, seconds in spent.items()}
