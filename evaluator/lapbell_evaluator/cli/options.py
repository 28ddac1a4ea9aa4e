"""Options that several verbs share."""

import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from lapbell_evaluator.config import Settings

__all__ = ["ConfigFile", "Output", "OutputFormat", "Url", "settings_from"]

ConfigFile = Annotated[
    Path | None, typer.Option("--config", "-c", envvar="LAPBELL_CONFIG", help="lapbell.yaml; defaults if absent.")
]
Url = Annotated[str, typer.Option("--url", envvar="LAPBELL_URL", help="Where the evaluator's REST gate is.")]


class OutputFormat(StrEnum):
    """How a list is printed."""

    TABLE = "table"
    JSON = "json"


Output = Annotated[OutputFormat, typer.Option("--output", "-o", help="For people or for programs.")]


def settings_from(config: Path | None) -> "Settings":
    """The settings of a file and the environment."""
    from lapbell_evaluator.config import load  # noqa: PLC0415 # pydantic is heavy

    return load(config, os.environ)
