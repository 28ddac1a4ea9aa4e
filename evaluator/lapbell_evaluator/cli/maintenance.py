"""`lapbell maintenance …`: the windows in which, again and again, nobody is told of some alerts."""

import json
from typing import Final

import typer

from lapbell_evaluator.cli.options import ConfigFile, Output, OutputFormat, Url
from lapbell_evaluator.cli.target import target

__all__ = ["app"]

app: Final = typer.Typer(help="Windows in which, again and again, nobody is told of some alerts.", no_args_is_help=True)


@app.callback()
def maintenance() -> None:
    """Windows in which, again and again, nobody is told of some alerts."""


@app.command("list")
def list_windows(url: Url = "", config: ConfigFile = None, output: Output = OutputFormat.TABLE) -> None:
    """List the windows of the evaluator's configuration: which are on, and when each begins or ends."""
    from lapbell_evaluator.cli.client import Client  # noqa: PLC0415 # httpx is heavy
    from lapbell_evaluator.cli.tables import print_maintenance  # noqa: PLC0415 # rich is heavy

    with Client(target(url, config)) as client:
        windows = client.get("/api/performance/maintenance")["maintenance"]
    if output is OutputFormat.JSON:
        typer.echo(json.dumps(windows, indent=2))
    else:
        print_maintenance(windows)
