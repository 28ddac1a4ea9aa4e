"""`lapbell alerts …`."""

import json
import re
from getpass import getuser
from typing import Annotated, Any, Final

import typer

from lapbell import semconv
from lapbell_evaluator.cli.options import (
    By,
    ConfigFile,
    Output,
    OutputFormat,
    Token,
    TokenFile,
    Url,
    reason_given,
)
from lapbell_evaluator.cli.target import Target, target
from lapbell_evaluator.model import EvaluatorError
from lapbell_evaluator.model.prometheus_names import label

__all__ = ["app"]

_KEY: Final = re.compile("[0-9a-f]{16}")
app: Final = typer.Typer(help="Active alerts: what fires, and what is to blame.", no_args_is_help=True)

Key = Annotated[str, typer.Argument(help="The alert's key, as `lapbell alerts list` prints it.")]
Why = Annotated[str, typer.Option("--why", "-w", help="What to write into the history; asked for if absent.")]


@app.command("list")
def list_alerts(
    *,
    url: Url = "",
    config: ConfigFile = None,
    output: Output = OutputFormat.TABLE,
    whole: Annotated[bool, typer.Option("--all", help="Every alert of a storm, not only a few.")] = False,
) -> None:
    """List active alerts; a storm is one block."""
    from lapbell_evaluator.cli.client import Client  # noqa: PLC0415 # httpx is heavy
    from lapbell_evaluator.cli.tables import print_alerts  # noqa: PLC0415 # rich is heavy

    with Client(target(url, config)) as client:
        answer = client.get("/api/performance/alerts")
    if output is OutputFormat.JSON:
        typer.echo(json.dumps(answer["alerts"], indent=2))
    else:
        print_alerts(answer, is_whole=whole)


@app.command()
def show(key: Key, url: Url = "", config: ConfigFile = None, output: Output = OutputFormat.TABLE) -> None:
    """Show one alert whole: its worst trace beside a normal one, its timeline, its moves, what became of messages."""
    from lapbell_evaluator.cli.client import Client  # noqa: PLC0415 # httpx is heavy
    from lapbell_evaluator.cli.compared_traces import compared_traces  # noqa: PLC0415 # httpx is heavy
    from lapbell_evaluator.cli.comparison import print_comparison  # noqa: PLC0415 # rich is heavy
    from lapbell_evaluator.cli.tables import print_alert  # noqa: PLC0415 # rich is heavy
    from lapbell_evaluator.cli.timeline import (  # noqa: PLC0415 # rich is heavy
        print_deliveries,
        print_moves,
        print_timeline,
    )

    with Client(target(url, config)) as client:
        answer = client.get(f"/api/performance/alerts/{_checked(key)}")
        worst, normal = (None, None) if output is OutputFormat.JSON else compared_traces(client, answer)
    if output is OutputFormat.JSON:
        typer.echo(json.dumps(answer, indent=2))
    else:
        print_alert(answer)
        if worst is not None:
            print_comparison(worst, normal, answer["labels"].get(label(semconv.HTTP_ROUTE), ""))
        print_timeline(answer["timeline"])
        print_moves(answer["transitions"])
        print_deliveries(answer["deliveries"])


@app.command()
def history(
    key: Annotated[str, typer.Argument(help="Of one alert; all if absent.")] = "",
    matching: Annotated[
        list[str] | None, typer.Option("--matching", "-m", help="Such as job=shop; several must all hold.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many moves at most.")] = 20,
    url: Url = "",
    config: ConfigFile = None,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Show what happened to alerts, and why, the newest first."""
    from lapbell_evaluator.cli.client import Client  # noqa: PLC0415 # httpx is heavy
    from lapbell_evaluator.cli.tables import print_history  # noqa: PLC0415 # rich is heavy

    parameters: dict[str, Any] = {"filter": matching or []} | ({"alert_key": _checked(key)} if key else {})
    with Client(target(url, config)) as client:
        moves = client.pages("/api/performance/alert-history", "transitions", limit, **parameters)
    if output is OutputFormat.JSON:
        typer.echo(json.dumps(moves, indent=2))
    else:
        print_history(moves)


@app.command()
def ack(
    key: Key,
    why: Why = "",
    by: By = "",
    url: Url = "",
    config: ConfigFile = None,
    token_file: TokenFile = None,
    token: Token = "",
) -> None:
    """Take an alert: repeats stop, its resolved message still comes."""
    answer = _change(key, "acknowledge", _body(why, by), target(url, config, token_file, token))
    typer.echo(f"{answer['alertname']} {key}: acknowledged")


@app.command()
def resolve(
    key: Key,
    why: Why = "",
    by: By = "",
    url: Url = "",
    config: ConfigFile = None,
    token_file: TokenFile = None,
    token: Token = "",
) -> None:
    """Resolve an alert by hand: it stays quiet until its condition clears and returns, or worsens."""
    answer = _change(key, "resolve", _body(why, by), target(url, config, token_file, token))
    typer.echo(f"{answer['alertname']} {key}: resolved")


def _body(why: str, by: str) -> dict[str, object]:
    return {"reason": reason_given(why), "by": by or getuser()}


def _change(key: str, verb: str, body: dict[str, object], where: Target) -> Any:  # noqa: ANN401 # JSON
    from lapbell_evaluator.cli.client import Client  # noqa: PLC0415 # httpx is heavy

    with Client(where) as client:
        return client.post(f"/api/performance/alerts/{_checked(key)}/{verb}", body)


def _checked(key: str) -> str:
    if not _KEY.fullmatch(key):
        raise EvaluatorError(f"{key!r} is no key of an alert.", "`lapbell alerts list` prints the keys.")
    return key
