"""Recording rules put in the place where a later rule of their group reads them.

A rule that is compiled this way reads raw series. Its value is what the recorded series would hold at the same instant,
but an early evaluation needs no recorded sample, and windows, sources and first bad samples are those of raw data.

What is not put in stays a read of the recorded series: other groups' recordings, a range or a subquery over one, an
offset or `@`, and matchers on labels that the recording rule does not set itself.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
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
)
from lapbell_evaluator.series import Matcher

__all__ = ["Recordings", "recordings_before"]

_RECORDED: Final = ":"  # Prometheus keeps colons for the names of recorded series
_OF_A_SELECTOR: Final = frozenset({"absent", "timestamp", "info"})  # look at the selector itself, not at its value


@dataclass(frozen=True, slots=True)
class _Recording:
    """One recording rule: the labels that it sets, and its expression, in which others are already put in."""

    labels: Labels
    expr: Expr


@dataclass(frozen=True, slots=True)
class Recordings:
    """Recording rules by the name of the series that they make, in order.

    Attributes:
        by_name: only names with a colon are put in: another one may also be the name of a raw metric.
        nodes: of all expressions of the group: equal parts are one object, which an engine recognises at once.
    """

    by_name: Mapping[str, tuple[_Recording, ...]] = field(default_factory=dict)
    nodes: dict[Expr, Expr] = field(default_factory=dict)

    def put_in(self, expr: Expr) -> Expr:
        """The expression with recordings in the place of the selectors that read them."""
        built = self._built(expr)
        return self.nodes.setdefault(built, built)

    def _built(self, expr: Expr) -> Expr:
        match expr:
            case VectorSelector():
                return self._in_place_of(expr)
            case Call(function=function) if function in _OF_A_SELECTOR:
                return expr
            case Call(args=args):
                return replace(expr, args=tuple(self.put_in(arg) for arg in args))
            case Aggregate(expr=inner, param=param):
                return replace(expr, expr=self.put_in(inner), param=None if param is None else self.put_in(param))
            case Binary(left=left, right=right):
                return replace(expr, left=self.put_in(left), right=self.put_in(right))
            case Paren(expr=inner) | Unary(expr=inner):
                return replace(expr, expr=self.put_in(inner))
            case _:
                return expr

    def with_rule(self, rule: Rule, group_labels: Labels = ()) -> "Recordings":
        """These and one more, for the rules that follow it."""
        if rule.kind is not RuleKind.RECORDING or _RECORDED not in rule.name:
            return self
        own = tuple(sorted((dict(group_labels) | dict(rule.labels)).items()))
        recording = _Recording(own, self.put_in(parse(rule.expr)))
        return Recordings({**self.by_name, rule.name: (*self.by_name.get(rule.name, ()), recording)}, self.nodes)

    def _in_place_of(self, selector: VectorSelector) -> Expr:
        recordings = self.by_name.get(selector.name, ())
        matchers = [matcher for matcher in selector.matchers if matcher.name != METRIC_NAME]
        named = {name for recording in recordings for name, _ in recording.labels}
        is_plain = selector.offset is None and selector.at is None
        if not (recordings and is_plain and all(matcher.name in named for matcher in matchers)):
            return selector
        chosen = [recording for recording in recordings if _are_met(matchers, recording.labels)]
        return Paren(_union([_labelled(recording) for recording in chosen])) if chosen else selector


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
