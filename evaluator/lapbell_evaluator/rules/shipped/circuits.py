"""Circuit breakers that are open: those of Redis, and all others by name."""

from collections.abc import Iterator
from typing import Final

from lapbell import semconv
from lapbell_evaluator.model import Rule
from lapbell_evaluator.model.prometheus_names import label, metric
from lapbell_evaluator.rules.threshold_rules import CRITICAL, record, rule

__all__ = ["rules"]

_NAME: Final = label(semconv.CIRCUIT_BREAKER_NAME)
_OPEN: Final = f'{label(semconv.CIRCUIT_BREAKER_STATE)}="{semconv.CIRCUIT_OPEN}"'
_SYSTEM: Final = label(semconv.DB_SYSTEM_NAME)
_STATUS: Final = metric(semconv.CIRCUIT_BREAKER_STATUS)
_REDIS: Final = f"(?i).*{semconv.REDIS}.*"
_RECORDED: Final = f"job_{_NAME}:open"
_AT: Final = f"{{{{ $labels.{_NAME} }}}}"


def rules() -> Iterator[Rule]:
    """RedisCircuitOpen and CircuitOpen: a breaker is of Redis if it says so, or if its name does."""
    of_redis, others = f"{_RECORDED}_redis:max", f"{_RECORDED}_other:max"
    by_name = f'{_STATUS}{{{_OPEN},{_NAME}=~"{_REDIS}"}}'
    by_system = f'{_STATUS}{{{_OPEN},{_SYSTEM}="{semconv.REDIS}"}}'
    neither = f'{_STATUS}{{{_OPEN},{_NAME}!~"{_REDIS}",{_SYSTEM}!="{semconv.REDIS}"}}'
    yield record(of_redis, f"max by (job, {_NAME}) ({by_name} or {by_system})")
    yield record(others, f"max by (job, {_NAME}) ({neither})")
    yield _alert(
        "RedisCircuitOpen", "redis", of_redis, f"{{{{ $labels.job }}}} does not call Redis: its circuit {_AT} is open."
    )
    yield _alert(
        "CircuitOpen",
        "webhook",
        others,
        f"{{{{ $labels.job }}}} does not call what stands behind {_AT}: that circuit is open.",
    )


def _alert(name: str, category: str, recorded: str, description: str) -> Rule:
    return rule(
        name, category, CRITICAL, f"{recorded} > 0", summary=f"The circuit {_AT} is open", description=description
    )
