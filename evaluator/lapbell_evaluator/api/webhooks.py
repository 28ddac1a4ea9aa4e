"""The webhook summary: percentiles, compliance, time per phase."""

from dataclasses import dataclass
from typing import Final

from lapbell import semconv
from lapbell_evaluator.api.ask import Ask, Numbers, finite, quantile, ratio, summed
from lapbell_evaluator.api.schemas import PhaseTiming, RecentTiming, RouteTiming, Span, WebhookTiming
from lapbell_evaluator.api.services import Targets
from lapbell_evaluator.model.prometheus_names import SECONDS, label, metric

__all__ = ["webhook_timing"]

_ROUTE: Final = label(semconv.HTTP_ROUTE)
_OUTCOME: Final = label(semconv.WEBHOOK_OUTCOME)
_PHASE: Final = label(semconv.WEBHOOK_PHASE_NAME)
_THRESHOLD: Final = label(semconv.WEBHOOK_SLO_THRESHOLD)
_RESULT: Final = label(semconv.WEBHOOK_SLO_RESULT)
_REQUEST: Final = metric(semconv.WEBHOOK_REQUEST_DURATION, SECONDS)
_SELF: Final = metric(semconv.WEBHOOK_PHASE_SELF_DURATION, SECONDS)
_INCLUSIVE: Final = metric(semconv.WEBHOOK_PHASE_DURATION, SECONDS)
_SLO: Final = metric(semconv.WEBHOOK_SLO_REQUESTS, "_total")
_QUANTILES: Final = (0.5, 0.95, 0.99)


@dataclass(frozen=True, slots=True)
class _Answers:
    """One answer for each question: the order is that of the questions."""

    counts: Numbers  # by job, route, outcome
    seconds: Numbers  # by job, route
    slo: Numbers  # by threshold, result
    self_seconds: Numbers  # by phase
    inclusive: Numbers  # by phase
    quantiles: tuple[Numbers, ...]  # p50, p95 and p99 of all webhooks, without labels
    route_quantiles: tuple[Numbers, ...]  # the same by job, route


async def webhook_timing(ask: Ask, targets: Targets, recent: list[RecentTiming]) -> WebhookTiming:
    """What metrics tell about the webhooks of a scope, and the recent ones, which traces tell."""
    answers = await _asked(ask)
    total = sum(answers.counts.values())
    p50, p95, p99 = (numbers.get(()) for numbers in answers.quantiles)
    return WebhookTiming(
        service=ask.scope.service,
        window=Span(start=ask.scope.start, end=ask.scope.end),
        total_webhooks=round(total),
        within_500ms_percentage=_compliance(answers.slo, targets.target_s),
        within_2s_percentage=_compliance(answers.slo, targets.requirement_s),
        average_total_time=finite(ratio(sum(answers.seconds.values()), total)) if answers.seconds else None,
        p50_total_time=p50,
        p95_total_time=p95,
        p99_total_time=p99,
        outcomes={outcome: round(count) for outcome, count in sorted(summed(answers.counts, 2).items())},
        timing_breakdown=_phases(answers, total),
        routes=_routes(answers),
        recent_timings=recent,
    )


async def _asked(ask: Ask) -> _Answers:
    by_route, by_phase, routes = ("job", _ROUTE), (_PHASE,), f"job, {_ROUTE}"
    counts, seconds, slo, self_seconds, inclusive, *quantiles = await ask.all(
        {
            f"sum by ({routes}, {_OUTCOME}) (increase({_REQUEST}_count{{$s}}[$w] anchored))": (*by_route, _OUTCOME),
            f"sum by ({routes}) (increase({_REQUEST}_sum{{$s}}[$w] anchored))": by_route,
            f"sum by ({_THRESHOLD}, {_RESULT}) (increase({_SLO}{{$s}}[$w] anchored))": (_THRESHOLD, _RESULT),
            f"sum by ({_PHASE}) (increase({_SELF}_sum{{$s}}[$w] anchored))": by_phase,
            f"sum by ({_PHASE}) (increase({_INCLUSIVE}_sum{{$s}}[$w] anchored)) / "
            f"sum by ({_PHASE}) (increase({_INCLUSIVE}_count{{$s}}[$w] anchored))": by_phase,
            **{quantile(q, _REQUEST, "le"): () for q in _QUANTILES},
            **{quantile(q, _REQUEST, f"{routes}, le"): by_route for q in _QUANTILES},
        }
    )
    split = len(_QUANTILES)
    return _Answers(counts, seconds, slo, self_seconds, inclusive, tuple(quantiles[:split]), tuple(quantiles[split:]))


def _compliance(slo: Numbers, threshold_s: float) -> float | None:
    threshold = f"{threshold_s:g}"
    good, bad = (slo.get((threshold, result), 0.0) for result in (semconv.SLO_MET, semconv.SLO_MISSED))
    share = ratio(good, good + bad)
    return None if share is None else 100 * share


def _phases(answers: _Answers, webhooks: float) -> dict[str, PhaseTiming]:
    """By phase, the one that took most of the time first."""
    whole = sum(answers.self_seconds.values())
    return {
        phase: PhaseTiming(
            average_time=ratio(seconds, webhooks),
            percentage=None if whole <= 0 else 100 * seconds / whole,
            average_inclusive_time=answers.inclusive.get((phase,)),
        )
        for (phase,), seconds in sorted(answers.self_seconds.items(), key=lambda item: -item[1])
    }


def _routes(answers: _Answers) -> list[RouteTiming]:
    by_route: dict[tuple[str, ...], dict[str, float]] = {}
    for (job, route, outcome), count in sorted(answers.counts.items()):
        by_route.setdefault((job, route), {})[outcome] = count
    return [_route(key, outcomes, answers) for key, outcomes in by_route.items()]


def _route(key: tuple[str, ...], outcomes: dict[str, float], answers: _Answers) -> RouteTiming:
    total = sum(outcomes.values())
    errors = ratio(outcomes.get(semconv.OUTCOME_ERROR, 0.0), total)
    p50, p95, p99 = (numbers.get(key) for numbers in answers.route_quantiles)
    return RouteTiming(
        job=key[0],
        route=key[1],
        total_webhooks=round(total),
        average_total_time=ratio(answers.seconds[key], total) if key in answers.seconds else None,
        p50_total_time=p50,
        p95_total_time=p95,
        p99_total_time=p99,
        error_percentage=None if errors is None else 100 * errors,
    )
