"""`lapbell history …`: what is kept on disk."""

from datetime import datetime
from typing import Annotated, Final

import typer

from lapbell_evaluator.cli.exits import Exit
from lapbell_evaluator.cli.options import ConfigFile, settings_from
from lapbell_evaluator.cli.size import size

__all__ = ["app"]

app: Final = typer.Typer(help="What is kept on disk.", no_args_is_help=True)


@app.command("info")
def show_info(config: ConfigFile = None) -> None:
    """Print sizes and coverage; an evaluator may be running."""
    from lapbell_evaluator.history import info  # noqa: PLC0415 # heavy

    stored = info(settings_from(config).data_dir / "history.db")
    rows = {
        "size on disk": size(stored.bytes),
        "in use": size(stored.used_bytes),
        "series": f"{stored.series:,}",
        "samples in chunks": f"{stored.samples:,}",
        "bytes per sample": f"{stored.chunk_bytes / stored.samples:.2f}" if stored.samples else "-",
        "chunks, pages, tail": f"{stored.chunks:,}, {stored.pages:,}, {stored.tail_entries:,}",
    }
    for name, text in rows.items():
        typer.echo(f"{name:20} {text}")
    for start, end in stored.coverage:
        typer.echo(f"{'covered':20} {_moment(start)} to {_moment(end)}")


@app.command("check")
def check_history(
    config: ConfigFile = None,
    *,
    repair: Annotated[bool, typer.Option("--repair", help="Set aside what can't be read, keep the rest.")] = False,
) -> None:
    """Read everything; the exit code is 1 if something is damaged. Stop the evaluator first."""
    from lapbell_evaluator.history import check  # noqa: PLC0415 # heavy

    report = check(settings_from(config).data_dir / "history.db", repair=repair)
    typer.echo(f"{report.read:,} chunks, pages, tail entries and names of series are whole")
    if report.quarantined:
        typer.echo(f"{report.quarantined:,} damaged ones are in quarantine")
    for line in (*report.structure, *report.damaged):
        typer.echo(f"damaged: {line}", err=True)
    if report.aside is not None:
        typer.echo(f"The file is damaged: it is kept as {report.aside}, and what can be read of it is in a new one")
    elif report.removed:
        typer.echo(f"{report.removed:,} damaged ones were set aside")
    elif report.damaged or report.structure:
        typer.echo("Set it aside, keeping the rest: lapbell history check --repair", err=True)
    if not report.is_sound:
        raise typer.Exit(Exit.FAILED)


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().isoformat(sep=" ", timespec="seconds")
