"""`label_replace` and `label_join`."""

import re
from typing import Final

import numpy as np
import re2

from lapbell_evaluator.model import METRIC_NAME
from lapbell_evaluator.promql.arguments import Arguments, Function
from lapbell_evaluator.promql.merging import merged
from lapbell_evaluator.promql.syntax.errors import PromqlError
from lapbell_evaluator.promql.syntax.quoting import is_label_name
from lapbell_evaluator.promql.value import Value, Vector
from lapbell_evaluator.series import column_of

__all__ = ["OF_LABELS"]

_REFERENCE: Final = re.compile(r"\$(?:\$|(\w+)|\{(\w+)\})")


def _label_replace(args: Arguments) -> Value:
    """The series with a label made from another by a pattern.

    Raises:
        PromqlError: the pattern or the label's name is wrong, or two series become one.
    """
    vector = args.vector(0)
    target, replacement, source, pattern = args.texts(1)
    options = re2.Options()
    options.log_errors = False
    options.dot_nl = True
    try:
        compiled = re2.compile(pattern, options=options)
    except re2.error as error:
        reason = f"invalid regular expression in label_replace(): {pattern}"
        raise PromqlError(reason, args.position.line, args.position.column, "The syntax is RE2's.") from error
    _check_name(args, target, "destination")
    sources, targets = vector.table.texts(source), vector.table.texts(target)
    replaced = {text: _expanded(compiled, replacement, text) for text in set(sources)}
    texts = [
        own if replaced[text] is None else replaced[text] or "" for text, own in zip(sources, targets, strict=True)
    ]
    is_matched = np.array([replaced[text] is not None for text in sources], np.bool_)
    return _relabelled(vector, target, texts, is_matched)


def _expanded(compiled: "re2._Regexp[str]", replacement: str, text: str) -> str | None:
    """The replacement with its references filled in; None if the pattern does not match all of `text`."""
    match = compiled.fullmatch(text)
    if match is None:
        return None

    def value(reference: re.Match[str]) -> str:
        name = reference[1] or reference[2]
        if name is None:
            return "$"
        try:
            return match.group(int(name) if name.isdigit() else name) or ""
        except (IndexError, KeyError):
            return ""

    return _REFERENCE.sub(value, replacement)


def _label_join(args: Arguments) -> Value:
    """The series with a label joined from others.

    Raises:
        PromqlError: as `_label_replace`.
    """
    vector = args.vector(0)
    target, separator, *sources = args.texts(1)
    for source in sources:
        _check_name(args, source, "source")
    _check_name(args, target, "destination")
    columns = [vector.table.texts(source) for source in sources]
    texts = [separator.join(row) for row in zip(*columns, strict=True)] if columns else [""] * vector.table.size
    return _relabelled(vector, target, texts, np.ones(vector.table.size, np.bool_))


def _relabelled(vector: Vector, target: str, texts: list[str], is_set: np.ndarray) -> Vector:
    drops = vector.table.drops_name
    if target == METRIC_NAME and drops is not None:
        drops = drops & ~is_set
    table = vector.table.with_column(target, column_of(texts), drops)
    return merged(Vector(table, vector.values, vector.present, vector.histograms))


def _check_name(args: Arguments, name: str, role: str) -> None:
    where = args.position
    if not is_label_name(name):
        raise PromqlError(f"invalid {role} label name in {args.function}(): {name}", where.line, where.column)


OF_LABELS: Final[dict[str, Function]] = {"label_join": _label_join, "label_replace": _label_replace}
