"""The webhook summary: percentiles, compliance, time per phase."""

from dataclasses import dataclass
from typing import Final

from lapbell import semconv
from lapbell_evaluator.api.ask import Ask, finite, quantile, ratio
from lapbell_evaluator.api.schemas import PhaseTiming, RouteTiming, Span, WebhookTiming
from lapbell_evaluator.model.prometheus_names import SECONDS, label, metric

__all__ = ["Targets", "webhook_timing"]

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
class Targets:
    """What counts as met, in seconds: the target and the requirement."""

    target_s: float
    requirement_s: float


async def webhook_timing(ask: Ask, targets: Targets) -> WebhookTiming:
    """Everything that metrics tell about the webhooks of a scope; recent timings are added from traces."""
    counts = await ask.by(f"sum by ({_OUTCOME}) (increase({_REQUEST}_count{{$s}}[$w] anchored))", _OUTCOME)
    total = sum(counts.values())
    seconds = await ask.one(f"sum(increase({_REQUEST}_sum{{$s}}[$w] anchored))")
    met = await ask.by(f"sum by ({_THRESHOLD}, {_RESULT}) (increase({_SLO}{{$s}}[$w] anchored))", _THRESHOLD, _RESULT)
    p50, p95, p99 = [await ask.one(quantile(q, _REQUEST, "le")) for q in _QUANTILES]
    return WebhookTiming(
        service=ask.scope.service,
        window=Span(start=ask.scope.start, end=ask.scope.end),
        total_webhooks=round(total),
        within_500ms_percentage=_compliance(met, targets.target_s),
        within_2s_percentage=_compliance(met, targets.requirement_s),
        average_total_time=None if seconds is None else finite(ratio(seconds, total)),
        p50_total_time=p50,
        p95_total_time=p95,
        p99_total_time=p99,
        outcomes={outcome: round(count) for (outcome,), count in sorted(counts.items())},
        timing_breakdown=await _phases(ask, total),
        routes=await _routes(ask),
        recent_timings=[],
    )


def _compliance(met: dict[tuple[str, ...], float], threshold_s: float) -> float | None:
    threshold = f"{threshold_s:g}"
    good, bad = (met.get((threshold, result), 0.0) for result in (semconv.SLO_MET, semconv.SLO_MISSED))
    share = ratio(good, good + bad)
    return None if share is None else 100 * share


async def _phases(ask: Ask, webhooks: float) -> dict[str, PhaseTiming]:
    own, inclusive = await ask.all(
        {
            f"sum by ({_PHASE}) (increase({_SELF}_sum{{$s}}[$w] anchored))": (_PHASE,),
            f"sum by ({_PHASE}) (increase({_INCLUSIVE}_sum{{$s}}[$w] anchored)) / "
            f"sum by ({_PHASE}) (increase({_INCLUSIVE}_count{{$s}}[$w] anchored))": (_PHASE,),
        }
    )
    whole = sum(own.values())
    return {
        phase: PhaseTiming(
            average_time=ratio(seconds, webhooks),
            percentage=None if whole <= 0 else 100 * seconds / whole,
            average_inclusive_time=inclusive.get((phase,)),
        )
        for (phase,), seconds in sorted(own.items(), key=lambda item: -item[1])
    }


async def _routes(ask: Ask) -> list[RouteTiming]:
    names = ("job", _ROUTE)
    grouping = f"by (job, {_ROUTE})"
    count = f"sum {grouping} (increase({_REQUEST}_count{{$s}}[$w] anchored))"
    failed = f'{{{_OUTCOME}="{semconv.OUTCOME_ERROR}",$s}}'
    totals, averages, errors, *quantiles = await ask.all(
        {
            count: names,
            f"sum {grouping} (increase({_REQUEST}_sum{{$s}}[$w] anchored)) / {count}": names,
            f"sum {grouping} (increase({_REQUEST}_count{failed}[$w] anchored))": names,
            **{quantile(q, _REQUEST, f"job, {_ROUTE}, le"): names for q in _QUANTILES},
        }
    )
    p50, p95, p99 = quantiles
    return [
        RouteTiming(
            job=key[0],
            route=key[1],
            total_webhooks=round(total),
            average_total_time=averages.get(key),
            p50_total_time=p50.get(key),
            p95_total_time=p95.get(key),
            p99_total_time=p99.get(key),
            error_percentage=None if total <= 0 else 100 * errors.get(key, 0.0) / total,
        )
        for key, total in sorted(totals.items())
    ]
