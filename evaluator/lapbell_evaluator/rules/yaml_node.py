"""YAML with positions: mappings whose unknown and repeated keys are problems, scalars as they were written."""

import contextlib
import difflib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

import yaml

from lapbell_evaluator.rules.errors import Problem

__all__ = ["Document", "Problems", "Texts", "compose", "items", "mapping", "position", "scalar", "strings", "value_of"]

_NULL: Final = "tag:yaml.org,2002:null"
_MERGE: Final = "tag:yaml.org,2002:merge"
_TAGS: Final = {
    first: [(tag, pattern) for tag, pattern in patterns if tag in (_NULL, _MERGE)]
    for first, patterns in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
"""A rule file's scalars are read as they are written: whether one looks like a number or a date, nobody asks."""


_DEFAULT_TAGS: Final[dict[type[yaml.Node], str]] = {
    yaml.ScalarNode: yaml.SafeLoader.DEFAULT_SCALAR_TAG,
    yaml.SequenceNode: yaml.SafeLoader.DEFAULT_SEQUENCE_TAG,
    yaml.MappingNode: yaml.SafeLoader.DEFAULT_MAPPING_TAG,
}


class _Pure(yaml.SafeLoader):
    yaml_implicit_resolvers = _TAGS


class _Fast(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # one of two classes
    """libyaml's, where PyYAML has it: seven times as fast, and as strict."""

    yaml_implicit_resolvers = _TAGS

    def resolve(self, kind: type[yaml.Node], value: str | None, implicit: tuple[bool, bool]) -> str:
        """PyYAML's, without the paths that nobody gives: a large file asks two hundred thousand times."""
        if kind is yaml.ScalarNode and value is not None and implicit[0]:
            for tag, pattern in _TAGS.get(value[:1], ()):
                if pattern.match(value):
                    return str(tag)
        return _DEFAULT_TAGS[kind]


Texts = dict[str, tuple[str, yaml.Node]]
"""A mapping of texts, each with its node."""


@dataclass(slots=True)
class Problems:
    """The problems found so far, and where the reader stands."""

    problems: list[Problem]
    group: str = ""
    rule: int = 0
    name: str = ""

    def add(self, node: yaml.Node, message: str, *, lines_down: int = 0, column: int | None = None) -> None:
        """Note a problem at a node, or so many lines below its start."""
        line, start = position(node)
        self.problems.append(
            Problem(line + lines_down, start if column is None else column, message, self.group, self.rule, self.name)
        )


@dataclass(frozen=True, slots=True)
class Document:
    """The first document of a file.

    Attributes:
        node: what it holds; None if the file is empty, or no YAML.
        broken: why it is no YAML.
        is_followed: whether another document follows, which nobody reads.
    """

    node: yaml.Node | None
    broken: Problem | None = None
    is_followed: bool = False


def compose(text: str) -> Document:
    """The first document of a file, as Prometheus reads files."""
    with contextlib.suppress(yaml.YAMLError, RecursionError, UnicodeEncodeError):
        return _first(_Fast(text))
    try:
        return _first(_Pure(text))  # for its messages, and where PyYAML was built without libyaml
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        return Document(None, Problem(line, column, f"not YAML: {error.problem}"))
    except (yaml.YAMLError, RecursionError) as error:
        return Document(None, Problem(1, 1, f"not YAML: {error}"))


def _first(loader: yaml.SafeLoader) -> Document:
    try:
        node = loader.get_node() if loader.check_node() else None
        try:
            return Document(node, is_followed=bool(loader.check_node()))
        except yaml.YAMLError:
            return Document(node, is_followed=True)
    finally:
        loader.dispose()


def position(node: yaml.Node) -> tuple[int, int]:
    """Line and column, from 1."""
    return node.start_mark.line + 1, node.start_mark.column + 1


def is_null(node: yaml.Node) -> bool:
    """Whether nothing is written there."""
    return bool(node.tag == _NULL)


def mapping(node: yaml.Node, fields: Collection[str], problems: Problems) -> dict[str, yaml.Node]:
    """The values of a mapping by their keys; what is no field or stands there twice becomes a problem."""
    if is_null(node):
        return {}
    if not isinstance(node, yaml.MappingNode):
        problems.add(node, f"expected a mapping with {', '.join(fields)}")
        return {}
    _refuse_repeated(node, problems)
    values: dict[str, yaml.Node] = {}
    for key, value in _merged(node, problems, {}):
        name = str(key.value)
        if fields and name not in fields:
            close = difflib.get_close_matches(name, fields, n=1)
            hint = f"did you mean `{close[0]}`?" if close else f"known here: {', '.join(fields)}"
            problems.add(key, f"unknown field `{name}`; {hint}")
        else:
            values[name] = value
    return values


def value_of(node: yaml.Node, *names: str) -> str:
    """The text of the first of the names that a mapping has; empty if it has none."""
    pairs = node.value if isinstance(node, yaml.MappingNode) else ()
    return next((str(value.value) for key, value in pairs if key.value in names), "")


_Pairs = list[tuple[yaml.Node, yaml.Node]]


def _merged(node: yaml.MappingNode, problems: Problems, done: dict[int, _Pairs]) -> _Pairs:
    """The pairs of a mapping with those that `<<: *defaults` brings first; its own win, then those of the first source.

    Each mapping is merged once, however many aliases name it: PyYAML's own merge doubles with each level of two.
    """
    if all(key.tag != _MERGE for key, _ in node.value):
        return list(node.value)
    if id(node) not in done:
        done[id(node)] = []  # what merges itself brings nothing
        own = [(key, value) for key, value in node.value if key.tag != _MERGE]
        pairs: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        for key, value in node.value:
            for source in _sources(value, problems) if key.tag == _MERGE else ():
                for pair in _merged(source, problems, done):
                    pairs.setdefault(str(pair[0].value), pair)
        names = {str(key.value) for key, _ in own}
        done[id(node)] = [*(pair for name, pair in pairs.items() if name not in names), *own]
    return done[id(node)]


def _sources(value: yaml.Node, problems: Problems) -> Iterator[yaml.MappingNode]:
    for source in value.value if isinstance(value, yaml.SequenceNode) else [value]:
        if isinstance(source, yaml.MappingNode):
            yield source
        else:
            problems.add(source, "expected a mapping, or a list of mappings, to merge")


def _refuse_repeated(node: yaml.MappingNode, problems: Problems) -> None:
    seen: set[str] = set()
    for key, _ in node.value:
        name = str(key.value)
        if name in seen and key.tag != _MERGE:
            problems.add(key, f"`{name}` stands here a second time")
        seen.add(name)


def items(node: yaml.Node | None, problems: Problems) -> Iterator[yaml.Node]:
    """The items of a list."""
    if node is None or is_null(node):
        return
    if not isinstance(node, yaml.SequenceNode):
        problems.add(node, "expected a list")
        return
    yield from node.value


def scalar(node: yaml.Node | None, problems: Problems) -> str:
    """The text of a scalar as it was written; empty if there is none."""
    if node is None or is_null(node):
        return ""
    if not isinstance(node, yaml.ScalarNode):
        problems.add(node, "expected a text")
        return ""
    return str(node.value)


def strings(node: yaml.Node | None, problems: Problems) -> Texts:
    """A mapping of texts, each with its node."""
    if node is None:
        return {}
    return {name: (scalar(value, problems), value) for name, value in mapping(node, (), problems).items()}
