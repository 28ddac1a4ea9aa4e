"""`label_replace` and `label_join`."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from lapbell_evaluator.model import METRIC_NAME
from lapbell_evaluator.promql.arguments import Arguments, Function
from lapbell_evaluator.promql.merging import merged
from lapbell_evaluator.promql.run import Budget
from lapbell_evaluator.promql.syntax.errors import PromqlError
from lapbell_evaluator.promql.syntax.quoting import is_label_name
from lapbell_evaluator.promql.value import Value, Vector
from lapbell_evaluator.series import RegexError, column_of, compiled

if TYPE_CHECKING:
    import re2

__all__ = ["OF_LABELS"]

_MOST_DIGITS: Final = 9
_REFERENCE: Final = re.compile(r"\$(?:\$|(\w++)|\{(\w++)\})")


def _label_replace(args: Arguments) -> Value:
    """The series with a label made from another by a pattern.

    Raises:
        PromqlError: the pattern or the label's name is wrong, or two series become one.
        QueryLimitError: that makes too much text, or takes too long.
    """
    vector, budget = args.vector(0), args.run.budget
    target, replacement, source, pattern = args.texts(1)
    try:
        regex = compiled(pattern)
    except RegexError as error:
        reason = f"invalid regular expression in label_replace(): {error.message}"
        raise PromqlError(reason, args.position.line, args.position.column, error.remedy) from error
    _check_name(args, target, "destination")
    sources, targets = vector.table.texts(source), vector.table.texts(target)
    parts = _parts(replacement, regex)
    replaced = {text: _expanded(regex, parts, text, budget) for text in set(sources)}
    texts = [own if (new := replaced[text]) is None else new for text, own in zip(sources, targets, strict=True)]
    is_matched = np.array([replaced[text] is not None for text in sources], np.bool_)
    return _relabelled(vector, target, texts, is_matched)


def _parts(replacement: str, regex: "re2._Regexp[str]") -> list[str | int]:
    """Text as it is, and the numbers of groups; a reference to a group that there is not is left out."""
    parts: list[str | int] = []
    end = 0
    for reference in _REFERENCE.finditer(replacement):
        parts.append(replacement[end : reference.start()])
        end = reference.end()
        name = reference[1] or reference[2]
        group = int(name) if name and name.isdecimal() and len(name) < _MOST_DIGITS else regex.groupindex.get(name)
        if name is None:
            parts.append("$")
        elif group is not None and group <= regex.groups:
            parts.append(group)
    return [part for part in (*parts, replacement[end:]) if part != ""]


def _expanded(regex: "re2._Regexp[str]", parts: Sequence[str | int], text: str, budget: Budget) -> str | None:
    """The replacement with its references filled in; None if the pattern does not match all of `text`."""
    budget.spend(1)
    match = regex.fullmatch(text)
    if match is None:
        return None
    groups = (match[0], *match.groups(""))
    filled = [groups[part] if isinstance(part, int) else part for part in parts]
    budget.write(sum(map(len, filled)))
    return "".join(filled)


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
    texts = [""] * vector.table.size
    for at, row in enumerate(zip(*columns, strict=True)):
        args.run.budget.write(sum(map(len, row)) + len(separator) * (len(row) - 1))
        texts[at] = separator.join(row)
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
