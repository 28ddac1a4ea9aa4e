"""Options that several verbs share."""

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from lapbell_evaluator.model import EvaluatorError

if TYPE_CHECKING:
    from lapbell_evaluator.config import Settings

__all__ = [
    "By",
    "ConfigFile",
    "Output",
    "OutputFormat",
    "Token",
    "TokenFile",
    "Url",
    "config_file",
    "reason_given",
    "settings_from",
]

_HERE: Final = Path("lapbell.yaml")

ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", "-c", envvar="LAPBELL_CONFIG", help="The configuration; ./lapbell.yaml if there is one."),
]
Url = Annotated[
    str,
    typer.Option(
        "--url",
        envvar="LAPBELL_URL",
        help="The evaluator's REST gate; listen.rest of the configuration if not given.",
        show_default=False,
    ),
]
TokenFile = Annotated[
    Path | None,
    typer.Option(envvar="LAPBELL_TOKEN_FILE", help="The admin or editor token; admin.token of data_dir if not given."),
]
Token = Annotated[str, typer.Option(envvar="LAPBELL_TOKEN", help="The token itself, instead of a file.")]


By = Annotated[str, typer.Option("--by", help="Who; the user of this shell if absent.")]


class OutputFormat(StrEnum):
    """How a list is printed."""

    TABLE = "table"
    JSON = "json"


Output = Annotated[OutputFormat, typer.Option("--output", "-o", help="For people or for programs.")]


def reason_given(why: str) -> str:
    """The reason given by `--why`, or asked for at the terminal."""
    if why:
        return why
    if not sys.stdin.isatty():
        raise EvaluatorError("Nobody says why.", 'Add --why "…": others will read it in the history.')
    answer: str = typer.prompt("Why")
    return answer


def config_file(config: Path | None) -> Path | None:
    """The file that is named, or `lapbell.yaml` in this folder, or None."""
    return config or (_HERE if _HERE.exists() else None)


def settings_from(config: Path | None) -> "Settings":
    """The settings of a file and the environment."""
    from lapbell_evaluator.config import load  # noqa: PLC0415 # pydantic is heavy

    return load(config_file(config), os.environ)
