"""No test fails because the machine is slow: httpx gives up after five seconds unless it is told otherwise."""

import ast
from pathlib import Path

TESTS = Path(__file__).parents[1]
CALLS = {"AsyncClient", "Client", "get", "post", "put", "delete", "head", "options", "request", "stream"}


def impatient(tree):
    """Lines of calls of httpx itself that do not say how long they wait."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="httpx"), attr=name), keywords=keywords) if (
                name in CALLS
            ):
                if not any(keyword.arg in {"timeout", None} for keyword in keywords):
                    yield node.lineno


def test_a_call_without_a_timeout_is_found():
    tree = ast.parse("httpx.get(url)\nhttpx.AsyncClient(timeout=60)\nclient.get(url)\nhttpx.Client(trust_env=False)")
    assert list(impatient(tree)) == [1, 4]


def test_every_client_of_a_test_says_how_long_it_waits():
    lines = {
        str(file.relative_to(TESTS)): list(impatient(ast.parse(file.read_text(encoding="utf-8"))))
        for file in sorted(TESTS.rglob("*.py"))
    }
    assert {name: numbers for name, numbers in lines.items() if numbers} == {}
