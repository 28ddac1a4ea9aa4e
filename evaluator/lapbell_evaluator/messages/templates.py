"""Users' templates of messages: Jinja in a sandbox, with so little of it that its cost is known before it runs.

A template may print, choose and repeat. It can't call, assign, calculate or include, its loops are two deep at most and
go over what the message has, and its filters make nothing longer. So what it costs is bounded by the size of its file.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from jinja2 import StrictUndefined, TemplateError, nodes
from jinja2.sandbox import SandboxedEnvironment

from lapbell_evaluator.messages.message import Entry, Link, Message
from lapbell_evaluator.model import EvaluatorError

__all__ = ["MessageTemplate", "MessageTemplateError"]

_LARGEST_BYTES: Final = 64 * 1024
_LONGEST: Final = 200_000
_MOST_LOOPS: Final = 20
_DEEPEST: Final = 2
_FILTERS: Final = frozenset(
    "capitalize default first items last length lower round title trim truncate upper".split()  # noqa: SIM905 - a list
)
_ALLOWED: Final = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.Name,
    nodes.Const,
    nodes.Getattr,
    nodes.Getitem,
    nodes.For,
    nodes.If,
    nodes.Tuple,
    nodes.Filter,
    nodes.Keyword,
    nodes.Test,
    nodes.Compare,
    nodes.Operand,
    nodes.And,
    nodes.Or,
    nodes.Not,
    nodes.Concat,
    nodes.CondExpr,
)


class MessageTemplateError(EvaluatorError):
    """A template can't be used."""


class _Url(str):
    """A URL of ours, which needs no escape."""

    __slots__ = ()


class _Open(dict[str, Any]):
    """Pairs of which any may be absent, and is empty then."""

    def __missing__(self, _: str) -> str:
        return ""


class _Environment(SandboxedEnvironment):
    def getattr(self, obj: object, attribute: str) -> object:
        """Of pairs the value of a name, whatever methods a dict has."""
        return self.getitem(obj, attribute) if isinstance(obj, dict) else super().getattr(obj, attribute)


class MessageTemplate:
    """One template.

    Args:
        text: of the template.
        name: what it is called in errors.
        escaped: makes text of strangers that can't mark up anything.

    Raises:
        MessageTemplateError: it is no template, or does what it may not.
    """

    def __init__(self, text: str, name: str, escaped: Callable[[str], str]) -> None:
        def finalize(value: object) -> str:
            return str(value) if isinstance(value, _Url) else escaped(str(value))

        self._name = name
        self._text = text
        environment = _Environment(undefined=StrictUndefined, finalize=finalize, trim_blocks=True, lstrip_blocks=True)
        try:
            _check(environment.parse(text), name)
            self._template = environment.from_string(text)
        except TemplateError as error:
            raise MessageTemplateError(f"{name}: {_told(error)}.", "See docs/how-to/receivers.md.") from None

    @classmethod
    def read(cls, file: Path, escaped: Callable[[str], str]) -> "MessageTemplate":
        """The template in a file of at most 64 KiB.

        Raises:
            MessageTemplateError: it can't be read or used.
        """
        try:
            with file.open("rb") as stream:
                content = stream.read(_LARGEST_BYTES + 1)
            text = content.decode()
        except (OSError, UnicodeDecodeError) as error:
            raise MessageTemplateError(f"{file}: {error}.", "Name a readable file in UTF-8.") from None
        if len(content) > _LARGEST_BYTES:
            raise MessageTemplateError(f"{file} is larger than {_LARGEST_BYTES} bytes.", "Shorten it.")
        return cls(text, str(file), escaped)

    def __eq__(self, other: object) -> bool:
        """Whether it is the same file with the same text: a reload leaves its receiver undisturbed then."""
        return isinstance(other, MessageTemplate) and (self._name, self._text) == (other._name, other._text)

    def __hash__(self) -> int:
        return hash((self._name, self._text))

    def render(self, message: Message) -> str:
        """The text of a message.

        Raises:
            MessageTemplateError: the template asks for what there is not, or its text is too long.
        """
        pieces: list[str] = []
        size = 0
        try:
            for piece in self._template.generate(_variables(message)):
                pieces.append(piece)
                size += len(piece)
                if size > _LONGEST:
                    raise MessageTemplateError(f"{self._name}: makes more than {_LONGEST} characters.", "Shorten it.")
        except MessageTemplateError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a template does must not keep an alert from people
            raise MessageTemplateError(f"{self._name}: {_told(error)}.", "See docs/how-to/receivers.md.") from None
        return "".join(pieces).strip()


def _check(tree: nodes.Template, name: str) -> None:
    loops = [*tree.find_all(nodes.For)]
    if len(loops) > _MOST_LOOPS:
        raise MessageTemplateError(f"{name}: has more than {_MOST_LOOPS} loops.", "Write fewer.")
    for node, depth in _walked(tree, 0):
        if fault := _fault(node, depth):
            raise MessageTemplateError(
                f"{name}, line {node.lineno}: {fault}.", f"It may print, use if and for, and {', '.join(_FILTERS)}."
            )


def _walked(node: nodes.Node, depth: int) -> Iterator[tuple[nodes.Node, int]]:
    """Every node, and in how many loops it stands."""
    depth += isinstance(node, nodes.For)
    yield node, depth
    for child in node.iter_child_nodes():
        yield from _walked(child, depth)


def _fault(node: nodes.Node, depth: int) -> str:
    """What a node does that a template may not; empty if it may."""
    kind = type(node).__name__.lower()
    if not isinstance(node, _ALLOWED):
        return f"a template of a message can't use `{kind}`"
    if isinstance(node, nodes.Filter) and node.name not in _FILTERS:
        return f"the filter `{node.name}` is not among those of messages"
    if isinstance(node, nodes.Test) and node.name != "defined":
        return f"the test `{node.name}` is not among those of messages"
    if isinstance(node, nodes.For) and (depth > _DEEPEST or node.recursive or not _is_plain(node.iter)):
        return "a loop goes over a part of the message, and stands in one other loop at most"
    return ""


def _is_plain(iterated: nodes.Node) -> bool:
    """Whether it is a part of the message, or its pairs."""
    while isinstance(iterated, (nodes.Getattr, nodes.Filter)):
        if iterated.node is None or (isinstance(iterated, nodes.Filter) and iterated.name != "items"):
            return False
        iterated = iterated.node
    return isinstance(iterated, nodes.Name)


def _told(error: Exception) -> str:
    line = getattr(error, "lineno", None)
    return f"{f'line {line}: ' if line else ''}{str(error).rstrip('.') or type(error).__name__}"


def _variables(message: Message) -> dict[str, Any]:
    return {
        "title": message.title,
        "severity": message.severity,
        "status": message.status,
        "more": message.more,
        "alerts": [_alert(entry) for entry in message.entries],
    }


def _alert(entry: Entry) -> dict[str, Any]:
    return {
        "headline": entry.headline,
        "severity": entry.severity,
        "status": entry.status,
        "description": entry.description,
        "labels": _Open(entry.labels),
        "annotations": _Open(entry.annotations),
        "facts": _Open({fact.name: fact.text for fact in entry.facts if not fact.links}),
        "links": _Open({link.text: _Url(link.url) for link in entry.links}),
        "traces": [_trace(link) for link in entry.traces],
    }


def _trace(link: Link) -> dict[str, str]:
    return {"id": link.text, "url": _Url(link.url)}
