"""What of the configuration each room is given."""

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final
from urllib.parse import urlsplit

from lapbell_evaluator import receiver
from lapbell_evaluator.alerts import MaintenanceWindows, matches
from lapbell_evaluator.config import (
    Settings,
    export_headers,
)
from lapbell_evaluator.evaluation import RuleRegistry
from lapbell_evaluator.history import HistorySettings
from lapbell_evaluator.model import EvaluatorError, InhibitRule, LabelMatcher, RuleGroup
from lapbell_evaluator.notify import (
    Destination,
    Route,
)
from lapbell_evaluator.rules import REOPEN_WITHIN_S, load, shipped, with_reopen_within
from lapbell_evaluator.series import Limits as SeriesLimits
from lapbell_evaluator.server import ConnectionLimits, Pace, connections_that_fit

__all__ = [
    "OTLP",
    "connection_limits",
    "database_keep_s",
    "destination",
    "external_url",
    "fixed_routes",
    "history_settings",
    "inhibit_rules",
    "longer_s",
    "maintenance_windows",
    "matching",
    "own_origin",
    "receiver_limits",
    "reopen_within_s",
    "rule_groups",
    "series_limits",
    "shipped_rules",
    "trace_url",
]

OTLP: Final = "otlp"
"""The name of what alerts are exported to, among those of receivers."""
_GATES: Final = 3
_MS_PER_S: Final = 1000
_LOOKBACK_S: Final = 300.0
_AHEAD_S: Final = 90.0  # a minute for samples from the future, and some for evaluations that are late
_DAY_S: Final = 86_400.0
_log: Final = logging.getLogger("lapbell_evaluator")


def external_url(settings: Settings) -> str:
    """Where people reach REST, without a slash at the end."""
    return (settings.external_url or f"http://{settings.listen.rest}").rstrip("/")


def trace_url(settings: Settings) -> str:
    """Where traces are looked at, with `{trace_id}` in it: here, unless the configuration says where else."""
    return settings.trace_url or f"{external_url(settings)}/api/performance/traces/{{trace_id}}"


def shipped_rules(settings: Settings) -> tuple[RuleGroup, ...]:
    """The shipped rules, with links to runbooks that lead somewhere from wherever an alert is read."""
    return shipped(settings.thresholds, settings.rules.runbooks or f"{external_url(settings)}/runbooks/{{name}}")


def rule_groups(settings: Settings) -> tuple[RuleGroup, ...]:
    """The shipped groups, then those of the user's files; rules that do not say how long they may return get told."""
    groups = list(shipped_rules(settings))
    for file in settings.rules.files:
        try:
            groups += load(file.read_text(encoding="utf-8"), str(file))
        except (OSError, UnicodeDecodeError) as error:
            raise EvaluatorError(f"Rule file {file}: {error}.", "See rules.files in lapbell.yaml.") from None
    return with_reopen_within(groups, settings.alerting.reopen_within)


def reopen_within_s(settings: Settings) -> float:
    """Of alerts that have no rule of ours."""
    reopen_within_s = settings.alerting.reopen_within
    return REOPEN_WITHIN_S if reopen_within_s is None else reopen_within_s


def inhibit_rules(settings: Settings) -> tuple[InhibitRule, ...]:
    """Which alerts keep which others quiet."""
    return tuple(entry.rule() for entry in settings.inhibit_rules)


def maintenance_windows(settings: Settings) -> MaintenanceWindows:
    """When nobody is told of some alerts."""
    return MaintenanceWindows([entry.window() for entry in settings.maintenance])


def own_origin(url: str | None) -> str | None:
    """As browsers write it: scheme, host and port."""
    return None if url is None else "{0.scheme}://{0.netloc}".format(urlsplit(url))


def connection_limits(settings: Settings) -> ConnectionLimits:
    """Of each HTTP gate."""
    limits = settings.limits
    connections = connections_that_fit(_GATES * limits.connections) // _GATES
    if connections < limits.connections:
        _log.warning("the limit of open files leaves %d connections to each gate; see `ulimit -n`", connections)
    return ConnectionLimits(
        connections=connections,
        connections_each=limits.connections_each,
        head_s=limits.head_timeout,
        body=Pace(limits.body_timeout, limits.body_bytes_per_second),
        idle_s=limits.idle_timeout,
        write_s=limits.write_timeout,
    )


def receiver_limits(settings: Settings, connections: ConnectionLimits) -> receiver.Limits:
    """Of what arrives; `connections` as `connection_limits` has them."""
    limits, defaults = settings.limits, receiver.Limits()
    at_once = max(defaults.in_flight_bytes, 4 * settings.ingest.body_bytes)
    return receiver.Limits(
        body_bytes=settings.ingest.body_bytes,
        items=settings.ingest.items,
        corrects_clocks=settings.ingest.correct_clocks,
        in_flight_bytes=at_once,
        in_flight_bytes_each=at_once // 2,
        body=connections.body,
        call_s=limits.call_timeout,
        senders=limits.exports,
        senders_each=limits.exports_each,
        grpc_connections=connections.connections,
    )


def fixed_routes(settings: Settings) -> tuple[Route, ...]:
    """Whatever alerts are exported to by OTLP is told of everything."""
    return (Route(OTLP, lambda _labels: True),) if settings.export.endpoint else ()


def matching(matchers: Sequence[LabelMatcher]) -> Callable[[Mapping[str, str]], bool]:
    """Whether all of them hold of labels."""
    return partial(matches, matchers)


def destination(settings: Settings) -> Destination:
    """Where alerts leave by OTLP."""
    export = settings.export
    return Destination(
        export.endpoint or "",
        export.protocol,
        export_headers(export),
        ca_file=export.ca_file,
        client_certificate_file=export.client_certificate_file,
        client_key_file=export.client_key_file,
    )


def longer_s(registry: RuleRegistry, retention_s: float) -> dict[str, float]:
    """How much longer than others memory holds the metrics that a rule looks further back to, the lookback included.

    The empty name stands for all: a selector without a name may mean any metric.
    """
    longer: dict[str, float] = {}
    for rule in registry.rules.values():
        for name, reach_s in rule.reach_s.items():
            more_s = reach_s + _LOOKBACK_S + _AHEAD_S - retention_s
            if more_s > 0:
                longer[name] = max(longer.get(name, 0.0), more_s)
    return longer


def series_limits(settings: Settings, longer_s: Mapping[str, float]) -> SeriesLimits:
    """How many series are held, and for how long; `longer_s` as the function of that name has it."""
    series = settings.series
    retention_ms = int((series.retention + longer_s.get("", 0.0)) * _MS_PER_S)
    longer_ms = {name: int(more_s * _MS_PER_S) for name, more_s in longer_s.items()}
    reserved = int(series.limit * series.reserve / 100)
    return SeriesLimits(
        series=series.limit,
        series_per_metric=series.limit_per_metric,
        reserved=reserved,
        retention_ms=retention_ms,
        longer_ms=longer_ms,
    )


def database_keep_s(settings: Settings) -> float:
    """How long incidents are kept, in seconds."""
    return settings.database.keep_days * _DAY_S


def history_settings(settings: Settings, longer_s: Mapping[str, float]) -> HistorySettings:
    """How much history is kept, and how much of it memory holds.

    Args:
        settings: the configuration.
        longer_s: see `longer_s`.
    """
    return HistorySettings(
        memory_s=settings.series.retention + longer_s.get("", 0.0),
        longer_s=longer_s,
        keep_s=settings.history.keep_days * _DAY_S,
        keep_bytes=settings.history.keep_bytes,
    )
