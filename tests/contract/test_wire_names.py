"""Names on the wire exist once, in `lapbell.semconv`; a literal elsewhere is a defect."""

import ast
from pathlib import Path

from lapbell import semconv

ROOT = Path(__file__).parents[2]
SOURCES = sorted([*ROOT.glob("instrumentation/lapbell/**/*.py"), *ROOT.glob("evaluator/lapbell_evaluator/**/*.py")])
NAMES = {
    value
    for name, value in vars(semconv).items()
    if name.isupper() and isinstance(value, str) and "." in value.strip(".")
}


def literals(file: Path) -> set[str]:
    tree = ast.parse(file.read_text())
    documentation = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation
    }


def test_no_name_on_the_wire_is_written_outside_semconv():
    written = {
        str(file.relative_to(ROOT)): sorted(found)
        for file in SOURCES
        if file.name != "semconv.py" and (found := literals(file) & NAMES)
    }
    assert len(NAMES) > 30
    assert written == {}


def test_a_planted_name_would_be_found(tmp_path):
    planted = tmp_path / "planted.py"
    planted.write_text(f'"""Docs may say {semconv.HTTP_ROUTE}."""\n\nNAME = "{semconv.HTTP_ROUTE}"\n')
    assert literals(planted) & NAMES == {semconv.HTTP_ROUTE}
