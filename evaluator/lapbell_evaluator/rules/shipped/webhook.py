"""Webhooks: response time and error rate, by service and route."""

from collections.abc import Callable
from typing import Final

from lapbell import semconv
from lapbell_evaluator.model import Rule
from lapbell_evaluator.model.prometheus_names import SECONDS, label, metric
from lapbell_evaluator.rules.histograms import count, quantile
from lapbell_evaluator.rules.threshold_rules import CRITICAL, WARNING, threshold_rules
from lapbell_evaluator.rules.thresholds import Thresholds

__all__ = ["rules"]

_CATEGORY: Final = "webhook"
_REQUESTS: Final = metric(semconv.WEBHOOK_REQUEST_DURATION, SECONDS)
_ROUTE: Final = label(semconv.HTTP_ROUTE)
_BY: Final = f"job, {_ROUTE}"
_OUTCOME: Final = label(semconv.WEBHOOK_OUTCOME)
_WINDOWS: Final = (("1m", 10), ("5m", 5))
"""The shorter window speaks if it holds enough requests, else the longer one if that does."""


def rules(thresholds: Thresholds) -> tuple[Rule, ...]:
    """WebhookResponseTime and WebhookErrorRate."""
    return (
        *threshold_rules(
            "WebhookResponseTime",
            _CATEGORY,
            _first(_p95),
            (
                (WARNING, thresholds.webhook_response_time_warning),
                (CRITICAL, thresholds.webhook_response_time_critical),
            ),
            summary=f"{{{{ $labels.{_ROUTE} }}}} answers slowly: p95 is {{{{ humanizeDuration $value }}}}",
            description=(
                f"95% of the webhooks to {{{{ $labels.{_ROUTE} }}}} of {{{{ $labels.job }}}} take up to"
                " {{ humanizeDuration $value }}; the threshold is THRESHOLDs."
            ),
            warm_after_s=60.0,
        ),
        *threshold_rules(
            "WebhookErrorRate",
            _CATEGORY,
            _first(_error_rate),
            ((WARNING, thresholds.webhook_error_rate_warning), (CRITICAL, thresholds.webhook_error_rate_critical)),
            summary=f'{{{{ $labels.{_ROUTE} }}}} fails: {{{{ printf "%.1f" $value }}}}% of the webhooks are errors',
            description=(
                f'{{{{ printf "%.1f" $value }}}}% of the webhooks to {{{{ $labels.{_ROUTE} }}}} of'
                " {{ $labels.job }} end in an error; the threshold is THRESHOLD%."
            ),
            warm_after_s=60.0,
        ),
    )


def _first(value: Callable[[str], str]) -> str:
    return "\nor\n".join(f"  ({value(window)} and {_count(window)} >= {least})" for window, least in _WINDOWS)


def _count(window: str, matchers: str = "") -> str:
    return count(_REQUESTS, _BY, window, matchers)


def _p95(window: str) -> str:
    return quantile(0.95, _REQUESTS, _BY, window)


def _error_rate(window: str) -> str:
    errors = _count(window, f'{{{_OUTCOME}="{semconv.OUTCOME_ERROR}"}}')
    return f"100 * ({errors} or 0 * {_count(window)}) / {_count(window)}"
