"""All verbs by name; what is heavy to import is imported inside them."""

import json
import sys
from importlib import metadata
from importlib.util import find_spec
from typing import Annotated, Final

import typer

from lapbell_evaluator.cli import alerts, files, history, maintenance, notify, silences
from lapbell_evaluator.cli.doctor import doctor
from lapbell_evaluator.cli.exits import Exit
from lapbell_evaluator.cli.options import (
    ConfigFile,
    Output,
    OutputFormat,
    Token,
    TokenFile,
    Url,
    config_file,
    settings_from,
)
from lapbell_evaluator.cli.runbook import runbook
from lapbell_evaluator.cli.target import target
from lapbell_evaluator.cli.trace import trace
from lapbell_evaluator.model import EvaluatorError

__all__ = ["run"]

app: Final = typer.Typer(
    name="lapbell",
    help="Tells which phase of a webhook is slow, before the provider gives up on it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for name, verbs in (
    ("alerts", alerts.app),
    ("silence", silences.app),
    ("maintenance", maintenance.app),
    ("check", files.check),
    ("test", files.test),
    ("rules", files.rules),
    ("history", history.app),
    ("notify", notify.app),
):
    app.add_typer(verbs, name=name)


def _tell_version(is_requested: bool) -> None:  # noqa: FBT001 # typer passes it by position
    if is_requested:
        typer.echo(metadata.version("lapbell"))
        raise typer.Exit


@app.callback()
def lapbell(
    *,
    version: Annotated[  # its callback does the work
        bool, typer.Option("--version", help="Print the version and end.", is_eager=True, callback=_tell_version)
    ] = False,
) -> None:
    """Tells which phase of a webhook is slow, before the provider gives up on it."""


def run() -> None:
    """Runs the verb that the command line names.

    Exit codes: 0 fine, 1 the thing checked failed, 2 usage or configuration, 4 evaluator unreachable.
    """
    try:
        app()
    except EvaluatorError as error:
        sys.stderr.write(f"lapbell: {error}\n")
        sys.exit(getattr(error, "exit_code", Exit.USAGE))


@app.command()
def serve(config: ConfigFile = None) -> None:
    """Run the evaluator: OTLP in, rules, alerts, REST."""
    from lapbell_evaluator.serving import serve_until_stopped  # noqa: PLC0415 # heavy

    typer.echo(f"configuration: {config_file(config) or 'defaults'}", err=True)
    serve_until_stopped(lambda: settings_from(config))


@app.command()
def demo(
    seconds: Annotated[
        float | None, typer.Option("--for", min=45, help="End after so many seconds, with a verdict.")
    ] = None,
) -> None:
    """Run a webhook app, its worker, the evaluator and traffic, and show what happens.

    Needs nothing but Python; Ctrl-C ends every process that it started. With --for the exit code is 0 only if the slow
    phase was found, fired exactly one incident and resolved.
    """
    missing = [name for name in ("twilio", "fakeredis", "redis", "multipart") if find_spec(name) is None]
    if missing:
        raise EvaluatorError(f"The demo needs {', '.join(missing)}.", "Install it: pip install 'lapbell[demo]'")
    from lapbell_evaluator.demo import play  # noqa: PLC0415 # heavy

    sys.exit(play(seconds))


@app.command()
def query(
    expr: Annotated[str, typer.Argument(help="PromQL.")],
    url: Url = "",
    config: ConfigFile = None,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Ask the evaluator a PromQL question, now."""
    from lapbell_evaluator.cli.client import Client  # noqa: PLC0415 # httpx is heavy
    from lapbell_evaluator.cli.tables import print_query  # noqa: PLC0415 # rich is heavy

    with Client(target(url, config)) as client:
        answer = client.post_form("/api/v1/query", query=expr)
    if output is OutputFormat.JSON:
        typer.echo(json.dumps(answer["data"], indent=2))
    else:
        print_query(answer["data"])


@app.command()
def audit(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many changes at most.")] = 20,
    url: Url = "",
    config: ConfigFile = None,
    token_file: TokenFile = None,
    token: Token = "",
    output: Output = OutputFormat.TABLE,
) -> None:
    """Show what people changed, and why, the newest first."""
    from lapbell_evaluator.cli.client import Client  # noqa: PLC0415 # httpx is heavy
    from lapbell_evaluator.cli.tables import print_audit  # noqa: PLC0415 # rich is heavy

    with Client(target(url, config, token_file, token)) as client:
        entries = client.pages("/api/performance/audit", "entries", limit)
    if output is OutputFormat.JSON:
        typer.echo(json.dumps(entries, indent=2))
    else:
        print_audit(entries)


@app.command()
def openapi() -> None:
    """Print the OpenAPI document of the REST gate."""
    from lapbell_evaluator.api import openapi_text  # noqa: PLC0415 # heavy

    typer.echo(openapi_text(metadata.version("lapbell")), nl=False)


app.command()(doctor)
app.command()(runbook)
app.command()(trace)
