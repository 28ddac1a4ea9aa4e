"""docs/reference.md, made from the code: settings, routes, command line, metrics.

`python -m reference_kit > ../docs/reference.md`, run in `tests/`, writes it anew.
"""

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from types import UnionType
from typing import Any, get_args, get_origin

import typer
from prometheus_client.parser import text_string_to_metric_families
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from evaluator_kit import evaluator
from lapbell.instruments import DEFINITIONS
from lapbell_evaluator.api import openapi
from lapbell_evaluator.cli.verbs import app
from lapbell_evaluator.config import Settings

__all__ = ["reference"]


def reference() -> str:
    """The page."""
    sections = {
        "Settings: `lapbell.yaml`, or `LAPBELL_SECTION__KEY`": _table(("setting", "default", "what"), _settings()),
        "REST": _table(("route", "what"), _routes()),
        "Command line": _table(("verb", "what"), _verbs()),
        "Metrics that the library sends": _table(("metric", "kind", "unit", "what"), _metrics()),
        "Metrics of the evaluator, on `GET /metrics`": _table(
            ("metric", "kind", "what"), iter(asyncio.run(_own_metrics()))
        ),
    }
    body = "\n\n".join(f"## {title}\n\n{table}" for title, table in sections.items())
    return f"# Reference\n\nMade from the code; a test keeps it true.\n\n{body}\n"


def _table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def _settings(model: type[BaseModel] = Settings, prefix: str = "") -> Iterator[tuple[str, ...]]:
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from _settings(inner, f"{prefix}{name}.")
        else:
            default = field.get_default(call_default_factory=True)
            told = "" if default in (None, (), {}, PydanticUndefined) else f"`{default}`"
            yield f"`{prefix}{name}`", told, field.description or ""
            joint = "." if get_origin(inner) is UnionType else "[]."
            for of in get_args(inner):
                if isinstance(of, type) and issubclass(of, BaseModel):
                    yield from _settings(of, f"{prefix}{name}{joint}")


def _routes() -> Iterator[tuple[str, ...]]:
    paths: Mapping[str, Mapping[str, Any]] = openapi("")["paths"]
    for path, methods in sorted(paths.items()):
        for method, operation in methods.items():
            yield f"`{method.upper()} {path}`", operation["description"].split("\n\n")[0].replace("\n", " ")


def _verbs() -> Iterator[tuple[str, ...]]:
    command = typer.main.get_command(app)
    for path, verb in _leaves(command, "lapbell"):
        yield f"`{path}`", (verb.help or "").split("\n\n")[0].replace("\n", " ")


def _leaves(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    inner = getattr(command, "commands", None)
    if not inner:
        yield path, command
    for name, each in (inner or {}).items():
        yield from _leaves(each, f"{path} {name}")


def _metrics() -> Iterator[tuple[str, ...]]:
    for name, definition in DEFINITIONS.items():
        yield f"`{name}`", definition.kind, definition.unit, definition.description


async def _own_metrics() -> list[tuple[str, ...]]:
    """What a running evaluator says of itself, after an export that it took and one that it refused."""
    export = {"endpoint": "http://127.0.0.1:9"}
    with TemporaryDirectory() as folder:
        async with evaluator(Path(folder), export=export) as (client, addresses):
            broken = await client.post(
                f"http://{addresses.otlp_http}/v1/metrics",
                content=b"\xff",
                headers={"Content-Type": "application/x-protobuf"},
            )
            assert broken.status_code == 400, broken.text
            text = (await client.get("/metrics")).text
    families = {family.name: family for family in text_string_to_metric_families(text)}
    return [(f"`{name}`", family.type, family.documentation) for name, family in sorted(families.items())]
