"""All verbs by name; what is heavy to import is imported inside them."""

import sys
from typing import Annotated, Final

import typer

from lapbell_evaluator.cli import alerts
from lapbell_evaluator.cli.exits import Exit
from lapbell_evaluator.cli.options import ConfigFile, settings_from
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
check: Final = typer.Typer(help="Check files without starting anything.", no_args_is_help=True)
rules: Final = typer.Typer(help="The rules that run.", no_args_is_help=True)
app.add_typer(check, name="check")
app.add_typer(rules, name="rules")
app.add_typer(alerts.app, name="alerts")


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
    from lapbell_evaluator.app import serve_until_stopped  # noqa: PLC0415 # heavy

    serve_until_stopped(settings_from(config))


@app.command()
def demo(
    seconds: Annotated[
        float | None, typer.Option("--for", min=20, help="End after so many seconds, with a verdict.")
    ] = None,
) -> None:
    """Run a webhook app, its worker, the evaluator and traffic, and show what happens.

    Needs nothing but Python; Ctrl-C ends every process that it started. With --for the exit code is 0 only if the slow
    phase was found, fired exactly one incident and resolved.
    """
    from lapbell_evaluator.demo import play  # noqa: PLC0415 # heavy

    sys.exit(play(seconds))


@check.command("config")
def check_config(config: ConfigFile = None) -> None:
    """Check lapbell.yaml and the LAPBELL_ variables."""
    settings_from(config)
    typer.echo(f"{config or 'defaults'}: fine")


@rules.command("show")
def rules_show(config: ConfigFile = None) -> None:
    """Print the shipped rules, with the thresholds of the configuration, as a Prometheus rule file."""
    from lapbell_evaluator.app import shipped_rules_text  # noqa: PLC0415 # heavy

    typer.echo(shipped_rules_text(settings_from(config)), nl=False)


@app.command()
def openapi() -> None:
    """Print the OpenAPI document of the REST gate."""
    from lapbell_evaluator.app import openapi_text  # noqa: PLC0415 # heavy

    typer.echo(openapi_text(), nl=False)


@check.command("schema")
def check_schema() -> None:
    """Print the JSON Schema of lapbell.yaml, for editors."""
    import json  # noqa: PLC0415 # beside the import below

    from lapbell_evaluator.config import Settings  # noqa: PLC0415 # heavy

    typer.echo(json.dumps(Settings.model_json_schema(), indent=2))
