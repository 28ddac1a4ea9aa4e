"""Alerts that inhibit others.

Source: Alertmanager, inhibit/inhibit.go.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lapbell_evaluator.alerts.matching import matches
from lapbell_evaluator.model import InhibitRule, Labels

__all__ = ["Inhibition"]

_Values = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Sources:
    """The firing alerts that one rule takes for sources, one for each combination of the values that must be equal.

    Attributes:
        every: the first of each combination.
        alone: the first of each that the rule does not take for a target as well.
    """

    every: dict[_Values, Labels]
    alone: dict[_Values, Labels]


class Inhibition:
    """Which alerts the firing ones keep quiet, at one instant.

    Args:
        rules: in any order.
        firing: the labels of every alert that fires.
    """

    def __init__(self, rules: Sequence[InhibitRule], firing: Iterable[Labels]) -> None:
        self._rules = tuple(rules)
        named = [(labels, dict(labels)) for labels in firing] if self._rules else []
        self._sources = tuple(_sources(rule, named) for rule in self._rules)

    def of(self, labels: Labels) -> tuple[Labels, ...]:
        """The firing alerts that inhibit the one with these labels, one for each rule that applies.

        An alert that is source and target of the same rule is not inhibited by another such one: not even by itself.
        """
        if not self._rules:
            return ()
        named = dict(labels)
        inhibiting = []
        for rule, sources in zip(self._rules, self._sources, strict=True):
            if matches(rule.targets, named):
                candidates = sources.alone if matches(rule.sources, named) else sources.every
                source = candidates.get(_values(rule, named))
                if source is not None:
                    inhibiting.append(source)
        return tuple(inhibiting)


def _sources(rule: InhibitRule, firing: Iterable[tuple[Labels, dict[str, str]]]) -> _Sources:
    every: dict[_Values, Labels] = {}
    alone: dict[_Values, Labels] = {}
    for labels, named in firing:
        if matches(rule.sources, named):
            values = _values(rule, named)
            every.setdefault(values, labels)
            if not matches(rule.targets, named):
                alone.setdefault(values, labels)
    return _Sources(every, alone)


def _values(rule: InhibitRule, named: dict[str, str]) -> _Values:
    """An absent label is empty: two alerts without it are equal in it."""
    return tuple(named.get(name, "") for name in rule.equal)
