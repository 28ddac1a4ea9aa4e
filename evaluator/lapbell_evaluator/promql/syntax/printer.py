"""The parts of an expression as text; the nodes put them together, so that parsing what they print gives an equal tree.

Source: Prometheus 3.14, promql/parser/printer.go.
"""

import math
import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Final

from lapbell_evaluator.model import METRIC_NAME, Labels
from lapbell_evaluator.promql.syntax.quoting import quoted
from lapbell_evaluator.series import Matcher, MatchOp

__all__ = ["grouping_text", "label_names_text", "labels_text", "number_text", "selector_text"]

_LABEL_NAME: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*+")


def number_text(value: float) -> str:
    """A number as Go's `strconv` writes it with the format `f` and the shortest precision."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return f"{Decimal(repr(value)):f}".removesuffix(".0")


def label_text(name: str) -> str:
    """The name of a label, quoted where it could not be read otherwise."""
    return name if _LABEL_NAME.fullmatch(name) else quoted(name)


def label_names_text(names: Iterable[str]) -> str:
    """Names of labels in parentheses."""
    return f"({', '.join(map(label_text, names))})"


def selector_text(name: str, matchers: Sequence[Matcher]) -> str:
    """A selector; the matcher that says the same as `name` is left out."""
    conditions = sorted(
        f"{label_text(matcher.name)}{matcher.op}{quoted(matcher.value)}"
        for matcher in matchers
        if not (name and matcher == Matcher(METRIC_NAME, MatchOp.EQUAL, name))
    )
    return name + (f"{{{','.join(conditions)}}}" if conditions or not name else "")


def grouping_text(names: Sequence[str], *, without: bool) -> str:
    """The clause between an aggregation's name and its arguments; empty where everything becomes one group."""
    if without:
        return f" without {label_names_text(names)} "
    return f" by {label_names_text(names)} " if names else ""


def labels_text(labels: Labels) -> str:
    """A series' labels as Prometheus prints them in errors."""
    return "{" + ", ".join(f'{name}="{value}"' for name, value in labels) + "}"
