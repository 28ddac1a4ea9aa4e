"""Alerts that inhibit others.

Source: Alertmanager, inhibit/inhibit.go.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lapbell_evaluator.alerts.matching import matches
from lapbell_evaluator.model import InhibitRule, Labels

__all__ = ["Inhibition"]


@dataclass(frozen=True, slots=True)
class Inhibition:
    """Inhibition rules at work.

    Attributes:
        rules: in any order.
    """

    rules: Sequence[InhibitRule] = ()

    def by(self, labels: Labels, firing: Iterable[Labels]) -> tuple[Labels, ...]:
        """The firing alerts that inhibit the one with these labels, one for each rule that applies.

        An alert that is source and target of the same rule is not inhibited by another such one: not even by itself.
        """
        named = dict(labels)
        found = []
        for rule in self.rules:
            if not matches(rule.targets, named):
                continue
            is_source_too = matches(rule.sources, named)
            for other in firing:
                source = dict(other)
                if not matches(rule.sources, source) or (is_source_too and matches(rule.targets, source)):
                    continue
                if all(named.get(name, "") == source.get(name, "") for name in rule.equal):
                    found.append(other)
                    break
        return tuple(found)
