"""The rule groups as they are now, and the rules that a reload has removed of late."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from lapbell_evaluator.evaluation.compiled import CompiledGroup, CompiledRule, compile_groups
from lapbell_evaluator.model import RuleGroup

__all__ = ["RuleRegistry"]

_REMOVED_RETENTION_S: Final = 1800.0
"""Twice as long as Alertmanagers are reminded of an alert that ended: its annotations are rendered by its rule."""


@dataclass(frozen=True, slots=True)
class _RemovedRule:
    rule: CompiledRule
    at: float


class RuleRegistry:
    """Which rules there are: one object for all who ask, changed by a reload alone.

    Args:
        groups: the rules.
        interval_s: seconds between evaluations of groups that name no interval.

    Raises:
        EvaluatorError: a rule can't be used.
    """

    def __init__(self, groups: Sequence[RuleGroup], interval_s: float) -> None:
        self.interval_s = interval_s
        self._groups = self.compiled(groups)
        self._rules = _by_key(self._groups)
        self._removed: dict[str, _RemovedRule] = {}

    @property
    def groups(self) -> tuple[CompiledGroup, ...]:
        """The groups, in the order of their files."""
        return self._groups

    @property
    def rules(self) -> Mapping[str, CompiledRule]:
        """Their rules, by key."""
        return MappingProxyType(self._rules)

    @property
    def metrics(self) -> frozenset[str]:
        """The metrics that rules read or record, as far as they name them."""
        read = (rule.metrics for rule in self._rules.values() if rule.metrics is not None)
        return frozenset(rule.rule.name for rule in self._rules.values() if not rule.is_alerting).union(*read)

    def rule(self, key: str) -> CompiledRule | None:
        """The rule of that key, also one that was removed within the last half hour; None if there is none."""
        rule = self._rules.get(key)
        if rule is None and key in self._removed:
            rule = self._removed[key].rule
        return rule

    def compiled(self, groups: Sequence[RuleGroup]) -> tuple[CompiledGroup, ...]:
        """The groups made ready; nothing changes yet.

        Raises:
            EvaluatorError: a rule can't be used.
        """
        return compile_groups(groups, self.interval_s)

    def replace(self, groups: tuple[CompiledGroup, ...], now: float) -> None:
        """Have these groups from Unix seconds `now` on."""
        rules = _by_key(groups)
        removed = {key: entry for key, entry in self._removed.items() if now - entry.at < _REMOVED_RETENTION_S}
        removed |= {key: _RemovedRule(rule, now) for key, rule in self._rules.items()}
        self._removed = {key: entry for key, entry in removed.items() if key not in rules}
        self._groups, self._rules = groups, rules


def _by_key(groups: Sequence[CompiledGroup]) -> dict[str, CompiledRule]:
    return {rule.key: rule for group in groups for rule in group.rules}
