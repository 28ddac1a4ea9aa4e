"""`lapbell doctor`."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lapbell_evaluator.cli.exits import Exit
from lapbell_evaluator.cli.options import (
    ConfigFile,
    Output,
    OutputFormat,
    Token,
    TokenFile,
    config_file,
    settings_from,
)
from lapbell_evaluator.cli.target import token_from
from lapbell_evaluator.model import EvaluatorError

if TYPE_CHECKING:
    from lapbell_evaluator.cli.doctor.finding import Finding
    from lapbell_evaluator.cli.doctor.installation import Installation
    from lapbell_evaluator.config import Settings

__all__ = ["doctor"]

NamedUrl = Annotated[
    str | None,
    typer.Option("--url", envvar="LAPBELL_URL", help="The evaluator's REST gate; listen.rest if not given."),
]
Patience = Annotated[
    float,
    typer.Option(min=0.1, max=100.0, help="Waits so many times as long: on a busy machine, or for a far one."),
]


def doctor(
    url: NamedUrl = None,
    config: ConfigFile = None,
    output: Output = OutputFormat.TABLE,
    token_file: TokenFile = None,
    token: Token = "",
    patience: Patience = 1.0,
) -> None:
    """Say what is wrong when no data arrives, no alert fires, or no trace is to be seen.

    Looks at the configuration, the storage, the running evaluator and its gates, at what arrives and leaves, and at
    what an app that is started in this environment would do. Changes nothing. Exit codes: 0 nothing is wrong, 1
    something is, 4 if all that is wrong is that the evaluator that was named does not answer.
    """
    import asyncio  # noqa: PLC0415 # heavy

    from lapbell_evaluator.cli.doctor.examination import examine  # noqa: PLC0415 # heavy
    from lapbell_evaluator.cli.doctor.patience import set_patience  # noqa: PLC0415 # with its neighbours
    from lapbell_evaluator.cli.doctor.report import as_json, print_report  # noqa: PLC0415 # rich is heavy

    installation = _installation(url or "", config, token_file, token)
    set_patience(patience)
    findings = asyncio.run(examine(installation))
    if output is OutputFormat.JSON:
        typer.echo(as_json(findings))
    else:
        print_report(findings)
    code = _code(findings, is_named=installation.is_named)
    if code is not Exit.FINE:
        raise typer.Exit(code)


def _installation(url: str, config: Path | None, token_file: Path | None, token: str) -> "Installation":
    import time  # noqa: PLC0415 # with its neighbours
    from importlib.metadata import version  # noqa: PLC0415 # with its neighbours

    from lapbell_evaluator.cli.address import Address, is_http_url  # noqa: PLC0415 # pydantic is heavy
    from lapbell_evaluator.cli.doctor.installation import Installation  # noqa: PLC0415 # pydantic is heavy
    from lapbell_evaluator.config import Settings  # noqa: PLC0415 # pydantic is heavy

    settings, trouble = None, ""
    try:
        settings = settings_from(config)
    except EvaluatorError as error:
        trouble = str(error)
    if url and not is_http_url(url):
        raise EvaluatorError(f"{url!r} is no URL of a REST gate.", "Write --url http://127.0.0.1:8740, or LAPBELL_URL.")
    own = f"http://{Address.of_listen((settings or Settings()).listen.rest)}"
    return Installation(
        file=config_file(config),
        settings=settings,
        trouble=trouble,
        environ=os.environ,
        url=url or own,
        is_named=bool(url),
        token=token or _token(token_file, settings or Settings()),
        version=version("lapbell"),
        now=time.time(),
    )


def _token(file: Path | None, settings: "Settings") -> str:
    """A token to show where one is wanted; none from a file that can't be read: most questions want none."""
    from lapbell_evaluator.config import admin_token_file  # noqa: PLC0415 # pydantic is heavy

    try:
        return token_from(file, admin_token_file(settings))
    except EvaluatorError:
        return ""


def _code(findings: "tuple[Finding, ...]", *, is_named: bool) -> Exit:
    from lapbell_evaluator.cli.doctor.finding import Verdict  # noqa: PLC0415 # with its neighbours
    from lapbell_evaluator.cli.doctor.health import ANSWERS  # noqa: PLC0415 # httpx is heavy

    wrong = [finding.check for finding in findings if finding.verdict is Verdict.WRONG]
    if is_named and wrong == [ANSWERS.check]:
        return Exit.UNREACHABLE
    return Exit.FAILED if wrong else Exit.FINE
