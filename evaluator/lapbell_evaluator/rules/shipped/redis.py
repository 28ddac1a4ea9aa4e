"""Redis: latency by operation, failures by server, circuits that are open."""

from typing import Final

from lapbell import semconv
from lapbell_evaluator.model import Rule
from lapbell_evaluator.model.prometheus_names import SECONDS, label, metric
from lapbell_evaluator.rules.histograms import count, quantile
from lapbell_evaluator.rules.threshold_rules import CRITICAL, WARNING, rule, threshold_rules
from lapbell_evaluator.rules.thresholds import Thresholds

__all__ = ["rules"]

_CATEGORY: Final = "redis"
_OPERATIONS: Final = metric(semconv.DB_CLIENT_OPERATION_DURATION, SECONDS)
_SERVER: Final = f"{label(semconv.SERVER_ADDRESS)}, {label(semconv.SERVER_PORT)}"
_OPERATION: Final = label(semconv.DB_OPERATION_NAME)
_REDIS: Final = f'{label(semconv.DB_SYSTEM_NAME)}="redis"'
_NOT_BLOCKING: Final = f'{{{_REDIS},{_OPERATION}!~"{"|".join(semconv.REDIS_BLOCKING_COMMANDS)}"}}'
_LEAST: Final = 20
_BREAKERS: Final = metric(semconv.CIRCUIT_BREAKER_STATUS)
_BREAKER: Final = label(semconv.CIRCUIT_BREAKER_NAME)
_AT: Final = f"{{{{ $labels.{label(semconv.SERVER_ADDRESS)} }}}}:{{{{ $labels.{label(semconv.SERVER_PORT)} }}}}"


def rules(thresholds: Thresholds) -> tuple[Rule, ...]:
    """RedisLatency, RedisFailureRate and RedisCircuitOpen."""
    return (
        *threshold_rules(
            "RedisLatency",
            _CATEGORY,
            _latency(),
            ((WARNING, thresholds.redis_operation_warning), (CRITICAL, thresholds.redis_operation_critical)),
            summary=f"Redis {{{{ $labels.{_OPERATION} }}}} is slow: p95 is {{{{ humanizeDuration $value }}}}",
            description=(
                f"95% of the {{{{ $labels.{_OPERATION} }}}} of {{{{ $labels.job }}}} on {_AT} take up to"
                " {{ humanizeDuration $value }}; the threshold is THRESHOLDs."
            ),
        ),
        *threshold_rules(
            "RedisFailureRate",
            _CATEGORY,
            _failure_rate(),
            ((WARNING, thresholds.redis_failure_rate_warning), (CRITICAL, thresholds.redis_failure_rate_critical)),
            summary=f'Redis on {_AT} fails: {{{{ printf "%.1f" $value }}}}% of the operations',
            description=(
                f'{{{{ printf "%.1f" $value }}}}% of the operations of {{{{ $labels.job }}}} on {_AT} fail;'
                " the threshold is THRESHOLD%."
            ),
        ),
        rule(
            "RedisCircuitOpen",
            _CATEGORY,
            CRITICAL,
            f'max by (job, {_BREAKER}) ({_BREAKERS}{{{label(semconv.CIRCUIT_BREAKER_STATE)}="open"}}) > 0',
            summary=f"The circuit {{{{ $labels.{_BREAKER} }}}} is open",
            description=f"{{{{ $labels.job }}}} does not call Redis: its circuit {{{{ $labels.{_BREAKER} }}}} is open.",
        ),
    )


def _latency() -> str:
    by = f"job, {_SERVER}, {_OPERATION}"
    p95 = quantile(0.95, _OPERATIONS, by, "1m", _NOT_BLOCKING)
    return f"  {p95}\nand\n  {count(_OPERATIONS, by, '1m', _NOT_BLOCKING)} >= {_LEAST}"


def _failure_rate() -> str:
    by = f"job, {_SERVER}"
    failed = count(_OPERATIONS, by, "1m", f'{{{_REDIS},{label(semconv.ERROR_TYPE)}!=""}}')
    every = count(_OPERATIONS, by, "1m", f"{{{_REDIS}}}")
    return f"  100 * ({failed} or 0 * {every}) / {every}\nand\n  {every} >= {_LEAST}"
