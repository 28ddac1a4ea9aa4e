"""`lapbell silence …`: alerts that nobody is told about for a while."""

import json
import re
from datetime import UTC, datetime, timedelta
from getpass import getuser
from typing import Annotated, Final

import typer

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
from lapbell_evaluator.cli.target import target
from lapbell_evaluator.model import EvaluatorError

__all__ = ["app"]

app: Final = typer.Typer(help="Alerts that nobody is told about for a while.", no_args_is_help=True)

_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_PART: Final = re.compile(r"(\d{1,9})([smhdw])")
_DURATION: Final = re.compile(r"(?:\d{1,9}[smhdw])++")


@app.command("list")
def list_silences(
    url: Url = "",
    config: ConfigFile = None,
    output: Output = OutputFormat.TABLE,
    *,
    expired: Annotated[bool, typer.Option("--expired", help="Those that have ended, too.")] = False,
) -> None:
    """List silences."""
    from lapbell_evaluator.cli.client import Client  # noqa: PLC0415 # httpx is heavy
    from lapbell_evaluator.cli.tables import print_silences  # noqa: PLC0415 # rich is heavy

    with Client(target(url, config)) as client:
        silences = client.get("/api/v2/silences")
    chosen = [silence for silence in silences if expired or silence["status"]["state"] != "expired"]
    if output is OutputFormat.JSON:
        typer.echo(json.dumps(chosen, indent=2))
    else:
        print_silences(chosen)


@app.command()
def add(
    matchers: Annotated[list[str], typer.Argument(help='Such as alertname=RedisLatency or job=~"shop/.*".')],
    why: Annotated[str, typer.Option("--why", "-w", help="What others should know; asked for if absent.")] = "",
    duration: Annotated[str, typer.Option("--duration", "-d", help="How long from now: 30m, 2h, 1d12h.")] = "1h",
    by: By = "",
    url: Url = "",
    config: ConfigFile = None,
    token_file: TokenFile = None,
    token: Token = "",
) -> None:
    """Silence the alerts that match every matcher."""
    from lapbell_evaluator.alerts import parse_matchers  # noqa: PLC0415 # re2 is heavy
    from lapbell_evaluator.cli.client import Client  # noqa: PLC0415 # httpx is heavy

    now = datetime.now(UTC)
    parsed = [matcher for text in matchers for matcher in parse_matchers(text)]
    body: dict[str, object] = {
        "matchers": [
            {"name": matcher.name, "value": matcher.value, "isRegex": matcher.is_regex, "isEqual": matcher.is_equal}
            for matcher in parsed
        ],
        "startsAt": now.isoformat(),
        "endsAt": (now + _span(duration)).isoformat(),
        "createdBy": by or getuser(),
        "comment": reason_given(why),
    }
    with Client(target(url, config, token_file, token)) as client:
        typer.echo(client.post("/api/v2/silences", body)["silenceID"])


@app.command()
def expire(
    silence_id: Annotated[str, typer.Argument(help="As `lapbell silence list` prints it.")],
    url: Url = "",
    config: ConfigFile = None,
    token_file: TokenFile = None,
    token: Token = "",
) -> None:
    """End a silence now."""
    from lapbell_evaluator.cli.client import Client  # noqa: PLC0415 # httpx is heavy

    with Client(target(url, config, token_file, token)) as client:
        client.delete(f"/api/v2/silence/{silence_id}")
    typer.echo(f"{silence_id}: ended")


def _span(text: str) -> timedelta:
    if not _DURATION.fullmatch(text):
        raise EvaluatorError(f"{text!r} is no duration.", "Write 30m, 2h or 1d12h.")
    parts = _PART.findall(text)
    return sum((timedelta(**{_UNITS[unit]: int(number)}) for number, unit in parts), timedelta())
