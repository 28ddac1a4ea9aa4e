"""What a module exports, somebody imports: a name that nobody needs is no part of its surface."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PRODUCT = ("instrumentation/lapbell", "evaluator/lapbell_evaluator")
READERS = (*PRODUCT, "tests", "scripts", "docs", "README.md", "pyproject.toml")
TEXTS = {
    path: path.read_text()
    for place in READERS
    for path in ([ROOT / place] if (ROOT / place).is_file() else sorted((ROOT / place).rglob("*")))
    if path.suffix in (".py", ".md", ".toml") and path != Path(__file__)
}


def exported(module: ast.Module) -> set[str]:
    """Functions and constants of `__all__`; classes also give the types of what a module's functions answer."""
    named = {
        str(element.value)
        for node in module.body
        if isinstance(node, ast.Assign)
        and ast.unparse(node.targets[0]) == "__all__"
        and isinstance(node.value, ast.List)
        for element in node.value.elts
        if isinstance(element, ast.Constant)
    }
    constants = {
        ast.unparse(node.target if isinstance(node, ast.AnnAssign) else node.targets[0])
        for node in module.body
        if isinstance(node, ast.Assign | ast.AnnAssign)
    }
    functions = {node.name for node in module.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    return {name for name in named & (constants | functions) if name.isupper() or name.islower()}


def test_every_exported_function_and_constant_is_used_in_another_file():
    words = {path: set(re.findall(r"\w+", text)) for path, text in TEXTS.items()}
    nobody_needs = [
        f"{path.relative_to(ROOT)}: {name}"
        for path, text in TEXTS.items()
        if path.suffix == ".py" and path.is_relative_to(ROOT) and str(path.relative_to(ROOT)).startswith(PRODUCT)
        for name in sorted(exported(ast.parse(text)))
        if not any(
            name in others for other, others in words.items() if other not in (path, path.parent / "__init__.py")
        )
    ]
    assert nobody_needs == []
