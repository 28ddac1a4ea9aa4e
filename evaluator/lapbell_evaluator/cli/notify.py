"""`lapbell notify …`: who hears of alerts, and what became of messages."""

import json
from dataclasses import asdict
from getpass import getuser
from typing import Annotated, Final

import typer

from lapbell_evaluator.cli.exits import Exit
from lapbell_evaluator.cli.options import (
    By,
    ConfigFile,
    Output,
    OutputFormat,
    Token,
    TokenFile,
    Url,
    reason_given,
    settings_from,
)
from lapbell_evaluator.cli.target import target
from lapbell_evaluator.model import EvaluatorError

__all__ = ["app"]

app: Final = typer.Typer(help="Who hears of alerts, and what became of messages.", no_args_is_help=True)


@app.command()
def routes(
    of: Annotated[list[str], typer.Argument(metavar="NAME=VALUE...", help="The labels of an alert.")],
    config: ConfigFile = None,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Say who would hear of an alert with these labels by the configuration, and why."""
    from lapbell_evaluator.cli.receivers import hearings  # noqa: PLC0415 # heavy
    from lapbell_evaluator.cli.timeline import print_hearings  # noqa: PLC0415 # rich is heavy

    pairs = [text.partition("=") for text in of]
    if any(not name or not sign for name, sign, _ in pairs):
        raise EvaluatorError(f"{' '.join(of)}: no labels.", "Write them as alertname=TaskQueueDepth severity=critical.")
    found = hearings(settings_from(config), {name: value for name, _, value in pairs})
    if output is OutputFormat.JSON:
        typer.echo(json.dumps([asdict(hearing) for hearing in found], indent=2))
    else:
        print_hearings(found)


@app.command("test")
def send_test(
    receiver: Annotated[str, typer.Argument(help="Its name in `receivers`.")], config: ConfigFile = None
) -> None:
    """Send a message to a receiver of the configuration from here: it says that nothing is wrong."""
    from lapbell_evaluator.cli.receivers import DeliveryError, send_trial  # noqa: PLC0415 # heavy

    try:
        send_trial(settings_from(config), receiver)
    except DeliveryError as error:
        typer.echo(f"lapbell: {error}", err=True)
        raise typer.Exit(Exit.FAILED) from None
    typer.echo(f"{receiver} took it")


@app.command("failed")
def list_failed(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many at most.")] = 20,
    url: Url = "",
    config: ConfigFile = None,
    output: Output = OutputFormat.TABLE,
) -> None:
    """List dead letters: what receivers refused for ever, and why, the newest first."""
    from lapbell_evaluator.cli.client import Client  # noqa: PLC0415 # httpx is heavy
    from lapbell_evaluator.cli.timeline import print_dead_letters  # noqa: PLC0415 # rich is heavy

    with Client(target(url, config)) as client:
        letters = client.pages("/api/performance/dead-letters", "dead_letters", limit)
    if output is OutputFormat.JSON:
        typer.echo(json.dumps(letters, indent=2))
    else:
        print_dead_letters(letters)


@app.command()
def replay(
    ids: Annotated[list[int] | None, typer.Argument(help="As `lapbell notify failed` prints them.")] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="Every dead letter.")] = False,
    why: Annotated[str, typer.Option("--why", "-w", help="What has changed; asked for if absent.")] = "",
    by: By = "",
    url: Url = "",
    config: ConfigFile = None,
    token_file: TokenFile = None,
    token: Token = "",
) -> None:
    """Send dead letters once more, in the order in which they were written."""
    from lapbell_evaluator.cli.client import Client  # noqa: PLC0415 # httpx is heavy

    if bool(ids) == every:
        raise EvaluatorError("Which dead letters?", "Name their ids, or all of them by --all.")
    body: dict[str, object] = {"reason": reason_given(why), "by": by or getuser()} | ({"ids": ids} if ids else {})
    with Client(target(url, config, token_file, token)) as client:
        answer = client.post("/api/performance/dead-letters/replay", body)
    typer.echo(f"{answer['replayed']} wait for delivery again")
