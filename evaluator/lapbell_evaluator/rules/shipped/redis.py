"""Redis: latency by operation, failures by server."""

from collections.abc import Iterator
from typing import Final

from lapbell import semconv
from lapbell.semconv import REDIS_BOUNDS_S
from lapbell_evaluator.model import Rule
from lapbell_evaluator.model.prometheus_names import SECONDS, label, metric
from lapbell_evaluator.rules.shipped.counting import Measured, interpolation
from lapbell_evaluator.rules.shipped.shares import PERCENT, Share, share_alert
from lapbell_evaluator.rules.threshold_rules import CRITICAL, WARNING, number
from lapbell_evaluator.rules.thresholds import Thresholds

__all__ = ["rules"]

_CATEGORY: Final = "redis"
_OPERATIONS: Final = metric(semconv.DB_CLIENT_OPERATION_DURATION, SECONDS)
_SERVER: Final = f"job, {label(semconv.SERVER_ADDRESS)}, {label(semconv.SERVER_PORT)}"
_OPERATION: Final = label(semconv.DB_OPERATION_NAME)
_REDIS: Final = f'{label(semconv.DB_SYSTEM_NAME)}="{semconv.REDIS}"'
_NOT_BLOCKING: Final = f'{_REDIS},{_OPERATION}!~"{"|".join(semconv.REDIS_BLOCKING_COMMANDS)}"'
_LEAST: Final = 20
_AT: Final = f"{{{{ $labels.{label(semconv.SERVER_ADDRESS)} }}}}:{{{{ $labels.{label(semconv.SERVER_PORT)} }}}}"
_SHARE: Final = '{{ printf "%.1f" $value }}%'


def rules(thresholds: Thresholds) -> Iterator[Rule]:
    """RedisLatency and RedisFailureRate."""
    yield from _latency(thresholds)
    yield from _failure_rate(thresholds)


def _latency(thresholds: Thresholds) -> Iterator[Rule]:
    measured = Measured(_OPERATIONS, f"{_SERVER}, {_OPERATION}", REDIS_BOUNDS_S, _NOT_BLOCKING)
    operations = Share(
        "job_server_operation", "redis_operations", measured, thresholds.outliers_by_chance, least=_LEAST
    )
    yield from operations.recordings()
    for severity, threshold_s in (
        (WARNING, thresholds.redis_operation_warning),
        (CRITICAL, thresholds.redis_operation_critical),
    ):
        slow = operations.slow(threshold_s)
        yield from slow.recordings()
        yield share_alert(
            "RedisLatency",
            _CATEGORY,
            severity,
            slow,
            PERCENT,
            summary=f"Redis {{{{ $labels.{_OPERATION} }}}} is slow: {_SHARE} take over {number(threshold_s)}s",
            description=(
                f"{_SHARE} of the {{{{ $labels.{_OPERATION} }}}} of {{{{ $labels.job }}}} on {_AT} within the last"
                f" minute took over {number(threshold_s)}s; the threshold is {number(PERCENT)}%, which is to say a p95"
                f" of {number(threshold_s)}s.{interpolation(measured, threshold_s)}"
            ),
        )


def _failure_rate(thresholds: Thresholds) -> Iterator[Rule]:
    measured = Measured(_OPERATIONS, _SERVER, REDIS_BOUNDS_S, _REDIS)
    operations = Share("job_server", "redis_operations", measured, thresholds.outliers_by_chance, least=_LEAST)
    failed = operations.failed(f'{label(semconv.ERROR_TYPE)}!=""')
    yield from operations.recordings()
    yield from failed.recordings()
    for severity, percent in (
        (WARNING, thresholds.redis_failure_rate_warning),
        (CRITICAL, thresholds.redis_failure_rate_critical),
    ):
        yield share_alert(
            "RedisFailureRate",
            _CATEGORY,
            severity,
            failed,
            percent,
            summary=f"Redis on {_AT} fails: {_SHARE} of the operations",
            description=(
                f"{_SHARE} of the operations of {{{{ $labels.job }}}} on {_AT} within the last minute failed;"
                f" the threshold is {number(percent)}%."
            ),
        )
