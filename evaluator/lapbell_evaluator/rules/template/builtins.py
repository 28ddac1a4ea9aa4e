"""The functions that Go's text/template brings; `and` and `or` are the executor's, because they stop early."""

import html
from collections.abc import Callable, Mapping, Sequence
from typing import Final
from urllib.parse import quote_plus

from lapbell_evaluator.rules.template.errors import TemplateError
from lapbell_evaluator.rules.template.moments import Duration, Time
from lapbell_evaluator.rules.template.printf import sprint, sprintf
from lapbell_evaluator.rules.template.values import AlertFields, Value, VectorSample, is_true, shown, type_name

__all__ = ["BUILTINS"]

_JS: Final[Mapping[str, str]] = {
    **{character: f"\\{character}" for character in "\\'\""},
    **{character: f"\\u{ord(character):04X}" for character in "<>&="},
}


def _compared(one: Value, other: Value) -> tuple[Value, Value]:
    kinds = {"string" if isinstance(value, str) else type_name(value) for value in (one, other)}
    if len(kinds) > 1 and None not in (one, other):
        raise TemplateError("incompatible types for comparison")
    if isinstance(one, Mapping | VectorSample | AlertFields) or (
        isinstance(one, Sequence) and not isinstance(one, str)
    ):
        raise TemplateError(f"non-comparable type {shown(one)}: {type_name(one)}")
    return one, other


def _eq(first: Value, *others: Value) -> bool:
    if not others:
        raise TemplateError("missing argument for comparison")
    return any(_is_same(*pair) for pair in (_compared(first, other) for other in others))


def _is_same(one: Value, other: Value) -> bool:
    """As Go compares: times and durations are pointers."""
    return one is other if isinstance(one, Time | Duration) else one == other


def _lt(one: Value, other: Value) -> bool:
    _compared(one, other)
    if isinstance(one, bool | Time | Duration) or one is None or other is None:
        raise TemplateError("invalid type for comparison")
    return one < other  # type: ignore[operator]  # both are numbers or both are strings


def _le(one: Value, other: Value) -> bool:
    return _lt(one, other) or one == other


def _index(of: Value, *keys: Value) -> Value:
    for key in keys:
        if isinstance(of, Mapping):
            if not isinstance(key, str):
                raise TemplateError(f"value has type {type_name(key)}; should be string")
            of = of.get(key, "")
        elif isinstance(of, Sequence):
            of = _item(of, key)
        else:
            raise TemplateError(f"can't index item of type {type_name(of)}")
    return of


def _item(of: Sequence[Value], key: Value) -> Value:
    at = _position(key, len(of) - 1)
    return of.encode()[at] if isinstance(of, str) else of[at]


def _position(key: Value, last: int) -> int:
    if isinstance(key, bool) or not isinstance(key, int):
        raise TemplateError(f"cannot index slice/array with type {type_name(key)}")
    if not 0 <= key <= last:
        raise TemplateError(f"index out of range: {key}")
    return key


def _slice(of: Value, *bounds: Value) -> Value:
    if isinstance(of, Mapping) or not isinstance(of, Sequence):
        raise TemplateError(f"can't slice item of type {type_name(of)}")
    start, end = [*bounds, *(0, len(of))[len(bounds) :]][:2]
    return of[_position(start, len(of)) : _position(end, len(of))]


def _len(of: Value) -> int:
    if isinstance(of, str):
        return len(of.encode())
    if isinstance(of, Mapping | Sequence):
        return len(of)
    raise TemplateError(f"len of type {type_name(of)}")


def _printf(layout: Value, *values: Value) -> str:
    if not isinstance(layout, str):
        raise TemplateError(f"wrong type for value; expected string; got {type_name(layout)}")
    return sprintf(layout, values)


def _println(*values: Value) -> str:
    return " ".join(map(shown, values)) + "\n"


def _html(*values: Value) -> str:
    text = html.escape(sprint(values), quote=True)
    return text.replace("&quot;", "&#34;").replace("&#x27;", "&#39;").replace("\0", "\ufffd")


def _js(*values: Value) -> str:
    return "".join(
        _JS.get(character) or (character if character.isprintable() else _escaped(character))
        for character in sprint(values)
    )


def _escaped(character: str) -> str:
    return f"\\u{ord(character):04X}"


def _call(value: Value, *_: Value) -> Value:
    """Templates have no values that are functions: the name of one calls it."""
    if value is None:
        raise TemplateError("call of nil")
    raise TemplateError(f"non-function {shown(value)} of type {type_name(value)}")


BUILTINS: Final[Mapping[str, Callable[..., Value]]] = {
    "call": _call,
    "not": lambda value: not is_true(value),
    "len": _len,
    "index": _index,
    "slice": _slice,
    "print": lambda *values: sprint(values),
    "printf": _printf,
    "println": _println,
    "html": _html,
    "js": _js,
    "urlquery": lambda *values: quote_plus(sprint(values)),
    "eq": _eq,
    "ne": lambda one, other: not _eq(one, other),
    "lt": _lt,
    "le": _le,
    "gt": lambda one, other: not _le(one, other),
    "ge": lambda one, other: not _lt(one, other),
}
