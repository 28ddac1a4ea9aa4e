"""How long an alert that cleared may return as the same incident, whose resolved notice waits so long."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from lapbell_evaluator.model import Rule, RuleGroup

__all__ = ["REOPEN_WITHIN_S", "reopen_within", "with_reopen_within"]

REOPEN_WITHIN_S: Final = 600.0
_LONGEST_WINDOW_S: Final = 3600.0
"""A rule that looks back for days must not be silent for days: what returns hours later wakes somebody."""


def reopen_within(rule: Rule, window_s: float) -> float:
    """Seconds: what is written, else ten minutes, or for as long as the same samples may make the condition hold again.

    Args:
        rule: the rule.
        window_s: how far it looks back.
    """
    if rule.reopen_within_s is not None:
        return rule.reopen_within_s
    return max(REOPEN_WITHIN_S, min(window_s, _LONGEST_WINDOW_S))


def with_reopen_within(groups: Iterable[RuleGroup], seconds: float | None) -> tuple[RuleGroup, ...]:
    """The groups, their rules with the setting where they do not say it themselves; None changes nothing."""
    if seconds is None:
        return tuple(groups)
    return tuple(replace(group, rules=tuple(_with(rule, seconds) for rule in group.rules)) for group in groups)


def _with(rule: Rule, seconds: float) -> Rule:
    return rule if rule.reopen_within_s is not None else replace(rule, reopen_within_s=seconds)
