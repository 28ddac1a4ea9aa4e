"""From OpenTelemetry's names to Prometheus' names.

Source: OpenTelemetry specification, compatibility/prometheus_and_openmetrics.md, "OTLP Metric points to Prometheus".
"""

import re
from enum import Enum
from typing import Final

from lapbell import semconv

__all__ = ["VOCABULARY", "Kind", "label_name", "metric_name"]

VOCABULARY: Final = frozenset({
    semconv.WEBHOOK_REQUEST_DURATION, semconv.WEBHOOK_PHASE_DURATION, semconv.WEBHOOK_PHASE_SELF_DURATION,
    semconv.WEBHOOK_SLO_REQUESTS, semconv.DB_CLIENT_OPERATION_DURATION, semconv.DB_CLIENT_CONNECTION_COUNT,
    semconv.DB_CLIENT_CONNECTION_MAX, semconv.CIRCUIT_BREAKER_STATUS, semconv.CIRCUIT_BREAKER_TRANSITIONS,
    semconv.MESSAGING_QUEUE_MESSAGES, semconv.MESSAGING_QUEUE_LIMIT, semconv.MESSAGING_QUEUE_OLDEST_MESSAGE_AGE,
    semconv.MESSAGING_MESSAGE_RECEIVE_LATENCY, semconv.MESSAGING_PROCESS_DURATION, semconv.MESSAGING_PROCESS_TIMEOUT,
    semconv.MESSAGING_WORKER_COUNT, semconv.SYSTEM_CPU_UTILIZATION, semconv.SYSTEM_MEMORY_UTILIZATION,
    semconv.SYSTEM_FILESYSTEM_UTILIZATION,
})  # fmt: skip
"""Metrics that the shipped rules and the REST summaries ask for: they have one name in Prometheus, whatever is set."""


class Kind(Enum):
    """What a metric's name depends on beside its own name and its unit."""

    GAUGE = "gauge"
    COUNTER = "counter"
    UP_DOWN_COUNTER = "up_down_counter"
    HISTOGRAM = "histogram"
    EXPONENTIAL = "exponential_histogram"
    SUMMARY = "summary"


_NOT_IN_METRIC: Final = re.compile(r"[^a-zA-Z0-9:]+")
_NOT_IN_LABEL: Final = re.compile(r"[^a-zA-Z0-9]+")

_UNITS: Final = {
    "d": "days", "h": "hours", "min": "minutes", "s": "seconds",
    "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds",
    "By": "bytes", "KiBy": "kibibytes", "MiBy": "mebibytes", "GiBy": "gibibytes", "TiBy": "tibibytes",
    "KBy": "kilobytes", "MBy": "megabytes", "GBy": "gigabytes", "TBy": "terabytes",
    "m": "meters", "V": "volts", "A": "amperes", "J": "joules", "W": "watts", "g": "grams",
    "Cel": "celsius", "Hz": "hertz", "1": "", "%": "percent",
}  # fmt: skip
_PER_UNITS: Final = {
    "s": "second", "m": "minute", "h": "hour", "d": "day", "w": "week", "mo": "month", "y": "year",
}  # fmt: skip


def metric_name(name: str, unit: str, kind: Kind, *, utf8: bool = False) -> str:
    """The Prometheus name of an OTLP metric; empty if nothing of the name can be kept.

    `webhook.request.duration` in `s` becomes `webhook_request_duration_seconds`; a monotonic sum ends in `_total`, a
    gauge of unit `1` in `_ratio`; what stands in braces is no unit. With `utf8` the name itself stays as it is and only
    suffixes are added.
    """
    tokens = [name] if utf8 else [token for token in _NOT_IN_METRIC.split(name) if token]
    if not tokens or not name:
        return ""
    for suffix in _suffixes(unit, kind):
        _move_to_end(tokens, suffix, utf8=utf8)
    built = "_".join(tokens)
    return f"_{built}" if built[0].isdigit() and not utf8 else built


def label_name(name: str, *, utf8: bool = False) -> str:
    """The Prometheus name of an OTLP attribute: invalid characters become one underscore, a leading digit gets `key_`.

    A single leading underscore gets `key`, because Prometheus keeps such names to itself; two are kept.
    """
    if utf8 or not name:
        return name
    is_reserved = name.startswith("__")
    sanitized = _NOT_IN_LABEL.sub("_", name)
    if is_reserved:
        return f"_{sanitized}"
    if sanitized[0].isdigit():
        return f"key_{sanitized}"
    if sanitized[0] == "_":
        return f"key{sanitized}"
    return sanitized


def _suffixes(unit: str, kind: Kind) -> list[tuple[str, bool]]:
    """Suffixes in order, each with whether it must be last even where the name already holds it."""
    main, _, per = unit.partition("/")
    suffixes = [(_unit_token(main, _UNITS), False)]
    per_token = _unit_token(per, _PER_UNITS)
    if per_token:
        suffixes.append((f"per_{per_token}", False))
    if kind is Kind.COUNTER:
        suffixes.append(("total", True))
    if unit == "1" and kind is Kind.GAUGE:
        suffixes.append(("ratio", True))
    return [suffix for suffix in suffixes if suffix[0]]


def _unit_token(unit: str, words: dict[str, str]) -> str:
    unit = unit.strip()
    if "{" in unit or "}" in unit:
        return ""
    return _NOT_IN_METRIC.sub("_", words.get(unit, unit)).strip("_")


def _move_to_end(tokens: list[str], suffix: tuple[str, bool], *, utf8: bool) -> None:
    text, must_be_last = suffix
    if utf8:
        name = tokens[0]
        tokens[0] = name if name.endswith(text) else f"{name}_{text}"
        return
    if text in tokens and not must_be_last:
        return
    tokens[:] = [token for token in tokens if token != text]
    tokens.append(text)
