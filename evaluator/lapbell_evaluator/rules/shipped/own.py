"""The evaluator about itself and its senders."""

from typing import Final

from lapbell import semconv
from lapbell_evaluator.model import Rule
from lapbell_evaluator.model.prometheus_names import SECONDS, label, metric
from lapbell_evaluator.rules.threshold_rules import WARNING, record, rule

__all__ = ["rules"]

_CATEGORY: Final = "lapbell"
_TOTAL: Final = "_total"
_SIGNAL: Final = label(semconv.LAPBELL_SIGNAL)
_REASON: Final = label(semconv.LAPBELL_REASON)
_GROUP: Final = label(semconv.LAPBELL_RULE_GROUP)
_STORE: Final = label(semconv.LAPBELL_DATA_STORE)
_RECEIVER: Final = label(semconv.LAPBELL_ALERT_RECEIVER)
_ITEMS: Final = f'{metric(semconv.LAPBELL_RECEIVER_ITEMS, _TOTAL)}{{{_SIGNAL}="metrics"}}'
_JOB: Final = label(semconv.LAPBELL_SENDER_JOB)
_INSTANCE: Final = label(semconv.LAPBELL_SENDER_INSTANCE)
_SKEW_S: Final = 5
_LATE_S: Final = 10
_FAILING_S: Final = 60
_FAILING: Final = f"max by ({_RECEIVER}) ({metric(semconv.LAPBELL_DELIVERY_FAILING_TIME, SECONDS)})"
_REFUSED: Final = "receiver:refused_notices:increase5m"
_DATABASE_DOWN_S: Final = 30


_RECEIVED: Final = "sum:metrics_received:increase5m"
_REFUSALS: Final = {
    f"signal_reason:{noun}:increase5m": f"sum by ({_SIGNAL}, {_REASON}) (increase({metric(name, _TOTAL)}[5m]))"
    for noun, name in (
        ("rejected_items", semconv.LAPBELL_RECEIVER_REJECTED_ITEMS),
        ("refused_exports", semconv.LAPBELL_RECEIVER_REFUSED_EXPORTS),
    )
}


def rules() -> tuple[Rule, ...]:
    """The evaluator's receiver, its senders, its rules, its receivers of alerts, its database."""
    return (
        record(_RECEIVED, f"sum(increase({_ITEMS}[5m]))"),
        *(record(name, expr) for name, expr in _REFUSALS.items()),
        rule(
            "LapbellNotReceiving",
            _CATEGORY,
            WARNING,
            f"{_RECEIVED} == 0\nand sum({_ITEMS}) > 0",
            summary="Nobody has sent metrics for 5 minutes",
            description=(
                "Metrics arrived before, and none for 5 minutes: the senders, the Collector or the way between has"
                " stopped. Alerts stay as they were."
            ),
        ),
        _rejecting(),
        _clock_skew(),
        rule(
            "LapbellEvaluationLag",
            _CATEGORY,
            WARNING,
            f"max by ({_GROUP}) ({metric(semconv.LAPBELL_EVALUATION_LAG, SECONDS)}) > {_LATE_S}",
            summary=f"The rules of {{{{ $labels.{_GROUP} }}}} are {{{{ humanizeDuration $value }}}} late",
            description=(
                f"The rules of {{{{ $labels.{_GROUP} }}}} were evaluated {{{{ humanizeDuration $value }}}} after they"
                f" were due; the threshold is {_LATE_S}s."
            ),
            for_s=60.0,
        ),
        *_delivery_failing(),
        rule(
            "LapbellDatabaseDown",
            _CATEGORY,
            WARNING,
            f"max({metric(semconv.LAPBELL_DATABASE_FAILING_TIME, SECONDS)}) > {_DATABASE_DOWN_S}",
            summary="The alert database takes nothing",
            description=(
                "The alert database has taken nothing for {{ humanizeDuration $value }}. Alerts go on and are sent from"
                " memory; what could not be written is written once it takes writes again, and is lost if the evaluator"
                " ends before."
            ),
        ),
        rule(
            "LapbellDataDamaged",
            _CATEGORY,
            WARNING,
            f"max by ({_STORE}) ({metric(semconv.LAPBELL_DATA_DAMAGED)}) > 0",
            summary=f"Stored {{{{ $labels.{_STORE} }}}} are damaged",
            description=(
                f'{{{{ printf "%.0f" $value }}}} stored items of {{{{ $labels.{_STORE} }}}} were found damaged within'
                " an hour. They are kept aside, the rest is used, and alerts go on."
            ),
        ),
    )


def _delivery_failing() -> tuple[Rule, Rule]:
    """A receiver takes nothing, or it refuses some alerts for ever: the second carries a label of its own."""
    refused = f"sum by ({_RECEIVER}) (increase({metric(semconv.LAPBELL_DELIVERY_REFUSED, _TOTAL)}[5m]))"
    receiver = f"{{{{ $labels.{_RECEIVER} }}}}"
    is_refusal = f"{{{{ if $labels.{_REASON} }}}}"
    return (
        record(_REFUSED, f'label_replace({refused}, "{_REASON}", "refused", "", "")'),
        rule(
            "LapbellDeliveryFailing",
            _CATEGORY,
            WARNING,
            f"{_FAILING} > {_FAILING_S}\nor {_REFUSED} > 0",
            summary=f"{receiver} {is_refusal}refuses alerts{{{{ else }}}}takes no alerts{{{{ end }}}}",
            description=(
                f'{is_refusal}{receiver} refused {{{{ printf "%.0f" $value }}}} alerts within 5 minutes as they are:'
                " they are kept as dead letters, see `lapbell notify failed`."
                f"{{{{ else }}}}{receiver} has taken no alerts for {{{{ humanizeDuration $value }}}}; they wait, and"
                " are sent once it takes them.{{ end }}"
            ),
            recovery_expr=f"{_FAILING} or {_REFUSED}",
        ),
    )


def _clock_skew() -> Rule:
    offset = f"max by ({_JOB}, {_INSTANCE}) ({metric(semconv.LAPBELL_SENDER_CLOCK_OFFSET, SECONDS)})"
    whose = f"The clock of {{{{ $labels.{_JOB} }}}} {{{{ $labels.{_INSTANCE} }}}}"
    return rule(
        "LapbellClockSkew",
        _CATEGORY,
        WARNING,
        f"{offset} > {_SKEW_S}\nor {offset} < -{_SKEW_S}",
        summary=f"{whose} is off by {{{{ humanizeDuration $value }}}}",
        description=(
            f"{whose} is {{{{ humanizeDuration $value }}}} ahead of the evaluator's (behind it, where negative); the"
            f" threshold is {_SKEW_S}s. Its samples and spans are shifted by it, up to ten minutes; who is further"
            " ahead is not taken."
        ),
        for_s=60.0,
    )


def _rejecting() -> Rule:
    return rule(
        "LapbellRejecting",
        _CATEGORY,
        WARNING,
        "\nor ".join(f"{name} > 0" for name in _REFUSALS),
        summary=f"{{{{ $labels.{_SIGNAL} }}}} were not taken: {{{{ $labels.{_REASON} }}}}",
        description=(
            f'{{{{ printf "%.0f" $value }}}} of the {{{{ $labels.{_SIGNAL} }}}} that were sent within 5 minutes'
            f" were not taken: {{{{ $labels.{_REASON} }}}}."
        ),
        recovery_expr=" or ".join(_REFUSALS),
        for_s=60.0,
    )
