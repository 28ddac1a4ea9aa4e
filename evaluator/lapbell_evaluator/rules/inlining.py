"""Recording rules put in the place where a later rule of their group reads them.

A rule that is compiled this way reads raw series. Its value is what the recorded series would hold at the same instant,
but an early evaluation needs no recorded sample, and windows, sources and first bad samples are those of raw data.

What is not put in stays a read of the recorded series: other groups' recordings, a range or a subquery over one, an
offset or `@`, and matchers on labels that the recording rule does not set itself.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from operator import is_
from typing import Final

from lapbell_evaluator.model import METRIC_NAME, Labels, Rule, RuleKind
from lapbell_evaluator.promql import (
    Aggregate,
    Binary,
    Call,
    Cardinality,
    Expr,
    Matching,
    Paren,
    String,
    Unary,
    VectorSelector,
    parse,
    walk,
)
from lapbell_evaluator.series import Matcher

__all__ = ["Recordings", "recordings_before"]

_RECORDED: Final = ":"  # Prometheus keeps colons for the names of recorded series
_OF_A_SELECTOR: Final = frozenset({"absent", "timestamp", "info"})  # look at the selector itself, not at its value


_MOST_NODES: Final = 5_000
"""What may be put into one expression: recordings that read each other twice, thirty deep, would be a billion nodes."""

_MOST_OF_A_NAME: Final = 100


@dataclass(frozen=True, slots=True)
class _Recording:
    """One recording rule: the labels that it sets, and its expression, in which others are already put in.

    Attributes:
        labels: the rule's over its group's.
        expr: what is recorded.
        size: nodes of `expr`.
        place: how many recordings of the group stand before it.
    """

    labels: Labels
    expr: Expr
    size: int
    place: int


@dataclass(frozen=True, slots=True)
class Recordings:
    """The recording rules of a group that stand before one of its rules.

    Attributes:
        by_name: those of the whole group, by the name of the series that they make, in order; all rules of the group
            share them. Only names with a colon are put in: another one may also be the name of a raw metric.
        nodes: of all expressions of the group: equal parts are one object, which an engine recognises at once.
        count: how many of them stand before.
    """

    by_name: dict[str, list[_Recording]] = field(default_factory=dict)
    nodes: dict[Expr, Expr] = field(default_factory=dict)
    count: int = 0

    def put_in(self, expr: Expr) -> Expr:
        """The expression with recordings in the place of the selectors that read them."""
        return _Inliner(self).put_in(expr)

    def with_rule(self, rule: Rule, group_labels: Labels = ()) -> "Recordings":
        """These and one more, for the rules that follow it."""
        if rule.kind is not RuleKind.RECORDING or _RECORDED not in rule.name:
            return self
        own = tuple(sorted((dict(group_labels) | dict(rule.labels)).items()))
        expr = self.put_in(parse(rule.expr))
        size = sum(1 for _ in itertools.islice(walk(expr), _MOST_NODES + 1))
        self.by_name.setdefault(rule.name, []).append(_Recording(own, expr, size, self.count))
        return Recordings(self.by_name, self.nodes, self.count + 1)

    def of(self, name: str) -> list[_Recording]:
        """Those that make series of a name; none where they are too many to be put in."""
        named = self.by_name.get(name, ())
        own = list(itertools.islice((one for one in named if one.place < self.count), _MOST_OF_A_NAME + 1))
        return own if len(own) <= _MOST_OF_A_NAME else []


class _Inliner:
    """Puts recordings into one expression, as long as it does not grow too large.

    Args:
        recordings: that stand before it.
    """

    def __init__(self, recordings: Recordings) -> None:
        self._recordings = recordings
        self._left = _MOST_NODES

    def put_in(self, expr: Expr) -> Expr:
        """The expression with recordings in it; a part that stays the same is the same object."""
        built = self._built(expr)
        return self._recordings.nodes.setdefault(built, built)

    def _built(self, expr: Expr) -> Expr:
        if isinstance(expr, VectorSelector):
            return self._in_place_of(expr)
        if isinstance(expr, Binary):
            left, right = self.put_in(expr.left), self.put_in(expr.right)
            is_same = left is expr.left and right is expr.right
            return expr if is_same else replace(expr, left=left, right=right)
        if isinstance(expr, Aggregate):
            inner, param = self.put_in(expr.expr), None if expr.param is None else self.put_in(expr.param)
            is_same = inner is expr.expr and param is expr.param
            return expr if is_same else replace(expr, expr=inner, param=param)
        if isinstance(expr, Call) and expr.function not in _OF_A_SELECTOR:
            args = [self.put_in(arg) for arg in expr.args]
            return expr if all(map(is_, args, expr.args)) else replace(expr, args=tuple(args))
        if isinstance(expr, Paren | Unary):
            inner = self.put_in(expr.expr)
            return expr if inner is expr.expr else replace(expr, expr=inner)
        return expr

    def _in_place_of(self, selector: VectorSelector) -> Expr:
        if _RECORDED not in selector.name or selector.offset is not None or selector.at is not None:
            return selector
        recordings = self._recordings.of(selector.name)
        matchers = [matcher for matcher in selector.matchers if matcher.name != METRIC_NAME]
        named = {name for recording in recordings for name, _ in recording.labels}
        if not (recordings and all(matcher.name in named for matcher in matchers)):
            return selector
        chosen = [recording for recording in recordings if _are_met(matchers, recording.labels)]
        size = sum(recording.size for recording in chosen)
        if not chosen or size > self._left:
            return selector
        self._left -= size
        return Paren(_union([_labelled(recording) for recording in chosen]))


def recordings_before(rules: Iterable[Rule], group_labels: Labels = ()) -> Iterator[tuple[Rule, Recordings]]:
    """Each rule of a group with the recordings that stand before it."""
    recordings = Recordings()
    for rule in rules:
        yield rule, recordings
        recordings = recordings.with_rule(rule, group_labels)


def _are_met(matchers: Sequence[Matcher], own: Labels) -> bool:
    labels = dict(own)
    return all(matcher.predicate()(labels.get(matcher.name, "")) for matcher in matchers)


def _labelled(recording: _Recording) -> Expr:
    """The expression with the rule's own labels on its result, as the recorded series has them."""
    expr = recording.expr
    for name, value in recording.labels:
        text = value.replace("$", "$$")  # the replacement is a template of a regular expression
        expr = Call("label_replace", (expr, String(name), String(text), String(""), String("")))
    return expr


def _union(exprs: Sequence[Expr]) -> Expr:
    union = exprs[0] if len(exprs) == 1 else Paren(exprs[0])
    for expr in exprs[1:]:
        union = Binary("or", union, Paren(expr), matching=Matching(Cardinality.MANY_TO_MANY))
    return union
