"""Why no alert fires, or none is told: failing rules, late ones, silences, receivers, metrics that nobody sends."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from lapbell import semconv
from lapbell_evaluator.cli.doctor.arrivals import from_senders
from lapbell_evaluator.cli.doctor.evaluator import Alert, Evaluator, Sample
from lapbell_evaluator.cli.doctor.finding import Finding, Place
from lapbell_evaluator.config import Settings
from lapbell_evaluator.evaluation.absence import NO_TRAFFIC
from lapbell_evaluator.model import RuleKind, State
from lapbell_evaluator.model.prometheus_names import SECONDS, label, metric
from lapbell_evaluator.rules import analyse, recordings_before, shipped

__all__ = ["delivery", "judged", "lag", "open_alerts", "rules", "silences", "without_series"]

RULES: Final = Place("alerting.rules", "rules")
LAG: Final = Place("alerting.lag", "evaluation")
ALERTS: Final = Place("alerting.alerts", "open alerts")
SILENCES: Final = Place("alerting.silences", "silences")
DELIVERY: Final = Place("alerting.delivery", "delivery")
METRICS: Final = Place("alerting.metrics", "metrics of rules")
_LAG: Final = metric(semconv.LAPBELL_EVALUATION_LAG, SECONDS)
_FAILING: Final = metric(semconv.LAPBELL_DELIVERY_FAILING_TIME, SECONDS)
_GROUP: Final = label(semconv.LAPBELL_RULE_GROUP)
_OWN_GROUP: Final = "lapbell"
_LATE_S: Final = 10.0
_SHOWN: Final = 3
_SET_UP: Final = {
    "lapbell-webhook": "lapbell.setup(app); requests must be POST, or named by webhooks=…",
    "lapbell-redis": "lapbell.setup(redis=True)",
    "lapbell-circuit": "lapbell.watch_breaker(…), or lapbell.circuit(name, state) from the breaker's callback",
    "lapbell-task-queue": "lapbell.setup(queues=[lapbell.queues.RedisLists(…)]) in the app and in its worker",
    "lapbell-system": "lapbell.setup(system=True)",
}


async def rules(evaluator: Evaluator) -> tuple[Finding, ...]:
    """Whether every rule can be evaluated."""
    every = [(group.name, rule) for group in await evaluator.groups() for rule in group.rules]
    failing = [(group, rule) for group, rule in every if rule.health == "err"]
    findings = [
        RULES.wrong(f"{rule.name} of {group} fails: {rule.lastError}", "Mend it, then POST /-/reload or SIGHUP.")
        for group, rule in failing[:_SHOWN]
    ]
    if len(failing) > _SHOWN:
        findings.append(RULES.wrong(f"{len(failing) - _SHOWN} more fail", "See /api/v1/rules."))
    return tuple(findings) or (RULES.ok(f"{len(every)} rules, none fails"),)


async def lag(evaluator: Evaluator) -> Finding:
    """Whether rules are evaluated when they are due."""
    late = {sample.labels.get(_GROUP, ""): sample.value for sample in (await evaluator.metrics()).get(_LAG, ())}
    group = max(late, key=lambda name: late[name], default="")
    if not group:
        return LAG.warning("no group was evaluated", "See the evaluator's log.")
    if late[group] <= _LATE_S:
        return LAG.ok(f"at most {late[group]:.1f} s after it was due")
    remedy = "More CPU, fewer rules, or a longer rules.interval: `lapbell runbook lapbell-evaluation-lag`"
    return LAG.wrong(f"{group} was evaluated {late[group]:.0f} s after it was due", remedy)


async def open_alerts(evaluator: Evaluator) -> tuple[Finding, ...]:
    """What is open, and what of it nobody can judge."""
    return judged(await evaluator.alerts())


def judged(alerts: Sequence[Alert]) -> tuple[Finding, ...]:
    """Those that can't be judged, each with how it goes on; `ok` if there is none."""
    blind = [alert for alert in alerts if alert.health != "ok"]
    findings = [
        ALERTS.warning(
            f"{alert.alertname} is {alert.state}, but {alert.detail or alert.health.replace('_', ' ')}",
            _outlook(alert),
        )
        for alert in blind[:_SHOWN]
    ]
    if len(blind) > _SHOWN:
        findings.append(ALERTS.warning(f"{len(blind) - _SHOWN} more can't be judged", "`lapbell alerts list`"))
    return tuple(findings) or (ALERTS.ok(f"{len(alerts)} open, each with its data" if alerts else "none"),)


def _outlook(alert: Alert) -> str:
    """How an alert goes on that can't be judged: docs/alert-life.md."""
    if alert.state == State.RECOVERING:
        return "It has cleared: it is told as resolved once it has stayed so for alerting.reopen_within (10 minutes)."
    if alert.detail == NO_TRAFFIC:
        return "Its senders report, but nothing happens: after 15 minutes without traffic it is resolved as `idle`."
    return "It stays as it is until its data comes back: `lapbell alerts list`."


async def silences(evaluator: Evaluator) -> Finding:
    """Whether alerts are kept quiet on purpose."""
    active = [silence for silence in await evaluator.silences() if silence.status.state == "active"]
    if not active:
        return SILENCES.ok("none is in force")
    why = "; ".join(silence.comment for silence in active[:_SHOWN])
    return SILENCES.note(f"{len(active)} in force ({why}): what matches is not told", "`lapbell silence list`")


async def delivery(evaluator: Evaluator) -> tuple[Finding, ...]:
    """Whether alerts leave, and are taken."""
    failing = {
        sample.labels.get(label(semconv.LAPBELL_ALERT_RECEIVER), ""): sample.value
        for sample in await _failing(evaluator)
    }
    if not failing:
        return (
            DELIVERY.note(
                "alerts leave to nobody: they are seen in REST alone", "Set export.endpoint or alerting.alertmanagers."
            ),
        )
    return tuple(
        DELIVERY.wrong(
            f"{name} has taken nothing for {failing_s:.0f} s", "See `lapbell runbook lapbell-delivery-failing`."
        )
        if failing_s
        else DELIVERY.ok(f"no delivery to {name} fails")
        for name, failing_s in sorted(failing.items())
    )


def without_series(settings: Settings, present: Mapping[str, float]) -> Iterator[Finding]:
    """Shipped alerts of which no metric has a series: they can't fire."""
    theirs = from_senders(present)
    if not theirs:
        yield METRICS.skipped("nobody has sent metrics within 5 minutes: no alert on them can fire")
        return
    is_whole = True
    for group in shipped(settings.thresholds):
        needed = {
            rule.name: analyse(rule, recordings).metrics or frozenset()
            for rule, recordings in recordings_before(group.rules, group.labels)
            if rule.kind is RuleKind.ALERTING
        }
        silent = [name for name, metrics in needed.items() if metrics.isdisjoint(theirs)]
        if group.name != _OWN_GROUP and silent:
            is_whole = False
            lacking = sorted({name for alert in silent for name in needed[alert]})
            yield METRICS.note(f"{', '.join(silent)} can't fire: no {_families(lacking)}", _SET_UP[group.name])
    if is_whole:
        yield METRICS.ok("every shipped alert has its metrics")


async def _failing(evaluator: Evaluator) -> tuple[Sample, ...]:
    return await evaluator.query(_FAILING)


def _families(names: Sequence[str]) -> str:
    """Names without those of the parts of a histogram that is named itself."""
    parts = {f"{name}{part}" for name in names for part in ("_bucket", "_count", "_sum")}
    return ", ".join(name for name in names if name not in parts)
