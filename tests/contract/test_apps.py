"""No test imports an app that sets up telemetry as it is imported: its exporters would run on beside all others."""

import ast
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parents[1]


def sets_up(tree: ast.Module) -> bool:
    """Whether a module calls `lapbell.setup` as soon as it is imported."""
    return any(
        isinstance(node, ast.Call) and ast.unparse(node.func) == "lapbell.setup"
        for statement in tree.body
        if not isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
        for node in ast.walk(statement)
    )


def imported(tree: ast.Module) -> Iterator[str]:
    """The modules that a module imports."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (name.name for name in names)
            case ast.ImportFrom(module=str(module), names=names):
                yield module
                yield from (f"{module}.{name.name}" for name in names)


def test_an_app_is_known_by_what_it_does_and_an_import_by_either_form():
    tree = ast.parse("import lapbell\nif True:\n    lapbell.setup(app)\nfrom a.b import c\nimport d.e")
    assert {"sets up": sets_up(tree), "imported": [*imported(tree)]} == {
        "sets up": True,
        "imported": ["lapbell", "a.b", "a.b.c", "d.e"],
    }


def test_no_test_imports_an_app_that_sets_up_telemetry():
    trees = {file: ast.parse(file.read_text(encoding="utf-8")) for file in sorted(TESTS.rglob("*.py"))}
    apps = {".".join(file.relative_to(TESTS).with_suffix("").parts) for file, tree in trees.items() if sets_up(tree)}
    tests = {file: tree for file, tree in trees.items() if file.name.startswith("test_")}
    assert "lapkit.causes_app" in apps
    assert {file.name: found for file, tree in tests.items() if (found := apps & {*imported(tree)})} == {}
