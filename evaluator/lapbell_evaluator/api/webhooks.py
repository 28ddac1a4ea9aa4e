"""The webhook summary: percentiles, compliance, time per phase."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from lapbell import semconv
from lapbell_evaluator.api.ask import Ask, Numbers, finite, quantile, ratio, summed
from lapbell_evaluator.api.schemas import (
    EventTypeTiming,
    PhaseTiming,
    ProviderTiming,
    RecentTiming,
    RouteTiming,
    Span,
    WebhookTiming,
)
from lapbell_evaluator.api.services import Targets
from lapbell_evaluator.api.webhook_view import WebhookView
from lapbell_evaluator.model.prometheus_names import SECONDS, label, metric

__all__ = ["webhook_timing"]

_ROUTE: Final = label(semconv.HTTP_ROUTE)
_PROVIDER: Final = label(semconv.WEBHOOK_PROVIDER)
_EVENT_TYPE: Final = label(semconv.WEBHOOK_EVENT_TYPE)
_OUTCOME: Final = label(semconv.WEBHOOK_OUTCOME)
_PHASE: Final = label(semconv.WEBHOOK_PHASE_NAME)
_THRESHOLD: Final = label(semconv.WEBHOOK_SLO_THRESHOLD)
_RESULT: Final = label(semconv.WEBHOOK_SLO_RESULT)
_REQUEST: Final = metric(semconv.WEBHOOK_REQUEST_DURATION, SECONDS)
_SELF: Final = metric(semconv.WEBHOOK_PHASE_SELF_DURATION, SECONDS)
_INCLUSIVE: Final = metric(semconv.WEBHOOK_PHASE_DURATION, SECONDS)
_SLO: Final = metric(semconv.WEBHOOK_SLO_REQUESTS, "_total")
_QUANTILES: Final = (0.5, 0.95, 0.99)


_FAILED: Final = (semconv.OUTCOME_ERROR, semconv.OUTCOME_ABANDONED)  # as WebhookErrorRate counts
_LABELS: Final = ("job", _ROUTE, _PROVIDER, _EVENT_TYPE)
_BY: Final = ", ".join(_LABELS)
_NOT_BY_EVENT_TYPE: Final = "only webhook.request.duration knows webhook.event.type, so phases are not told apart by it"


@dataclass(frozen=True, slots=True)
class _Answers:
    """One answer for each question: the order is that of the questions."""

    counts: Numbers  # by _LABELS, outcome
    seconds: Numbers  # by _LABELS
    slo: Numbers  # by threshold, result
    self_seconds: Numbers  # by phase
    inclusive: Numbers  # by phase
    within: tuple[Numbers, Numbers]  # share (0..1) within the target and the requirement of those not abandoned
    quantiles: tuple[Numbers, ...]  # p50, p95 and p99 of all webhooks, without labels
    by_route: tuple[Numbers, ...]  # the same by job, route
    by_provider: tuple[Numbers, ...]
    by_event_type: tuple[Numbers, ...]


async def webhook_timing(ask: Ask, targets: Targets, recent: list[RecentTiming], view: WebhookView) -> WebhookTiming:
    """What metrics tell about the webhooks of a scope and a view, and the recent ones, which traces tell."""
    answers = await _asked(ask, targets, view)
    total = sum(answers.counts.values())
    p50, p95, p99 = (numbers.get(()) for numbers in answers.quantiles)
    within_target, within_requirement = _within(answers, targets, view, total)
    return WebhookTiming(
        service=ask.scope.service,
        window=Span(start=ask.scope.start, end=ask.scope.end),
        provider=view.provider,
        route=view.route,
        event_type=view.event_type,
        total_webhooks=round(total),
        within_500ms_percentage=within_target,
        within_2s_percentage=within_requirement,
        average_total_time=finite(ratio(sum(answers.seconds.values()), total)) if answers.seconds else None,
        p50_total_time=p50,
        p95_total_time=p95,
        p99_total_time=p99,
        outcomes={outcome: round(count) for outcome, count in sorted(summed(answers.counts, -1).items())},
        timing_breakdown=_phases(answers, total),
        routes=[
            RouteTiming(job=key[0], route=key[1], **line) for key, line in _lines(answers, (0, 1), answers.by_route)
        ],
        providers=[ProviderTiming(provider=key[0], **line) for key, line in _lines(answers, (2,), answers.by_provider)],
        event_types=[
            EventTypeTiming(provider=key[0], event_type=key[1], **line)
            for key, line in _lines(answers, (2, 3), answers.by_event_type)
            if key[1]
        ],
        recent_timings=recent,
        not_measured={} if view.event_type is None else {"timing_breakdown": _NOT_BY_EVENT_TYPE},
    )


async def _asked(ask: Ask, targets: Targets, view: WebhookView) -> _Answers:
    of_request, of_phase = "$s$r", "$s$v"
    phases = of_phase if view.event_type is None else f'{of_phase}{_PHASE}="",'  # nothing: see _NOT_BY_EVENT_TYPE
    groups = ((), ("job", _ROUTE), (_PROVIDER,), (_PROVIDER, _EVENT_TYPE))
    counts, seconds, slo, self_seconds, inclusive, target, requirement, *quantiles = await ask.all(
        {
            f"sum by ({_BY}, {_OUTCOME}) (increase({_REQUEST}_count{{{of_request}}}[$w] anchored))": (
                *_LABELS,
                _OUTCOME,
            ),
            f"sum by ({_BY}) (increase({_REQUEST}_sum{{{of_request}}}[$w] anchored))": _LABELS,
            f"sum by ({_THRESHOLD}, {_RESULT}) (increase({_SLO}{{{of_phase}}}[$w] anchored))": (_THRESHOLD, _RESULT),
            f"sum by ({_PHASE}) (increase({_SELF}_sum{{{phases}}}[$w] anchored))": (_PHASE,),
            f"sum by ({_PHASE}) (increase({_INCLUSIVE}_sum{{{phases}}}[$w] anchored)) / "
            f"sum by ({_PHASE}) (increase({_INCLUSIVE}_count{{{phases}}}[$w] anchored))": (_PHASE,),
            **{
                _share_within(limit_s, of_request, place): ()
                for place, limit_s in enumerate((targets.target_s, targets.requirement_s))
            },
            **{
                quantile(q, _REQUEST, ", ".join((*group, "le")), of_request): group
                for group in groups
                for q in _QUANTILES
            },
        }
    )
    split = len(_QUANTILES)
    every, by_route, by_provider, by_event_type = (
        tuple(quantiles[at : at + split]) for at in range(0, len(groups) * split, split)
    )
    return _Answers(
        counts,
        seconds,
        slo,
        self_seconds,
        inclusive,
        (target, requirement),
        every,
        by_route,
        by_provider,
        by_event_type,
    )


def _share_within(limit_s: float, matchers: str, place: int) -> str:
    """Of webhooks whose client did not go away; `place` keeps two equal limits two questions."""
    buckets = f'{_REQUEST}_bucket{{{_OUTCOME}!="{semconv.OUTCOME_ABANDONED}",{matchers}}}'
    return f"histogram_fraction(0, {limit_s:g}, sum by (le) (increase({buckets}[$w] anchored))){' + 0' * place}"


def _within(answers: _Answers, targets: Targets, view: WebhookView, total: float) -> tuple[float | None, float | None]:
    """Percent within the target and the requirement.

    The counter of the SLO has counted them one by one, those that still run included; by type of event there is the
    histogram alone, whose buckets end at both limits.
    """
    if view.event_type is None:
        return _compliance(answers.slo, targets.target_s), _compliance(answers.slo, targets.requirement_s)
    stayed = total - summed(answers.counts, -1).get(semconv.OUTCOME_ABANDONED, 0.0)
    share = ratio(stayed, total)
    target, requirement = (numbers.get(()) for numbers in answers.within)
    return _percent(share, target), _percent(share, requirement)


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


def _percent(share: float | None, of: float | None) -> float | None:
    return None if share is None or of is None else 100 * share * of


def _lines(
    answers: _Answers, places: tuple[int, ...], quantiles: tuple[Numbers, ...]
) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """One line per combination of the labels at `places`: these labels, and the fields of a `TimingLine`."""
    outcomes: dict[tuple[str, ...], dict[str, float]] = {}
    for labels, count in sorted(answers.counts.items()):
        by_outcome = outcomes.setdefault(tuple(labels[place] for place in places), {})
        by_outcome[labels[-1]] = by_outcome.get(labels[-1], 0.0) + count
    seconds: dict[tuple[str, ...], float] = {}
    for labels, time_s in answers.seconds.items():
        key = tuple(labels[place] for place in places)
        seconds[key] = seconds.get(key, 0.0) + time_s
    for key, by_outcome in outcomes.items():
        total = sum(by_outcome.values())
        errors = ratio(math.fsum(by_outcome.get(outcome, 0.0) for outcome in _FAILED), total)
        p50, p95, p99 = (numbers.get(key) for numbers in quantiles)
        yield (
            key,
            {
                "total_webhooks": round(total),
                "average_total_time": ratio(seconds[key], total) if key in seconds else None,
                "p50_total_time": p50,
                "p95_total_time": p95,
                "p99_total_time": p99,
                "error_percentage": None if errors is None else 100 * errors,
            },
        )
