"""Webhooks: response time and error rate, by service and route."""

from collections.abc import Iterator
from typing import Final

from lapbell import semconv
from lapbell.semconv import REQUEST_BOUNDS_S
from lapbell_evaluator.model import Rule
from lapbell_evaluator.model.prometheus_names import SECONDS, label, metric
from lapbell_evaluator.rules.shipped.counting import Measured, interpolation
from lapbell_evaluator.rules.shipped.shares import PERCENT, Share, share_alert
from lapbell_evaluator.rules.threshold_rules import CRITICAL, WARNING, number
from lapbell_evaluator.rules.thresholds import Thresholds

__all__ = ["rules"]

_CATEGORY: Final = "webhook"
_ROUTE: Final = label(semconv.HTTP_ROUTE)
_AT: Final = f"{{{{ $labels.{_ROUTE} }}}}"
_FAILED: Final = f'{label(semconv.WEBHOOK_OUTCOME)}=~"{semconv.OUTCOME_ERROR}|{semconv.OUTCOME_ABANDONED}"'
_SHARE: Final = '{{ printf "%.1f" $value }}%'


def rules(thresholds: Thresholds) -> Iterator[Rule]:
    """WebhookResponseTime and WebhookErrorRate, each behind what it reads."""
    measured = Measured(metric(semconv.WEBHOOK_REQUEST_DURATION, SECONDS), f"job, {_ROUTE}", REQUEST_BOUNDS_S)
    webhooks = Share(f"job_{_ROUTE}", "webhooks", measured, thresholds.outliers_by_chance)
    yield from webhooks.recordings()
    yield from _response_time(webhooks, thresholds)
    yield from _error_rate(webhooks, thresholds)


def _response_time(webhooks: Share, thresholds: Thresholds) -> Iterator[Rule]:
    for severity, threshold_s in (
        (WARNING, thresholds.webhook_response_time_warning),
        (CRITICAL, thresholds.webhook_response_time_critical),
    ):
        slow = webhooks.slow(threshold_s)
        yield from slow.recordings()
        yield share_alert(
            "WebhookResponseTime",
            _CATEGORY,
            severity,
            slow,
            PERCENT,
            summary=f"{_AT} answers slowly: {_SHARE} of the webhooks take over {number(threshold_s)}s",
            description=(
                f"{_SHARE} of the webhooks to {_AT} of {{{{ $labels.job }}}} within the last minute took over"
                f" {number(threshold_s)}s; the threshold is {number(PERCENT)}%, which is to say a p95 of"
                f" {number(threshold_s)}s.{interpolation(webhooks.measured, threshold_s)}"
            ),
        )


def _error_rate(webhooks: Share, thresholds: Thresholds) -> Iterator[Rule]:
    failed = webhooks.failed(_FAILED, has_totals=True)
    yield from failed.recordings()
    for severity, percent in (
        (WARNING, thresholds.webhook_error_rate_warning),
        (CRITICAL, thresholds.webhook_error_rate_critical),
    ):
        yield share_alert(
            "WebhookErrorRate",
            _CATEGORY,
            severity,
            failed,
            percent,
            summary=f"{_AT} fails: {_SHARE} of the webhooks are errors or were abandoned",
            description=(
                f"{_SHARE} of the webhooks to {_AT} of {{{{ $labels.job }}}} within the last minute ended in an error,"
                f" or the client had gone away before the answer; the threshold is {number(percent)}%."
            ),
        )
