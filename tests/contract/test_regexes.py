"""Python's `re` backtracks: where it meets text that others write, every pattern's time is linear in that text.

A pattern is linear if an unbounded repetition that something can fail behind is possessive, and if a search that failed
behind such a repetition cannot begin anew within what it had consumed. Everything else is RE2's, or a scanner's.
"""

import ast
import importlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

ROOT: Final = Path(__file__).parents[2]
ROOTS: Final = {"instrumentation": "lapbell", "evaluator": "lapbell_evaluator"}
ALLOWED: Final = {
    "lapbell/event_types.py": "64 characters",
    "lapbell/monitor/alerts.py": "an alert's key, 16 characters",
    "lapbell/privacy.py": "4,096 characters of a text; the lines of a stack",
    "lapbell/scrubber.py": "4,096 characters of a text",
    "lapbell/system/machine.py": "/proc, which the kernel writes",
    "lapbell_evaluator/api/ask.py": "our own expressions",
    "lapbell_evaluator/api/window.py": "32 characters",
    "lapbell_evaluator/cli/alerts.py": "an alert's key, 16 characters",
    "lapbell_evaluator/cli/doctor/otlp.py": "what a server said, without a repetition",
    "lapbell_evaluator/cli/silences.py": "an argument",
    "lapbell_evaluator/evidence/kind.py": "the name of an alert, without a repetition",
    "lapbell_evaluator/evidence/redis.py": "`re.escape` alone",
    "lapbell_evaluator/evidence/redis_errors.py": "a message, without an unbounded repetition",
    "lapbell_evaluator/evidence/stack.py": "65,536 characters of a stack",
    "lapbell_evaluator/messages/lines.py": "a line of a message, 600 characters",
    "lapbell_evaluator/promql/functions/labels.py": "an argument of an expression",
    "lapbell_evaluator/promql/functions/sorting.py": "label values",
    "lapbell_evaluator/promql/http_querier.py": "a server's error",
    "lapbell_evaluator/promql/syntax/durations.py": "an expression",
    "lapbell_evaluator/promql/syntax/lexer.py": "an expression, 8,192 characters",
    "lapbell_evaluator/promql/syntax/printer.py": "a label's name",
    "lapbell_evaluator/promql/syntax/quoting.py": "an expression",
    "lapbell_evaluator/receiver/exemplars.py": "ids of 32 and 16 characters",
    "lapbell_evaluator/receiver/json_names.py": "a body",
    "lapbell_evaluator/receiver/names.py": "the names of metrics and attributes",
    "lapbell_evaluator/rule_tests/cases.py": "a rule test",
    "lapbell_evaluator/rule_tests/histogram_notation.py": "a rule test",
    "lapbell_evaluator/rule_tests/notation.py": "a rule test",
    "lapbell_evaluator/rules/template/constants.py": "a template",
    "lapbell_evaluator/rules/template/functions.py": "262,144 characters of a value",
    "lapbell_evaluator/rules/template/lexer.py": "a template",
    "lapbell_evaluator/rules/template/moments.py": "a layout of a time",
}
"""Files that may import `re`, and what bounds the text that their patterns see."""

_PARSER: Final = importlib.import_module("re._parser")
_REPEATS: Final = {"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"}
_BOUNDED: Final = 128
_ALPHABET: Final = [chr(code) for code in (*range(0x250), 0x2019, 0x65E5)]
_Node = tuple[Any, Any]


@dataclass(frozen=True)
class Use:
    """A pattern, and how it is used: `match`, `fullmatch`, `search` (which `sub`, `findall`, `split` are too)."""

    file: str
    name: str
    pattern: re.Pattern[str]
    methods: frozenset[str]


def files() -> Iterator[tuple[str, ast.Module]]:
    for root, package in ROOTS.items():
        for path in sorted((ROOT / root / package).rglob("*.py")):
            yield str(path.relative_to(ROOT / root)), ast.parse(path.read_text(encoding="utf-8"))


def imports_re(tree: ast.Module) -> bool:
    return any(
        (isinstance(node, ast.Import) and any(alias.name.split(".")[0] == "re" for alias in node.names))
        or (isinstance(node, ast.ImportFrom) and node.module == "re")
        for node in ast.walk(tree)
    )


def patterns(value: object) -> Iterator[re.Pattern[str]]:
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, tuple | list):
        for item in value:
            yield from patterns(item)
    elif isinstance(value, dict):
        yield from patterns(list(value.values()))


def methods(tree: ast.Module) -> dict[str, set[str]]:
    """What is called on each global, or on an item of it."""
    called: dict[str, set[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            root = node.value.value if isinstance(node.value, ast.Subscript) else node.value
            if isinstance(root, ast.Name):
                called.setdefault(root.id, set()).add(node.attr)
    return called


def uses() -> Iterator[Use]:
    for file, tree in files():
        if file in ALLOWED:
            called = methods(tree)
            module = importlib.import_module(file.removesuffix(".py").replace("/", "."))
            for name, value in vars(module).items():
                for pattern in patterns(value):
                    yield Use(file, name, pattern, frozenset(called.get(name, {"search"})))


def fails(node: _Node) -> bool:
    """Whether a node may fail to match."""
    kind, value = str(node[0]), node[1]
    if kind in _REPEATS:
        return value[0] > 0 and any(map(fails, value[2]))
    if kind == "SUBPATTERN":
        return any(map(fails, value[3]))
    if kind == "BRANCH":
        return all(any(map(fails, branch)) for branch in value[1])
    return True


def inner(node: _Node) -> list[list[_Node]]:
    """The sequences within a node."""
    kind, value = str(node[0]), node[1]
    if kind in _REPEATS:
        return [list(value[2])]
    if kind == "SUBPATTERN":
        return [list(value[3])]
    if kind == "BRANCH":
        return [list(branch) for branch in value[1]]
    if kind in {"ASSERT", "ASSERT_NOT"}:
        return [list(value[1])]
    if kind == "ATOMIC_GROUP":
        return [list(value)]
    return []


def characters(node: _Node, pattern: re.Pattern[str]) -> frozenset[str]:
    """Those that a node may consume, at any place within it."""
    if str(node[0]) in {"ASSERT", "ASSERT_NOT"}:
        return frozenset()
    if inner(node):
        return frozenset().union(*(characters(part, pattern) for parts in inner(node) for part in parts))
    kind, value = str(node[0]), node[1]
    if kind in {"AT", "GROUPREF"}:
        return frozenset()
    if kind == "NOT_LITERAL":
        return frozenset(_ALPHABET) - {chr(value)}
    if kind == "ANY":
        return frozenset(_ALPHABET)
    if kind == "LITERAL":
        return folded({chr(value)}, pattern)
    chosen = frozenset().union(*(in_set(item) for item in value if str(item[0]) != "NEGATE"))
    return frozenset(_ALPHABET) - chosen if str(value[0][0]) == "NEGATE" else folded(chosen, pattern)


def in_set(item: _Node) -> frozenset[str]:
    kind, value = str(item[0]), item[1]
    if kind == "LITERAL":
        return frozenset({chr(value)})
    if kind == "RANGE":
        return frozenset(chr(code) for code in range(value[0], value[1] + 1))
    letter = {"DIGIT": "d", "SPACE": "s", "WORD": "w"}[str(value).rsplit("_", 1)[1]]
    category = re.compile(rf"\{letter.upper() if '_NOT_' in str(value) else letter}")
    return frozenset(character for character in _ALPHABET if category.match(character))


def folded(chosen: set[str] | frozenset[str], pattern: re.Pattern[str]) -> frozenset[str]:
    if not pattern.flags & re.IGNORECASE:
        return frozenset(chosen)
    return frozenset(character for character in _ALPHABET if {character.lower(), character.upper()} & chosen)


def faults(sequence: list[_Node], use: Use, prefix: list[_Node], *, fails_behind: bool) -> Iterator[str]:
    """Repetitions that may make the time more than linear.

    Args:
        sequence: nodes that follow one another.
        use: where they stand.
        prefix: the nodes before them, which a match must have passed.
        fails_behind: whether something behind the sequence may fail.
    """
    for at, node in enumerate(sequence):
        behind = fails_behind or any(map(fails, sequence[at + 1 :]))
        for branch in inner(node):
            yield from faults(branch, use, prefix + sequence[:at], fails_behind=behind)
        kind = str(node[0])
        if kind in _REPEATS and int(node[1][1]) > _BOUNDED and behind:
            if kind != "POSSESSIVE_REPEAT":
                yield f"{use.file} {use.name}: {use.pattern.pattern!r}: a repetition gives back"
            elif "search" in use.methods and not cannot_begin_within(node, use, prefix + sequence[:at]):
                yield f"{use.file} {use.name}: {use.pattern.pattern!r}: a search may begin within a repetition"


def cannot_begin_within(repeat: _Node, use: Use, prefix: list[_Node]) -> bool:
    """Whether a node of the prefix consumes, or forbids before it, only what the repetition does not (or does)."""
    consumed = characters(repeat, use.pattern)
    for kind, value in prefix:
        if str(kind) == "ASSERT_NOT" and value[0] < 0 and consumed <= characters(value[1][0], use.pattern):
            return True
        if str(kind) not in {"AT", "ASSERT", "ASSERT_NOT"} and fails((kind, value)):
            required = characters((kind, value), use.pattern)
            if not required & consumed:
                return True
    return False


def all_faults(use: Use) -> list[str]:
    searches = use.methods & {"search", "sub", "subn", "findall", "finditer", "split"}
    how = frozenset({"search"}) if searches else use.methods
    sequence = list(_PARSER.parse(use.pattern.pattern, use.pattern.flags & ~re.DEBUG))
    used = Use(use.file, use.name, use.pattern, how)
    return list(faults(sequence, used, [], fails_behind="fullmatch" in use.methods))


def test_only_files_with_a_reason_import_re():
    assert {file for file, tree in files() if imports_re(tree)} == set(ALLOWED)


def test_patterns_are_compiled_at_import_so_that_all_of_them_are_looked_at():
    allowed = {"compile", "escape", "Match", "Pattern", "IGNORECASE", "DOTALL", "VERBOSE", "MULTILINE", "ASCII"}
    elsewhere = {f"{file}: re.{name}" for file, tree in files() for name in methods(tree).get("re", set()) - allowed}
    inside = {
        f"{file}: {function.name}"
        for file, tree in files()
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
        if (node.value.id, node.attr) == ("re", "compile")
    }
    assert elsewhere | inside == set()


def test_every_pattern_takes_time_linear_in_its_text():
    assert [fault for use in uses() for fault in all_faults(use)] == []


@pytest.mark.parametrize(
    ("pattern", "method", "is_linear"),
    [
        (r"\s*(\w+)\s*(=)\s*(.*?)\s*", "fullmatch", False),
        (r'(?<!\\)(?:\\\\)*"', "search", False),
        (r"\b[a-z][a-z0-9+.-]*+://", "search", False),
        (r"(?<![a-z0-9+.-])[0-9+.-]*+[a-z][a-z0-9+.-]*+://", "search", True),
        (r"(\d+)(ms|s)", "findall", False),
        (r"(\d{1,12})(ms|s)", "findall", True),
        (r"(a+)+", "fullmatch", False),
        (r"(?:a++b)*+", "fullmatch", True),
        (r"\w+", "sub", True),
        (r'"(?:[^"\\]|\\.)*+"', "match", True),
        (r'"(?:[^"\\]|\\.)*"', "match", False),
    ],
)
def test_the_rule_tells_quadratic_patterns_from_linear_ones(pattern, method, is_linear):
    use = Use("a.py", "_P", re.compile(pattern), frozenset({method}))
    assert (all_faults(use) == []) is is_linear
