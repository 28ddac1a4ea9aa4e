"""`lapbell trace ID`."""

import json
from enum import StrEnum
from string import hexdigits
from typing import Annotated, Final

import typer

from lapbell_evaluator.cli.options import ConfigFile, Url
from lapbell_evaluator.cli.target import target
from lapbell_evaluator.model import EvaluatorError

__all__ = ["trace"]

_ID_DIGITS: Final = 32


class TraceOutput(StrEnum):
    """How a trace is printed."""

    WATERFALL = "waterfall"
    JSON = "json"
    OTLP = "otlp"


def trace(
    trace_id: Annotated[str, typer.Argument(metavar="ID", help="32 hex digits, as alerts name them.")],
    url: Url = "",
    config: ConfigFile = None,
    output: Annotated[
        TraceOutput,
        typer.Option("--output", "-o", help="For people, for programs, or for Jaeger's upload and OTLP receivers."),
    ] = TraceOutput.WATERFALL,
) -> None:
    """Show a trace of late, or of an incident: which span the request waited for, and when."""
    from lapbell_evaluator.cli.client import Client  # noqa: PLC0415 # httpx is heavy
    from lapbell_evaluator.cli.waterfall import print_trace  # noqa: PLC0415 # rich is heavy

    if len(trace_id) != _ID_DIGITS or not set(trace_id) <= set(hexdigits):
        raise EvaluatorError(f"{trace_id!r} is no trace id.", "`lapbell alerts show KEY` names those of an alert.")
    with Client(target(url, config)) as client:
        path = f"/api/performance/traces/{trace_id.lower()}"
        answer = client.get(path, format="otlp") if output is TraceOutput.OTLP else client.get(path)
    if output is TraceOutput.WATERFALL:
        print_trace(answer)
    else:
        typer.echo(json.dumps(answer, indent=2))
