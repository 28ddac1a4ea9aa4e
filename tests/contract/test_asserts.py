"""What a failing test names: a fact, not the place of a value in a tuple."""

import ast
from pathlib import Path

TESTS = Path(__file__).parents[1]


def bare_tuples(source: str) -> list[int]:
    """The lines of asserts that compare a tuple of several values with another one, both written out on the spot."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Assert)
        and isinstance(node.test, ast.Compare)
        and isinstance(node.test.left, ast.Tuple)
        and any(isinstance(other, ast.Tuple) for other in node.test.comparators)
    ]


def test_asserts_compare_one_value_or_one_fact_each():
    files = {str(path.relative_to(TESTS)): bare_tuples(path.read_text()) for path in sorted(TESTS.rglob("*.py"))}
    assert {name: lines for name, lines in files.items() if lines} == {}, (
        "assert each fact by itself, or compare one dataclass or dict whose difference names it"
    )


def test_a_bare_tuple_is_seen_and_a_whole_value_is_not():
    assert bare_tuples("assert (a, b) == (1, 2)\nassert a == (1, 2)\nassert one == Pair(1, 2)\n") == [1]
